//! A change of the map layout under traffic: to a build whose flows have another form, and back.

use super::{SOON, at, flows, forbid, host, setting};
use anyhow::{Context, Result, ensure};
use aya::{
    maps::{HashMap, Map, MapData},
    programs::{SchedClassifier, TcAttachType},
};
use netd::kernel::netns::Namespace;
use netd_common::abi::{ABI_VERSION, FlowKey, maps};
use netd_tests::{
    host::{HOST, REMOTE, TestHost, binary, wait},
    ns::is_root,
    probe::Flows,
};
use nix::sys::signal::Signal;
use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

#[test]
fn an_upgrade_to_another_layout_costs_no_packet_and_a_way_back_no_isolation() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = host()?;
    let next = next_build(&host)?;
    let probe = flows(&host, 200)?.start();
    let called = called_meanwhile(&host, || {
        host.end_agent(Signal::SIGKILL)?;
        host.start_agent_as(&[], &next)
    })?;
    ensure!(called > 20, "only {called} flows opened meanwhile");
    is_only(&host, ABI_VERSION + 1)?;
    let carried = carried(&host)?;
    ensure!(carried >= 4 * 2 * (200 / 6), "{carried} flows were carried over");
    // And on with what it is by now.
    host.end_agent(Signal::SIGKILL)?;
    host.start_agent_as(&[], &next)?;
    let report = probe.finish()?;
    eprintln!("up: {called} opened meanwhile, {carried} carried over, {report:?}");

    // Nothing translates what stays on its network; that is all that is promised here.
    let probe = plain(&host)?.start();
    host.end_agent(Signal::SIGKILL)?;
    host.start_agent()?;
    is_only(&host, ABI_VERSION)?;
    let report = probe.finish()?;
    ensure!(report.forbidden > 300, "{report:?}");
    called_meanwhile(&host, || Ok(()))?;
    eprintln!("back: {report:?}");
    Ok(())
}

/// Killed at a system call of the change of layouts, an agent leaves what the next one finishes. Every
/// call is visited by `cargo xtask sweep`, the change's own landmarks else.
#[test]
fn an_upgrade_to_another_layout_that_is_killed_is_finished_by_the_next_start() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = host()?;
    let next = next_build(&host)?;
    host.end_agent(Signal::SIGKILL)?;
    let calls = traced(&host, &next, CALLS, "")?;
    let points = points(&calls, setting("NETD_SWEEP_MOST", 0) > 0);
    ensure!(points.len() >= 7, "of what the change does, only {points:?} were seen in {calls}");
    let mut met = 0;
    for (call, number) in &points {
        back(&host)?;
        let killed = killed(&host, &next, call, *number);
        met += killed.with_context(|| format!("killed at {call} number {number}"))?;
    }
    eprintln!("killed {met} times at {points:?}");
    ensure!(met >= points.len(), "most points were not met");
    Ok(())
}

/// Upgrades under traffic, by an agent that is killed on the way, and once more when it is to finish
/// that; says how often it was met.
fn killed(host: &TestHost, next: &Path, call: &str, number: usize) -> Result<usize> {
    let probe = flows(host, 24)?.start();
    let mut met = 0;
    called_meanwhile(host, || {
        host.end_agent(Signal::SIGKILL)?;
        for _ in 0..2 {
            let log =
                traced(host, next, call, &format!("inject={call}:signal=KILL:when={number}"))?;
            met += usize::from(log.contains("+++ killed by SIGKILL"));
            if !host.agent_ends(Duration::ZERO) {
                host.end_agent(Signal::SIGKILL)?;
            }
        }
        host.start_agent_as(&[], next)?;
        is_only(host, ABI_VERSION + 1)
    })?;
    probe.finish()?;
    Ok(met)
}

/// Starts `next` under strace, which may end it; gives what strace wrote of `calls`.
fn traced(host: &TestHost, next: &Path, calls: &str, inject: &str) -> Result<String> {
    let log = host.path("strace.log");
    let path = log.to_str().context("a path that is not UTF-8")?;
    let trace = format!("trace={calls}");
    let inject = if inject.is_empty() { "signal=none" } else { inject };
    let strace = ["strace", "-D", "-f", "-o", path, "-e", &trace, "-e", inject];
    // Whether or not it comes up.
    let _ = host.start_agent_as(&strace, next);
    Ok(fs::read_to_string(log)?)
}

/// Calls by name and number: all of them, or those between which the change goes its steps.
fn points(log: &str, every: bool) -> Vec<(String, usize)> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let mut points = Vec::new();
    for call in log.lines().filter_map(|line| line.split_once(' ')?.1.trim_start().split_once('('))
    {
        let (name, arguments) = call;
        if !CALLS.split(',').any(|known| known == name) {
            continue;
        }
        let number = numbers.entry(name).or_default();
        *number += 1;
        let landmark = match name {
            "bpf" => arguments.starts_with("BPF_LINK_UPDATE"),
            "rename" => *number == 2,
            other => other == "membarrier",
        };
        if every || landmark {
            points.push((name.to_owned(), *number));
        }
    }
    points
}

fn back(host: &TestHost) -> Result<()> {
    if host.agent_pid().is_some() {
        host.end_agent(Signal::SIGKILL)?;
    }
    host.start_agent()?;
    is_only(host, ABI_VERSION)
}

/// One layout's directory is there, with nothing in it that is for a change only, and each hook of
/// the uplink has one program.
fn is_only(host: &TestHost, version: u32) -> Result<()> {
    let only = || {
        let names = fs::read_dir(host.bpf()).into_iter().flatten().flatten();
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let wanted = format!("v{version}");
    ensure!(wait(SOON, || only() == [wanted.as_str()]), "not {wanted} alone: {:?}", only());
    ensure!(!host.bpf().join(&wanted).join("crossing").exists(), "the change goes on");
    for side in [TcAttachType::Ingress, TcAttachType::Egress] {
        let there = host.host.namespace().run(|| SchedClassifier::query_tcx("eth0", side))??.1;
        let names: Vec<_> = there.iter().filter_map(|p| p.name_as_str()).collect();
        ensure!(names.len() == 1 && names[0].starts_with("uplink"), "on the uplink: {names:?}");
    }
    Ok(())
}

/// How many established flows the agent of the next layout has by what the old one left.
fn carried(host: &TestHost) -> Result<usize> {
    let pin = host.bpf().join(format!("v{}", ABI_VERSION + 1)).join(maps::FLOWS);
    let map = Map::from_map_data(MapData::from_pin(pin)?)?;
    let flows: HashMap<MapData, FlowKey, [u8; NEXT_FLOW]> = map.try_into()?;
    let carried = flows.iter().filter_map(Result::ok);
    Ok(carried.filter(|(_, record)| record[CARRIED] == 1).count())
}

/// Flows that nothing translates, and what must never arrive.
fn plain(host: &TestHost) -> Result<Flows> {
    let mut flows = Flows::default();
    let client = host.namespace_of("client")?;
    let (v4, v6) = host.addresses("server", "web")?;
    for address in [&v4, &v6] {
        flows.dial(&client, at(address, 7000)?, 10)?;
        flows.ping(&client, address.parse()?)?;
    }
    forbid(host, &mut flows)?;
    Ok(flows)
}

/// Connections that are opened one after the other, each by itself a whole one, by both ways that
/// translate, while `change` goes on; says how many there were.
fn called_meanwhile(host: &TestHost, change: impl FnOnce() -> Result<()>) -> Result<usize> {
    let client = host.namespace_of("client")?;
    let remote = host.remote.namespace();
    let calls = [
        (remote, at(HOST.0, 7000)?),
        (remote, at(HOST.1, 7000)?),
        (&client, at(REMOTE.0, 7001)?),
        (&client, at(REMOTE.1, 7001)?),
    ];
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        let callers = calls.map(|(from, to)| scope.spawn(move || call(from, to, stop)));
        let changed = change();
        stop.store(true, Ordering::Relaxed);
        let mut all = 0;
        for caller in callers {
            all += caller.join().map_err(|_| anyhow::anyhow!("a caller panicked"))??;
        }
        changed.map(|()| all)
    })
}

/// Calls at least once.
fn call(from: &Namespace, to: SocketAddr, stop: &AtomicBool) -> Result<usize> {
    let mut calls = 0;
    while calls == 0 || !stop.load(Ordering::Relaxed) {
        let what = || format!("call {calls} to {to}");
        let stream = from.run(|| TcpStream::connect_timeout(&to, BEFORE_IT_TRIES_AGAIN))?;
        let mut stream = stream.with_context(what)?;
        stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        let mut answer = [0; 2];
        let echoed = stream.write_all(b"hi").and_then(|()| stream.read_exact(&mut answer));
        echoed.with_context(what)?;
        ensure!(&answer == b"hi", "{}: {answer:?}", what());
        calls += 1;
    }
    Ok(calls)
}

/// The agent of the next layout, under a name by which it finds its netd-dns.
fn next_build(host: &TestHost) -> Result<PathBuf> {
    let own = binary("netd")?;
    let next = binary("netd-next").context(
        "build it: cargo build --package netd-tests --features next-layout --bin tested-netd-next \
         (cargo xtask test does)",
    )?;
    let directory = host.path("next");
    fs::create_dir(&directory)?;
    let link = |from: PathBuf, name: &str| {
        std::os::unix::fs::symlink(from, directory.join(name))?;
        Ok::<_, std::io::Error>(directory.join(name))
    };
    let dns = "tested-netd-dns";
    link(own.with_file_name(dns), dns)?;
    fs::copy(next, directory.join("tested-netd"))?;
    Ok(directory.join("tested-netd"))
}

/// Less than a second, after which TCP sends a SYN once more: none may be lost.
const BEFORE_IT_TRIES_AGAIN: Duration = Duration::from_millis(900);
/// What changes something.
const CALLS: &str = "bpf,sendto,membarrier,mkdir,rename,unlink,rmdir,unlinkat";
/// Bytes of a flow's record in the next layout, and where it says that it was carried over.
const NEXT_FLOW: usize = 104;
const CARRIED: usize = 40;

//! A change of the map layout under traffic: to a build whose flows have another form, and back.

mod killed;

use super::{SOON, at, flows, forbid, host};
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
    programs::COMPLETE_CHECKSUMS,
};
use nix::sys::signal::Signal;
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::symlink,
    path::PathBuf,
    process::Command,
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

#[test]
fn uplinks_that_run_xdp_change_layouts_with_the_others() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = host()?;
    // A veth's packets would come without their checksums: the other side leaves them to a device.
    let script = ["python3", "-c", COMPLETE_CHECKSUMS, "eth0"];
    let done =
        host.neighbour.namespace().run(|| Command::new(script[0]).args(&script[1..]).status())?;
    ensure!(done?.success(), "the neighbour's packets have no checksums");
    fs::write(host.path("netd.toml"), "uplink-xdp = 'on'\n")?;
    for next in [binary("netd")?, next_build(&host)?] {
        let probe = flows(&host, 24)?.start();
        called_meanwhile(&host, || {
            host.end_agent(Signal::SIGKILL)?;
            host.start_agent_as(&[], &next)
        })?;
        let before = by_xdp(&host)?;
        called_meanwhile(&host, || Ok(()))?;
        ensure!(by_xdp(&host)? > before + 8, "nothing came by XDP");
        probe.finish()?;
    }
    is_only(&host, ABI_VERSION + 1)?;
    let links = host.host.json("ip -j -d link show eth0")?;
    let program = &links[0]["xdp"]["prog"]["name"];
    ensure!(*program == "uplink_xdp", "on the uplink: {program}");
    Ok(())
}

/// Packets that XDP led into containers so far.
fn by_xdp(host: &TestHost) -> Result<u64> {
    let paths = host.ok(&["status", "--format", "{{json .Paths}}"])?;
    let paths: serde_json::Value = serde_json::from_str(&paths)?;
    paths["xdp"].as_u64().context("no count of XDP's packets")
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
    let crossing = host.bpf().join(&wanted).join("crossing");
    let over = wait(SOON, || only() == [wanted.as_str()] && !crossing.exists());
    ensure!(over, "not {wanted} alone: {:?}; the change goes on: {}", only(), crossing.exists());
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
    let build = binary("netd-next").context(
        "build it: cargo build --package netd-tests --features next-layout --bin tested-netd-next \
         (cargo xtask test does)",
    )?;
    let (next, dns) = host.room_for_build("next")?;
    symlink(binary("netd-dns")?, dns)?;
    fs::copy(build, &next)?;
    Ok(next)
}

/// Less than a second, after which TCP sends a SYN once more: none may be lost.
const BEFORE_IT_TRIES_AGAIN: Duration = Duration::from_millis(900);
/// Bytes of a flow's record in the next layout, and where it says that it was carried over.
const NEXT_FLOW: usize = 104;
const CARRIED: usize = 40;

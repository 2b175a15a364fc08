//! The change of layouts, killed on its way.

use super::{
    super::setting, SOON, back, called_meanwhile, flows, host, is_only, next_build, plain,
};
use anyhow::{Context, Result, ensure};
use netd_common::abi::ABI_VERSION;
use netd_tests::{
    host::{TestHost, wait},
    ns::is_root,
};
use nix::sys::signal::Signal;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

/// Killed at a system call of the change of layouts, an agent leaves what the next one finishes. Every
/// call that changes something is visited by `cargo xtask sweep`, the change's landmarks else.
#[test]
fn an_upgrade_to_another_layout_that_is_killed_is_finished_by_the_next_start() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = host()?;
    let next = next_build(&host)?;
    host.end_agent(Signal::SIGKILL)?;
    let calls = traced(&host, &next, CALLS, "")?;
    let every = setting("NETD_SWEEP_MOST", 0) > 0;
    let points = points(&calls, every);
    ensure!(points.len() >= 5, "of what the change does, only {points:?} were seen in {calls}");
    let mut missed = Vec::new();
    for (call, number) in &points {
        back(&host)?;
        let killed = killed(&host, &next, call, *number);
        if !killed.with_context(|| format!("killed at {call} number {number}"))? {
            missed.push((call, number));
        }
    }
    eprintln!("killed at {points:?}, but for {missed:?}");
    // How often it talks to the kernel beside the change is not the same each time.
    let few = if every { points.len() / 10 } else { 0 };
    ensure!(missed.len() <= few, "of {} points, these were not met: {missed:?}", points.len());
    back(&host)?;
    turned_back(&host, &next)
}

/// Killed at the switch, and then the old agent again: it takes back what had gone over.
fn turned_back(host: &TestHost, next: &Path) -> Result<()> {
    let probe = plain(host)?.start();
    host.end_agent(Signal::SIGKILL)?;
    let log = traced(host, next, "membarrier", "inject=membarrier:signal=KILL:when=1")?;
    ensure!(log.contains(KILLED), "the switch was not met");
    host.start_agent()?;
    is_only(host, ABI_VERSION)?;
    probe.finish()?;
    called_meanwhile(host, || Ok(()))?;
    Ok(())
}

/// Upgrades under traffic, by an agent that is killed on the way, and at the switch once more when it
/// is to finish that; says whether the point was met.
fn killed(host: &TestHost, next: &Path, call: &str, number: usize) -> Result<bool> {
    let probe = flows(host, 24)?.start();
    let mut met = false;
    called_meanwhile(host, || {
        host.end_agent(Signal::SIGKILL)?;
        for _ in 0..if call == "membarrier" { 2 } else { 1 } {
            let log =
                traced(host, next, call, &format!("inject={call}:signal=KILL:when={number}"))?;
            met |= log.contains(KILLED);
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
    // Whether or not it comes up; others know of its end before strace has written of it.
    if host.start_agent_as(&strace, next).is_err() {
        wait(SOON, || fs::read_to_string(&log).is_ok_and(|text| text.contains(KILLED)));
    }
    Ok(fs::read_to_string(log)?)
}

/// Calls by name and number, which strace counts for each thread: all of them, or those between
/// which the change goes its steps.
fn points(log: &str, every: bool) -> BTreeSet<(String, usize)> {
    let mut numbers: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let (mut points, mut updates) = (BTreeSet::new(), 0);
    for (thread, call) in log.lines().filter_map(|line| line.split_once(' ')) {
        let Some((name, arguments)) = call.trim_start().split_once('(') else { continue };
        if !CALLS.split(',').any(|known| known == name) {
            continue;
        }
        let number = numbers.entry((thread, name)).or_default();
        *number += 1;
        let update = arguments.starts_with("BPF_LINK_UPDATE");
        updates += usize::from(update);
        let landmark = match name {
            // One of the uplink's two hooks has gone, the other one not yet.
            "bpf" => update && updates % 2 == 0,
            "rename" => *number == 2,
            other => other == "membarrier",
        };
        let reads = READING.iter().any(|command| arguments.starts_with(command));
        if landmark || (every && !reads) {
            points.insert((name.to_owned(), *number));
        }
    }
    points
}

/// What strace writes of an end by a fault.
const KILLED: &str = "+++ killed by SIGKILL";
/// What changes something.
const CALLS: &str = "bpf,sendto,membarrier,mkdir,rename,unlink,rmdir,unlinkat";
/// bpf's commands that change nothing.
const READING: [&str; 6] = [
    "BPF_MAP_LOOKUP_ELEM",
    "BPF_MAP_GET_NEXT_KEY",
    "BPF_OBJ_GET",
    "BPF_PROG_GET",
    "BPF_MAP_GET",
    "BPF_PROG_QUERY",
];

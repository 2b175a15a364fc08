//! What publishing 10,000 ports costs: time, processes and sockets.

use super::{netd::NETWORK, site::Site};
use crate::{bench::stats::Spread, run, world::World};
use anyhow::{Context, Result};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    time::{Duration, Instant},
};

/// A line of the table.
#[derive(Clone)]
pub(super) struct Cost {
    pub(super) what: String,
    /// In the unit.
    pub(super) spread: Spread,
    pub(super) unit: &'static str,
    /// What it must stay below, where that is asked for.
    pub(super) target: Option<f64>,
}

impl Cost {
    /// The target is reached, where there is one.
    pub(super) fn met(&self) -> Option<bool> {
        self.target.map(|target| self.spread.median < target)
    }

    /// Milliseconds.
    pub(super) fn time(what: &str, times: &[f64], target: Option<f64>) -> Self {
        Self { what: what.into(), spread: Spread::of(times), unit: "ms", target }
    }

    fn count(what: &str, counts: &[f64]) -> Self {
        // Less than one: none.
        Self { what: what.into(), spread: Spread::of(counts), unit: "", target: Some(1.0) }
    }
}

/// Measures it on a host of its own.
pub(super) fn measure(stage: &str, rounds: usize) -> Result<Vec<Cost>> {
    let site = Site::new(stage, "publish", "publishing")?;
    let world = &site.world;
    world.start_agent()?;
    run::read(&mut world.netctl(&["network", "create", NETWORK]))?;
    let mut costs = with_run(world, rounds)?;
    if run::read(&mut world.netctl(&["publish", "--help"])).is_ok() {
        costs.extend(on_running(world, rounds)?);
    }
    Ok(costs)
}

/// `netctl run` with the range over `netctl run` without.
fn with_run(world: &World, rounds: usize) -> Result<Vec<Cost>> {
    let [mut ranges, mut singles, mut processes, mut sockets] = [const { Vec::new() }; 4];
    let one_by_one: Vec<String> = (20_000..30_000).map(|port| format!("-p{port}:80")).collect();
    let one_by_one: Vec<&str> = one_by_one.iter().map(String::as_str).collect();
    // The first container of an agent costs more than the next.
    container(world, &[])?;
    for _ in 0..rounds {
        let without = container(world, &[])?;
        let with = container(world, &["-p", RANGE])?;
        ranges.push(with.milliseconds - without.milliseconds);
        processes.push(with.processes - without.processes);
        sockets.push(with.sockets - without.sockets);
        singles.push(container(world, &one_by_one)?.milliseconds - without.milliseconds);
    }
    Ok(vec![
        Cost::time("netctl run with -p 20000-29999:20000-29999, over run without", &ranges, LIMIT),
        Cost::time("netctl run with 10,000 single -p, over run without", &singles, None),
        Cost::count("processes for 10,000 ports", &processes),
        Cost::count("sockets for 10,000 ports", &sockets),
    ])
}

/// `netctl publish` and `unpublish`: the whole command.
fn on_running(world: &World, rounds: usize) -> Result<Vec<Cost>> {
    let run = ["run", "-d", "--name", NAME, "--network", NETWORK, "--", "sleep", "infinity"];
    run::read(&mut world.netctl(&run))?;
    let [mut publish, mut unpublish] = [const { Vec::new() }; 2];
    for _ in 0..rounds {
        publish.push(milliseconds(timed(world, &["publish", NAME, RANGE])?));
        unpublish.push(milliseconds(timed(world, &["unpublish", NAME, RANGE])?));
    }
    run::read(&mut world.netctl(&["rm", "-f", NAME]))?;
    Ok(vec![
        Cost::time("netctl publish of the range, the whole command", &publish, LIMIT),
        Cost::time("netctl unpublish of the range, the whole command", &unpublish, None),
    ])
}

/// What a container cost, and what there was on the host while it ran.
struct Made {
    milliseconds: f64,
    processes: f64,
    sockets: f64,
}

/// Makes a container and removes it again.
fn container(world: &World, publish: &[&str]) -> Result<Made> {
    let run = ["run", "-d", "--name", NAME, "--network", NETWORK];
    let took = timed(world, &[&run[..], publish, &["--", "sleep", "infinity"]].concat())?;
    let (processes, sockets) = (processes(world)?, sockets(world)?);
    run::read(&mut world.netctl(&["rm", "-f", NAME]))?;
    Ok(Made { milliseconds: milliseconds(took), processes, sockets })
}

fn timed(world: &World, words: &[&str]) -> Result<Duration> {
    let begun = Instant::now();
    run::read(&mut world.netctl(words))?;
    Ok(begun.elapsed())
}

/// Milliseconds of it.
pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Processes whose network is the host's.
fn processes(world: &World) -> Result<f64> {
    let file = world.file("host");
    let host = fs::metadata(&file).with_context(|| format!("cannot look at {file}"))?.ino();
    let entries = fs::read_dir("/proc").context("cannot list processes")?.flatten();
    let networks = entries.filter_map(|entry| fs::metadata(entry.path().join("ns/net")).ok());
    Ok(networks.filter(|network| network.ino() == host).count() as f64)
}

/// Sockets of the host's network, of every family but the unix sockets'.
fn sockets(world: &World) -> Result<f64> {
    let listed = run::read(world.inside("host", "sh").args(["-c", LIST_SOCKETS]))?;
    Ok(listed.lines().filter(|line| !line.contains("sl ")).count() as f64)
}

const LIST_SOCKETS: &str =
    "cd /proc/net && for f in tcp tcp6 udp udp6 udplite raw raw6; do ! test -e $f || cat $f; done";
const RANGE: &str = "20000-29999:20000-29999";
const NAME: &str = "web";
/// Milliseconds for the range.
const LIMIT: Option<f64> = Some(20.0);

//! What publishing 1, 100, 1,000 and 10,000 ports costs: time, processes and sockets.

use super::{netd::NETWORK, site::Site};
use crate::{
    bench::{
        cost::{self, Cost, Target},
        engine::Engine,
        options::Options,
        stats::median,
        table::Table,
    },
    run,
    world::World,
};
use anyhow::{Context, Result};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    time::{Duration, Instant},
};

/// Measures it on hosts of its own; who can't take part is added to `skipped`.
pub(super) fn measure(
    stage: &str,
    options: &Options,
    skipped: &mut Vec<String>,
) -> Result<Vec<Cost>> {
    let (rounds, quick) = (options.rounds, options.quick);
    let mut site = Site::of(stage, ("publish", "publishing"))?;
    site.start_agent()?;
    let world = &site.world;
    run::read(&mut world.netctl(&["network", "create", NETWORK]))?;
    let mut costs = with_run(world, rounds)?;
    let (published, thousand) = on_running(world, rounds)?;
    costs.extend(published);
    match by_engine(stage, quick) {
        Ok((engine, seconds)) => {
            costs.extend(engine);
            let ratio = seconds.map(|seconds| seconds / thousand);
            let what = "Docker engine over netctl publish, 1,000 ports";
            let least = Some(Target::AtLeast(1000.0));
            costs.extend(ratio.map(|ratio| Cost::of(what, &[ratio], "times", least)));
        }
        Err(e) => skipped.push(format!("publishing by a Docker engine: {e:#}")),
    }
    Ok(costs)
}

/// `netctl run` with the ports over `netctl run` without.
fn with_run(world: &World, rounds: usize) -> Result<Vec<Cost>> {
    let mut costs = Vec::new();
    // The first container of an agent costs more than the next.
    container(world, &[])?;
    for count in COUNTS {
        let [mut ranges, mut singles, mut processes, mut sockets] = [const { Vec::new() }; 4];
        let one_by_one: Vec<String> =
            (FIRST..FIRST + count).map(|port| format!("-p{port}:80")).collect();
        let one_by_one: Vec<&str> = one_by_one.iter().map(String::as_str).collect();
        for _ in 0..rounds {
            let without = container(world, &[])?;
            let with = container(world, &["-p", &range(count)])?;
            ranges.push(with.milliseconds - without.milliseconds);
            processes.push(with.processes - without.processes);
            sockets.push(with.sockets - without.sockets);
            singles.push(container(world, &one_by_one)?.milliseconds - without.milliseconds);
        }
        let told = |how: &str| format!("netctl run with {how} {count}, over run without");
        costs.push(Cost::time(&told("a range of"), &ranges, limit(count)));
        costs.push(Cost::time(&told("-p times"), &singles, None));
        if count == MOST {
            // Less than one: none.
            let none = Some(Target::Below(1.0));
            costs.push(Cost::of(
                &format!("processes for a range of {count}"),
                &processes,
                "",
                none,
            ));
            costs.push(Cost::of(&format!("sockets for a range of {count}"), &sockets, "", none));
        }
    }
    Ok(costs)
}

/// `netctl publish` and `unpublish`, the whole command; and the milliseconds for 1,000 ports.
fn on_running(world: &World, rounds: usize) -> Result<(Vec<Cost>, f64)> {
    let run = ["run", "-d", "--name", NAME, "--network", NETWORK, "--", "sleep", "infinity"];
    run::read(&mut world.netctl(&run))?;
    let (mut costs, mut thousand) = (Vec::new(), 0.0);
    for count in COUNTS {
        let [mut publish, mut unpublish] = [const { Vec::new() }; 2];
        for _ in 0..rounds {
            publish.push(milliseconds(timed(world, &["publish", NAME, &range(count)])?));
            unpublish.push(milliseconds(timed(world, &["unpublish", NAME, &range(count)])?));
        }
        if count == 1_000 {
            thousand = median(&publish);
        }
        let told = |verb: &str| format!("netctl {verb} of {count}, the whole command");
        costs.push(Cost::time(&told("publish"), &publish, limit(count)));
        costs.push(Cost::time(&told("unpublish"), &unpublish, None));
    }
    run::read(&mut world.netctl(&["rm", "-f", NAME]))?;
    Ok((costs, thousand))
}

/// `docker run` with the ports over `docker run` without, once each; and the milliseconds for 1,000
/// ports, which take the engine half a minute.
fn by_engine(stage: &str, quick: bool) -> Result<(Vec<Cost>, Option<f64>)> {
    let site = Site::of(stage, ("publish-docker", "publishing"))?;
    let engine = Engine::start(stage, &site.world)?;
    let timed = |options: &[&str]| -> Result<(f64, f64)> {
        let begun = Instant::now();
        engine.run(NAME, options)?;
        let (took, processes) = (milliseconds(begun.elapsed()), processes(&site.world)?);
        engine.remove(NAME)?;
        Ok((took, processes))
    };
    timed(&[])?;
    let (mut costs, mut thousand) = (Vec::new(), None);
    for count in COUNTS.into_iter().filter(|count| *count < if quick { 1_000 } else { MOST }) {
        let (without, few) = timed(&[])?;
        let (with, many) = timed(&["--publish", &range(count)])?;
        let what = format!("docker run with a range of {count}, over run without");
        costs.push(Cost::time(&what, &[with - without], None));
        let what = format!("docker's processes for a range of {count}");
        costs.push(Cost::of(&what, &[many - few], "", None));
        thousand = (count == 1_000).then_some(with - without).or(thousand);
    }
    Ok((costs, thousand))
}

/// The table.
pub(super) fn table(costs: &[Cost], quick: bool) -> Table {
    let note = "The Docker engine runs iptables once a rule, and starts two docker-proxies a port.";
    cost::table("publishing 1 to 10,000 ports", note, costs, quick)
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

fn range(count: u16) -> String {
    let last = FIRST + count - 1;
    format!("{FIRST}-{last}:{FIRST}-{last}")
}

/// Milliseconds for the longest range.
fn limit(count: u16) -> Option<f64> {
    (count == MOST).then_some(20.0)
}

const LIST_SOCKETS: &str =
    "cd /proc/net && for f in tcp tcp6 udp udp6 udplite raw raw6; do ! test -e $f || cat $f; done";
const COUNTS: [u16; 4] = [1, 100, 1_000, MOST];
const MOST: u16 = 10_000;
const FIRST: u16 = 20_000;
const NAME: &str = "web";

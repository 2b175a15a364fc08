//! An agent with a thousand endpoints and ten thousand ports: memory, processor time and starts.

use super::{agent::Netd, timed};
use crate::{
    bench::{
        cost::{Cost, Target},
        cpu::worked,
        machine::kibibytes,
        options::Options,
        turns::progress,
    },
    run,
    world::World,
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// What it says of itself and what the kernel says.
pub(super) fn measure(world: &World, netd: &Netd, options: &Options) -> Result<Vec<Cost>> {
    let endpoints = if options.quick { 50 } else { 1000 };
    // What went before left its mark on the old one.
    netd.end()?;
    world.start_agent()?;
    let flow = flow(world)?;
    let idle = State::of(netd)?;
    let names: Vec<String> = (0..endpoints).map(|number| format!("e{number}")).collect();
    names.iter().try_for_each(|name| world.namespace(name))?;
    let before = available()?;
    for (number, name) in names.iter().enumerate() {
        progress("endpoint", number + 1, endpoints);
        netd.attach(&world.file(name), number)?;
    }
    let spent = before - available()?;
    netd.publish(&world.file("e0"), "40000-48999:10000-18999")?;
    let full = State::of(netd)?;
    netd.end()?;
    let adopted = timed(|| world.start_agent())?;
    netd.end()?;
    Netd::forget(world)?;
    let anew = timed(|| world.start_agent())?;
    let per = |mebibytes: f64| mebibytes * 1024.0 / endpoints as f64;
    Ok(vec![
        below("agent's memory, idle", idle.memory, "MiB", IDLE_MEMORY),
        below(&format!("the same with {endpoints} endpoints"), full.memory, "MiB", FULL_MEMORY),
        Cost::of("agent's memory for an endpoint", &[per(full.memory - idle.memory)], "KiB", None),
        Cost::of("the machine's memory for an endpoint", &[per(spent)], "KiB", None),
        below("kernel's memory for a flow, both directions", flow, "bytes", FLOW),
        Cost::of("agent's CPU time, idle", &[idle.cpu], "ms/s", None),
        Cost::of(&format!("the same with {endpoints} endpoints"), &[full.cpu], "ms/s", None),
        Cost::time(&format!("start, {endpoints} endpoints adopted"), &[adopted], Some(ADOPTED)),
        Cost::time(&format!("start, {endpoints} endpoints from nothing"), &[anew], Some(ANEW)),
    ])
}

fn below(what: &str, figure: f64, unit: &'static str, limit: f64) -> Cost {
    Cost::of(what, &[figure], unit, Some(Target::Below(limit)))
}

/// An agent at rest.
struct State {
    /// MiB.
    memory: f64,
    /// Milliseconds of a processor, per second.
    cpu: f64,
}

impl State {
    /// Once what it was asked for is done, it is watched for a while.
    fn of(netd: &Netd) -> Result<Self> {
        let pid = netd.pid()?;
        await_rest(pid)?;
        let (begun, before) = (Instant::now(), worked(pid)?);
        thread::sleep(WATCHED);
        let cpu = (worked(pid)? - before) / begun.elapsed().as_secs_f64();
        Ok(Self { memory: mebibytes(&format!("/proc/{pid}/status"), "VmRSS")?, cpu })
    }
}

/// Waits for a second in which the agent hardly works: after many changes it looks at everything again
/// for a while. One that never rests is measured as it is.
fn await_rest(pid: i32) -> Result<()> {
    for _ in 0..MOST_SECONDS {
        let before = worked(pid)?;
        thread::sleep(Duration::from_secs(1));
        if worked(pid)? - before < AT_REST {
            break;
        }
    }
    Ok(())
}

/// MiB that the whole machine has to give.
fn available() -> Result<f64> {
    mebibytes("/proc/meminfo", "MemAvailable")
}

fn mebibytes(file: &str, field: &str) -> Result<f64> {
    Ok(kibibytes(file, field)? as f64 / 1024.0)
}

/// Bytes: the table has room for all from the beginning, and one record for both directions.
fn flow(world: &World) -> Result<f64> {
    // A folder for each layout of the maps is below.
    let folder = world.bpf_folder();
    let found = run::read(Command::new("find").arg(&folder).args(["-name", "FLOWS"]))?;
    let file = found.lines().next().context("no table of flows is pinned")?;
    let mut show = Command::new("bpftool");
    show.args(["--json", "map", "show", "pinned", file]);
    let map: Value = serde_json::from_str(&run::read(&mut show)?).context("bpftool's map")?;
    let [bytes, entries] = ["bytes_memlock", "max_entries"].map(|field| map[field].as_f64());
    Ok(bytes.context("no size")? / entries.context("no capacity")?)
}

/// Milliseconds of a processor, in a second.
const AT_REST: f64 = 50.0;
const MOST_SECONDS: u32 = 60;
/// How long an idle agent is watched: as long as the agent's period, so that one look at everything is
/// part of it.
const WATCHED: Duration = Duration::from_secs(30);
/// Milliseconds.
const ADOPTED: f64 = 300.0;
const ANEW: f64 = 2000.0;
/// MiB.
const IDLE_MEMORY: f64 = 20.0;
const FULL_MEMORY: f64 = 25.0;
/// Bytes.
const FLOW: f64 = 260.0;

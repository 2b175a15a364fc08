//! `cargo xtask bench`: how fast. `packet` measures the programs alone; `quick`, `full` and `ports` the whole
//! way next to what netd competes with; `scale` and `attach` what more of everything costs.

pub(crate) mod attach;
mod cni;
mod contest;
mod cost;
mod cpu;
pub(crate) mod dns;
pub(crate) mod echo;
mod engine;
pub(crate) mod full;
mod goals;
mod http;
mod latency;
mod load;
mod machine;
mod noise;
mod options;
mod peer;
mod placement;
mod plot;
pub(crate) mod ports;
mod programs;
mod quick;
mod report;
mod results;
pub(crate) mod scale;
mod stats;
mod table;
mod tables;
mod tracks;
mod turns;
mod way;
mod web;
mod workload;

use crate::{build, run, setup, stage, world::World};
use anyhow::Result;

/// Hidden verb: both ends of the load, and the userspace proxy.
pub(crate) const LOAD: &str = "bench-load";

/// Hidden verb: the request and response tool.
pub(crate) const ECHO: &str = "bench-echo";

/// Runs the programs on prepared packets, in the kernel. `options` go to the measuring program.
pub(crate) fn packet(options: &[&str]) -> Result<()> {
    measure("bench-packet", options)
}

/// Sends frames from outside to a published port, with XDP on the uplink and without, next to iptables.
pub(crate) fn xdp(options: &[&str]) -> Result<()> {
    measure("bench-xdp", options)
}

fn measure(program: &str, options: &[&str]) -> Result<()> {
    setup::run()?;
    let what = ["--release", "--package", "netd-tests", "--bin", program];
    run::show(run::cargo("build").args(what))?;
    let binary = build::binary(program);
    run::show(run::as_root(&binary.to_string_lossy())?.args(options).current_dir(run::root()))
}

/// Puts back and removes what is not a process, a namespace or a file of the stage `name`, best effort.
pub(crate) fn forget(name: &str) {
    programs::restore(name);
    engine::forget(name);
}

/// Builds everything and runs the comparison between containers.
pub(crate) fn quick() -> Result<()> {
    build::run()?;
    stage::run("bench", &[])
}

/// The comparison itself, on the stage `name`.
pub(crate) fn play(name: &str) -> Result<()> {
    let world = World::new(name)?;
    let tracks = tracks::lay(&world)?;
    quick::compare(&tracks)
}

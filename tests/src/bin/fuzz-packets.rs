//! The differential fuzz for as long as one likes: `cargo xtask fuzz packets`.
#![allow(clippy::print_stdout, reason = "it reports to a person")]

use anyhow::{Result, bail, ensure};
use clap::Parser;
use netd_common::verdict::DropReason;
use netd_tests::{
    fuzz::{self, Limit, Sides},
    fuzz_options::Options,
};
use std::time::Instant;

/// Random packets through netd-common on bytes and through the loaded programs.
#[derive(Parser)]
struct Command {
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "fuzz packets needs root");
    let Command { options } = Command::parse();
    let seed = options.seed()?;
    println!("seed {seed}");
    let start = Instant::now();
    let limit = Limit { packets: options.count(), time: options.time() };
    let report = fuzz::run(Sides::Both, seed, limit)?;
    let (packets, seconds) = (report.packets, start.elapsed().as_secs_f64());
    println!("{packets} packets in {seconds:.1} s: {:.0} a second", packets as f64 / seconds);
    for (reason, count) in &report.reached {
        println!("{count:>12} {}", reason.map_or("went on", DropReason::word));
    }
    for (path, count) in &report.paths {
        println!("{count:>12} by the way {}", path.word());
    }
    for difference in &report.passing {
        println!("did not come again on the same packets: {difference}");
    }
    if let Some((crash, path)) = report.found {
        bail!("the sides differ: {}\nkept as {}", crash.note.trim_end(), path.display());
    }
    println!("no difference");
    Ok(())
}

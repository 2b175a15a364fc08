//! The differential fuzz for as long as one likes: `cargo xtask fuzz packets`.
#![allow(clippy::print_stdout, reason = "it reports to a person")]

use anyhow::{Result, bail, ensure};
use clap::Parser;
use netd_common::verdict::DropReason;
use netd_tests::fuzz::{self, Limit, Sides};
use std::time::{Duration, Instant, SystemTime};

/// Random packets through netd-common on bytes and through the loaded programs.
#[derive(Parser)]
struct Options {
    /// How long, at most.
    #[arg(long)]
    seconds: Option<u64>,
    /// How many packets, at most (5,000,000 where neither is given).
    #[arg(long)]
    count: Option<u64>,
    /// Gives the same packets again.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "fuzz packets needs root");
    let options = Options::parse();
    let seed = match options.seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs(),
    };
    let count = match (options.count, options.seconds) {
        (Some(count), _) => count,
        (None, Some(_)) => u64::MAX,
        (None, None) => 5_000_000,
    };
    println!("seed {seed}");
    let time = Duration::from_secs(options.seconds.unwrap_or(365 * 86_400));
    let start = Instant::now();
    let report = fuzz::run(Sides::Both, seed, Limit { packets: count, time })?;
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

//! Random DNS messages for as long as one likes: `cargo xtask fuzz dns`.
#![allow(clippy::print_stdout, reason = "it reports to a person")]

use anyhow::{Result, bail};
use clap::Parser;
use netd_tests::fuzz_dns;
use std::time::{Duration, Instant, SystemTime};

/// Random questions and answers through what netd-dns does with them.
#[derive(Parser)]
struct Options {
    /// How long, at most.
    #[arg(long)]
    seconds: Option<u64>,
    /// How many messages, at most (5,000,000 where neither is given).
    #[arg(long)]
    count: Option<u64>,
    /// Gives the same messages again.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> Result<()> {
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
    let (time, start) = (Duration::from_secs(options.seconds.unwrap_or(86_400)), Instant::now());
    let report = fuzz_dns::run(seed, count, time)?;
    let (messages, seconds) = (report.messages, start.elapsed().as_secs_f64());
    println!("{messages} messages in {seconds:.1} s: {:.0} a second", messages as f64 / seconds);
    for (reached, count) in &report.reached {
        println!("{count:>12} {reached:?}");
    }
    if let Some((note, path)) = report.found {
        bail!("{note}\nkept as {}", path.display());
    }
    println!("nothing found");
    Ok(())
}

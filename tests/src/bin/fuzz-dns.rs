//! Random DNS messages for as long as one likes: `cargo xtask fuzz dns`.
#![allow(clippy::print_stdout, reason = "it reports to a person")]

use anyhow::{Result, bail};
use clap::Parser;
use netd_tests::{fuzz_dns, fuzz_options::Options};
use std::time::Instant;

/// Random questions and answers through what netd-dns does with them.
#[derive(Parser)]
struct Command {
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<()> {
    let Command { options } = Command::parse();
    let seed = options.seed()?;
    println!("seed {seed}");
    let start = Instant::now();
    let report = fuzz_dns::run(seed, options.count(), options.time())?;
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

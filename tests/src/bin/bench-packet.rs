//! Nanoseconds per packet of each program and case, over an empty program in the same run, and the
//! programs' sizes: `cargo xtask bench packet`.
#![allow(clippy::print_stdout, reason = "its output is a table")]

use anyhow::{Context, Result, ensure};
use netd_common::{abi::Published, address::Address, verdict::Verdict};
use netd_tests::{
    budget,
    cases::{self, Case},
    kernel::Kernel,
    program,
    world::World,
};
use std::{env, fs, time::Duration};

/// What is measured: a word for the table, and the case's name.
const MEASURED: [(&str, &str); 17] = [
    ("same network, IPv4 TCP", "IPv4 TCP to the same network is delivered"),
    ("same network, IPv4 UDP", "IPv4 UDP to the same network is delivered"),
    ("same network, IPv6 TCP", "IPv6 TCP to the same network is delivered"),
    ("another network", "TCP of 172.18.0.2 does not reach 172.19.0.2"),
    ("spoofed source", "the source 203.0.113.9 is refused"),
    ("to the host", "the host at 172.18.0.1 is reached"),
    ("to the outside", "TCP to 203.0.113.9 goes to the router"),
    ("from the host", "to a container: what the host itself sends is let in"),
    ("flooded", "to a container: a flood of the own network is let in"),
    ("published, open flow", "by a wire: a packet of an open flow is delivered (198.51.100.2)"),
    (
        "published, first packet",
        "by a wire: a SYN to a port of 198.51.100.2 published on all addresses is delivered",
    ),
    ("answer, open flow", "by a wire: a further answer to 198.51.100.2 is delivered"),
    ("for the host", "by a wire: a port of 198.51.100.2 that nobody published is the host's"),
    ("unsolicited", "by a wire: a container's own address 172.18.0.2 is not reached by TCP"),
    ("masquerade, open flow", "out by a wire: a packet of 172.18.0.2's open flow is translated"),
    ("masquerade, first packet", "out by a wire: protocol 6 of 172.18.0.2 gets the host's address"),
    ("published, answer", "out by a wire: a FIN of 172.18.0.2's published port closes"),
];

/// The bound for container_out on the same-network path, over an empty program.
const SAME_NETWORK_LIMIT: i128 = 150;

fn main() -> Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "bench packet needs root");
    write_budget()?;
    let mut kernel = Kernel::new()?;
    let empty = program::load(0)?;
    let all = cases::all();
    println!("\n{:<14} {:<26} {:>10} {:>12}", "PROGRAM", "CASE", "NS/PACKET", "OVER EMPTY");
    let mut worst = 0;
    let only = only();
    for (word, name) in MEASURED.into_iter().filter(|(word, _)| word.contains(&only)) {
        let case =
            all.iter().find(|c| c.name == name).with_context(|| format!("no case {name:?}"))?;
        let mut rounds: Vec<(i128, i128)> = Vec::new();
        for _ in 0..ROUNDS {
            let nothing = per_packet(
                |repeat| kernel.time_program(empty.classifier(), case, repeat),
                case,
                RUNS,
            )?;
            let program = per_packet(|repeat| kernel.time(case, repeat), case, RUNS)?;
            rounds.push((program - nothing, program));
        }
        rounds.sort_unstable();
        let (over, total) = rounds[ROUNDS / 2];
        let program = format!("{:?}", case.hook);
        let program = program.split(['(', ' ']).next().unwrap_or_default();
        println!("{program:<14} {word:<26} {total:>10} {over:>12}");
        if word.starts_with("same network, IPv4") {
            worst = worst.max(over);
        }
    }
    if !only.is_empty() {
        return Ok(());
    }
    among_many(&mut kernel, &all)?;
    println!(
        "\nsame network, IPv4: {worst} ns over an empty program (at most {SAME_NETWORK_LIMIT})"
    );
    ensure!(worst <= SAME_NETWORK_LIMIT, "container_out is too slow on the same-network path");
    Ok(())
}

/// `--only WORDS`: the rows that have these words alone; for a profiler.
fn only() -> String {
    env::args().skip_while(|argument| argument != "--only").nth(1).unwrap_or_default()
}

/// What cases with published ports cost among 60,000 of them, in turns with the case as it is.
fn among_many(kernel: &mut Kernel, all: &[Case]) -> Result<()> {
    println!("\n{:<26} {:>10} {:>14} {:>8}", "CASE", "NS/PACKET", "60,000 PORTS", "RATIO");
    for (word, name) in MEASURED.iter().filter(|(word, _)| AMONG_MANY.contains(word)) {
        let case =
            all.iter().find(|c| c.name == *name).with_context(|| format!("no case {name:?}"))?;
        let crowded = Case { world: crowded(&case.world), ..case.clone() };
        let mut rounds: Vec<(f64, i128, i128)> = Vec::new();
        for _ in 0..ROUNDS {
            let [alone, among] = [case, &crowded]
                .map(|case| per_packet(|repeat| kernel.time(case, repeat), case, FEW_RUNS));
            let (alone, among) = (alone?, among?);
            rounds.push((among as f64 / alone as f64, alone, among));
        }
        rounds.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        let (ratio, alone, among) = rounds[ROUNDS / 2];
        println!("{word:<26} {alone:>10} {among:>14} {ratio:>8.2}");
    }
    Ok(())
}

/// The world with 60,000 TCP ports published: 8080, if it has that, and the rest as two ranges.
fn crowded(world: &World) -> World {
    let mut world = world.clone();
    let container = Published { address: Address::v4([172, 18, 0, 2]), ..Published::default() };
    let to = world.published.values().next().copied().unwrap_or(container);
    let (any, tcp) = (Address::v4([0; 4]), 6);
    for (first, last) in [(1_024, 8_079_u16), (8_081, 61_023)] {
        let port = u16::to_be_bytes(first);
        let range = Published { port, first: port, ..to };
        world.ranges.insert((any, tcp, first, last), range);
    }
    world
}

/// The words of cases that look at published ports.
const AMONG_MANY: [&str; 4] = [
    "published, open flow",
    "published, first packet",
    "published, answer",
    "masquerade, open flow",
];

/// Median runs of each measurement.
const ROUNDS: usize = 9;

/// Calls of a program where each is a measurement of its own.
const RUNS: usize = 300;
/// The same, where the tables are large and each call begins with filling them.
const FEW_RUNS: usize = 30;

/// Nanoseconds of one run. A packet that the program edits is not the same packet the second time:
/// there, every run is a call of its own, and the clock's own cost is in both sides.
fn per_packet(
    mut time: impl FnMut(u32) -> Result<Duration>,
    case: &Case,
    runs: usize,
) -> Result<i128> {
    let edits = case.packet != case.out
        || !matches!(case.verdict, Verdict::Pass | Verdict::Drop(_) | Verdict::Deliver(_));
    if !edits {
        return Ok(time(500_000)?.as_nanos() as i128);
    }
    let mut times = Vec::new();
    for _ in 0..runs {
        times.push(time(1)?.as_nanos() as i128);
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// Prints the programs' sizes, and writes them down as the new budget where asked to.
fn write_budget() -> Result<()> {
    let sizes = budget::measure(netd::kernel::dataplane::OBJECT)?;
    println!("{:<20} {:>12} {:>12}", "PROGRAM", "INSTRUCTIONS", "STACK BYTES");
    for (name, size) in &sizes {
        println!("{name:<20} {:>12} {:>12}", size.instructions, size.stack);
    }
    if env::args().any(|a| a == "--write-budget") || !budget::file().exists() {
        fs::write(budget::file(), budget::format(&sizes))?;
        println!("written to {}", budget::file().display());
    }
    Ok(())
}

//! iperf3 between two containers, next to two namespaces on a plain Linux bridge, in turns.

use super::teller::{chapter, types};
use crate::{
    run,
    world::{ADDRESS, RIGHT, World, iperf_rate, until},
};
use anyhow::Result;

/// Runs the race and prints its table.
pub(crate) fn run(world: &World) -> Result<()> {
    chapter("iperf3 between two containers, and over a plain Linux bridge, in turns");
    let serve = ["netctl", "run", "-d", "--name", "iperf", "--network", "backend"];
    types(world, "host", &[&serve[..], &["--", "iperf3", "--server"]].concat())?;
    let server = world.inspect("iperf", ADDRESS)?;
    world.plain_bridge()?;
    world.start("right", &["iperf3", "--server"], "iperf.log")?;
    let netd =
        || measure(&mut world.netctl(&[&["exec", "client", "--"], &client(&server)[..]].concat()));
    let plain = || measure(world.inside("left", "iperf3").args(&client(RIGHT)[1..]));
    until("both servers answer", || Ok(netd().is_ok() && plain().is_ok()))?;
    println!("  {:>8} {:>14} {:>14}", "round", "netd", "Linux bridge");
    for round in 1..=ROUNDS {
        // The order swaps, so that neither always runs first.
        let (ours, theirs) = if round % 2 == 1 {
            let ours = netd()?;
            (ours, plain()?)
        } else {
            let theirs = plain()?;
            (netd()?, theirs)
        };
        println!("  {round:>8} {ours:>9.1} Gb/s {theirs:>9.1} Gb/s");
    }
    Ok(())
}

/// The client's command line: one second, and a report for machines.
fn client(server: &str) -> [&str; 6] {
    ["iperf3", "--client", server, "--time", "1", "--json"]
}

/// Gigabits per second.
fn measure(client: &mut std::process::Command) -> Result<f64> {
    Ok(iperf_rate(&run::read(client)?)?.0 / 1e9)
}

const ROUNDS: u32 = 4;

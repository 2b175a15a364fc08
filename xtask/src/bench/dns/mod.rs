//! `cargo xtask bench dns`: how many questions for a container's name netd-dns answers, next to dnsmasq
//! and aardvark-dns where they are installed. Each has a network namespace of its own with the same
//! thousand names and is asked over lo by the same load; all are up at the same time and are measured in
//! turns. A rival's ratio in a round is to the mean of netd-dns before and after it.

mod hand;
mod load;
mod servers;

use super::{
    options::{Options, Verb},
    stats::{median, quantile},
    turns::{Turns, around},
};
use crate::{run, stage, world::World};
use anyhow::{Context, Result, bail};
use load::Sample;
use servers::Server;

/// Hidden verb: the load, and the agent that netd-dns needs.
pub(crate) const TOOL: &str = "bench-dns";

const VERB: Verb = Verb { name: stage::DNS, rounds: (9, 2), takes: &[] };

/// Builds everything and runs the comparison.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    VERB.run(words, &VERB.parse(words)?)
}

/// The comparison itself, on the stage `name`.
pub(crate) fn play(name: &str, words: &[&str]) -> Result<()> {
    let options = VERB.parse(words)?;
    let world = World::new(name)?;
    let netd = Server::netd(&world)?;
    let mut rivals = Vec::new();
    for rival in [Server::dnsmasq(&world)?, Server::aardvark(&world)?] {
        match rival {
            Ok(server) => rivals.push(server),
            Err(missing) => run::say(format!("skipped: {missing}")),
        }
    }
    let mut slow = Vec::new();
    for workload in WORKLOADS {
        let title = format!("{}, {} rounds", workload.title, options.rounds);
        slow.extend(run::stage(&title, || contest(workload, &netd, &rivals, &options))?);
    }
    options.judge(&slow)
}

/// The hidden verb's words after it.
pub(crate) fn tool(words: &[&str]) -> Result<()> {
    match words {
        ["ask", sockets, window, seconds] => load::ask(sockets, window, seconds),
        ["hand", socket, names] => hand::run(socket, names),
        _ => bail!("{TOOL} ask SOCKETS WINDOW SECONDS | hand SOCKET NAMES"),
    }
}

/// A way to ask.
struct Workload {
    title: &'static str,
    sockets: &'static str,
    /// Questions on their way by each socket.
    window: &'static str,
    /// What netd-dns must reach over each rival.
    target: Option<f64>,
}

const WORKLOADS: [Workload; 2] = [
    Workload {
        title: "16 clients with 16 questions each on their way",
        sockets: "16",
        window: "16",
        target: Some(2.0),
    },
    Workload { title: "one question at a time", sockets: "1", window: "1", target: None },
];

/// Goes the rounds and prints the table; what misses its target.
fn contest(
    workload: Workload,
    netd: &Server,
    rivals: &[Server],
    options: &Options,
) -> Result<Vec<String>> {
    let sample = |server: &Server, seconds: f64| -> Result<Sample> {
        let asked = load::sample(server, workload.sockets, workload.window, seconds);
        asked.with_context(|| format!("{}: {}", workload.title, server.name))
    };
    let all: Vec<&Server> = [netd].into_iter().chain(rivals).collect();
    for server in &all {
        sample(server, options.seconds / 4.0)?;
    }
    let asked = |who: usize| sample(all[who], options.seconds);
    let Turns { first: ours, others: theirs } = Turns::go(rivals.len(), options.rounds, asked)?;
    println!(
        "{:<14} {:>14} {:>9} {:>9} {:>8}   netd-dns is faster by",
        "", "questions/s", "p50", "p99", "lost"
    );
    row(&netd.name, &ours, "");
    let mut slow = Vec::new();
    for (rival, samples) in rivals.iter().zip(&theirs) {
        let ratios = ratios(&ours, samples);
        let ratio = median(&ratios);
        let spread = format!("{:.2} to {:.2}", quantile(&ratios, 0.1), quantile(&ratios, 0.9));
        row(&rival.name, samples, &format!("{ratio:.2} ({spread})"));
        if workload.target.is_some_and(|target| ratio < target) {
            slow.push(format!("{ratio:.2} times {}", rival.name));
        }
    }
    Ok(slow)
}

/// Of each round, to the mean of ours before and after.
fn ratios(ours: &[Sample], theirs: &[Sample]) -> Vec<f64> {
    let means = around(&ours.iter().map(|sample| sample.per_second).collect::<Vec<f64>>());
    means.iter().zip(theirs).map(|(ours, its)| ours / its.per_second).collect()
}

fn row(name: &str, samples: &[Sample], ratio: &str) {
    let of = |what: fn(&Sample) -> f64| median(&samples.iter().map(what).collect::<Vec<_>>());
    let lost: u64 = samples.iter().map(|sample| sample.lost).sum();
    println!(
        "{name:<14} {:>14.0} {:>6.0} us {:>6.0} us {lost:>8}   {ratio}",
        of(|sample| sample.per_second),
        of(|sample| sample.p50),
        of(|sample| sample.p99),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_to_netd_just_before_and_after() {
        let sample = |per_second| Sample { per_second, p50: 0.0, p99: 0.0, lost: 0 };
        let found = ratios(&[100.0, 300.0, 500.0].map(sample), &[100.0, 200.0].map(sample));
        assert_eq!(found, [2.0, 2.0]);
    }
}

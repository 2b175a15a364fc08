//! `cargo xtask bench scale`: what a connection and a packet cost over the number of networks, endpoints,
//! published ports and open flows; hosts of every size are up at the same time and measured in turns.

mod hosts;
mod report;

use super::{
    noise::{Meter, Noise},
    options::{Options, Verb},
    report::Report,
    stats::Spread,
    turns::{Turns, again, around},
    workload::{Sample, Workload},
};
use crate::{run, stage};
use anyhow::{Context, Result};
use hosts::{Axis, Host};

const VERB: Verb = Verb { name: stage::SCALE, rounds: (7, 1), takes: &["--out", "--axes"] };

/// What came of one workload on all hosts of an axis.
struct Outcome {
    axis: Axis,
    workload: Workload,
    noise: Noise,
    /// The smallest host over itself, a round later.
    again: Spread,
    /// The smallest first.
    sizes: Vec<Size>,
}

/// A host's part in it.
struct Size {
    count: usize,
    samples: Vec<Sample>,
    /// Its rate over the smallest host's; none for that one itself.
    ratio: Option<Spread>,
}

/// Builds everything and runs the comparison.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let options = VERB.parse(words)?;
    Axis::list(&options)?;
    VERB.run(words, &options)
}

/// The comparison itself, on the stage `name`.
pub(crate) fn play(name: &str, words: &[&str]) -> Result<()> {
    let options = VERB.begin(words)?;
    let sizes: &[usize] = if options.quick { &[10] } else { &[10, 100, 1000] };
    let one = run::stage("a host with one of each", || Host::one(name))?;
    let mut report = Report::new(VERB.name, "From 1 to 1,000", 2, &options);
    let mut outcomes = Vec::new();
    for axis in Axis::list(&options)? {
        let what = format!("hosts with more {}", axis.name());
        let more = run::stage(&what, || axis.hosts(name, sizes))?;
        let hosts: Vec<&Host> = [&one].into_iter().chain(&more).collect();
        for workload in WORKLOADS {
            let title = format!("{}, {}", axis.name(), workload.title());
            match run::stage(&title, || compare(axis, workload, &hosts, &options)) {
                Ok(outcome) => {
                    report.add(report::table(&outcome, options.quick));
                    outcomes.push(outcome);
                }
                Err(e) => report.fail(&title, &e),
            }
        }
    }
    let open = report.open();
    let drawn = report::draw(&options.out, &outcomes)?;
    let fields = vec![("comparisons", report::json(&outcomes))];
    report.write(&options.out, fields, &drawn)?;
    options.judge(&open)
}

fn compare(axis: Axis, workload: Workload, hosts: &[&Host], options: &Options) -> Result<Outcome> {
    let sample = |who: usize, seconds: f64| {
        let host: &Host = hosts[who];
        let sample = workload.sample(host.way(axis), seconds);
        sample.with_context(|| format!("a host with {} {}", host.count, axis.name()))
    };
    for who in 0..hosts.len() {
        sample(who, options.seconds / 4.0)?;
    }
    let meter = Meter::start()?;
    let turns = Turns::go(hosts.len() - 1, options.rounds, |who| sample(who, options.seconds))?;
    let counts: Vec<usize> = hosts.iter().map(|host| host.count).collect();
    Ok(outcome(axis, workload, &counts, turns, meter.stop()?))
}

/// The first of `counts` is the smallest.
fn outcome(
    axis: Axis,
    workload: Workload,
    counts: &[usize],
    turns: Turns<Sample>,
    noise: Noise,
) -> Outcome {
    let rates = |samples: &[Sample]| samples.iter().map(|sample| sample.rate).collect::<Vec<f64>>();
    let first = rates(&turns.first);
    let means = around(&first);
    let mut counts = counts.iter().copied();
    let smallest = Size { count: counts.next().unwrap_or(1), samples: turns.first, ratio: None };
    let larger = counts.zip(turns.others).map(|(count, samples)| {
        let ratios: Vec<f64> =
            rates(&samples).iter().zip(&means).map(|(its, one)| its / one).collect();
        Size { count, ratio: Some(Spread::of(&ratios)), samples }
    });
    let sizes = [smallest].into_iter().chain(larger).collect();
    Outcome { axis, workload, noise, again: Spread::of(&again(&first)), sizes }
}

impl Size {
    fn spread(&self, of: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(&self.samples.iter().map(of).collect::<Vec<f64>>())
    }

    /// What the largest must be of the smallest.
    fn goal(&self) -> Option<f64> {
        (self.count >= 1000).then_some(WITHIN_5_PERCENT)
    }

    fn met(&self) -> Option<bool> {
        self.goal().zip(self.ratio).map(|(goal, ratio)| ratio.median >= goal)
    }
}

/// What is done over and over.
const WORKLOADS: [Workload; 2] = [Workload::Connections, Workload::Frames];
const WITHIN_5_PERCENT: f64 = 0.95;

/// Two rounds of hosts with 1, 10 and 1,000, for tests.
#[cfg(test)]
fn played(largest: f64) -> Outcome {
    let samples = |rates: &[f64]| -> Vec<Sample> {
        let sample = |rate: &f64| Sample { rate: *rate, cpu: 2.5, ..Sample::default() };
        rates.iter().map(sample).collect()
    };
    let turns = Turns {
        first: samples(&[12e3, 10e3, 8e3]),
        others: vec![samples(&[11e3, 9e3]), samples(&[11e3 * largest, 9e3 * largest])],
    };
    outcome(Axis::Endpoints, Workload::Frames, &[1, 10, 1000], turns, Noise::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_held_against_the_smallest() {
        let outcome = played(0.9);
        let ratios: Vec<_> =
            outcome.sizes.iter().map(|size| size.ratio.map(|r| r.median)).collect();
        assert_eq!(ratios, [None, Some(1.0), Some(0.9)]);
        let met: Vec<_> = outcome.sizes.iter().map(Size::met).collect();
        assert_eq!(met, [None, None, Some(false)]);
        assert_eq!(played(0.96).sizes[2].met(), Some(true));
    }

    #[test]
    fn axes_are_known_by_their_names() {
        let list = |words: &[&str]| Axis::list(&VERB.parse(words).unwrap());
        assert_eq!(list(&["--axes", "flows,networks"]).unwrap(), [Axis::Networks, Axis::Flows]);
        assert_eq!(list(&[]).unwrap(), Axis::ALL);
        assert!(list(&["--axes", "cats"]).is_err());
    }
}

//! `cargo xtask bench scale`: what a connection and a packet cost over the number of networks, endpoints
//! and published ports; hosts of every size are up at the same time and measured in turns.

mod hosts;
mod report;

use super::{
    cpu::busy,
    noise::{Meter, Noise},
    stats::Spread,
    turns::{Turns, again, around},
    way::Way,
};
use crate::{build, run, stage};
use anyhow::{Context, Result, bail, ensure};
use hosts::{Axis, Host};
use report::Report;
use std::{
    env, fs,
    path::{Path, PathBuf},
};

struct Options {
    rounds: usize,
    /// Seconds of a sample.
    seconds: f64,
    /// A look whether everything works; its figures judge nobody.
    quick: bool,
    /// What there is more and more of.
    axes: Vec<Axis>,
    /// Where the report goes.
    out: PathBuf,
}

/// What is done over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Workload {
    /// A connection for one byte there and one back.
    Connections,
    /// Datagrams in frames of 64 bytes.
    Packets,
}

/// What one sample says.
#[derive(Clone, Copy, Debug)]
struct Sample {
    per_second: f64,
    /// Microseconds of all processors, for one of them.
    cost: f64,
}

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
pub(crate) fn run(options: &[&str]) -> Result<()> {
    let parsed = Options::parse(options)?;
    build::run()?;
    // Made by whoever asks, and only filled by root.
    fs::create_dir_all(&parsed.out)
        .with_context(|| format!("cannot make {}", parsed.out.display()))?;
    for file in report::files() {
        let path = parsed.out.join(file);
        let made = fs::File::options().create(true).append(true).open(&path);
        made.with_context(|| format!("cannot write {}", path.display()))?;
    }
    // The play runs elsewhere: the last --out is the one that counts, and it is a whole path.
    let out = parsed.out.to_string_lossy().into_owned();
    stage::run(stage::SCALE, &[options, &["--out", &out]].concat())
}

/// The comparison itself, on the stage `name`.
pub(crate) fn play(name: &str, options: &[&str]) -> Result<()> {
    let options = Options::parse(options)?;
    let sizes: &[usize] = if options.quick { &[10] } else { &[10, 100, 1000] };
    let one = run::stage("a host with one of each", || Host::one(name))?;
    let mut report = Report::new(options.quick, options.rounds, options.seconds);
    for axis in options.axes.iter().copied() {
        let what = format!("hosts with more {}", axis.name());
        let more = run::stage(&what, || axis.hosts(name, sizes))?;
        let hosts: Vec<&Host> = [&one].into_iter().chain(&more).collect();
        for workload in [Workload::Connections, Workload::Packets] {
            let title = format!("{}, {}", axis.name(), workload.name());
            let done = run::stage(&title, || compare(axis, workload, &hosts, &options));
            report.take(&title, done);
        }
    }
    report.write(&options.out)?;
    let open = report.open();
    if options.quick || open.is_empty() {
        return Ok(());
    }
    bail!("not as it should be: {}", open.join("; "))
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
    let rates =
        |samples: &[Sample]| samples.iter().map(|sample| sample.per_second).collect::<Vec<f64>>();
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

impl Workload {
    fn name(self) -> &'static str {
        match self {
            Self::Connections => "new connections",
            Self::Packets => "UDP packets of 64 bytes",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Packets => "packets",
        }
    }

    fn sample(self, way: &Way, seconds: f64) -> Result<Sample> {
        let before = busy()?;
        let (per_second, took) = match self {
            Self::Connections => way.ask("connections", seconds)?,
            Self::Packets => way.arriving(seconds)?,
        };
        Ok(Sample { per_second, cost: (busy()? - before) * 1e6 / (per_second * took) })
    }
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self> {
        let quick = words.contains(&"--quick");
        let (rounds, seconds) = if quick { (1, 0.2) } else { (7, 1.0) };
        let out = run::root().join("target/bench/scale");
        let axes = Axis::ALL.to_vec();
        let mut options = Self { rounds, seconds, quick, axes, out };
        let mut words = words.iter().filter(|word| **word != "--quick");
        while let Some(word) = words.next() {
            let value =
                words.next().with_context(|| format!("{word} is no option, or lacks a value"))?;
            match *word {
                "--rounds" => {
                    options.rounds = value
                        .parse()
                        .with_context(|| format!("--rounds takes a number, not {value:?}"))?;
                }
                "--out" => options.out = env::current_dir()?.join(Path::new(value)),
                "--axes" => options.axes = Axis::parse(value)?,
                other => {
                    bail!("bench scale has no option {other:?}; `cargo xtask help` lists them")
                }
            }
        }
        ensure!(options.rounds > 0, "--rounds must be at least 1");
        Ok(options)
    }
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

const WITHIN_5_PERCENT: f64 = 0.95;

/// Two rounds of hosts with 1, 10 and 1,000, for tests.
#[cfg(test)]
fn played(largest: f64) -> Outcome {
    let samples = |rates: &[f64]| -> Vec<Sample> {
        rates.iter().map(|rate| Sample { per_second: *rate, cost: 2.5 }).collect()
    };
    let turns = Turns {
        first: samples(&[12e3, 10e3, 8e3]),
        others: vec![samples(&[11e3, 9e3]), samples(&[11e3 * largest, 9e3 * largest])],
    };
    outcome(Axis::Endpoints, Workload::Packets, &[1, 10, 1000], turns, Noise::default())
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
    fn options_are_read() {
        assert_eq!(Options::parse(&["--rounds", "3"]).unwrap().rounds, 3);
        assert!(Options::parse(&["--quick"]).unwrap().quick);
        let some = Options::parse(&["--axes", "ports,networks"]).unwrap().axes;
        assert_eq!(some, [Axis::Ports, Axis::Networks]);
        for wrong in [&["--rounds", "0"][..], &["--out"], &["--axes", "cats"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}

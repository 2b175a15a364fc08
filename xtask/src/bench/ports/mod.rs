//! `cargo xtask bench ports`: published ports of netd next to iptables, nftables and proxies, all of
//! them up at the same time and measured in turns; docs/performance.md says how.

mod contest;
mod field;
mod netd;
mod publishing;
mod relay;
mod report;
pub(in crate::bench) mod rivals;
pub(in crate::bench) mod site;

use crate::{
    bench::{LOAD, load, placement::Placement},
    build, run, stage,
};
use anyhow::{Context, Result, bail, ensure};
use field::Field;
use report::Report;
use std::fs;

/// How much is measured.
struct Options {
    rounds: usize,
    /// Seconds of a sample.
    seconds: f64,
    /// A look whether everything works; its figures judge nobody.
    quick: bool,
    placement: Placement,
}

/// Builds everything and runs the comparison of published ports.
pub(crate) fn run(options: &[&str]) -> Result<()> {
    Options::parse(options)?;
    build::run()?;
    // Made by whoever asks, and only filled by root.
    for file in report::FILES {
        let file = run::root().join(file);
        fs::create_dir_all(file.parent().context("no folder")?)?;
        fs::File::options()
            .create(true)
            .append(true)
            .open(&file)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    stage::run(stage::PORTS, options)
}

/// The comparison itself, on the stage `name`.
pub(crate) fn play(name: &str, options: &[&str]) -> Result<()> {
    let options = Options::parse(options)?;
    let mut report = Report::new(&options);
    let field = run::stage("setting up netd and its rivals", || Field::set_up(name))?;
    for skipped in &field.skipped {
        run::say(format!("skipped: {skipped}"));
    }
    report.skipped.clone_from(&field.skipped);
    options.placement.begin()?;
    for contest in field.contests(options.placement) {
        let done = run::stage(&contest.title, || {
            let proxies: Vec<u32> = field.rivals.iter().filter_map(|rival| rival.process).collect();
            options.placement.place(contest.workload.waiting(), &proxies)?;
            contest.run(options.rounds, options.seconds)
        });
        report.take(done.map(|outcome| report::outcome(&outcome)));
    }
    let costs = run::stage("publishing 10,000 ports", || publishing::measure(name, options.rounds));
    report.take(costs.map(|costs| report::costs(&[costs, field.entered()].concat())));
    report.write()?;
    let open = report.open();
    if options.quick || open.is_empty() {
        return Ok(());
    }
    bail!("not as it should be: {}", open.join("; "))
}

/// The hidden verb's words after it.
pub(crate) fn load(words: &[&str]) -> Result<()> {
    match words {
        ["serve", address] => load::serve(address),
        ["ask", workload, address, seconds] => load::ask(workload, address, seconds),
        ["relay", address, target] => relay::run(address, target),
        _ => bail!("{LOAD} serve ADDRESS | ask WORKLOAD ADDRESS SECONDS | relay ADDRESS TARGET"),
    }
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self> {
        let quick = words.contains(&"--quick");
        let (rounds, seconds) = if quick { (2, 0.2) } else { (9, 1.0) };
        let mut options = Self { rounds, seconds, quick, placement: Placement::Two };
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
                "--processors" => options.placement = Placement::parse(value)?,
                other => {
                    bail!("bench ports takes --quick, --rounds and --processors, not {other:?}")
                }
            }
        }
        ensure!(options.rounds > 0, "--rounds must be at least 1");
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn rounds_can_be_given_and_must_be_a_number() {
        assert_eq!(Options::parse(&["--rounds", "3"]).unwrap().rounds, 3);
        let quick = Options::parse(&["--rounds", "4", "--quick"]).unwrap();
        assert!(quick.quick && quick.rounds == 4);
        for wrong in [
            &["--rounds"][..],
            &["--rounds", "x"],
            &["--rounds", "0"],
            &["-q"],
            &["--processors", "3"],
        ] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}

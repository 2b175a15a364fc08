//! `cargo xtask bench full`: container to container, netd next to a raw veth pair, loopback, Linux bridges
//! and a Docker engine, all up at the same time and measured in turns; docs/performance.md says how.

mod contest;
mod engine;
mod goals;
mod peers;
mod report;
mod tables;
mod workload;

use crate::{bench::placement::Placement, build, run, stage};
use anyhow::{Context, Result, bail, ensure};
use contest::Contest;
pub(crate) use engine::forget;
use peers::{Peer, Peers};
use report::Report;
use std::{
    env, fs,
    path::{Path, PathBuf},
};
use workload::Workload;

/// What was asked for on the command line.
struct Options {
    rounds: usize,
    /// Seconds of a sample.
    seconds: f64,
    /// A look whether everything works; its figures judge nobody.
    quick: bool,
    /// Who takes part, by their words; everybody where empty.
    peers: Vec<String>,
    /// Where the report goes.
    out: PathBuf,
    placement: Placement,
}

/// Builds everything and runs the comparison of ways between containers.
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
    let out = parsed.out.to_string_lossy().into_owned();
    // The play runs elsewhere: the last --out is the one that counts, and it is a whole path.
    stage::run(stage::FULL, &[options, &["--out", &out]].concat())
}

/// The comparison itself, on the stage `name`.
pub(crate) fn play(name: &str, options: &[&str]) -> Result<()> {
    let options = Options::parse(options)?;
    let mut peers = run::stage("setting up netd and its peers", || Peers::set_up(name, &options))?;
    for skipped in &peers.skipped {
        run::say(format!("skipped: {skipped}"));
    }
    let mut report = Report::new(&options, &peers);
    options.placement.begin()?;
    for workload in Workload::ALL {
        peers.clients_on(options.placement.client(workload.waiting()));
        let contest = Contest { workload, peers: &peers.up };
        let done = run::stage(&workload.title(), || contest.run(options.rounds, options.seconds));
        report.take(workload, done);
    }
    report.write(&options.out)?;
    let open = report.open();
    if options.quick || open.is_empty() {
        return Ok(());
    }
    bail!("not as it should be: {}", open.join("; "))
}

impl Options {
    fn parse(words: &[&str]) -> Result<Self> {
        let quick = words.contains(&"--quick");
        let (rounds, seconds) = if quick { (1, 0.2) } else { (7, 1.0) };
        let out = run::root().join("target/bench/full");
        let mut options =
            Self { rounds, seconds, quick, peers: Vec::new(), out, placement: Placement::Two };
        let mut words = words.iter().filter(|word| **word != "--quick");
        while let Some(word) = words.next() {
            let value =
                words.next().with_context(|| format!("{word} is no option, or lacks a value"))?;
            options.set(word, value)?;
        }
        ensure!(options.rounds > 0, "--rounds must be at least 1");
        Ok(options)
    }

    fn set(&mut self, word: &str, value: &str) -> Result<()> {
        match word {
            "--rounds" => {
                self.rounds = value
                    .parse()
                    .with_context(|| format!("--rounds takes a number, not {value:?}"))?;
            }
            "--peers" => self.peers = peers::parse(value)?,
            "--out" => self.out = whole(Path::new(value))?,
            "--processors" => self.placement = Placement::parse(value)?,
            other => bail!("bench full has no option {other:?}; `cargo xtask help` lists them"),
        }
        Ok(())
    }

    /// The peer with that word takes part.
    fn wants(&self, word: &str) -> bool {
        self.peers.is_empty() || self.peers.iter().any(|wanted| wanted == word)
    }
}

fn whole(path: &Path) -> Result<PathBuf> {
    Ok(env::current_dir().context("cannot find this folder")?.join(path))
}

/// A peer's place among [`Peers::up`]; netd is the first.
const NETD: usize = 0;

/// The peers of a test.
#[cfg(test)]
fn some(words: &[&'static str]) -> Vec<Peer> {
    words.iter().map(|word| Peer::unreachable(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_the_last_one_counts() {
        let options =
            Options::parse(&["--rounds", "9", "--peers", "veth,docker", "--out", "/tmp/x"]);
        let options = options.unwrap();
        assert_eq!((options.rounds, options.quick), (9, false));
        assert_eq!(options.out, Path::new("/tmp/x"));
        assert!(options.wants("veth") && options.wants("docker") && !options.wants("bridge"));
        assert!(Options::parse(&[]).unwrap().wants("bridge"));
        assert_eq!(Options::parse(&["--out", "a", "--out", "/b"]).unwrap().out, Path::new("/b"));
    }

    #[test]
    fn what_it_does_not_know_is_refused() {
        for wrong in [
            &["--rounds"][..],
            &["--rounds", "x"],
            &["--rounds", "0"],
            &["--peers", "cisco"],
            &["--peers", ""],
            &["-q"],
        ] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}

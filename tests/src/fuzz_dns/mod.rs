//! Random and mutated messages through what netd-dns does with strangers' bytes: nothing may panic, no
//! answer may be longer than there is room, and what is sent must be what hickory-proto can read.

mod build;
mod check;

use crate::fuzz::random::Random;
use anyhow::{Context as _, Result};
use build::Builder;
use check::Checker;
pub use check::Reached;
use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    time::{Duration, Instant},
};

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Messages that were tried.
    pub messages: u64,
    /// What became of them, and how often.
    pub reached: BTreeMap<Reached, u64>,
    /// What went wrong, and the file that it is kept in.
    pub found: Option<(String, PathBuf)>,
}

/// Who sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A client: it asks.
    Client,
    /// A resolver: it answers.
    Resolver,
}

/// Tries so many messages, for so long at most, or until something is found.
///
/// # Errors
/// Where what was found can't be kept.
pub fn run(seed: u64, messages: u64, time: Duration) -> Result<Report> {
    let (mut random, mut report) = (Random::new(seed), Report::default());
    let (mut builder, mut checker) = (Builder::default(), Checker::default());
    let end = Instant::now() + time;
    while report.messages < messages
        && (!report.messages.is_multiple_of(256) || Instant::now() < end)
    {
        let (side, packet) = builder.message(&mut random);
        report.messages += 1;
        match attempt(&mut checker, side, &packet) {
            Ok(reached) => *report.reached.entry(reached).or_default() += 1,
            Err(note) => {
                let path = keep(side, &packet, &note)?;
                report.found = Some((note, path));
                return Ok(report);
            }
        }
    }
    Ok(report)
}

/// Tries what was found once; the files that still go wrong, and how.
///
/// # Errors
/// Where a file can't be read.
pub fn replay() -> Result<Vec<String>> {
    let (mut wrong, mut checker) = (Vec::new(), Checker::default());
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (side, packet) = read(line).with_context(|| format!("{}", path.display()))?;
            if let Err(note) = attempt(&mut checker, side, &packet) {
                wrong.push(format!("{}: {note}", path.display()));
            }
        }
    }
    Ok(wrong)
}

/// A panic is a find as well.
fn attempt(checker: &mut Checker, side: Side, packet: &[u8]) -> Result<Reached, String> {
    let checked = catch_unwind(AssertUnwindSafe(|| checker.check(side, packet)));
    checked.unwrap_or_else(|_| Err("it panics; the message is on standard error".into()))
}

/// The folder of the files.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus/dns")
}

fn keep(side: Side, packet: &[u8], note: &str) -> Result<PathBuf> {
    let hex: String = packet.iter().map(|byte| format!("{byte:02x}")).collect();
    let sum = packet.iter().fold(5381_u64, |sum, byte| sum.wrapping_mul(33) ^ u64::from(*byte));
    let path = folder().join(format!("found-{sum:016x}.txt"));
    let note = note.replace('\n', " ");
    fs::write(&path, format!("# {note}\n{} {hex}\n", side.word()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn read(line: &str) -> Result<(Side, Vec<u8>)> {
    let (word, hex) = line.split_once(' ').with_context(|| format!("{line:?} is no message"))?;
    let side = [Side::Client, Side::Resolver].into_iter().find(|side| side.word() == word);
    let bytes = hex
        .as_bytes()
        .chunks(2)
        .map(|two| u8::from_str_radix(std::str::from_utf8(two)?, 16).context("not hexadecimal"));
    let packet = bytes.collect::<Result<_>>()?;
    Ok((side.with_context(|| format!("{word:?} is no side"))?, packet))
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Resolver => "resolver",
        }
    }
}

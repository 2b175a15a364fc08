//! Differential fuzz: random valid and broken packets on random tables, through netd-common on bytes
//! and through the loaded programs. Both must give the same verdicts, bytes and tables, and what
//! goes on must have right checksums.

mod bodies;
mod build;
mod crash;
mod intact;
mod lockstep;
mod meetings;
mod minimise;
mod mutate;
mod packets;
mod pools;
pub(crate) mod random;
mod recent;
mod records;
mod tables;
mod text;
mod work;

pub use crash::{Crash, folder};
pub use lockstep::Pair;
pub use packets::Step;

use anyhow::{Context, Result};
use netd_common::verdict::{DropReason, Path};
use std::{collections::BTreeMap, fs, path::PathBuf, thread, time::Duration};
use work::Shared;

/// Who takes the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// netd-common on bytes, and the loaded programs; needs root.
    Both,
    /// netd-common alone: it must not panic, and what it sends on must have right checksums.
    Bytes,
}

/// How long to go on.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Packets.
    pub packets: u64,
    /// Time.
    pub time: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Packets that went through both sides.
    pub packets: u64,
    /// How the sides differed once, and not again on the same packets: a tick of the clock between
    /// them.
    pub passing: Vec<String>,
    /// Dropped packets by reason, and under none those that went on.
    pub reached: BTreeMap<Option<DropReason>, u64>,
    /// Packets by the way that they took through the programs.
    pub paths: BTreeMap<Path, u64>,
    /// A sequence in which they differ for good, and its file.
    pub found: Option<(Crash, PathBuf)>,
}

/// Runs random packets on every processor until the limit, or until the sides differ. The same seed
/// gives the same packets to each worker.
///
/// # Errors
/// Without root, or where the kernel can't run a packet.
pub fn run(sides: Sides, seed: u64, limit: Limit) -> Result<Report> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let shared = Shared::new(sides, limit);
    let found = thread::scope(|scope| {
        let seeds = (0..workers as u64).map(|worker| seed.wrapping_mul(1_000).wrapping_add(worker));
        let shared = &shared;
        let threads: Vec<_> =
            seeds.map(|seed| scope.spawn(move || work::work(seed, shared))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a worker panicked"))?)
            .collect::<Result<Vec<_>>>()
    })?;
    let found = found.into_iter().flatten().next().map(|crash| keep(seed, crash)).transpose()?;
    Ok(Report { found, ..shared.report() })
}

/// Replays the cases that were found once, in threads of their own; gives those in which the sides
/// differ again, with the file's name.
///
/// # Errors
/// Where a file can't be read or understood, and as [`run`].
pub fn replay(sides: Sides) -> Result<Vec<String>> {
    let replay = move || -> Result<Vec<String>> {
        let mut pair = if sides == Sides::Both { Pair::new()? } else { Pair::of_bytes() };
        let mut wrong = Vec::new();
        for entry in fs::read_dir(folder()).context("cannot read the corpus folder")? {
            let path = entry?.path();
            let name = path.display().to_string();
            let crash = Crash::from_text(&fs::read_to_string(&path)?).context(name.clone())?;
            if let Some((_, difference)) = pair.replay_slowly(&crash.world, &crash.steps)? {
                wrong.push(format!("{name}: {difference}"));
            }
        }
        Ok(wrong)
    };
    let thread = thread::spawn(replay);
    thread.join().map_err(|_| anyhow::anyhow!("the replay panicked"))?
}

/// Writes a found case where it will be replayed from now on.
fn keep(seed: u64, crash: Crash) -> Result<(Crash, PathBuf)> {
    let path = folder().join(format!("seed-{seed}.txt"));
    fs::create_dir_all(folder()).context("cannot make the corpus folder")?;
    fs::write(&path, crash.to_text())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok((crash, path))
}

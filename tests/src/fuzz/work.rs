//! One worker of the fuzz: rounds of batches of packets.

use super::{
    Limit, Report, Sides,
    crash::Crash,
    lockstep::Pair,
    minimise,
    packets::{self, Step, Subject},
    random::Random,
    recent::Recent,
    tables,
};
use crate::world::World;
use anyhow::Result;
use netd_common::verdict::{DropReason, Path};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

/// What all workers know and count.
pub(super) struct Shared {
    sides: Sides,
    packets: u64,
    until: Instant,
    stop: AtomicBool,
    done: AtomicU64,
    report: Mutex<Report>,
}

impl Shared {
    pub(super) fn new(sides: Sides, limit: Limit) -> Self {
        Self {
            sides,
            packets: limit.packets,
            until: Instant::now() + limit.time,
            stop: AtomicBool::new(false),
            done: AtomicU64::new(0),
            report: Mutex::default(),
        }
    }

    /// What came of it.
    pub(super) fn report(self) -> Report {
        self.report.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
            || self.done.load(Ordering::Relaxed) >= self.packets
            || Instant::now() >= self.until
    }

    /// Counts what came of a batch.
    fn count(&self, packets: usize, drops: &BTreeMap<(DropReason, u32), u64>) {
        self.done.fetch_add(packets as u64, Ordering::Relaxed);
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.packets += packets as u64;
        let dropped: u64 = drops.values().sum();
        *report.reached.entry(None).or_insert(0) += (packets as u64).saturating_sub(dropped);
        for ((reason, _), count) in drops {
            *report.reached.entry(Some(*reason)).or_insert(0) += count;
        }
    }

    fn count_paths(&self, paths: BTreeMap<Path, u64>) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, count) in paths {
            *report.paths.entry(path).or_insert(0) += count;
        }
    }

    fn note_passing(&self, difference: String) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.passing.push(difference);
    }
}

/// One worker: rounds of batches until it is over.
pub(super) fn work(seed: u64, shared: &Shared) -> Result<Option<Crash>> {
    let done = rounds(seed, shared);
    if !matches!(done, Ok(None)) {
        shared.stop.store(true, Ordering::Relaxed);
    }
    done
}

fn rounds(seed: u64, shared: &Shared) -> Result<Option<Crash>> {
    let mut pair = match shared.sides {
        Sides::Both => Pair::new()?,
        Sides::Bytes => Pair::of_bytes(),
    };
    for round in 0_u64.. {
        let mut random = Random::new(seed ^ (round << 32));
        let mut world = tables::world(&mut random, round);
        for _ in 0..BATCHES {
            if shared.is_over() {
                shared.count_paths(pair.paths()?);
                return Ok(None);
            }
            let mut steps = Vec::with_capacity(BATCH);
            let differs = batch(&mut pair, &world, &mut random, &mut steps)?;
            shared.count(steps.len(), &pair.drops);
            if let Some(once) = differs {
                match minimise::minimise(&mut pair, &world, &steps)? {
                    Some((world, steps, difference)) => {
                        let note = format!("{difference}\nseed {seed}, round {round}\n");
                        return Ok(Some(Crash { note, world, steps }));
                    }
                    None => {
                        shared.note_passing(once);
                        break;
                    }
                }
            }
            world.clone_from(&pair.world);
            tables::disturb(&mut world, &mut random);
        }
    }
    Ok(None)
}

/// Runs a sequence of packets, noting each; says where the sides differ.
fn batch(
    pair: &mut Pair,
    world: &World,
    random: &mut Random,
    steps: &mut Vec<Step>,
) -> Result<Option<String>> {
    pair.begin(world)?;
    let tables = [&world.flows, &world.unreplied, &world.crowded];
    let flows: Vec<_> = tables.into_iter().flatten().map(|(key, flow)| (*key, *flow)).collect();
    let mut recent = Recent::default();
    for _ in 0..BATCH {
        let step = packets::next(&Subject { world, flows: &flows, recent: &recent }, random);
        let taken = pair.step(&step)?;
        steps.push(step);
        match (taken, steps.last()) {
            (Ok(verdict), Some(step)) => recent.note(step.hook, verdict, &pair.out),
            (Ok(_), None) => {}
            (Err(difference), _) => return Ok(Some(difference)),
        }
    }
    Ok(pair.compare()?.err())
}

/// Packets between two comparisons of the tables.
const BATCH: usize = 4_000;
/// Batches on tables that grow from the same beginning.
const BATCHES: usize = 8;

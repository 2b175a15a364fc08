//! Makes a found case small: fewer packets, then fewer table entries.

use super::{
    crash::{Visit, each_table},
    lockstep::Pair,
    packets::Step,
    text::Text,
};
use crate::world::World;
use anyhow::Result;
use std::collections::BTreeMap;

/// A smaller case in which the sides still differ, and how; none where they no longer do.
///
/// # Errors
/// As [`Pair::replay`].
pub(super) fn minimise(
    pair: &mut Pair,
    world: &World,
    steps: &[Step],
) -> Result<Option<(World, Vec<Step>, String)>> {
    let Some((length, mut difference)) = pair.replay_slowly(world, steps)? else {
        return Ok(None);
    };
    let (mut world, mut steps) = (world.clone(), steps[..length].to_vec());
    let mut chunk = steps.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + chunk).min(steps.len()));
            match pair.replay(&world, &fewer)? {
                Some((length, differs)) => {
                    fewer.truncate(length);
                    (steps, difference) = (fewer, differs);
                }
                None => at += chunk,
            }
        }
        chunk /= 2;
    }
    for table in 0..TABLES {
        empty(pair, &mut world, &steps, &mut difference, table)?;
    }
    Ok(Some((world, steps, difference)))
}

/// Removes as many entries of one table as can go: first all, then each.
fn empty(
    pair: &mut Pair,
    world: &mut World,
    steps: &[Step],
    difference: &mut String,
    table: usize,
) -> Result<()> {
    let mut place = None;
    loop {
        let mut removal = Removal { table, place, removed: false };
        let mut fewer = world.clone();
        each_table(&mut removal, &mut fewer);
        if !removal.removed {
            return Ok(());
        }
        match (pair.replay(&fewer, steps)?, place) {
            (Some((_, differs)), _) => {
                *world = fewer;
                *difference = differs;
                if place.is_none() {
                    return Ok(());
                }
            }
            (None, None) => place = Some(0),
            (None, Some(at)) => place = Some(at + 1),
        }
    }
}

/// Removes one entry of one table, or all.
struct Removal {
    /// Counts down to the table.
    table: usize,
    place: Option<usize>,
    removed: bool,
}

impl Visit for Removal {
    fn map<K: Text + Ord + Clone, V: Text + Clone>(
        &mut self,
        _: &'static str,
        table: &mut BTreeMap<K, V>,
    ) {
        let mine = self.table == 0;
        self.table = self.table.wrapping_sub(1);
        if !mine || table.is_empty() {
            return;
        }
        match self.place {
            None => {
                table.clear();
                self.removed = true;
            }
            Some(place) => {
                if let Some(key) = table.keys().nth(place).cloned() {
                    self.removed = table.remove(&key).is_some();
                }
            }
        }
    }
}

/// How many tables [`each_table`] visits.
const TABLES: usize = 19;

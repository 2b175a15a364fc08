//! The flow tables as the agent sees them: how full they are, and what has to go. They are handles
//! of their own, so that long looks hold nobody up.

use super::{Capacity, table};
use crate::error::Result;
use aya::maps::{Array, HashMap, MapData};
use netd_common::abi::{
    Flow, FlowKey, FragmentEntry, FragmentKey, MAX_FRAGMENTS, Timeouts, Usage, maps,
};
use std::path::Path;

/// A table of flows.
pub(super) type Flows = HashMap<MapData, FlowKey, Flow>;

/// Every table that packets fill with flows.
pub struct FlowTables {
    pub(super) established: Flows,
    pub(super) unreplied: Flows,
    pub(super) crowded: Flows,
    pub(super) fragments: HashMap<MapData, FragmentKey, FragmentEntry>,
    pub(super) usage: Array<MapData, Usage>,
    pub(super) generations: Array<MapData, u32>,
    pub(super) timeouts: Timeouts,
    pub(super) capacity: Capacity,
}

/// How full a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The table in a word.
    pub name: &'static str,
    /// Entries in it.
    pub entries: usize,
    /// Entries that fit.
    pub capacity: u32,
}

impl FlowTables {
    /// Opens what is pinned in `directory`; `timeouts` are those that the programs were told.
    ///
    /// # Errors
    /// A map that is not pinned there, or has another form.
    pub fn open(directory: &Path, timeouts: Timeouts) -> Result<Self> {
        Ok(Self {
            established: table(directory, maps::FLOWS)?,
            unreplied: table(directory, maps::UNREPLIED)?,
            crowded: table(directory, maps::CROWDED)?,
            fragments: table(directory, maps::FRAGMENTS)?,
            usage: table(directory, maps::USAGE)?,
            generations: table(directory, maps::GENERATIONS)?,
            timeouts,
            capacity: Capacity::pinned(directory)?,
        })
    }

    /// How full each table is, in the order in which flows matter.
    #[must_use]
    pub fn fill(&self) -> [Fill; 4] {
        let Capacity { established, unreplied, crowded } = self.capacity;
        let fill = |name, entries, capacity| Fill { name, entries, capacity };
        [
            fill("established", entries(&self.established), established),
            fill("unreplied", entries(&self.unreplied), unreplied),
            fill("crowded", entries(&self.crowded), crowded),
            fill("fragments", entries(&self.fragments), MAX_FRAGMENTS),
        ]
    }
}

fn entries<K: aya::Pod, V: aya::Pod>(table: &HashMap<MapData, K, V>) -> usize {
    table.keys().filter(Result::is_ok).count()
}

//! How many flows fit: by what was asked for, or by the host's memory.

use super::refused;
use crate::error::{Error, Result};
use aya::{
    maps::{HashMap, Map, MapData, MapInfo},
    util::nr_cpus,
};
use netd_common::abi::{Device, maps};
use nix::sys::sysinfo::sysinfo;
use std::{fs, path::Path};

/// How many flows fit, by table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// Established ones.
    pub established: u32,
    /// New and half-open ones.
    pub unreplied: u32,
    /// New and half-open ones of networks that open more than their share.
    pub crowded: u32,
}

impl Capacity {
    /// As [`Capacity::of`], for this machine's memory and processors.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub fn here(flows: Option<u32>) -> Result<Self> {
        let failed = |what, why| Error::kernel(format!("cannot tell this machine's {what}: {why}"));
        let memory = sysinfo().map_err(|e| failed("memory", e.to_string()))?.ram_total();
        let cpus = nr_cpus().map_err(|(_, e)| failed("processors", e.to_string()))?;
        Ok(Self::of(flows, memory, u32::try_from(cpus).unwrap_or(u32::MAX)))
    }

    /// Room for `flows` established ones, a power of two; without a number, what a 400th of
    /// `memory` (bytes) holds, but 16,384 at least and 1,048,576 at most. The unreplied table has
    /// half of that and the crowded one an eighth; but the kernel gives each of the `cpus` batches
    /// of 128 of an LRU table's entries, and must not have to evict for that.
    #[must_use]
    pub fn of(flows: Option<u32>, memory: u64, cpus: u32) -> Self {
        let by_memory = || {
            let fitting = memory / MEMORY_SHARE / FLOW_BYTES;
            let fitting = fitting.clamp(DEFAULT_AT_LEAST.into(), DEFAULT_AT_MOST.into());
            1 << fitting.ilog2()
        };
        let established = flows.unwrap_or_else(by_memory).next_power_of_two();
        let least = (LRU_BATCH * LRU_BATCHES).saturating_mul(cpus).next_power_of_two();
        Self {
            established,
            unreplied: (established / 2).max(least),
            crowded: (established / 8).max(least),
        }
    }

    /// As much as both, table by table.
    pub(super) fn at_least(&self, other: &Self) -> Self {
        Self {
            established: self.established.max(other.established),
            unreplied: self.unreplied.max(other.unreplied),
            crowded: self.crowded.max(other.crowded),
        }
    }

    /// What is pinned.
    pub(super) fn pinned(directory: &Path) -> Result<Self> {
        let size = |name: &str| {
            let info = MapInfo::from_pin(directory.join(name));
            info.map(|info| info.max_entries())
                .map_err(|e| refused(&format!("cannot read the size of the eBPF map {name}"), &e))
        };
        Ok(Self {
            established: size(maps::FLOWS)?,
            unreplied: size(maps::UNREPLIED)?,
            crowded: size(maps::CROWDED)?,
        })
    }

    pub(super) fn sizes(&self) -> [(&'static str, u32); 3] {
        [
            (maps::FLOWS, self.established),
            (maps::UNREPLIED, self.unreplied),
            (maps::CROWDED, self.crowded),
        ]
    }

    /// Lets go of pinned flow tables that have another size, where that cuts no flow: while no
    /// container is attached. Else they stay, and the sentence that says so is returned.
    pub(super) fn make_way(&self, directory: &Path) -> Result<Option<String>> {
        // What is not pinned can't be in the way.
        let other = |(name, size): &(&str, u32)| {
            MapInfo::from_pin(directory.join(name)).is_ok_and(|info| info.max_entries() != *size)
        };
        let others: Vec<_> = self.sizes().into_iter().filter(other).collect();
        if others.is_empty() {
            return Ok(None);
        }
        if has_devices(directory) {
            let kept = Self::pinned(directory)?.established;
            return Ok(Some(format!(
                "the flow tables keep their room for {kept} established flows and not {}: \
                 containers are attached; restart netd when none is",
                self.established
            )));
        }
        for (name, _) in others {
            fs::remove_file(directory.join(name))
                .map_err(|e| Error::kernel(format!("cannot remove the pinned map {name}: {e}")))?;
        }
        Ok(None)
    }
}

/// Some container is attached, or nobody can tell.
fn has_devices(directory: &Path) -> bool {
    let devices = MapData::from_pin(directory.join(maps::DEVICES))
        .and_then(Map::from_map_data)
        .and_then(HashMap::<MapData, u32, Device>::try_from);
    devices.map_or(true, |devices| devices.keys().next().is_some())
}

/// The part of the memory that the established flows may take.
const MEMORY_SHARE: u64 = 400;
/// What one flow takes: key, record, the kernel's own and its place in the hash.
const FLOW_BYTES: u64 = 200;
const DEFAULT_AT_LEAST: u32 = 16_384;
const DEFAULT_AT_MOST: u32 = 1_048_576;
/// Entries of an LRU table that a processor takes at once, and how many of these it should find.
const LRU_BATCH: u32 = 128;
const LRU_BATCHES: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn the_default_goes_by_the_memory_within_bounds() {
        let established = |memory| Capacity::of(None, memory, 2).established;
        assert_eq!(established(GIB / 2), 16_384);
        assert_eq!(established(2 * GIB), 16_384);
        assert_eq!(established(4 * GIB), 32_768);
        assert_eq!(established(24 * GIB), 262_144);
        assert_eq!(established(1024 * GIB), 1_048_576);
        for gib in 2..84 {
            let bytes = u64::from(established(gib * GIB)) * FLOW_BYTES;
            assert!(bytes <= gib * GIB / MEMORY_SHARE, "{gib} GiB");
        }
    }

    #[test]
    fn a_number_is_rounded_up_and_the_other_tables_follow() {
        let capacity = Capacity::of(Some(100_000), GIB, 2);
        let expected = Capacity { established: 131_072, unreplied: 65_536, crowded: 16_384 };
        assert_eq!(capacity, expected);
        assert_eq!(Capacity::of(Some(131_072), GIB, 2), expected);
    }

    #[test]
    fn many_processors_find_their_batches_in_every_lru_table() {
        let capacity = Capacity::of(Some(1_024), GIB, 48);
        assert_eq!(capacity.established, 1_024);
        assert!(capacity.unreplied >= 48 * 512 && capacity.crowded >= 48 * 512);
        assert!(Capacity::of(Some(16_777_216), GIB, 8_192).crowded >= 8_192 * 512);
    }
}

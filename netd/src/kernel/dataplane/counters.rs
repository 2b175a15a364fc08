//! The counters that programs keep: handles of their own, so that who reads them waits for nobody.

use super::{refused, table};
use crate::error::{Error, Result};
use aya::{
    maps::{MapData, MapInfo, PerCpuArray, PerCpuHashMap},
    programs::{ProgramInfo, loaded_programs},
};
use netd_common::{
    abi::{DropKey, maps},
    verdict::{DropReason, Path as Way},
};
use std::{
    collections::BTreeSet,
    fs,
    os::fd::{AsFd, AsRawFd},
    path::Path,
};

/// Handles on the counters.
pub struct Counters {
    drops: PerCpuHashMap<MapData, DropKey, u64>,
    paths: PerCpuArray<MapData, u64>,
    /// The kernel's numbers of the maps that programs of this dataplane use.
    maps: BTreeSet<u32>,
    /// The kernel's numbers of this agent's programs.
    own: BTreeSet<u32>,
}

/// Packets dropped for one reason at one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropCount {
    /// The reason's number.
    pub reason: u8,
    /// The reason in a word.
    pub name: &'static str,
    /// The device that the packets came in by, or were to leave by.
    pub index: u32,
    /// How many.
    pub packets: u64,
}

/// Packets that took one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathCount {
    /// The way in a word.
    pub name: &'static str,
    /// How many.
    pub packets: u64,
}

/// A program of netd's that the kernel holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its name, as far as the kernel keeps it: 15 characters.
    pub name: String,
    /// The kernel's number for it.
    pub id: u32,
    /// How often it ran and for how many nanoseconds, while `kernel.bpf_stats_enabled` was 1.
    pub runs: (u64, u64),
    /// It is this agent's, not that of an older one.
    pub current: bool,
}

impl Counters {
    /// Opens what is pinned in `directory`; `own` are the kernel's numbers of this agent's programs.
    ///
    /// # Errors
    /// A map that is not pinned there, or has another form.
    pub fn open(directory: &Path, own: BTreeSet<u32>) -> Result<Self> {
        let pins = fs::read_dir(directory)
            .map_err(|e| Error::kernel(format!("cannot read {}: {e}", directory.display())))?;
        // Links are pinned there, too.
        let ids = pins.flatten().filter_map(|pin| MapInfo::from_pin(pin.path()).ok());
        Ok(Self {
            drops: table(directory, maps::DROPS)?,
            paths: table(directory, maps::PATHS)?,
            maps: ids.map(|info| info.id()).collect(),
            own,
        })
    }

    /// Packets dropped since the maps were made.
    ///
    /// # Errors
    /// A counter that can't be read.
    pub fn drops(&self) -> Result<Vec<DropCount>> {
        let mut drops = Vec::new();
        for entry in self.drops.iter() {
            let (key, counts) = entry.map_err(|e| refused("cannot read the drop counters", &e))?;
            let number = u8::try_from(key.reason).unwrap_or_default();
            drops.push(DropCount {
                reason: number,
                name: DropReason::from_number(key.reason).map_or("unknown", DropReason::word),
                index: key.ifindex,
                packets: counts.iter().sum(),
            });
        }
        drops.sort_by_key(|d| (d.reason, d.index));
        Ok(drops)
    }

    /// Packets by the way that they took, since the maps were made.
    ///
    /// # Errors
    /// A counter that can't be read.
    pub fn paths(&self) -> Result<Vec<PathCount>> {
        let count = |path: Way| {
            let counts = self.paths.get(&(path as u32), 0);
            let counts = counts.map_err(|e| refused("cannot read the packet counters", &e))?;
            Ok(PathCount { name: path.word(), packets: counts.iter().sum() })
        };
        Way::ALL.into_iter().map(count).collect()
    }

    /// The programs that the kernel holds on these maps: this agent's, and those of an older one
    /// that some hook still has. Programs without maps are not among them.
    #[must_use]
    pub fn programs(&self) -> Vec<Loaded> {
        // One that is gone by the time it is asked about is none.
        let all = loaded_programs().filter_map(std::result::Result::ok);
        let own = |program: &ProgramInfo| {
            program
                .map_ids()
                .ok()
                .flatten()
                .is_some_and(|ids| ids.iter().any(|id| self.maps.contains(id)))
        };
        let mut list: Vec<Loaded> = all.filter(own).map(|program| self.loaded(&program)).collect();
        list.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        list
    }

    fn loaded(&self, program: &ProgramInfo) -> Loaded {
        // The kernel tells the times only where it shows the descriptor.
        let text = program.fd().ok().and_then(|fd| {
            fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd())).ok()
        });
        let id = program.id();
        Loaded {
            name: program.name_as_str().unwrap_or_default().to_owned(),
            id,
            runs: text.as_deref().map(runs).unwrap_or_default(),
            // Numbers are given in turn: a newer one was loaded by this agent, later.
            current: self.own.contains(&id) || self.own.last().is_none_or(|newest| id > *newest),
        }
    }
}

/// `run_cnt` and `run_time_ns` of a program's descriptor in /proc.
fn runs(text: &str) -> (u64, u64) {
    let field = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        let value = lines.filter(|(key, _)| *key == name).map(|(_, value)| value.trim()).next();
        value.and_then(|value| value.parse().ok()).unwrap_or_default()
    };
    (field("run_cnt"), field("run_time_ns"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_read_as_the_kernel_writes_them() {
        let text = "pos:\t0\nprog_tag:\t9f2a\nprog_id:\t7\nrun_time_ns:\t8250\nrun_cnt:\t41\n";
        assert_eq!(runs(text), (41, 8_250));
        assert_eq!(runs("pos:\t0\n"), (0, 0));
    }
}

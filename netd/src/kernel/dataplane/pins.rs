//! What keeps the dataplane alive without an agent: pins and links. Others may take them away; the
//! agent has a descriptor of each, and puts them back.

use super::{Dataplane, refused};
use crate::error::{Error, Result};
use crate::kernel::mounts;
use aya::maps::MapData;
use netd_common::abi::{maps, programs};
use std::{collections::BTreeSet, fs, path::Path};

/// How much of what nobody tells of was put back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// Pins of maps, programs and links.
    pub pins: usize,
    /// Programs of the host's own processes.
    pub host_programs: usize,
}

impl Dataplane {
    /// Puts back pins, and the programs for the host's own processes. Cheap where nothing is missing.
    ///
    /// # Errors
    /// What can't be put back.
    pub fn mend(&mut self) -> Result<Mended> {
        let mut mended = Mended::default();
        let missing = |name: &&'static str| !self.links.holds(name, self.programs.number(name));
        if programs::HOST.iter().any(missing) {
            mended.host_programs = self.attach_host_programs()?;
        }
        if self.has_unpinned() {
            mended.pins = self.repin()?;
        }
        Ok(mended)
    }

    /// Every link is on its hook, as far as the kernel tells.
    #[must_use]
    pub fn is_hooked(&self) -> bool {
        self.links.all_hold()
    }

    fn has_unpinned(&self) -> bool {
        let found = listed(&self.directory);
        let mut wanted = maps::ALL.into_iter().chain(self.links.names());
        wanted.any(|name| !found.contains(name))
            || self.programs.pins().any(|name| !found.contains(&name))
    }

    fn repin(&mut self) -> Result<usize> {
        mounts::put_bpffs(&self.directory)?;
        fs::create_dir_all(&self.directory)
            .map_err(|e| Error::kernel(format!("cannot make {}: {e}", self.directory.display())))?;
        let mut pinned = 0;
        for (name, map) in &self.maps {
            let path = self.directory.join(name);
            if !path.exists() {
                map.pin(path).map_err(|e| refused(&format!("cannot pin the map {name}"), &e))?;
                pinned += 1;
            }
        }
        // Links last: one that is refused its pin is lost.
        Ok(pinned + self.programs.repin()? + self.links.repin(&self.directory)?)
    }
}

/// Every map that is pinned.
pub(super) fn open_maps(directory: &Path) -> Result<Vec<(&'static str, MapData)>> {
    let open = |name| {
        let map = MapData::from_pin(directory.join(name));
        Ok((name, map.map_err(|e| refused(&format!("cannot open the pinned map {name}"), &e))?))
    };
    maps::ALL.into_iter().map(open).collect()
}

/// What is pinned, as paths from `directory`.
fn listed(directory: &Path) -> BTreeSet<String> {
    let names = |path: &Path| -> Vec<String> {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    };
    let mut found = BTreeSet::new();
    for name in names(directory) {
        let inner = directory.join(&name);
        if inner.is_dir() {
            found.extend(names(&inner).into_iter().map(|file| format!("{name}/{file}")));
        }
        found.insert(name);
    }
    found
}

//! The programs on the hooks meanwhile, and the switch by which they go on to old or new ones.

use super::super::{
    Capacity, OBJECT,
    directories::Directories,
    programs::{self, PREFIX},
    refused,
};
use crate::error::Result;
use aya::{
    Ebpf,
    maps::{MapData, ProgramArray},
    programs::{ProgramFd, SchedClassifier, Xdp},
};
use netd_common::abi::{maps, programs as names};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Loads the programs that read through and those that go on to them, by the switch that is pinned
/// in `home`, which is made where it is missing; those for XDP where some uplink runs it.
pub(super) fn load(
    directories: &Directories,
    home: &Path,
    former: &Path,
    capacity: &Capacity,
    express: bool,
) -> Result<Ebpf> {
    let mut loader = programs::loader(&directories.own, capacity);
    loader.override_global("READS_THROUGH", &1_u32, true);
    for (name, before) in FORMER {
        loader.map_pin_path(name, former.join(before));
    }
    for name in [maps::CROSSING, maps::CROSSING_XDP, maps::CROSSED] {
        loader.map_pin_path(name, home.join(name));
    }
    let loaded = loader.load(OBJECT);
    let mut ebpf = loaded.map_err(|e| refused("cannot load the eBPF maps", &e))?;
    let mut hooks = Hooks { former, tc: switch(&mut ebpf, maps::CROSSING)? };
    for (number, (name, cross)) in (0..).zip(CROSSED_OVER) {
        hooks.enter(&mut ebpf, number, name, cross)?;
    }
    if express {
        enter_express(&mut ebpf, former)?;
    }
    Ok(ebpf)
}

/// The TC hooks that meet flows.
struct Hooks<'a> {
    former: &'a Path,
    tc: ProgramArray<MapData>,
}

impl Hooks<'_> {
    /// Loads the programs of a hook, and has it go on to the old one or the new one.
    fn enter(&mut self, ebpf: &mut Ebpf, number: u32, name: &str, cross: &str) -> Result<()> {
        programs::load(ebpf, name)?;
        programs::load(ebpf, cross)?;
        let new: &SchedClassifier = classifier(ebpf, name)?;
        // Without the old one, hooks cross one by one.
        let old = former_pin(self.former, name).and_then(|pin| SchedClassifier::from_pin(pin).ok());
        let old = old.as_ref().unwrap_or(new);
        set(&mut self.tc, 2 * number, name, old.fd().ok())?;
        set(&mut self.tc, 2 * number + 1, name, new.fd().ok())
    }
}

fn enter_express(ebpf: &mut Ebpf, former: &Path) -> Result<()> {
    let name = names::UPLINK_XDP;
    let [.., cross] = names::CROSS;
    programs::load(ebpf, name)?;
    programs::load(ebpf, cross)?;
    let mut switch = switch(ebpf, maps::CROSSING_XDP)?;
    let program = ebpf.program(name).ok_or_else(|| programs::missing(name))?;
    let new: &Xdp = program.try_into().map_err(|_| programs::missing(name))?;
    let old = former_pin(former, name).and_then(|pin| programs::open_express(&pin).ok());
    let old = old.as_ref().unwrap_or(new);
    set(&mut switch, 0, name, old.fd().ok())?;
    set(&mut switch, 1, name, new.fd().ok())
}

fn classifier<'a>(ebpf: &'a Ebpf, name: &str) -> Result<&'a SchedClassifier> {
    let program = ebpf.program(name).ok_or_else(|| programs::missing(name))?;
    program.try_into().map_err(|_| programs::missing(name))
}

fn switch(ebpf: &mut Ebpf, name: &str) -> Result<ProgramArray<MapData>> {
    let map = ebpf.take_map(name).ok_or_else(|| programs::missing(name))?;
    ProgramArray::try_from(map).map_err(|e| refused(&format!("cannot open the map {name}"), &e))
}

fn set(
    switch: &mut ProgramArray<MapData>,
    index: u32,
    name: &str,
    program: Option<&ProgramFd>,
) -> Result<()> {
    let program = program.ok_or_else(|| programs::missing(name))?;
    let failed = |e| refused(&format!("cannot switch between the programs {name}"), &e);
    switch.set(index, program, 0).map_err(failed)
}

/// Where the old layout's program of this name is pinned, on that layout's maps.
fn former_pin(former: &Path, name: &str) -> Option<PathBuf> {
    let maps = programs::pinned_maps(former);
    let entries = fs::read_dir(former).ok()?.flatten();
    let builds = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    let mut pins = builds.map(|entry| entry.path().join(name));
    pins.find(|pin| programs::uses(pin, &maps) == Some(true))
}

/// The programs that meet flows, and those that are on their hooks meanwhile: TC's, in the order
/// of the switch.
pub(super) const CROSSED_OVER: [(&str, &str); 3] = [
    (names::CONTAINER_OUT, names::CROSS[0]),
    (names::UPLINK_IN, names::CROSS[1]),
    (names::UPLINK_OUT, names::CROSS[2]),
];
/// The old layout's tables, by the names that the programs which read them through have for them.
const FORMER: [(&str, &str); 3] = [
    (maps::FORMER_FLOWS, maps::FLOWS),
    (maps::FORMER_UNREPLIED, maps::UNREPLIED),
    (maps::FORMER_CROWDED, maps::CROWDED),
];

//! From the object file into the kernel.

use super::{
    super::{Capacity, refused},
    OBJECT,
};
use crate::error::{Error, Result};
use aya::{
    Ebpf, EbpfLoader,
    maps::MapInfo,
    programs::{Program, ProgramError, ProgramInfo, Xdp},
};
use aya_obj::programs::XdpAttachType;
use netd_common::abi::maps;
use std::{collections::BTreeMap, path::Path};

/// Makes the maps that are not pinned yet.
pub(super) fn load_maps(directory: &Path, capacity: &Capacity) -> Result<Ebpf> {
    let loaded = loader(directory, capacity).load(OBJECT);
    loaded.map_err(|e| refused("cannot load the eBPF maps", &e))
}

/// Takes the maps that are pinned in `directory`, and makes and pins those that are not.
pub(in crate::kernel::dataplane) fn loader<'a>(
    directory: &Path,
    capacity: &Capacity,
) -> EbpfLoader<'a> {
    let mut loader = EbpfLoader::new();
    loader.default_map_pin_directory(directory);
    for (name, size) in capacity.sizes() {
        loader.map_max_entries(name, size);
    }
    loader
}

/// The kernel's numbers of the maps that are pinned in `directory`.
pub(in crate::kernel::dataplane) fn pinned_maps(directory: &Path) -> BTreeMap<String, u32> {
    let number = |name: &&str| {
        let info = MapInfo::from_pin(directory.join(name)).ok()?;
        Some(((*name).to_owned(), info.id()))
    };
    maps::ALL.iter().filter_map(number).collect()
}

pub(super) fn load_one(ebpf: &mut Ebpf, name: &str, pin: &Path) -> Result<()> {
    let program = load(ebpf, name)?;
    program.pin(pin).map_err(|e| refused(&format!("cannot pin the program {name}"), &e))
}

/// Has the kernel verify a program.
pub(in crate::kernel::dataplane) fn load<'a>(
    ebpf: &'a mut Ebpf,
    name: &str,
) -> Result<&'a mut Program> {
    let what = || format!("the kernel refuses the eBPF program {name}");
    let program = ebpf
        .program_mut(name)
        .ok_or_else(|| Error::internal(format!("the eBPF object has no program {name}")))?;
    match program {
        Program::SchedClassifier(program) => program.load(),
        Program::CgroupSockAddr(program) => program.load(),
        Program::Xdp(program) => program.load(),
        _ => return Err(Error::internal(format!("{name} is of another kind"))),
    }
    .map_err(|e| refused(&what(), &e))?;
    Ok(program)
}

pub(in crate::kernel::dataplane) fn open_express(pin: &Path) -> Result<Xdp, ProgramError> {
    Xdp::from_pin(pin, XdpAttachType::Interface)
}

/// Whether a pinned program uses those of its maps that are pinned at all; none where there is no
/// such program.
pub(in crate::kernel::dataplane) fn uses(
    pin: &Path,
    pinned: &BTreeMap<String, u32>,
) -> Option<bool> {
    let ids = ProgramInfo::from_pin(pin).ok()?.map_ids().ok()??;
    let agrees = |id: &u32| {
        let info = MapInfo::from_id(*id).ok();
        let name = info.as_ref().and_then(|info| info.name_as_str()).unwrap_or_default();
        pinned.get(name).is_none_or(|known| known == id)
    };
    Some(ids.iter().all(agrees))
}

//! The programs and their maps: loaded, pinned, attached, filled and read. The only user of aya.
//!
//! Everything is pinned in `<bpf-dir>/v<ABI_VERSION>/`: maps under their own names, the uplinks'
//! links as `uplink_in-<index>` and `uplink_out-<index>`, the host programs' as `host_*`. An agent
//! that finds them adopts them, and puts its own programs in their place without a gap.

mod capacity;
mod convert;
mod counters;
mod flows;
mod hooks;
mod observe;
pub(super) mod probe;
mod publications;
mod resolver;
mod slots;
mod sweep;
mod uplinks;
mod write;
mod xdp;

use crate::error::{Error, Result};
use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, HashMap, LpmTrie, MapData},
    programs::{ProgramError, SchedClassifier},
};
use netd_common::{
    abi::{
        ABI_VERSION, Config, Device, Endpoint, EndpointKey, Network, OwnedKey, SourceKey, Timeouts,
        Uplink, maps, programs,
    },
    address::Address,
};
use publications::Publications;
use slots::Slots;
use std::{
    fs,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

pub use capacity::Capacity;
pub use counters::{Counters, DropCount, Loaded, PathCount};
pub use flows::{Fill, FlowTables};
pub use hooks::netns_cookie;
pub use sweep::Swept;

/// The object file, as the build made it.
pub static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("NETD_BPF_OBJECT"));

/// The loaded programs and the open maps.
pub struct Dataplane {
    directory: PathBuf,
    ebpf: Ebpf,
    tables: Tables,
    publications: Publications,
    slots: Slots,
    flows: Arc<Mutex<FlowTables>>,
    counters: Arc<Counters>,
    notes: Vec<String>,
}

/// What the programs are to be told at their start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many flows are to fit.
    pub capacity: Capacity,
    /// How long they live.
    pub timeouts: Timeouts,
}

/// Every map that the agent reads or writes.
struct Tables {
    devices: HashMap<MapData, u32, Device>,
    endpoints: HashMap<MapData, EndpointKey, Endpoint>,
    owned: HashMap<MapData, OwnedKey, u32>,
    networks: HashMap<MapData, u32, Network>,
    subnets: LpmTrie<MapData, Address, u32>,
    locals: HashMap<MapData, Address, u32>,
    uplinks: HashMap<MapData, u32, Uplink>,
    express: HashMap<MapData, u32, [u8; 6]>,
    sources: LpmTrie<MapData, SourceKey, Address>,
    generations: Array<MapData, u32>,
}

impl Dataplane {
    /// Loads the programs, on the maps that are pinned in `bpf_dir` or on new ones, and puts them
    /// in place of older ones on every hook that is pinned. `bpf_dir` must be on a bpffs; `cgroup`
    /// is the root of the cgroup v2 hierarchy.
    ///
    /// # Errors
    /// The kernel refuses a map, a program or a hook; the line names it.
    pub fn open(bpf_dir: &Path, cgroup: &Path, settings: &Settings) -> Result<Self> {
        let directory = bpf_dir.join(format!("v{ABI_VERSION}"));
        fs::create_dir_all(&directory)
            .map_err(|e| Error::kernel(format!("cannot make {}: {e}", directory.display())))?;
        let notes = settings.capacity.make_way(&directory)?.into_iter().collect();
        let mut ebpf = load(&directory, &settings.capacity)?;
        for name in [
            programs::CONTAINER_OUT,
            programs::CONTAINER_IN,
            programs::UPLINK_IN,
            programs::UPLINK_OUT,
            programs::RESOLVER_LO,
        ] {
            classifier(&mut ebpf, name)?
                .load()
                .map_err(|e| refused(&format!("the kernel refuses the eBPF program {name}"), &e))?;
        }
        let tables = Tables::open(&mut ebpf)?;
        write_config(&mut ebpf, &Capacity::pinned(&directory)?, settings.timeouts)?;
        let publications = Publications::open(&mut ebpf)?;
        let slots = Slots::adopt(&tables, publications.slots())?;
        let flows = Arc::new(Mutex::new(FlowTables::open(&directory, settings.timeouts)?));
        let counters = Arc::new(Counters::open(&directory, first_program(&mut ebpf)?)?);
        let mut dataplane =
            Self { directory, ebpf, tables, publications, slots, flows, counters, notes };
        dataplane.adopt_uplinks()?;
        dataplane.adopt_express()?;
        dataplane.attach_host_programs(cgroup)?;
        Ok(dataplane)
    }

    /// What could not be as it was asked for, one sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The flow tables, which can be looked at while everything else goes on.
    #[must_use]
    pub fn flows(&self) -> Arc<Mutex<FlowTables>> {
        self.flows.clone()
    }

    /// The packet counters, which can be read while everything else goes on.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        self.counters.clone()
    }

    /// The program for the shared ingress block: `container_out`.
    ///
    /// # Errors
    /// The program is not loaded.
    pub fn ingress_program(&self) -> Result<BorrowedFd<'_>> {
        self.program(programs::CONTAINER_OUT)
    }

    /// The program for the shared egress block: `container_in`.
    ///
    /// # Errors
    /// The program is not loaded.
    pub fn egress_program(&self) -> Result<BorrowedFd<'_>> {
        self.program(programs::CONTAINER_IN)
    }

    /// Detaches everything and removes every pin; the maps go with the last program that uses
    /// them.
    ///
    /// # Errors
    /// A pin that can't be removed.
    pub fn remove(self) -> Result<()> {
        let Self { directory, .. } = self;
        let failed = |e: std::io::Error| {
            Error::kernel(format!("cannot remove {}: {e}", directory.display()))
        };
        for entry in fs::read_dir(&directory).map_err(failed)? {
            fs::remove_file(entry.map_err(failed)?.path()).map_err(failed)?;
        }
        fs::remove_dir(&directory).map_err(failed)?;
        // The directory above may hold another version's; then it stays.
        if let Some(parent) = directory.parent() {
            let _ = fs::remove_dir(parent);
        }
        Ok(())
    }

    fn program(&self, name: &str) -> Result<BorrowedFd<'_>> {
        let missing = || Error::internal(format!("the eBPF object has no loaded program {name}"));
        let program = self.ebpf.program(name).ok_or_else(missing)?;
        Ok(program.fd().map_err(|_| missing())?.as_fd())
    }
}

impl Tables {
    fn open(ebpf: &mut Ebpf) -> Result<Self> {
        Ok(Self {
            devices: table(ebpf, maps::DEVICES)?,
            endpoints: table(ebpf, maps::ENDPOINTS)?,
            owned: table(ebpf, maps::OWNED)?,
            networks: table(ebpf, maps::NETWORKS)?,
            subnets: table(ebpf, maps::SUBNETS)?,
            locals: table(ebpf, maps::LOCALS)?,
            uplinks: table(ebpf, maps::UPLINKS)?,
            express: table(ebpf, maps::EXPRESS)?,
            sources: table(ebpf, maps::SOURCES)?,
            generations: table(ebpf, maps::GENERATIONS)?,
        })
    }
}

/// Takes a map out of the object, as what the program declares it to be.
fn table<T>(ebpf: &mut Ebpf, name: &str) -> Result<T>
where
    T: TryFrom<aya::maps::Map, Error = aya::maps::MapError>,
{
    let map = ebpf
        .take_map(name)
        .ok_or_else(|| Error::internal(format!("the eBPF object has no map {name}")))?;
    T::try_from(map).map_err(|e| refused(&format!("the pinned map {name} has another form"), &e))
}

/// Makes the maps that are not pinned yet.
fn load(directory: &Path, capacity: &Capacity) -> Result<Ebpf> {
    let mut loader = EbpfLoader::new();
    loader.default_map_pin_directory(directory);
    for (name, size) in capacity.sizes() {
        loader.map_max_entries(name, size);
    }
    loader.load(OBJECT).map_err(|e| refused("cannot load the eBPF maps", &e))
}

/// The map stays in the object: programs that are loaded later refer to it by its descriptor.
fn write_config(ebpf: &mut Ebpf, capacity: &Capacity, timeouts: Timeouts) -> Result<()> {
    let missing = || Error::internal(format!("the eBPF object has no map {}", maps::CONFIG));
    let failed = |e| refused("cannot write the eBPF configuration", &e);
    let map = ebpf.map_mut(maps::CONFIG).ok_or_else(missing)?;
    let mut config: Array<&mut MapData, Config> = map.try_into().map_err(failed)?;
    // Each network may have a quarter of the unreplied and half of the established flows for sure.
    let value = Config {
        host_cookie: netns_cookie()?,
        unreplied_share: capacity.unreplied / 4,
        established_share: capacity.established / 2,
        timeouts,
    };
    config.set(0, value, 0).map_err(failed)
}

fn classifier<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut SchedClassifier> {
    ebpf.program_mut(name)
        .ok_or_else(|| Error::internal(format!("the eBPF object has no program {name}")))?
        .try_into()
        .map_err(|e: ProgramError| refused(&format!("{name} is no classifier"), &e))
}

/// The number of the program that was loaded before all others.
fn first_program(ebpf: &mut Ebpf) -> Result<u32> {
    let program = classifier(ebpf, programs::CONTAINER_OUT)?;
    let info = program.info().map_err(|e| refused("cannot ask for a program's number", &e))?;
    Ok(info.id())
}

/// The kernel's refusal in one line: the cause's chain, and of a verifier log only what it says
/// last before its statistics.
fn refused(what: &str, error: &(dyn std::error::Error + 'static)) -> Error {
    let mut message = what.to_owned();
    let mut cause = Some(error);
    while let Some(e) = cause {
        let text = e.to_string();
        let line = text.lines().rev().map(str::trim).find(|l| !is_statistic(l)).unwrap_or_default();
        if !message.ends_with(line) {
            message.push_str(": ");
            message.push_str(line);
        }
        cause = e.source();
    }
    Error::kernel(message)
}

fn is_statistic(line: &str) -> bool {
    let beginnings = ["verification time", "stack depth", "processed ", "[]"];
    line.is_empty() || beginnings.iter().any(|b| line.starts_with(b))
}

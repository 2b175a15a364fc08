//! The programs and their maps: loaded, pinned, attached, filled and read. The only user of aya.
//!
//! Everything is pinned in `<bpf-dir>/v<ABI_VERSION>/`: maps under their own names, the uplinks'
//! links as `uplink_in-<index>` and `uplink_out-<index>`, the host programs' as `host_*`, programs
//! in a directory per build. An agent that finds them adopts them; one of another build puts its own
//! programs in their place without a gap; one of another map layout goes over to it as `crossing` says.

mod capacity;
mod convert;
mod counters;
mod crossing;
mod directories;
mod flows;
mod hooks;
mod links;
mod observe;
mod pins;
pub(super) mod probe;
mod programs;
mod publications;
mod resolver;
mod slots;
mod strays;
mod sweep;
mod uplinks;
mod write;
mod xdp;

use crate::error::{Error, Result};
use aya::maps::{Array, HashMap, LpmTrie, Map, MapData, MapError};
use crossing::Crossing;
use directories::Directories;
use links::Links;
use netd_common::{
    abi::{
        Config, Device, Endpoint, EndpointKey, Network, OwnedKey, SourceKey, Timeouts, Uplink,
        maps, programs as names,
    },
    address::Address,
};
use programs::Programs;
use publications::Publications;
use slots::Slots;
use std::{
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

pub use capacity::Capacity;
pub use counters::{Counters, DropCount, Loaded, PathCount};
pub use flows::{Fill, FlowTables};
pub use hooks::netns_cookie;
pub use pins::Mended;
pub use programs::OBJECT;
pub use sweep::Swept;

/// The loaded programs and the open maps.
pub struct Dataplane {
    directory: PathBuf,
    directories: Directories,
    /// A change of the map layout under way.
    crossing: Option<Crossing>,
    /// The root of the cgroup v2 hierarchy.
    cgroup: PathBuf,
    programs: Programs,
    links: Links,
    /// Every pinned map once more, to be pinned again.
    maps: Vec<(&'static str, MapData)>,
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
        let directories = Directories::open(bpf_dir)?;
        let directory = directories.own.clone();
        let capacity = crossing::share(&directories, &settings.capacity)?;
        let notes = capacity.make_way(&directory)?.into_iter().collect();
        let programs = Programs::open(&directory, &capacity)?;
        let tables = Tables::open(&directory)?;
        let express = tables.express.keys().next().is_some();
        let crossing = Crossing::open(&directories, &capacity, express)?;
        directories.claim_links()?;
        write_config(&directory, settings.timeouts)?;
        let publications = Publications::open(&directory)?;
        let slots = Slots::adopt(&tables, publications.slots())?;
        let flows = Arc::new(Mutex::new(FlowTables::open(&directory, settings.timeouts)?));
        let counters = Arc::new(Counters::open(&directory, programs.numbers())?);
        let mut dataplane = Self {
            maps: pins::open_maps(&directory)?,
            directory,
            directories,
            crossing,
            cgroup: cgroup.into(),
            programs,
            links: Links::default(),
            tables,
            publications,
            slots,
            flows,
            counters,
            notes,
        };
        if dataplane.crossing.as_ref().is_none_or(|crossing| !crossing.has_crossed()) {
            dataplane.adopt_uplinks()?;
            dataplane.adopt_express()?;
        }
        dataplane.attach_host_programs()?;
        dataplane.programs.remove_others()?;
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
        self.programs.fd(names::CONTAINER_OUT)
    }

    /// The program for the shared egress block: `container_in`.
    ///
    /// # Errors
    /// The program is not loaded.
    pub fn egress_program(&self) -> Result<BorrowedFd<'_>> {
        self.programs.fd(names::CONTAINER_IN)
    }

    /// Detaches everything and removes every pin; the maps go with the last program that uses
    /// them.
    ///
    /// # Errors
    /// A pin that can't be removed.
    pub fn remove(self) -> Result<()> {
        self.directories.remove()
    }
}

impl Tables {
    fn open(directory: &Path) -> Result<Self> {
        Ok(Self {
            devices: table(directory, maps::DEVICES)?,
            endpoints: table(directory, maps::ENDPOINTS)?,
            owned: table(directory, maps::OWNED)?,
            networks: table(directory, maps::NETWORKS)?,
            subnets: table(directory, maps::SUBNETS)?,
            locals: table(directory, maps::LOCALS)?,
            uplinks: table(directory, maps::UPLINKS)?,
            express: table(directory, maps::EXPRESS)?,
            sources: table(directory, maps::SOURCES)?,
            generations: table(directory, maps::GENERATIONS)?,
        })
    }
}

/// Opens a pinned map.
fn table<T: TryFrom<Map, Error = MapError>>(directory: &Path, name: &str) -> Result<T> {
    MapData::from_pin(directory.join(name))
        .and_then(Map::from_map_data)
        .and_then(T::try_from)
        .map_err(|e| refused(&format!("cannot open the pinned map {name}"), &e))
}

fn write_config(directory: &Path, timeouts: Timeouts) -> Result<()> {
    let capacity = Capacity::pinned(directory)?;
    let mut config: Array<MapData, Config> = table(directory, maps::CONFIG)?;
    // Each network may have a quarter of the unreplied and half of the established flows for sure.
    let value = Config {
        host_cookie: netns_cookie()?,
        unreplied_share: capacity.unreplied / 4,
        established_share: capacity.established / 2,
        timeouts,
    };
    config.set(0, value, 0).map_err(|e| refused("cannot write the eBPF configuration", &e))
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

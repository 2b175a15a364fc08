//! What packets left in the maps.

use super::{
    Kernel,
    fill::{COUNTED_NETWORKS, NOTED_CONTAINERS, map},
};
use crate::world::World;
use anyhow::{Context, Result, bail};
use aya::{
    Ebpf, Pod,
    maps::{Array, HashMap, PerCpuArray, PerCpuHashMap},
};
use netd_common::{
    abi::{DropKey, Flow, FlowKey, FragmentEntry, FragmentKey, Usage, maps},
    verdict::{DropReason, Path},
};
use std::collections::{BTreeMap, BTreeSet};

/// What packets write, with every time 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Established flows.
    pub flows: BTreeMap<FlowKey, Flow>,
    /// Flows without a reply.
    pub unreplied: BTreeMap<FlowKey, Flow>,
    /// Flows without, of networks that open too many.
    pub crowded: BTreeMap<FlowKey, Flow>,
    /// What networks have in the flow tables, where that is anything.
    pub usage: BTreeMap<u32, Usage>,
    /// Containers that others came to by a published port.
    pub hairpins: BTreeSet<u32>,
    /// Fragmented datagrams.
    pub fragments: BTreeMap<FragmentKey, FragmentEntry>,
}

impl Written {
    /// What a world in memory has.
    #[must_use]
    pub fn of(world: &World) -> Self {
        let timeless = |flows: &BTreeMap<FlowKey, Flow>| flows.iter().map(no_time).collect();
        Self {
            flows: timeless(&world.flows),
            unreplied: timeless(&world.unreplied),
            crowded: timeless(&world.crowded),
            usage: used(world.usage.iter().map(|(network, usage)| (*network, *usage))),
            hairpins: world.hairpins.clone(),
            fragments: unseen(world.fragments.iter().map(|(key, entry)| (*key, *entry))),
        }
    }

    /// Where two differ, for people: each side's own entries, by table.
    #[must_use]
    pub fn difference(&self, other: &Self) -> String {
        let mut lines = Vec::new();
        differ(&mut lines, "flows", &self.flows, &other.flows);
        differ(&mut lines, "unreplied", &self.unreplied, &other.unreplied);
        differ(&mut lines, "crowded", &self.crowded, &other.crowded);
        differ(&mut lines, "usage", &self.usage, &other.usage);
        differ(&mut lines, "fragments", &self.fragments, &other.fragments);
        if self.hairpins != other.hairpins {
            lines.push(format!("hairpins: {:?}, not {:?}", self.hairpins, other.hairpins));
        }
        lines.join("\n  ")
    }
}

fn differ<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    lines: &mut Vec<String>,
    name: &str,
    own: &BTreeMap<K, V>,
    other: &BTreeMap<K, V>,
) {
    for (key, value) in own.iter().filter(|(key, value)| other.get(key) != Some(value)) {
        lines.push(format!("{name}: {key:?}: {value:?}, not {:?}", other.get(key)));
    }
    for (key, value) in other.iter().filter(|(key, _)| !own.contains_key(key)) {
        lines.push(format!("{name}: {key:?}: missing {value:?}"));
    }
}

fn no_time((key, flow): (&FlowKey, &Flow)) -> (FlowKey, Flow) {
    (*key, Flow { last_seen: 0, ..*flow })
}

fn used(all: impl Iterator<Item = (u32, Usage)>) -> BTreeMap<u32, Usage> {
    all.map(|(network, usage)| (network, Usage { window: 0, ..usage }))
        .filter(|(_, usage)| *usage != Usage::default())
        .collect()
}

fn unseen(
    all: impl Iterator<Item = (FragmentKey, FragmentEntry)>,
) -> BTreeMap<FragmentKey, FragmentEntry> {
    all.map(|(key, entry)| (key, FragmentEntry { seen: 0, ..entry })).collect()
}

impl Kernel {
    /// What packets wrote since the maps were filled, and what they were filled with.
    ///
    /// # Errors
    /// Where the maps can't be read.
    pub fn written(&mut self) -> Result<Written> {
        let ebpf = &mut self.ebpf;
        let fragments: Vec<(FragmentKey, FragmentEntry)> = entries(ebpf, maps::FRAGMENTS)?;
        let counted: Array<_, Usage> = map(ebpf, maps::USAGE)?.try_into()?;
        let usage = (0..COUNTED_NETWORKS)
            .map(|network| Ok((network, counted.get(&network, 0)?)))
            .collect::<Result<Vec<_>>>()?;
        Ok(Written {
            flows: flows(ebpf, maps::FLOWS)?,
            unreplied: flows(ebpf, maps::UNREPLIED)?,
            crowded: flows(ebpf, maps::CROWDED)?,
            usage: used(usage.into_iter()),
            hairpins: hairpins(ebpf)?,
            fragments: unseen(fragments.into_iter()),
        })
    }

    /// Packets dropped since the maps were filled, by reason and interface index.
    ///
    /// # Errors
    /// Where the map can't be read or has a reason that nobody knows.
    pub fn drops(&mut self) -> Result<BTreeMap<(DropReason, u32), u64>> {
        let drops: PerCpuHashMap<_, DropKey, u64> = map(&mut self.ebpf, maps::DROPS)?.try_into()?;
        let mut all = BTreeMap::new();
        for entry in drops.iter() {
            let (key, counts) = entry?;
            let reason = DropReason::from_number(key.reason);
            let reason = reason.context("an unknown drop reason")?;
            all.insert((reason, key.ifindex), counts.iter().sum());
        }
        Ok(all)
    }

    /// Packets by the way that they took, since the programs were loaded.
    ///
    /// # Errors
    /// Where the map can't be read.
    pub fn paths(&mut self) -> Result<BTreeMap<Path, u64>> {
        let paths: PerCpuArray<_, u64> = map(&mut self.ebpf, maps::PATHS)?.try_into()?;
        let count = |path: Path| Ok((path, paths.get(&(path as u32), 0)?.iter().sum()));
        Path::ALL.into_iter().map(count).collect()
    }

    /// Why the one packet since the maps were filled was dropped at `ifindex`, where it was.
    pub(super) fn reason(&mut self, ifindex: u32) -> Result<Option<DropReason>> {
        let drops = self.drops()?;
        match drops.iter().next() {
            None => Ok(None),
            Some(((reason, at), 1)) if drops.len() == 1 && *at == ifindex => Ok(Some(*reason)),
            Some(_) => bail!("drops are counted more than once, or elsewhere: {drops:?}"),
        }
    }
}

fn flows(ebpf: &mut Ebpf, name: &str) -> Result<BTreeMap<FlowKey, Flow>> {
    let all: Vec<(FlowKey, Flow)> = entries(ebpf, name)?;
    Ok(all.iter().map(|(key, flow)| no_time((key, flow))).collect())
}

fn hairpins(ebpf: &mut Ebpf) -> Result<BTreeSet<u32>> {
    let noted: Array<_, u32> = map(ebpf, maps::HAIRPINS)?.try_into()?;
    let mut all = BTreeSet::new();
    for container in 0..NOTED_CONTAINERS {
        if noted.get(&container, 0)? != 0 {
            all.insert(container);
        }
    }
    Ok(all)
}

fn entries<K: Pod, V: Pod>(ebpf: &mut Ebpf, name: &str) -> Result<Vec<(K, V)>> {
    let map: HashMap<_, K, V> = map(ebpf, name)?.try_into()?;
    Ok(map.iter().collect::<Result<_, _>>()?)
}

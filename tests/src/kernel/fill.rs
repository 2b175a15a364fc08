//! The maps, brought from one [`World`] to the next: only what differs is written.

use super::{Kernel, clock, ports};
use crate::world::World;
use anyhow::{Context, Result};
use aya::{
    Ebpf, Pod,
    maps::{Array, HashMap, LpmTrie, Map, MapData, PerCpuHashMap, lpm_trie::Key},
};
use netd_common::abi::{
    ClientKey, Config, DropKey, EndpointKey, Flow, FragmentEntry, MAX_ADDRESSES, MAX_NETWORKS,
    OwnedKey, PortBlock, RangeKey, SourceKey, Usage, maps,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    mem::take,
};

impl Kernel {
    /// Brings every map, and the host's sockets, to what `world` has; its clock becomes the
    /// kernel's.
    ///
    /// # Errors
    /// Where the kernel refuses an entry.
    pub fn fill(&mut self, world: &World) -> Result<()> {
        self.fill_shifted(world, clock()?.wrapping_sub(world.now))
    }

    /// As [`Kernel::fill`], for a world whose clock is the kernel's already.
    ///
    /// # Errors
    /// As [`Kernel::fill`].
    pub fn fill_as_is(&mut self, world: &World) -> Result<()> {
        self.fill_shifted(world, 0)
    }

    fn fill_shifted(&mut self, world: &World, shift: u64) -> Result<()> {
        let before = take(&mut self.filled);
        let ebpf = &mut self.ebpf;
        fill_configured(ebpf, &before, world)?;
        fill_published(ebpf, &before, world)?;
        fill_flows(ebpf, world, shift)?;
        let mut drops: PerCpuHashMap<_, DropKey, u64> = map(ebpf, maps::DROPS)?.try_into()?;
        let keys: Vec<_> = drops.keys().collect::<Result<_, _>>()?;
        keys.iter().try_for_each(|key| drops.remove(key))?;
        self.sockets.keep(&self.ns, &world.sockets)?;
        self.filled = world.clone();
        Ok(())
    }
}

fn fill_configured(ebpf: &mut Ebpf, before: &World, after: &World) -> Result<()> {
    let mut config: Array<_, Config> = map(ebpf, maps::CONFIG)?.try_into()?;
    config.set(0, after.config, 0)?;
    hash(ebpf, maps::DEVICES, &before.devices, &after.devices, |k, v| (*k, *v))?;
    hash(ebpf, maps::ENDPOINTS, &before.endpoints, &after.endpoints, |(network, address), v| {
        (EndpointKey { address: *address, network: *network, pad: 0 }, *v)
    })?;
    hash(
        ebpf,
        maps::OWNED,
        &ones(&before.owned),
        &ones(&after.owned),
        |(container, address), v| {
            (OwnedKey { address: *address, container: *container, pad: 0 }, *v)
        },
    )?;
    hash(ebpf, maps::NETWORKS, &before.networks, &after.networks, |k, v| (*k, *v))?;
    hash(ebpf, maps::LOCALS, &ones(&before.locals), &ones(&after.locals), |k, v| (*k, *v))?;
    hash(ebpf, maps::UPLINKS, &before.uplinks, &after.uplinks, |k, v| (*k, *v))?;
    trie(ebpf, maps::SUBNETS, &before.subnets, &after.subnets, |(length, prefix), v| {
        (Key::new(*length, *prefix), *v)
    })?;
    trie(ebpf, maps::SOURCES, &before.sources, &after.sources, |(uplink, length, prefix), v| {
        let key = SourceKey { uplink: uplink.to_be_bytes(), destination: *prefix };
        (Key::new(SourceKey::BITS + length, key), *v)
    })?;
    array(ebpf, maps::GENERATIONS, &before.generations, &after.generations)
}

fn fill_published(ebpf: &mut Ebpf, before: &World, after: &World) -> Result<()> {
    hash(ebpf, maps::PUBLISHED, &before.published, &after.published, |k, v| (*k, *v))?;
    let (old, new) = (ports::prefixes(before), ports::prefixes(after));
    trie(ebpf, maps::RANGES, &old, &new, |(address, protocol, port, bits), v| {
        let port = port.to_be_bytes();
        let key = RangeKey { address: *address, protocol: *protocol, pad: 0, port };
        (Key::new(RangeKey::BITS + bits, key), *v)
    })?;
    let (old, new) = (ones(&before.clients), ones(&after.clients));
    trie(ebpf, maps::CLIENTS, &old, &new, |(list, length, prefix), v| {
        let key = ClientKey { list: list.to_be_bytes(), address: *prefix };
        (Key::new(ClientKey::BITS + length, key), *v)
    })?;
    if (&before.published, &before.ranges) == (&after.published, &after.ranges) {
        return Ok(());
    }
    array::<PortBlock>(ebpf, maps::PORTS, &ports::blocks(before), &ports::blocks(after))
}

/// What packets write: `shift` is the way from the world's clock to the kernel's.
fn fill_flows(ebpf: &mut Ebpf, world: &World, shift: u64) -> Result<()> {
    let aged = |flow: &Flow| Flow { last_seen: flow.last_seen.wrapping_add(shift), ..*flow };
    replace(ebpf, maps::FLOWS, world.flows.iter().map(|(k, v)| (*k, aged(v))))?;
    replace(ebpf, maps::UNREPLIED, world.unreplied.iter().map(|(k, v)| (*k, aged(v))))?;
    replace(ebpf, maps::CROWDED, world.crowded.iter().map(|(k, v)| (*k, aged(v))))?;
    let fragments = world.fragments.iter().map(|(key, entry)| {
        (*key, FragmentEntry { seen: entry.seen.wrapping_add(shift), ..*entry })
    });
    replace(ebpf, maps::FRAGMENTS, fragments)?;
    let mut usage: Array<_, Usage> = map(ebpf, maps::USAGE)?.try_into()?;
    for place in 0..COUNTED_NETWORKS {
        let wanted = world.usage.get(&place).copied().unwrap_or_default();
        let window = if wanted.window == 0 { 0 } else { wanted.window.wrapping_add(shift) };
        usage.set(place, Usage { window, ..wanted }, 0)?;
    }
    let mut hairpins: Array<_, u32> = map(ebpf, maps::HAIRPINS)?.try_into()?;
    for place in 0..NOTED_CONTAINERS {
        hairpins.set(place, u32::from(world.hairpins.contains(&place)), 0)?;
    }
    Ok(())
}

/// The worlds' networks have numbers below this.
pub(super) const COUNTED_NETWORKS: u32 = 8;
/// The worlds' containers have numbers below this.
pub(super) const NOTED_CONTAINERS: u32 = 16;
const _: () = assert!(COUNTED_NETWORKS < MAX_NETWORKS && NOTED_CONTAINERS < MAX_ADDRESSES);

/// A set as a map's contents.
fn ones<K: Ord + Copy>(set: &BTreeSet<K>) -> BTreeMap<K, u32> {
    set.iter().map(|key| (*key, 1)).collect()
}

fn hash<I: Ord, W: PartialEq, K: Pod, V: Pod>(
    ebpf: &mut Ebpf,
    name: &str,
    before: &BTreeMap<I, W>,
    after: &BTreeMap<I, W>,
    entry: impl Fn(&I, &W) -> (K, V),
) -> Result<()> {
    let mut map: HashMap<&mut MapData, K, V> = map(ebpf, name)?.try_into()?;
    for (key, value) in gone(before, after) {
        map.remove(&entry(key, value).0)?;
    }
    for (key, value) in new(before, after) {
        let (key, value) = entry(key, value);
        map.insert(key, value, 0)?;
    }
    Ok(())
}

fn trie<I: Ord, W: PartialEq, K: Pod, V: Pod>(
    ebpf: &mut Ebpf,
    name: &str,
    before: &BTreeMap<I, W>,
    after: &BTreeMap<I, W>,
    entry: impl Fn(&I, &W) -> (Key<K>, V),
) -> Result<()> {
    let mut map: LpmTrie<&mut MapData, K, V> = map(ebpf, name)?.try_into()?;
    for (key, value) in gone(before, after) {
        map.remove(&entry(key, value).0)?;
    }
    for (key, value) in new(before, after) {
        let (key, value) = entry(key, value);
        map.insert(&key, value, 0)?;
    }
    Ok(())
}

fn array<V: Pod + PartialEq + Default>(
    ebpf: &mut Ebpf,
    name: &str,
    before: &BTreeMap<u32, V>,
    after: &BTreeMap<u32, V>,
) -> Result<()> {
    let mut map: Array<&mut MapData, V> = map(ebpf, name)?.try_into()?;
    for (place, _) in gone(before, after) {
        map.set(*place, V::default(), 0)?;
    }
    for (place, value) in new(before, after) {
        map.set(*place, value, 0)?;
    }
    Ok(())
}

fn gone<'a, I: Ord, W>(
    before: &'a BTreeMap<I, W>,
    after: &BTreeMap<I, W>,
) -> impl Iterator<Item = (&'a I, &'a W)> {
    before.iter().filter(|(key, _)| !after.contains_key(key))
}

fn new<'a, I: Ord, W: PartialEq>(
    before: &BTreeMap<I, W>,
    after: &'a BTreeMap<I, W>,
) -> impl Iterator<Item = (&'a I, &'a W)> {
    after.iter().filter(|(key, value)| before.get(key) != Some(value))
}

/// Empties a map that packets write, and enters what it should hold.
fn replace<K: Pod, V: Pod>(
    ebpf: &mut Ebpf,
    name: &str,
    entries: impl Iterator<Item = (K, V)>,
) -> Result<()> {
    let mut map: HashMap<&mut MapData, K, V> = map(ebpf, name)?.try_into()?;
    let keys: Vec<K> = map.keys().collect::<Result<_, _>>()?;
    keys.iter().try_for_each(|key| map.remove(key))?;
    for (key, value) in entries {
        map.insert(key, value, 0)?;
    }
    Ok(())
}

pub(super) fn map<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Map> {
    ebpf.map_mut(name).with_context(|| format!("the object lacks the map {name}"))
}

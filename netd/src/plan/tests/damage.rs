//! What people, other programs and half-done work do to a kernel's picture.

use super::*;
use crate::state::{PortRange, Protocol};
use proptest::sample::{Index, select};

/// One thing gone wrong. What else the kernel would change with it, [`damage`] changes too.
#[derive(Clone, Copy, Debug)]
pub(super) enum Damage {
    LowerVeth,
    FreeVeth,
    RemoveVeth,
    LoseVethNamespace,
    ReaddressVeth,
    ResizeVeth,
    ForgetDevice,
    StrangeDevice,
    RemoveBridge,
    ReaddressBridge,
    LowerBridge,
    ForgetPort,
    StrangePort,
    ForgetLocal,
    StrangeLocal,
    RemoveUplink,
    LoseExpress,
    LosePolling,
    LoseRoutes,
    StrangeRoute,
    LoseResolver,
    StrangeResolver,
}

impl Arbitrary for Damage {
    type Parameters = ();
    type Strategy = proptest::sample::Select<Damage>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        select(ALL)
    }
}

/// Does `kind` to the object that `index` picks, if there is one.
pub(super) fn damage(state: &mut State, kind: Damage, index: Index) {
    match kind {
        Damage::LowerVeth => pick(&mut state.veths, index, |v| v.up = false),
        Damage::FreeVeth => pick(&mut state.veths, index, |v| v.bridge = interface("#0")),
        Damage::RemoveVeth => remove_veth(state, index),
        Damage::LoseVethNamespace => pick(&mut state.veths, index, |v| v.netns = Netns(0)),
        Damage::ReaddressVeth => pick(&mut state.veths, index, |v| {
            v.addresses.pop_first();
        }),
        Damage::ResizeVeth => pick(&mut state.veths, index, |v| {
            (v.mtu, v.aggregate) = (1280, 32_768);
        }),
        Damage::ForgetDevice => forget(&mut state.devices, index),
        Damage::StrangeDevice => {
            if let Some(device) = state.devices.values().next().cloned() {
                state.devices.insert(interface("#99"), device);
            }
        }
        Damage::RemoveBridge => remove_bridge(state, index),
        Damage::ReaddressBridge => pick(&mut state.bridges, index, |b| b.addresses.clear()),
        Damage::LowerBridge => pick(&mut state.bridges, index, |b| b.up = false),
        Damage::ForgetPort => forget(&mut state.published, index),
        Damage::StrangePort => strange_port(state, index),
        Damage::ForgetLocal => {
            state.locals.pop_last();
        }
        Damage::StrangeLocal => {
            state.locals.insert(ip("198.51.100.1"));
        }
        Damage::RemoveUplink => remove_uplink(state, index),
        Damage::LoseExpress => forget(&mut state.express, index),
        Damage::LosePolling => {
            state.polled.pop_last();
        }
        Damage::LoseRoutes => pick(&mut state.gateways, index, |g| *g = Gateways::default()),
        Damage::StrangeRoute => {
            pick(&mut state.gateways, index, |g| g.ipv4 = "203.0.113.1".parse().ok());
        }
        Damage::LoseResolver => {
            state.resolvers.pop_first();
        }
        Damage::StrangeResolver => {
            state.resolvers.insert(Netns(4000));
        }
    }
}

fn pick<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, index: Index, change: impl FnOnce(&mut V)) {
    let Some(key) = key(map, index) else { return };
    if let Some(value) = map.get_mut(&key) {
        change(value);
    }
}

fn key<K: Ord + Clone, V>(map: &BTreeMap<K, V>, index: Index) -> Option<K> {
    (!map.is_empty()).then(|| map.keys().nth(index.index(map.len())).cloned())?
}

fn forget<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, index: Index) {
    key(map, index).and_then(|key| map.remove(&key));
}

/// Its routes go with it; the programs keep an entry for an index that has no name.
fn remove_veth(state: &mut State, index: Index) {
    let Some(name) = key(&state.veths, index) else { return };
    let Some(veth) = state.veths.remove(&name) else { return };
    state.polled.remove(&name);
    state.gateways.insert(veth.netns, Gateways::default());
    if let Some(device) = state.devices.remove(&name) {
        state.devices.insert(interface("#17"), device);
    }
}

/// Its ports are free; the programs keep an entry for an index that has no name.
fn remove_bridge(state: &mut State, index: Index) {
    let Some(name) = key(&state.bridges, index) else { return };
    state.bridges.remove(&name);
    state.veths.values_mut().filter(|v| v.bridge == name).for_each(|v| v.bridge = interface("#0"));
    let entries = state.networks.values_mut().filter(|n| n.bridge == name);
    entries.for_each(|n| n.bridge = interface("#18"));
}

fn strange_port(state: &mut State, index: Index) {
    let Some(name) = key(&state.devices, index) else { return };
    let device = &state.devices[&name];
    let Some(address) = device.addresses.first().copied() else { return };
    let (network, container) = (device.network, device.container);
    let ports = PortRange::single(9999);
    let key = PublishedKey { address: ip("192.0.2.2"), ports, protocol: Protocol::Udp };
    let entry = PublishedEntry { network, container, address, port: 9, from: None };
    state.published.insert(key, entry);
}

fn remove_uplink(state: &mut State, index: Index) {
    let Some(name) = key(&state.uplinks, index) else { return };
    if let Some(entry) = state.uplinks.remove(&name) {
        state.uplinks.insert(interface("#19"), entry);
    }
    if let Some(mac) = state.express.remove(&name) {
        state.express.insert(interface("#19"), mac);
    }
}

const ALL: &[Damage] = &[
    Damage::LowerVeth,
    Damage::FreeVeth,
    Damage::RemoveVeth,
    Damage::LoseVethNamespace,
    Damage::ReaddressVeth,
    Damage::ResizeVeth,
    Damage::ForgetDevice,
    Damage::StrangeDevice,
    Damage::RemoveBridge,
    Damage::ReaddressBridge,
    Damage::LowerBridge,
    Damage::ForgetPort,
    Damage::StrangePort,
    Damage::ForgetLocal,
    Damage::StrangeLocal,
    Damage::RemoveUplink,
    Damage::LoseExpress,
    Damage::LosePolling,
    Damage::LoseRoutes,
    Damage::StrangeRoute,
    Damage::LoseResolver,
    Damage::StrangeResolver,
];

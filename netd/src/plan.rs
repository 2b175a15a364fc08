//! From what the kernel holds to what it should hold: the steps, in an order in which each one's
//! precondition holds. Pure.

use crate::spec::name::{InterfaceName, Mac};
use crate::state::{
    Bridge, DeviceEntry, Gateways, Netns, NetworkEntry, NetworkNumber, PublishedEntry,
    PublishedKey, State, UplinkEntry, Veth,
};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

mod display;
mod effects;
mod renames;

/// Effects in the order in which to have them; empty where nothing is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan(pub Vec<Step>);

/// One effect on the kernel. `Put` makes a thing exist as described, whether or not it was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Gives a bridge or veth of netd's back its name, which somebody changed.
    Rename(InterfaceName, InterfaceName),
    /// Forget a published port and void its flows.
    DeletePublished(PublishedKey),
    /// Forget what is behind a veth and void its flows; its packets are dropped from then on.
    DeleteDevice(InterfaceName),
    /// Remove a veth pair.
    DeleteVeth(InterfaceName),
    /// Forget a network.
    DeleteNetwork(NetworkNumber),
    /// Remove a bridge device.
    DeleteBridge(InterfaceName),
    /// Take the programs off a device to the outside.
    DetachUplink(InterfaceName),
    /// No longer an address of the host's.
    DeleteLocal(IpAddr),
    /// Make a bridge device, or bring it to this form.
    PutBridge(InterfaceName, Bridge),
    /// Tell the programs of a network.
    PutNetwork(NetworkNumber, NetworkEntry),
    /// Make a veth pair with its host side down, or bring it to this form.
    PutVeth(InterfaceName, Veth),
    /// Tell the programs what is behind a veth.
    PutDevice(InterfaceName, DeviceEntry),
    /// Set a veth's host side up.
    RaiseVeth(InterfaceName),
    /// Set a container's default routes.
    SetGateways(Netns, Gateways),
    /// Lead a container's way to 127.0.0.11 to netd's resolver.
    PutResolver(Netns),
    /// No longer lead it there.
    DeleteResolver(Netns),
    /// An address of the host's.
    PutLocal(IpAddr),
    /// Put the programs on a device to the outside, or change the addresses they use there.
    PutUplink(InterfaceName, UplinkEntry),
    /// Take XDP off an uplink.
    DeleteExpress(InterfaceName),
    /// Let the other side of a veth, in this namespace and of this name, no longer poll.
    StopPolling(InterfaceName, Netns, InterfaceName),
    /// Let the other side of a veth, in this namespace and of this name, poll.
    StartPolling(InterfaceName, Netns, InterfaceName),
    /// Run XDP on an uplink with this Ethernet address.
    PutExpress(InterfaceName, Mac),
    /// Publish a port, or lead it elsewhere in one update.
    PutPublished(PublishedKey, PublishedEntry),
}

/// The steps that make `actual` into `desired`.
///
/// What goes away goes first, from the programs' knowledge before the devices; what hangs on
/// something that goes is made anew. Then come the things that others rest on, and published ports
/// last. A different value is put in one step, with no gap. Namespaces that `desired` doesn't
/// name are left alone.
#[must_use]
pub fn plan(desired: &State, actual: &State) -> Plan {
    let (mut steps, actual) = renames::renamed(desired, actual);
    let kept = kept(desired, &actual);
    steps.extend(deletions(&actual, &kept));
    steps.extend(puts(desired, &kept));
    Plan(steps)
}

/// What is left of `actual` when everything that has to go is gone.
fn kept(desired: &State, actual: &State) -> State {
    let mut kept = actual.clone();
    // Another network's bridge is not this one's, whatever its name.
    kept.bridges.retain(|name, old| {
        desired.bridges.get(name).is_some_and(|new| new.network == old.network)
    });
    kept.uplinks.retain(|name, _| desired.uplinks.contains_key(name));
    kept.locals.retain(|address| desired.locals.contains(address));
    kept.resolvers.retain(|netns| desired.resolvers.contains(netns));
    // Without the other programs of an uplink, nothing judges what this one passes.
    let uplinks = &kept.uplinks;
    kept.express.retain(|name, _| desired.express.contains_key(name) && uplinks.contains_key(name));

    let lost = gone(&actual.bridges, &kept.bridges);
    kept.networks
        .retain(|number, old| desired.networks.contains_key(number) && !lost.contains(&old.bridge));
    kept.veths.retain(|name, old| {
        desired.veths.get(name).is_some_and(|new| same_pair(new, old))
            && !lost.contains(&old.bridge)
    });

    let veths = &kept.veths;
    kept.polled.retain(|name| veths.contains_key(name));
    let lost = gone(&actual.networks, &kept.networks);
    kept.published
        .retain(|key, old| desired.published.contains_key(key) && !lost.contains(&old.network));
    kept.devices.retain(|name, old| {
        desired.devices.contains_key(name)
            && kept.veths.contains_key(name)
            && !lost.contains(&old.network)
    });
    forget_routes(&mut kept, desired, actual);
    kept
}

/// Takes out the default routes that the kernel drops by itself: those through an address that
/// a step takes from its namespace.
fn forget_routes(kept: &mut State, desired: &State, actual: &State) {
    for (name, old) in &actual.veths {
        let stays = |address: &IpNet| {
            kept.veths.contains_key(name)
                && desired.veths.get(name).is_some_and(|new| new.addresses.contains(address))
        };
        let Some(gateways) = kept.gateways.get_mut(&old.netns) else { continue };
        for subnet in old.addresses.iter().filter(|address| !stays(address)) {
            gateways.ipv4 = gateways.ipv4.filter(|hop| !subnet.contains(&IpAddr::V4(*hop)));
            gateways.ipv6 = gateways.ipv6.filter(|hop| !subnet.contains(&IpAddr::V6(*hop)));
        }
    }
}

fn deletions(actual: &State, kept: &State) -> Vec<Step> {
    let published = gone(&actual.published, &kept.published).into_iter().copied();
    let devices = gone(&actual.devices, &kept.devices).into_iter().cloned();
    let veths = gone(&actual.veths, &kept.veths).into_iter().cloned();
    let networks = gone(&actual.networks, &kept.networks).into_iter().copied();
    let bridges = gone(&actual.bridges, &kept.bridges).into_iter().cloned();
    let uplinks = gone(&actual.uplinks, &kept.uplinks).into_iter().cloned();
    let locals = actual.locals.difference(&kept.locals).copied();
    let express = gone(&actual.express, &kept.express).into_iter().cloned();
    let resolvers = actual.resolvers.difference(&kept.resolvers).copied();
    published
        .map(Step::DeletePublished)
        .chain(devices.map(Step::DeleteDevice))
        .chain(veths.map(Step::DeleteVeth))
        .chain(resolvers.map(Step::DeleteResolver))
        .chain(networks.map(Step::DeleteNetwork))
        .chain(bridges.map(Step::DeleteBridge))
        .chain(express.map(Step::DeleteExpress))
        .chain(uplinks.map(Step::DetachUplink))
        .chain(locals.map(Step::DeleteLocal))
        .collect()
}

fn puts(desired: &State, kept: &State) -> Vec<Step> {
    let bridges = changed(&desired.bridges, &kept.bridges);
    let networks = changed(&desired.networks, &kept.networks);
    let locals = desired.locals.difference(&kept.locals).copied();
    let uplinks = changed(&desired.uplinks, &kept.uplinks);
    let devices = changed(&desired.devices, &kept.devices);
    let published = changed(&desired.published, &kept.published);
    let (veths, raises) = veth_puts(desired, kept);
    let express = changed(&desired.express, &kept.express);
    let other_side = |name: &InterfaceName| {
        let veth = desired.veths.get(name)?;
        Some((name.clone(), veth.netns, veth.peer.clone()))
    };
    let polls = desired.polled.difference(&kept.polled).filter_map(other_side);
    let resolvers = desired.resolvers.difference(&kept.resolvers).copied();
    let idle = kept.polled.difference(&desired.polled).filter_map(other_side);
    bridges
        .map(|(name, bridge)| Step::PutBridge(name, bridge))
        .chain(networks.map(|(number, entry)| Step::PutNetwork(number, entry)))
        .chain(locals.map(Step::PutLocal))
        .chain(uplinks.map(|(name, entry)| Step::PutUplink(name, entry)))
        .chain(veths)
        .chain(devices.map(|(name, entry)| Step::PutDevice(name, entry)))
        .chain(raises)
        .chain(gateway_puts(desired, kept))
        .chain(resolvers.map(Step::PutResolver))
        .chain(idle.map(|(name, netns, peer)| Step::StopPolling(name, netns, peer)))
        .chain(polls.map(|(name, netns, peer)| Step::StartPolling(name, netns, peer)))
        .chain(express.map(|(name, mac)| Step::PutExpress(name, mac)))
        .chain(published.map(|(key, entry)| Step::PutPublished(key, entry)))
        .collect()
}

/// The veths to make or change, and those to raise once the programs know them.
fn veth_puts(desired: &State, kept: &State) -> (Vec<Step>, Vec<Step>) {
    let (mut puts, mut raises) = (Vec::new(), Vec::new());
    for (name, new) in &desired.veths {
        let old = kept.veths.get(name);
        if !old.is_some_and(|old| same_form(new, old)) {
            puts.push(Step::PutVeth(name.clone(), new.clone()));
        }
        if new.up && !old.is_some_and(|old| old.up) {
            raises.push(Step::RaiseVeth(name.clone()));
        }
    }
    (puts, raises)
}

/// Routes for every namespace that is wanted; no entry is the same as no routes.
fn gateway_puts(desired: &State, kept: &State) -> impl Iterator<Item = Step> {
    let veths = desired.veths.values().map(|veth| veth.netns);
    let wanted: BTreeSet<Netns> = desired.gateways.keys().copied().chain(veths).collect();
    wanted.into_iter().filter_map(|netns| {
        let of = |state: &State| state.gateways.get(&netns).copied().unwrap_or_default();
        let new = of(desired);
        (new != of(kept)).then_some(Step::SetGateways(netns, new))
    })
}

/// Whether a veth can be brought to the form of another without being made anew.
fn same_pair(a: &Veth, b: &Veth) -> bool {
    a.endpoint == b.endpoint && a.netns == b.netns && a.peer == b.peer && a.mac == b.mac
}

/// Whether two veths of the [`same_pair`] are equal but for being up.
fn same_form(a: &Veth, b: &Veth) -> bool {
    a.bridge == b.bridge
        && a.mtu == b.mtu
        && a.aggregate == b.aggregate
        && a.addresses == b.addresses
}

/// The keys of `before` that `after` lacks.
fn gone<'a, K: Ord, V>(before: &'a BTreeMap<K, V>, after: &BTreeMap<K, V>) -> BTreeSet<&'a K> {
    before.keys().filter(|key| !after.contains_key(key)).collect()
}

/// The entries of `new` that `old` lacks or has otherwise.
fn changed<K: Ord + Clone, V: PartialEq + Clone>(
    new: &BTreeMap<K, V>,
    old: &BTreeMap<K, V>,
) -> impl Iterator<Item = (K, V)> {
    new.iter()
        .filter(|(key, value)| old.get(key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
}

#[cfg(test)]
pub(crate) mod model;
#[cfg(test)]
mod tests;

//! Who sends a packet to whom, and where a program meets it.

use super::{pools, random::Random};
use crate::{
    cases::Hook,
    world::{ALL, Container, ROUTER_MAC, UPLINK, UPLINK_MAC, World, bridge},
};
use netd_common::{
    abi::{Flow, FlowKey},
    address::Address,
    flow::End,
    parse::{ICMP, TCP, UDP},
    resolver::{RESOLVER, RESOLVER_PORT},
};

/// A packet before it has a body.
#[derive(Clone, Debug)]
pub(super) struct Meeting {
    pub(super) hook: Hook,
    /// Source and destination.
    pub(super) macs: ([u8; 6], [u8; 6]),
    pub(super) from: End,
    pub(super) to: End,
    pub(super) protocol: u8,
    /// What the flow's record says, where the packet is a flow's.
    pub(super) flow: Option<Flow>,
}

/// A packet of a known flow.
pub(super) fn of_flow(key: &FlowKey, flow: &Flow, random: &mut Random) -> Meeting {
    let remote = End { address: key.remote, port: key.remote_port };
    let local = End { address: key.local, port: key.local_port };
    let peer = End { address: flow.peer, port: flow.peer_port };
    let (inner, outer) = if matches!(key.kind, 2 | 5) { (peer, local) } else { (local, peer) };
    // A mapping has no remote end of its own.
    let remote = if remote.address.is_unspecified() {
        pools::end(pools::remote(random, inner.address.is_v4()), random)
    } else {
        remote
    };
    let container = ALL.iter().find(|c| c.ifindex() == flow.ifindex).copied();
    let container = container.unwrap_or(ALL[0]);
    let (hook, from, to) = match random.below(20) {
        0..9 => (Hook::UplinkIn, remote, outer),
        9..16 => (Hook::UplinkOut(container.ifindex()), inner, remote),
        16..19 => (Hook::ContainerOut(container), inner, remote),
        // By the host's end, from inside.
        _ => (Hook::ContainerOut(container), inner, outer),
    };
    let mut meeting = plain(hook, from, to, key.protocol);
    meeting.flow = Some(*flow);
    meeting
}

/// A packet between any two.
pub(super) fn of_anybody(world: &World, random: &mut Random) -> Meeting {
    let container = random.pick(&ALL);
    let v4 = pools::family(random, container);
    let protocol = pools::protocol(random, v4);
    let own = pools::end(pools::inside(container, v4), random);
    let (hook, from, to) = match random.below(21) {
        20 => return on_lo(random, own),
        0..8 => (Hook::ContainerOut(container), own, sought(world, random, container, v4)),
        8..13 => {
            let from = pools::end(pools::remote(random, v4), random);
            (Hook::UplinkIn, spoofed(random, from, v4), entered(world, random, container, v4))
        }
        13..18 => {
            let ingress = random.pick(&[container.ifindex(), container.ifindex(), 0, UPLINK, 99]);
            let to = pools::end(pools::remote(random, v4), random);
            (Hook::UplinkOut(ingress), spoofed(random, own, v4), to)
        }
        _ => {
            let sender = random.pick(&ALL);
            let ingress = random.pick(&[sender.ifindex(), 0, UPLINK, bridge(container.network)]);
            let from = pools::end(pools::inside(sender, v4), random);
            (Hook::ContainerIn(container, ingress), from, own)
        }
    };
    plain(hook, from, to, protocol)
}

/// A question to the resolver in a container, an answer of its, or nearly one.
fn on_lo(random: &mut Random, own: End) -> Meeting {
    let address = Address::v4(RESOLVER);
    let ports = [53, RESOLVER_PORT, 54].map(u16::to_be_bytes);
    let resolver = End { address, port: random.pick(&ports) };
    let client = if own.address.is_v4() { own } else { End { address, ..own } };
    let protocol = random.pick(&[TCP, UDP, ICMP]);
    let (from, to) = if random.chance(50) { (client, resolver) } else { (resolver, client) };
    plain(Hook::ResolverLo, from, to, protocol)
}

/// Now and then a source that is somebody else's.
fn spoofed(random: &mut Random, honest: End, v4: bool) -> End {
    match random.below(30) {
        0 => pools::end(pools::inside(random.pick(&ALL), v4), random),
        1 => pools::end(pools::host(random, v4), random),
        2 => pools::end(pools::odd(random, v4), random),
        _ => honest,
    }
}

/// Where a container may want to go.
fn sought(world: &World, random: &mut Random, container: Container, v4: bool) -> End {
    let address = match random.below(20) {
        0..4 => {
            let others: Vec<_> = ALL.iter().filter(|c| c.network == container.network).collect();
            pools::inside(*random.pick(&others), v4)
        }
        4 => pools::inside(random.pick(&ALL), v4),
        5 if v4 => container.gateway4().into(),
        5 => container.gateway6().into(),
        6..10 => return published(world, random, v4),
        10 => pools::odd(random, v4),
        _ => pools::remote(random, v4),
    };
    pools::end(address, random)
}

/// Where somebody outside may want to go.
fn entered(world: &World, random: &mut Random, container: Container, v4: bool) -> End {
    match random.below(12) {
        0..8 => published(world, random, v4),
        8 => pools::end(pools::inside(container, v4), random),
        9 => pools::end(pools::odd(random, v4), random),
        _ => pools::end(pools::host(random, v4), random),
    }
}

/// A host's end at which something may be published.
fn published(world: &World, random: &mut Random, v4: bool) -> End {
    let host = pools::host(random, v4);
    let named = |address: Address| if address.is_unspecified() { host } else { address };
    if random.chance(30)
        && let Some(range) = any(world.ranges.keys().filter(|k| k.0.is_v4() == v4), random)
    {
        let port = range.2 + random.below(usize::from(range.3 - range.2) + 2) as u16;
        return End { address: named(range.0), port: port.to_be_bytes() };
    }
    match any(world.published.keys().filter(|k| k.address.is_v4() == v4), random) {
        Some(key) => End { address: named(key.address), port: key.port },
        None => pools::end(host, random),
    }
}

/// Any one of some.
pub(super) fn any<T>(all: impl Iterator<Item = T> + Clone, random: &mut Random) -> Option<T> {
    match all.clone().count() {
        0 => None,
        count => all.into_iter().nth(random.below(count)),
    }
}

fn plain(hook: Hook, from: End, to: End, protocol: u8) -> Meeting {
    Meeting { hook, macs: macs(hook, &to), from, to, protocol, flow: None }
}

/// The Ethernet addresses that such a frame has.
fn macs(hook: Hook, to: &End) -> ([u8; 6], [u8; 6]) {
    match hook {
        Hook::ContainerOut(container) => {
            let known = ALL.iter().filter(|c| c.network == container.network);
            let neighbour = known
                .filter(|c| to.address == c.v4().into() || to.address == c.v6().into())
                .map(|c| c.mac())
                .next();
            (container.mac(), neighbour.unwrap_or(container.gateway_mac()))
        }
        Hook::ContainerIn(container, _) => (container.gateway_mac(), container.mac()),
        Hook::UplinkIn => (ROUTER_MAC, UPLINK_MAC),
        Hook::UplinkOut(_) => (UPLINK_MAC, ROUTER_MAC),
        Hook::ResolverLo => ([0; 6], [0; 6]),
    }
}

//! Random flows, as packets of any kind could have left them.

use super::{
    pools::{self, SLOTS},
    random::Random,
};
use crate::world::{ALL, Container, World};
use netd_common::abi::{Flow, FlowKey, Window};

/// A flow in any state, of any kind and age.
pub(super) fn flow(world: &mut World, random: &mut Random) {
    let container = random.pick(&ALL);
    let v4 = pools::family(random, container);
    let protocol = pools::protocol(random, v4);
    let remote = pools::end(pools::remote(random, v4), random);
    let inner = pools::end(pools::inside(container, v4), random);
    let host = pools::end(pools::host(random, v4), random);
    let kind = random.pick(&[1, 1, 1, 2, 2, 2, 3, 4, 5]);
    let (local, peer) = if matches!(kind, 2 | 5) { (host, inner) } else { (inner, host) };
    let echo = protocol == pools::icmp(v4);
    let key = FlowKey {
        remote: if matches!(kind, 4 | 5) { remote.address.wildcard() } else { remote.address },
        local: local.address,
        remote_port: if echo || matches!(kind, 4 | 5) { [0; 2] } else { remote.port },
        local_port: local.port,
        protocol,
        kind,
        pad: [0; 2],
    };
    let tables = [&world.flows, &world.unreplied, &world.crowded];
    if tables.iter().any(|table| table.contains_key(&key)) {
        return;
    }
    let mut record = record(world, random, container);
    (record.peer, record.peer_port) = (peer.address, peer.port);
    if random.chance(5) {
        (record.client, record.client_port) = (pools::remote(random, v4), pools::port(random));
    }
    let table = match (record.state, random.below(10)) {
        (2 | 3, 0..9) => &mut world.flows,
        (_, 9) => &mut world.crowded,
        _ => &mut world.unreplied,
    };
    table.insert(key, record);
}

fn record(world: &World, random: &mut Random, container: Container) -> Flow {
    let slot = if random.chance(50) { container.slot() } else { SLOTS.start };
    let generation = world.generations.get(&slot).copied().unwrap_or(0);
    let age = if random.chance(70) { 0 } else { random.pick(&AGES) };
    let mut window = || {
        let next = pools::sequence(random);
        Window { next, end: next.wrapping_add(random.pick(&[0, 1, 1_000, 65_535])) }
    };
    Flow {
        opener: window(),
        answerer: window(),
        last_seen: world.now.saturating_sub(age * SECOND),
        ifindex: container.ifindex(),
        slot,
        generation: generation + u32::from(random.chance(8)),
        network: container.network,
        mac: container.mac(),
        gateway_mac: container.gateway_mac(),
        mtu: random.pick(&[1_500, 1_500, 1_280, 576]),
        state: random.below(7) as u8,
        scales: [random.pick(&[0, 7, 14, 255]), random.pick(&[0, 7, 14, 255])],
        ..Flow::default()
    }
}

/// Seconds: on both sides of every timeout, none near one.
pub(super) const AGES: [u64; 8] = [0, 5, 12, 25, 50, 100, 200, 500];
/// In nanoseconds.
pub(super) const SECOND: u64 = 1_000_000_000;

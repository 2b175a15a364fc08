//! Random tables: what an agent could have told, what packets could have left, and now and then what
//! neither should.

use super::{
    pools::{self, SLOTS},
    random::Random,
    records::{self, AGES, SECOND},
};
use crate::world::{ALL, UPLINK, World, ip};
use netd_common::{
    abi::{
        DEVICE_IPV6, DEVICE_NO_ICC, MSS_OF_ROUTE, NETWORK_ENDPOINT_INDEPENDENT, NETWORK_INTERNAL,
        NETWORK_MASQUERADE, NETWORK_NO_ICC, Published, PublishedKey, Timeouts, UPLINK_SOURCES,
        Usage,
    },
    address::Address,
    parse::{SCTP, TCP, UDP},
};

/// Tables as an agent could have filled them, with flows. In each kind's turn something is missing:
/// by the round and not by chance, so that a short run meets them all too.
pub(super) fn world(random: &mut Random, round: u64) -> World {
    let mut world = World::standard();
    configure(&mut world, random);
    for number in 1..=5 {
        network(&mut world, random, number);
    }
    uplink(&mut world, random);
    (0..random.below(12)).for_each(|_| publish(&mut world, random));
    (0..random.below(4)).for_each(|_| publish_range(&mut world, random));
    (0..random.below(60)).for_each(|_| records::flow(&mut world, random));
    (0..random.below(3)).for_each(|_| socket(&mut world, random));
    for slot in ALL.iter().map(|c| c.slot()).chain(SLOTS) {
        if random.chance(30) {
            world.generations.insert(slot, random.below(3) as u32 + 1);
        }
    }
    for list in 1..3 {
        (0..random.below(4)).for_each(|_| client(&mut world, random, list));
    }
    lose_something(&mut world, random, round % LOSSES_EVERY);
    world
}

/// What changes while packets flow: time, publications, containers, flows.
pub(super) fn disturb(world: &mut World, random: &mut Random) {
    match random.below(8) {
        0 => publish(world, random),
        1 => {
            let slot = if random.chance(50) { random.pick(&ALL).slot() } else { SLOTS.start };
            *world.generations.entry(slot).or_insert(0) += 1;
        }
        2 => world.published.clear(),
        3 => socket(world, random),
        4 => age(world, random),
        5 => (0..random.below(30)).for_each(|_| records::flow(world, random)),
        6 => configure(world, random),
        _ => {}
    }
    // The flow tables stay far from full: an LRU evicts by its own rules.
    for table in [&mut world.flows, &mut world.unreplied, &mut world.crowded] {
        while table.len() > 400 {
            table.pop_first();
        }
    }
    while world.fragments.len() > 200 {
        world.fragments.pop_first();
    }
}

fn age(world: &mut World, random: &mut Random) {
    let earlier = AGES[random.below(AGES.len())] * SECOND;
    for table in [&mut world.flows, &mut world.unreplied, &mut world.crowded] {
        table.values_mut().for_each(|f| f.last_seen = f.last_seen.saturating_sub(earlier));
    }
    let fragments = world.fragments.values_mut();
    fragments.for_each(|f| f.seen = f.seen.saturating_sub(earlier));
    let usage = world.usage.values_mut();
    usage.for_each(|u| u.window = u.window.saturating_sub(earlier));
}

fn configure(world: &mut World, random: &mut Random) {
    let config = &mut world.config;
    config.unreplied_share = random.pick(&[4, 100, 16_384]);
    config.established_share = random.pick(&[4, 100, 65_536]);
    config.timeouts = Timeouts::DEFAULT;
    if random.chance(50) {
        // So short that they end within the time that a machine has been up.
        config.timeouts.tcp_established = 90;
        config.timeouts.tcp_transitory = 40;
        config.timeouts.udp = 35;
        config.timeouts.udp_one_way = 15;
        config.timeouts.sctp = 90;
    }
    for number in 1..=5 {
        let opened = random.below(150) as u32;
        let established = random.below(150) as u32;
        let answered = random.below(opened as usize + 1) as u32;
        let window = world.now.saturating_sub(random.pick(&AGES) * SECOND);
        world.usage.insert(number, Usage { window, opened, answered, established, pad: 0 });
    }
}

fn network(world: &mut World, random: &mut Random, number: u32) {
    let Some(network) = world.networks.get_mut(&number) else { return };
    let mut flag = |bit: u32, percent| if random.chance(percent) { bit } else { 0 };
    let icc_off = flag(NETWORK_NO_ICC, 20);
    network.flags = flag(NETWORK_MASQUERADE, 85)
        | flag(NETWORK_INTERNAL, 8)
        | flag(NETWORK_ENDPOINT_INDEPENDENT, 30)
        | icc_off;
    network.mss = random.pick(&[0, 0, MSS_OF_ROUTE, 536, 1_400]);
    network.mtu = random.pick(&[1_500, 1_500, 1_280, 576]);
    if random.chance(15) {
        network.host4 = ip("198.51.100.3").into();
        network.host6 = ip("2001:db8:1::3").into();
    }
    let own = world.devices.values_mut().filter(|d| d.network == number);
    for device in own {
        device.flags &= !DEVICE_NO_ICC;
        device.flags |= if icc_off == 0 { 0 } else { DEVICE_NO_ICC };
    }
    for container in ALL.iter().filter(|c| c.network == number) {
        if random.chance(15) {
            world.hairpins.insert(container.number);
        }
    }
}

fn uplink(world: &mut World, random: &mut Random) {
    let Some(uplink) = world.uplinks.get_mut(&UPLINK) else { return };
    uplink.mtu = random.pick(&[1_500, 1_500, 1_280, 576, 0]);
    if random.chance(5) {
        uplink.ipv4 = Address::UNSPECIFIED;
    }
    if random.chance(5) {
        uplink.ipv6 = Address::UNSPECIFIED;
    }
    if random.chance(25) {
        uplink.flags = UPLINK_SOURCES;
        let (near, far) = (ip("198.51.100.4").into(), ip("2001:db8:1::4").into());
        world.locals.extend([near, far]);
        world.sources.insert((UPLINK, 120, ip("203.0.113.0").into()), near);
        world.sources.insert((UPLINK, 128, ip("203.0.113.10").into()), ip("198.51.100.3").into());
        world.sources.insert((UPLINK, 48, ip("2001:db8:9::").into()), far);
    }
}

/// Where a publication leads, from a host address of the family.
fn target(random: &mut Random, host_v4: bool) -> Published {
    let container = random.pick(&ALL);
    let v4 = host_v4 || !container.has_v6() || random.chance(10);
    Published {
        address: pools::inside(container, v4),
        network: container.network,
        container: container.number,
        slot: SLOTS.start + random.below(SLOTS.len()) as u32,
        port: pools::port(random),
        first: [0; 2],
        clients: if random.chance(20) { 1 + random.below(3) as u32 } else { 0 },
        pad: 0,
    }
}

fn listening(random: &mut Random, v4: bool) -> Address {
    match (random.chance(50), v4) {
        (true, true) => Address::v4([0; 4]),
        (true, false) => Address::UNSPECIFIED,
        (false, _) => pools::host(random, v4),
    }
}

fn publish(world: &mut World, random: &mut Random) {
    let v4 = random.chance(60);
    let address = listening(random, v4);
    let (port, protocol) = (pools::port(random), random.pick(&[TCP, TCP, UDP, SCTP]));
    let key = PublishedKey { address, port, protocol, pad: 0, rest: 0 };
    let published = Published { first: port, ..target(random, v4) };
    world.published.insert(key, published);
}

/// Ranges of one address and protocol never overlap: each has its own thousand.
fn publish_range(world: &mut World, random: &mut Random) {
    let v4 = random.chance(60);
    let thousand = random.pick(&[0_u16, 1_000, 8_000, 40_000]);
    let first = thousand + random.below(90) as u16;
    let last = first + random.below(60) as u16;
    let (address, protocol) = (listening(random, v4), random.pick(&[TCP, UDP, SCTP]));
    let clash = |key: &&(Address, u8, u16, u16)| {
        key.0 == address && key.1 == protocol && key.2 / 1_000 == thousand / 1_000
    };
    if world.ranges.keys().any(|key| clash(&key)) {
        return;
    }
    let inner = random.pick(&[first, 80, 8_000]).to_be_bytes();
    let published = Published { first: first.to_be_bytes(), port: inner, ..target(random, v4) };
    world.ranges.insert((address, protocol, first, last), published);
}

fn client(world: &mut World, random: &mut Random, list: u32) {
    let v4 = random.chance(50);
    let address = pools::remote(random, v4);
    let length = if v4 { 96 } else { 0 } + random.pick(&[0, 8, 24, 31, 32]);
    let keep = u128::MAX.checked_shl(128 - length).unwrap_or(0);
    let prefix = u128::from_be_bytes(address.v6_bytes()) & keep;
    world.clients.insert((list, length, Address::v6(prefix.to_be_bytes())));
}

fn socket(world: &mut World, random: &mut Random) {
    let address: Address =
        if random.chance(60) { ip(crate::world::HOST4) } else { ip(crate::world::HOST6) }.into();
    let protocol = random.pick(&[TCP, UDP]);
    world.sockets.insert((address, pools::port(random), protocol));
    while world.sockets.len() > 4 {
        world.sockets.pop_first();
    }
}

/// Rounds until the same thing is missing again; nothing is in most of them.
const LOSSES_EVERY: u64 = 25;

/// Something that should be there is not.
fn lose_something(world: &mut World, random: &mut Random, turn: u64) {
    let container = random.pick(&ALL);
    match turn {
        0 => drop(world.devices.remove(&container.ifindex())),
        1 => drop(world.networks.remove(&container.network)),
        2 => world.endpoints.retain(|(network, _), _| *network != container.network),
        3 => drop(world.uplinks.remove(&UPLINK)),
        4 => {
            if let Some(device) = world.devices.get_mut(&container.ifindex()) {
                device.flags ^= DEVICE_IPV6;
            }
        }
        _ => {}
    }
}

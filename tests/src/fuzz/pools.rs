//! The few addresses and ports that random packets and tables share, so that they meet.

use super::random::Random;
use crate::world::{ALL, Container, HOST4, HOST6, ROUTERS, UNREACHABLE, ip};
use netd_common::{
    address::Address,
    flow::End,
    parse::{ICMP, ICMPV6, SCTP, TCP, UDP},
};

/// Slots of publications: those of containers are below.
pub(super) const SLOTS: std::ops::Range<u32> = 50..58;

/// Ports that somebody may have.
const PORTS: [u16; 16] =
    [1, 53, 67, 68, 80, 443, 511, 512, 546, 547, 1023, 1024, 8080, 8081, 40_000, 65_535];

/// An address of its family.
fn address(texts: &[&str], random: &mut Random) -> Address {
    ip(random.pick(texts)).into()
}

/// Somebody outside; now and then somebody on the uplink's link, or out of reach.
pub(super) fn remote(random: &mut Random, v4: bool) -> Address {
    if v4 {
        let all = ["203.0.113.9", "203.0.113.10", "198.51.100.7", ROUTERS.0, UNREACHABLE.0];
        return address(&all[..if random.chance(10) { 5 } else { 2 }], random);
    }
    let all =
        ["2001:db8:9::9", "2001:db8:9::10", "2001:db8:1::7", ROUTERS.1, UNREACHABLE.1, "fe80::9"];
    address(&all[..if random.chance(10) { 6 } else { 2 }], random)
}

/// An address of the host's: mostly the uplink's.
pub(super) fn host(random: &mut Random, v4: bool) -> Address {
    match (random.below(20), v4) {
        (0, true) => address(&["127.0.0.1", "127.0.0.2"], random),
        (0, false) => ip("::1").into(),
        (1, true) => random.pick(&ALL).gateway4().into(),
        (1, false) => random.pick(&ALL).gateway6().into(),
        (_, true) => ip(HOST4).into(),
        (_, false) => ip(HOST6).into(),
    }
}

/// A container's address of a family.
pub(super) fn inside(container: Container, v4: bool) -> Address {
    if v4 { container.v4().into() } else { container.v6().into() }
}

/// An address that means nobody, everybody or somebody at random.
pub(super) fn odd(random: &mut Random, v4: bool) -> Address {
    if v4 {
        let all = [
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.251",
            "172.18.0.255",
            "172.18.0.77",
            "169.254.1.1",
            "127.9.9.9",
            "8.8.8.8",
        ];
        return address(&all, random);
    }
    let all = [
        "::",
        "ff02::1",
        "ff02::fb",
        "ff05::2",
        "fd00:1::77",
        "fe80::1:77",
        "fe80::1:1",
        "::ffff:203.0.113.9",
        "2620:fe::fe",
    ];
    address(&all, random)
}

/// A port, network order: one that others have too, or any.
pub(super) fn port(random: &mut Random) -> [u8; 2] {
    let number = if random.chance(95) { random.pick(&PORTS) } else { random.word() as u16 };
    number.to_be_bytes()
}

/// A protocol with ports.
pub(super) fn protocol(random: &mut Random, v4: bool) -> u8 {
    match random.below(20) {
        0..9 => TCP,
        9..15 => UDP,
        15..18 => icmp(v4),
        _ => SCTP,
    }
}

/// ICMP of a family.
pub(super) fn icmp(v4: bool) -> u8 {
    if v4 { ICMP } else { ICMPV6 }
}

/// An end.
pub(super) fn end(address: Address, random: &mut Random) -> End {
    End { address, port: port(random) }
}

/// A family that the container has.
pub(super) fn family(random: &mut Random, container: Container) -> bool {
    !container.has_v6() || random.chance(55)
}

/// Sequence numbers that wrap, and that do not.
pub(super) fn sequence(random: &mut Random) -> u32 {
    let near = random.pick(&[0_u32, 1_000_000, 0x7fff_ff00, 0x8000_0000, 0xffff_ff00]);
    near.wrapping_add(random.below(4_096) as u32)
}

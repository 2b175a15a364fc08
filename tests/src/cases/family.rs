//! What the rows of translation have in common: both families, the ends that packets get, and the
//! errors that netd sends itself.

use super::{Hook, PUBLISHED_SLOT, World, end, record};
use crate::frame::{Frame, error};
use crate::world::{A, Container, HOST4, HOST6, ip};
use netd_common::abi::{Flow, FlowKey, Window};
use netd_common::conntrack::State;
use netd_common::flow::End;
use netd_common::verdict::{
    Answer, Back, Delivery, DropReason, IcmpError, Routed, Translation, Verdict,
};
use std::net::IpAddr;

/// A family of addresses, and who has one.
#[derive(Clone, Copy)]
pub(super) struct Family {
    /// IPv4 or IPv6.
    pub(super) v4: bool,
    /// Somebody outside.
    pub(super) far: IpAddr,
    /// The host.
    pub(super) host: IpAddr,
    /// A router between the two.
    pub(super) router: IpAddr,
    /// All of the host's addresses.
    pub(super) any: IpAddr,
}

/// Both.
pub(super) fn families() -> [Family; 2] {
    let family = |v4, far, host, router, any| Family {
        v4,
        far: ip(far),
        host: ip(host),
        router: ip(router),
        any: ip(any),
    };
    [
        family(true, "203.0.113.9", HOST4, "192.0.2.200", "0.0.0.0"),
        family(false, "2001:db8:9::9", HOST6, "2001:db8:7::200", "::"),
    ]
}

impl Family {
    /// Its name.
    pub(super) fn word(self) -> &'static str {
        if self.v4 { "IPv4" } else { "IPv6" }
    }

    /// A container's address.
    pub(super) fn of(self, container: Container) -> IpAddr {
        if self.v4 { container.v4() } else { container.v6() }
    }

    /// A container's gateway.
    pub(super) fn gateway(self, container: Container) -> IpAddr {
        if self.v4 { container.gateway4() } else { container.gateway6() }
    }

    /// The protocol of its echoes, and the types of a request and a reply.
    pub(super) fn echo(self) -> (u8, u8, u8) {
        if self.v4 { (1, 8, 0) } else { (58, 128, 129) }
    }

    /// The type and code of its "fragmentation needed", or "packet too big".
    pub(super) fn too_big(self) -> (u8, u8) {
        if self.v4 { (3, 4) } else { (2, 0) }
    }
}

/// What leaves by the uplink comes from container A.
pub(super) const LEAVING: Hook = Hook::UplinkOut(110 + A.number);

/// The verdict that delivers to a container of another segment, from and to these ends where they
/// are not the packet's own.
pub(super) fn led(container: Container, source: Option<End>, destination: Option<End>) -> Verdict {
    let translation = Translation { source, destination, mss: 0 };
    Verdict::Deliver(Delivery {
        ifindex: container.ifindex(),
        mac: container.mac(),
        routed: Some(Routed { mac: container.gateway_mac(), translation }),
    })
}

/// The verdict that replaces both ends.
pub(super) fn both(source: End, destination: End) -> Verdict {
    let (source, destination) = (Some(source), Some(destination));
    Verdict::Translate(Translation { source, destination, mss: 0 })
}

/// The packet as a container gets it from its gateway, one hop further.
pub(super) fn handed(frame: Frame, container: Container) -> Vec<u8> {
    let hops = frame.hops - 1;
    Frame { macs: (container.gateway_mac(), container.mac()), ..frame }.hops(hops).bytes()
}

/// A record of a flow by a published port of container A's.
pub(super) fn called(world: &World, host: End, state: State) -> Flow {
    Flow { slot: PUBLISHED_SLOT, ..record(world, A, host, state, 0) }
}

/// A record whose ends are both ready for bytes from 1000 on, 500 of them.
pub(super) fn ready(flow: Flow) -> Flow {
    let window = Window { next: 1000, end: 1500 };
    Flow { opener: window, answerer: window, scales: [0; 2], ..flow }
}

/// Time goes by.
pub(super) fn wait(world: &mut World, seconds: u64) {
    world.now += seconds * 1_000_000_000;
}

/// The verdict that tells a packet's sender, by the way that it came.
pub(super) fn told(error: IcmpError, source: IpAddr, reason: DropReason) -> Verdict {
    Verdict::Answer(Answer { error, source: source.into(), back: Back::Sender, reason })
}

/// An error of netd's own about `packet`: from whom, type, code and word, between these Ethernet
/// addresses.
pub(super) fn telling(
    packet: &Frame,
    source: IpAddr,
    (kind, code, word): (u8, u8, u32),
    macs: ([u8; 6], [u8; 6]),
) -> Vec<u8> {
    let mut quoted = packet.quoted(20);
    quoted.truncate(quoted.len() & !3);
    let v4 = source.is_ipv4();
    let told = Frame::new(macs, source, packet.addresses.0, error(kind, code, word, &quoted));
    // Internetwork control, never fragmented and so without identification.
    Frame { service: if v4 { 0xc0 } else { 0 }, id: 0, whole: v4, ..told }.bytes()
}

/// The `nth` port that a flow is tried at, by the rule that masquerade.rs documents.
pub(super) fn tried(from: End, to: End, nth: u32) -> u16 {
    let own = u32::from(u16::from_be_bytes(from.port));
    if nth == 0 {
        return own as u16;
    }
    let mix = |end: End| {
        let [a, b, c, d] = end.address.words();
        a ^ b.rotate_left(7) ^ c.rotate_left(13) ^ d
    };
    let (first, count) = match own {
        0..512 => (1, 511),
        512..1024 => (512, 512),
        _ => (1024, 64_512),
    };
    let ends = mix(from) ^ mix(to).rotate_left(16);
    let seed = (ends ^ own).wrapping_mul(0x9e37_79b1) >> 8;
    (first + (seed + nth * 7919) % count) as u16
}

/// The ends of a key, the far one and the near one.
pub(super) fn pair(far: (IpAddr, u16), near: (IpAddr, u16)) -> (End, End) {
    (end(far.0, far.1), end(near.0, near.1))
}

/// A key with another far port.
pub(super) fn by_port(key: FlowKey, port: u16) -> FlowKey {
    FlowKey { remote_port: port.to_be_bytes(), ..key }
}

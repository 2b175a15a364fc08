//! What the agent fills: devices, endpoints, networks, uplinks, published ports.

use crate::address::Address;
use crate::parse::{SCTP, TCP, UDP};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What all programs need to know.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Config {
    /// Cookie of the agent's network namespace: the cgroup programs act in no other.
    pub host_cookie: u64,
    /// Unreplied flows that a network may open in [`Usage::window`](super::Usage) before its new
    /// ones go among [`CROWDED`](super::maps::CROWDED).
    pub unreplied_share: u32,
    /// Established flows that a network may have while others find room.
    pub established_share: u32,
    /// How long flows live.
    pub timeouts: Timeouts,
}

/// Seconds that a flow lives without a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Timeouts {
    /// Established TCP (RFC 5382 REQ-5: at least 7,440).
    pub tcp_established: u32,
    /// TCP that is opening or closing (RFC 5382 REQ-5: at least 240).
    pub tcp_transitory: u32,
    /// TCP after a reset that its receiver must have taken.
    pub tcp_reset: u32,
    /// UDP without an answer (RFC 4787 REQ-5: at least 120).
    pub udp_one_way: u32,
    /// UDP without an answer, to a well-known port whose protocol is done in a moment (DNS).
    pub udp_query: u32,
    /// UDP with an answer (RFC 4787 REQ-5: 300 recommended).
    pub udp: u32,
    /// Echo requests (RFC 5508 REQ-2: at least 60).
    pub icmp: u32,
    /// SCTP that is opening.
    pub sctp_opening: u32,
    /// SCTP with an answer.
    pub sctp: u32,
    /// Fragments of a datagram, from the first one on.
    pub fragment: u32,
    /// The window in which [`Usage`](super::Usage) counts.
    pub window: u32,
    /// Zero.
    pub pad: [u32; 5],
}

impl Timeouts {
    /// What holds where nobody says otherwise.
    pub const DEFAULT: Self = Self {
        tcp_established: 432_000,
        tcp_transitory: 240,
        tcp_reset: 10,
        udp_one_way: 120,
        udp_query: 30,
        udp: 300,
        icmp: 60,
        sctp_opening: 60,
        sctp: 432_000,
        fragment: 30,
        window: 10,
        pad: [0; 5],
    };
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A host-side veth, by interface index.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Device {
    /// Its network.
    pub network: u32,
    /// The container behind it.
    pub container: u32,
    /// Its generation's slot.
    pub slot: u32,
    /// `DEVICE_*` bits.
    pub flags: u32,
    /// The container's IPv4 address here, or [`Address::UNSPECIFIED`].
    pub ipv4: Address,
    /// The container's IPv6 address here, or [`Address::UNSPECIFIED`].
    pub ipv6: Address,
    /// The container side's Ethernet address.
    pub mac: [u8; 6],
    /// Zero.
    pub pad: [u8; 2],
}

/// The network has IPv6.
pub const DEVICE_IPV6: u32 = 1;
/// Containers of the network may not talk to each other.
pub const DEVICE_NO_ICC: u32 = 2;

/// An address on a network.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct EndpointKey {
    /// The address.
    pub address: Address,
    /// The network.
    pub network: u32,
    /// Zero.
    pub pad: u32,
}

/// Who has an address on a network.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Endpoint {
    /// Interface index of the host-side veth.
    pub ifindex: u32,
    /// The container.
    pub container: u32,
    /// The device's generation slot.
    pub slot: u32,
    /// The container side's Ethernet address.
    pub mac: [u8; 6],
    /// Zero.
    pub pad: [u8; 2],
}

/// An address of a container's.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct OwnedKey {
    /// The address.
    pub address: Address,
    /// The container.
    pub container: u32,
    /// Zero.
    pub pad: u32,
}

/// A network.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Network {
    /// Interface index of the bridge.
    pub bridge: u32,
    /// `NETWORK_*` bits.
    pub flags: u32,
    /// The gateway's IPv4 address, or [`Address::UNSPECIFIED`].
    pub gateway4: Address,
    /// The gateway's IPv6 address, or [`Address::UNSPECIFIED`].
    pub gateway6: Address,
    /// The gateway's link-local address, or [`Address::UNSPECIFIED`].
    pub link_local: Address,
    /// The bridge's Ethernet address.
    pub mac: [u8; 6],
    /// Largest packet in bytes.
    pub mtu: u16,
    /// Source of what it masquerades, in place of the uplink's; or [`Address::UNSPECIFIED`].
    pub host4: Address,
    /// The same in IPv6.
    pub host6: Address,
    /// Largest TCP segment that its connections to the outside announce, in bytes; 0 leaves it to
    /// the ends, [`MSS_OF_ROUTE`] fits it to the route's MTU.
    pub mss: u32,
}

/// See [`Network::mss`].
pub const MSS_OF_ROUTE: u32 = 0xffff_ffff;

/// No way in or out but from the host.
pub const NETWORK_INTERNAL: u32 = 1;
/// What leaves by an uplink gets the host's address.
pub const NETWORK_MASQUERADE: u32 = 2;
/// Containers may not talk to each other.
pub const NETWORK_NO_ICC: u32 = 4;
/// A container's UDP port keeps its host port towards every remote end (RFC 4787 REQ-1).
pub const NETWORK_ENDPOINT_INDEPENDENT: u32 = 8;

/// A device to the outside.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Uplink {
    /// Source of masqueraded IPv4 packets, or [`Address::UNSPECIFIED`].
    pub ipv4: Address,
    /// Source of masqueraded IPv6 packets, or [`Address::UNSPECIFIED`].
    pub ipv6: Address,
    /// Bytes before the network header.
    pub header: u32,
    /// `UPLINK_*` bits.
    pub flags: u32,
    /// Its largest packet in bytes.
    pub mtu: u32,
}

/// Some routes by this uplink prefer a source of their own: ask [`maps::SOURCES`](super::maps).
pub const UPLINK_SOURCES: u32 = 1;

/// What a packet to a published port is recognised by.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(C)]
pub struct PublishedKey {
    /// Host address; `0.0.0.0` or `::` for every one of the family.
    pub address: Address,
    /// Host port.
    pub port: [u8; 2],
    /// IP protocol number.
    pub protocol: u8,
    /// Zero.
    pub pad: u8,
    /// Zero.
    pub rest: u32,
}

/// Where a published port leads.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Published {
    /// The endpoint's address.
    pub address: Address,
    /// Its network.
    pub network: u32,
    /// The container.
    pub container: u32,
    /// The publication's generation slot.
    pub slot: u32,
    /// The container's port; of a range, its first.
    pub port: [u8; 2],
    /// The host port that leads to it.
    pub first: [u8; 2],
    /// The list of those who may use it; 0 for everybody.
    pub clients: u32,
    /// Zero.
    pub pad: u32,
}

/// Where a range of published ports leads: the key of a longest-prefix match over all of it, or the
/// first [`RangeKey::BITS`] bits plus those of the port that a part of a range has in common.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct RangeKey {
    /// Host address; `0.0.0.0` or `::` for every one of the family.
    pub address: Address,
    /// IP protocol number.
    pub protocol: u8,
    /// Zero.
    pub pad: u8,
    /// Host port.
    pub port: [u8; 2],
}

impl RangeKey {
    /// Bits before the port's.
    pub const BITS: u32 = 144;
}

/// What is published at 64 successive ports, `PORT_*` bits of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PortBlock {
    /// By the port's lowest six bits.
    pub kinds: [u8; 64],
}

impl Default for PortBlock {
    fn default() -> Self {
        Self { kinds: [0; 64] }
    }
}

/// In [`maps::PUBLISHED`](super::maps) under the wildcard address.
pub const PORT_ANY: u8 = 1;
/// In [`maps::PUBLISHED`](super::maps) under some address.
pub const PORT_ADDRESS: u8 = 2;
/// In [`maps::RANGES`](super::maps) under the wildcard address.
pub const PORT_RANGE_ANY: u8 = 4;
/// In [`maps::RANGES`](super::maps) under some address.
pub const PORT_RANGE_ADDRESS: u8 = 8;
/// A container's port that some publication leads to: what leaves from it may be an answer.
pub const PORT_INNER: u8 = 16;
/// Blocks of all protocols and both families.
pub const PORT_BLOCKS: u32 = 6 * 1_024;

/// The block of a port and the place in it; none for a protocol that is never published.
#[inline(always)]
#[must_use]
pub const fn port_block(v4: bool, protocol: u8, port: [u8; 2]) -> Option<(u32, usize)> {
    let class = match protocol {
        TCP => 0,
        UDP => 1,
        SCTP => 2,
        _ => return None,
    };
    let class = if v4 { class } else { class + 3 };
    let port = u16::from_be_bytes(port) as u32;
    Some((class * 1_024 + (port >> 6), (port & 63) as usize))
}

/// A client of a publication with a list.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct ClientKey {
    /// The list, network order.
    pub list: [u8; 4],
    /// The client's address.
    pub address: Address,
}

impl ClientKey {
    /// Bits before the address's.
    pub const BITS: u32 = 32;
}

/// A destination by an uplink.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct SourceKey {
    /// Interface index of the uplink, network order.
    pub uplink: [u8; 4],
    /// The destination.
    pub destination: Address,
}

impl SourceKey {
    /// Bits before the destination's.
    pub const BITS: u32 = 32;
}

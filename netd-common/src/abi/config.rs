//! What the agent fills: devices, endpoints, networks, uplinks, published ports.

use crate::address::Address;
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
    /// How many ICMP errors netd sends a second, on each processor; 0 is any number.
    pub replies: u32,
    /// Zero.
    pub pad: [u32; 4],
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
        replies: 1_000,
        pad: [0; 4],
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

//! What packets fill: flows, host sockets, drop counters.

use crate::address::Address;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A translated flow, in the form that both directions can compute.
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
pub struct FlowKey {
    /// The far end's address.
    pub remote: Address,
    /// The near end's: the container's ([`FLOW_PUBLISHED`]), the host's ([`FLOW_MASQUERADED`]).
    pub local: Address,
    /// The far end's port; 0 for an echo.
    pub remote_port: [u8; 2],
    /// The near end's port; the identifier of an echo.
    pub local_port: [u8; 2],
    /// IP protocol number.
    pub protocol: u8,
    /// `FLOW_*` kind.
    pub kind: u8,
    /// Zero.
    pub pad: [u8; 2],
}

/// Opened from outside through a published port: `local` is the container's end, `peer` the host's.
pub const FLOW_PUBLISHED: u8 = 1;
/// Opened by a container: `local` is the host's end, `peer` the container's.
pub const FLOW_MASQUERADED: u8 = 2;

/// Says at which host's end a container's flow is, where that is not its own port: `local` is the
/// container's end, `peer` the host's. Losing one costs a search; it is believed only where the
/// flow itself agrees.
pub const FLOW_MOVED: u8 = 3;
/// Endpoint-independent mapping: `local` is the container's end, `peer` the host's, for every
/// remote end.
pub const FLOW_MAPPING: u8 = 4;
/// The other way round: `local` is the host's end, `peer` the container's.
pub const FLOW_MAPPED: u8 = 5;

/// The one record of a flow, for both directions.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Flow {
    /// When a packet last refreshed it: nanoseconds of the coarse monotonic clock.
    #[cfg(not(feature = "next-layout"))]
    pub last_seen: u64,
    /// The end that the key does not have.
    pub peer: Address,
    /// Who called a published port, where the container knows him by another end, which is the
    /// key's; else unspecified.
    pub client: Address,
    /// As above, in a layout that tests upgrade to.
    #[cfg(feature = "next-layout")]
    pub last_seen: u64,
    /// 1 where it was carried over from the layout before.
    #[cfg(feature = "next-layout")]
    pub carried: u64,
    /// What the flow's opener is ready for, in TCP.
    pub opener: Window,
    /// What the other end is ready for, in TCP.
    pub answerer: Window,
    /// Interface index of the container's host-side veth.
    pub ifindex: u32,
    /// Slot of the generation that it lives and dies with.
    pub slot: u32,
    /// That generation, when it was opened.
    pub generation: u32,
    /// The container's network.
    pub network: u32,
    /// Port of `peer`.
    pub peer_port: [u8; 2],
    /// Port of `client`.
    pub client_port: [u8; 2],
    /// The container's Ethernet address.
    pub mac: [u8; 6],
    /// The gateway's Ethernet address.
    pub gateway_mac: [u8; 6],
    /// Largest packet that the container takes, in bytes.
    pub mtu: u16,
    /// A [`State`](crate::conntrack::State).
    pub state: u8,
    /// 1 where a container opened it by a published port.
    pub inside: u8,
    /// Window scale of the opener and of the other end; [`SCALE_UNKNOWN`] until their SYN was seen.
    pub scales: [u8; 2],
    /// Zero.
    pub rest: [u8; 2],
}

/// What one end of a TCP connection is ready for, in the machine's order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Window {
    /// The next byte that it waits for, as far as it has said so.
    pub next: u32,
    /// The first byte beyond what it has offered to take.
    pub end: u32,
}

/// See [`Flow::scales`].
pub const SCALE_UNKNOWN: u8 = 255;

/// What a network has in the flow tables.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Usage {
    /// When the count of opened flows began: nanoseconds of the coarse monotonic clock.
    pub window: u64,
    /// Flows opened since then.
    pub opened: u32,
    /// Of these, those that were established.
    pub answered: u32,
    /// Established flows.
    pub established: u32,
    /// Zero.
    pub pad: u32,
}

/// What the fragments of a datagram have in common (RFC 791 3.2, RFC 8200 4.5).
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
pub struct FragmentKey {
    /// Source address.
    pub source: Address,
    /// Destination address.
    pub destination: Address,
    /// Identification; IPv4's in the first two bytes.
    pub id: [u8; 4],
    /// IP protocol number.
    pub protocol: u8,
    /// Zero.
    pub pad: [u8; 3],
}

/// The flow that a datagram belongs to, as its first fragment told.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct FragmentEntry {
    /// The flow.
    pub flow: FlowKey,
    /// When the first fragment was seen: nanoseconds of the coarse monotonic clock.
    pub seen: u64,
    /// 0 from the flow's opener, 1 back to it.
    pub direction: u32,
    /// Zero.
    pub pad: u32,
}

/// What a host socket was connected to, or sent to, in place of a published port.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct SocketKey {
    /// The socket's cookie.
    pub cookie: u64,
    /// The container's address.
    pub address: Address,
    /// The container's port.
    pub port: [u8; 2],
    /// Zero.
    pub pad: u16,
    /// Zero.
    pub rest: u32,
}

/// What the process believes it talks to.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct SocketPeer {
    /// The address it asked for.
    pub address: Address,
    /// The port it asked for.
    pub port: [u8; 2],
    /// Zero.
    pub pad: [u8; 2],
}

/// What was dropped where.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct DropKey {
    /// A [`DropReason`](crate::verdict::DropReason).
    pub reason: u32,
    /// Interface index that the packet came in by, or was to leave by.
    pub ifindex: u32,
}

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

/// The one record of a flow, for both directions.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Flow {
    /// When a packet last refreshed it: nanoseconds of the coarse monotonic clock.
    pub last_seen: u64,
    /// The end that the key does not have.
    pub peer: Address,
    /// Interface index of the container's host-side veth.
    pub ifindex: u32,
    /// Slot of the generation that it lives and dies with.
    pub slot: u32,
    /// That generation, when it was opened.
    pub generation: u32,
    /// Port of `peer`.
    pub peer_port: [u8; 2],
    /// The container's Ethernet address.
    pub mac: [u8; 6],
    /// The gateway's Ethernet address.
    pub gateway_mac: [u8; 6],
    /// A [`State`](crate::conntrack::State).
    pub state: u8,
    /// Zero.
    pub pad: u8,
    /// Zero.
    pub rest: u32,
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

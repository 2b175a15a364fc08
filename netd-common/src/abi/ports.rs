//! What the agent fills of published ports and of the sources of masquerade.

use crate::address::Address;
use crate::parse::{SCTP, TCP, UDP};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

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

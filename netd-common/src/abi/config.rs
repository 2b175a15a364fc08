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
}

/// No way in or out but from the host.
pub const NETWORK_INTERNAL: u32 = 1;
/// What leaves by an uplink gets the host's address.
pub const NETWORK_MASQUERADE: u32 = 2;
/// Containers may not talk to each other.
pub const NETWORK_NO_ICC: u32 = 4;

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
}

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
    /// The container's port.
    pub port: [u8; 2],
    /// Zero.
    pub pad: [u8; 2],
}

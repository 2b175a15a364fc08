//! Every map: its name, key, value and size. Programs and agent share these types byte by byte;
//! [`ABI_VERSION`] is part of the pin path, and a changed layout is a new version.
//!
//! Ports and addresses are in network order, indexes and numbers in the machine's. No padding is
//! implicit: zerocopy's `IntoBytes` refuses it at compile time. Explicit padding comes in fields of
//! aligned words, because the BPF compiler clears odd byte arrays by a call.
#![allow(unsafe_code, reason = "the proofs that map types are plain bytes, for aya")]

use crate::address::Address;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Version of everything in this file: `/sys/fs/bpf/netd/v<ABI_VERSION>/`.
pub const ABI_VERSION: u32 = 1;

/// Names of the maps, as the object file and the pins have them.
pub mod maps {
    /// One [`Config`](super::Config).
    pub const CONFIG: &str = "CONFIG";
    /// Interface index of a host-side veth to [`Device`](super::Device).
    pub const DEVICES: &str = "DEVICES";
    /// [`EndpointKey`](super::EndpointKey) to [`Endpoint`](super::Endpoint).
    pub const ENDPOINTS: &str = "ENDPOINTS";
    /// [`OwnedKey`](super::OwnedKey): the addresses a container may send from.
    pub const OWNED: &str = "OWNED";
    /// Network number to [`Network`](super::Network).
    pub const NETWORKS: &str = "NETWORKS";
    /// Longest-prefix match from an address to a network number.
    pub const SUBNETS: &str = "SUBNETS";
    /// Addresses of the host itself.
    pub const LOCALS: &str = "LOCALS";
    /// Interface index of an uplink to [`Uplink`](super::Uplink).
    pub const UPLINKS: &str = "UPLINKS";
    /// [`PublishedKey`](super::PublishedKey) to [`Published`](super::Published).
    pub const PUBLISHED: &str = "PUBLISHED";
    /// Slot to generation.
    pub const GENERATIONS: &str = "GENERATIONS";
    /// [`FlowKey`](super::FlowKey) to [`Flow`](super::Flow): a reply was seen.
    pub const FLOWS: &str = "FLOWS";
    /// [`FlowKey`](super::FlowKey) to [`Flow`](super::Flow): no reply yet (LRU).
    pub const UNREPLIED: &str = "UNREPLIED";
    /// [`SocketKey`](super::SocketKey) to [`SocketPeer`](super::SocketPeer) (LRU).
    pub const SOCKETS: &str = "SOCKETS";
    /// [`DropKey`](super::DropKey) to a number of packets, per CPU.
    pub const DROPS: &str = "DROPS";
    /// All of them.
    pub const ALL: [&str; 14] = [
        CONFIG,
        DEVICES,
        ENDPOINTS,
        OWNED,
        NETWORKS,
        SUBNETS,
        LOCALS,
        UPLINKS,
        PUBLISHED,
        GENERATIONS,
        FLOWS,
        UNREPLIED,
        SOCKETS,
        DROPS,
    ];
}

/// Names of the programs, as the object file has them.
pub mod programs {
    /// TC ingress of host-side veths.
    pub const CONTAINER_OUT: &str = "container_out";
    /// TC egress of host-side veths.
    pub const CONTAINER_IN: &str = "container_in";
    /// TCX ingress of uplinks.
    pub const UPLINK_IN: &str = "uplink_in";
    /// TCX egress of uplinks.
    pub const UPLINK_OUT: &str = "uplink_out";
    /// cgroup sock_addr programs of the host's own processes.
    pub const HOST: [&str; 10] = [
        "host_connect4",
        "host_connect6",
        "host_sendmsg4",
        "host_sendmsg6",
        "host_recvmsg4",
        "host_recvmsg6",
        "host_getpeername4",
        "host_getpeername6",
        "host_bind4",
        "host_bind6",
    ];
}

/// Endpoints, devices and owned addresses that fit: 16,384 containers with four addresses.
pub const MAX_ADDRESSES: u32 = 65_536;
/// Networks that fit.
pub const MAX_NETWORKS: u32 = 4_096;
/// Published ports that fit.
pub const MAX_PUBLISHED: u32 = 131_072;
/// Generations: one slot per device and published port.
pub const MAX_SLOTS: u32 = 262_144;
/// Flows with a reply that fit, where the agent sets no other number.
pub const MAX_FLOWS: u32 = 131_072;
/// Flows without a reply that fit.
pub const MAX_UNREPLIED: u32 = 65_536;
/// Host sockets that were led to a container and are remembered.
pub const MAX_SOCKETS: u32 = 32_768;

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

const _: () = {
    assert!(size_of::<Device>() == 56 && size_of::<Endpoint>() == 20);
    assert!(size_of::<EndpointKey>() == 24 && size_of::<OwnedKey>() == 24);
    assert!(size_of::<Network>() == 64 && size_of::<Uplink>() == 36);
    assert!(size_of::<PublishedKey>() == 24 && size_of::<Published>() == 32);
    assert!(size_of::<FlowKey>() == 40 && size_of::<Flow>() == 56);
    assert!(size_of::<SocketKey>() == 32 && size_of::<SocketPeer>() == 20);
};

#[cfg(feature = "user")]
mod pod {
    use super::*;

    /// Compiles only for types without padding that any bytes may be.
    const fn plain_bytes<T: FromBytes + IntoBytes + Immutable>() {}

    macro_rules! pods {
        ($($t:ty),* $(,)?) => {$(
            const _: () = plain_bytes::<$t>();
            // SAFETY: `plain_bytes` proves it: no padding, every bit pattern valid.
            unsafe impl aya::Pod for $t {}
        )*};
    }
    pods!(
        Address,
        Config,
        Device,
        DropKey,
        Endpoint,
        EndpointKey,
        Flow,
        FlowKey,
        Network,
        OwnedKey,
        Published,
        PublishedKey,
        SocketKey,
        SocketPeer,
        Uplink,
    );
}

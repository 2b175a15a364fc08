//! Every map: its name, key, value and size. Programs and agent share these types byte by byte;
//! [`ABI_VERSION`] is part of the pin path, and a changed layout is a new version: [`previous`] says
//! what is to be written for one.
//!
//! Ports and addresses are in network order, indexes and numbers in the machine's. No padding is
//! implicit: zerocopy's `IntoBytes` refuses it at compile time. Explicit padding comes in fields of
//! aligned words, because the BPF compiler clears odd byte arrays by a call.
#![allow(unsafe_code, reason = "the proofs that map types are plain bytes, for aya")]

mod config;
mod flows;
mod ports;
pub mod previous;

pub use config::*;
pub use flows::*;
pub use ports::*;

/// Version of everything in this file: `/sys/fs/bpf/netd/v<ABI_VERSION>/`.
pub const ABI_VERSION: u32 = if cfg!(feature = "next-layout") { 3 } else { 2 };

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
    /// Interface index of an uplink that runs [`UPLINK_XDP`](super::programs::UPLINK_XDP) to its own
    /// Ethernet address.
    pub const EXPRESS: &str = "EXPRESS";
    /// [`PublishedKey`](super::PublishedKey) to [`Published`](super::Published).
    pub const PUBLISHED: &str = "PUBLISHED";
    /// [`RangeKey`](super::RangeKey) (longest prefix) to [`Published`](super::Published).
    pub const RANGES: &str = "RANGES";
    /// [`PortBlock`](super::PortBlock)s: what is published at a port, by [`port_block`](super::port_block).
    pub const PORTS: &str = "PORTS";
    /// [`ClientKey`](super::ClientKey) (longest prefix): who may use a publication with a list.
    pub const CLIENTS: &str = "CLIENTS";
    /// [`SourceKey`](super::SourceKey) (longest prefix) to the address that masqueraded packets get
    /// where a route prefers another than the uplink's.
    pub const SOURCES: &str = "SOURCES";
    /// Slot to generation.
    pub const GENERATIONS: &str = "GENERATIONS";
    /// [`FlowKey`](super::FlowKey) to [`Flow`](super::Flow): established.
    pub const FLOWS: &str = "FLOWS";
    /// [`FlowKey`](super::FlowKey) to [`Flow`](super::Flow): no reply yet, or half open (LRU).
    pub const UNREPLIED: &str = "UNREPLIED";
    /// As [`UNREPLIED`], for networks that open more than their share (LRU).
    pub const CROWDED: &str = "CROWDED";
    /// Network number, modulo [`MAX_NETWORKS`](super::MAX_NETWORKS), to [`Usage`](super::Usage).
    pub const USAGE: &str = "USAGE";
    /// Container number, modulo [`MAX_ADDRESSES`](super::MAX_ADDRESSES), to 1 where containers came
    /// by its published ports: its answers to them are to be looked for.
    pub const HAIRPINS: &str = "HAIRPINS";
    /// [`FragmentKey`](super::FragmentKey) to [`FragmentEntry`](super::FragmentEntry) (LRU).
    pub const FRAGMENTS: &str = "FRAGMENTS";
    /// Packets by [`Path`](crate::verdict::Path), per CPU.
    pub const PATHS: &str = "PATHS";
    /// [`SocketKey`](super::SocketKey) to [`SocketPeer`](super::SocketPeer) (LRU).
    pub const SOCKETS: &str = "SOCKETS";
    /// [`DropKey`](super::DropKey) to a number of packets, per CPU.
    pub const DROPS: &str = "DROPS";
    /// While flows are carried over: the [`previous`](super::previous) layout's [`FLOWS`].
    pub const FORMER_FLOWS: &str = "FORMER_FLOWS";
    /// Its [`UNREPLIED`].
    pub const FORMER_UNREPLIED: &str = "FORMER_UNREPLIED";
    /// Its [`CROWDED`].
    pub const FORMER_CROWDED: &str = "FORMER_CROWDED";
    /// The TC programs that [`CROSS`](super::programs::CROSS) go on to: the old and the new one of
    /// each, in its order.
    pub const CROSSING: &str = "CROSSING";
    /// The old and the new program for XDP.
    pub const CROSSING_XDP: &str = "CROSSING_XDP";
    /// 0 while [`CROSS`](super::programs::CROSS) go on to the old programs, 1 from when on they go
    /// to the new ones.
    pub const CROSSED: &str = "CROSSED";
    /// All that are there for good, and pinned.
    pub const ALL: [&str; 24] = [
        CONFIG,
        DEVICES,
        ENDPOINTS,
        OWNED,
        NETWORKS,
        SUBNETS,
        LOCALS,
        UPLINKS,
        EXPRESS,
        PUBLISHED,
        RANGES,
        PORTS,
        CLIENTS,
        SOURCES,
        GENERATIONS,
        FLOWS,
        UNREPLIED,
        CROWDED,
        USAGE,
        HAIRPINS,
        FRAGMENTS,
        PATHS,
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
    /// XDP on uplinks whose driver has it.
    pub const UPLINK_XDP: &str = "uplink_xdp";
    /// Those through which the hooks of [`CONTAINER_OUT`], [`UPLINK_IN`], [`UPLINK_OUT`] and
    /// [`UPLINK_XDP`] go from one map layout to the next, in this order.
    pub const CROSS: [&str; 4] =
        ["cross_container_out", "cross_uplink_in", "cross_uplink_out", "cross_uplink_xdp"];
    /// TC egress of lo in containers that have names.
    pub const RESOLVER_LO: &str = "resolver_lo";
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
/// Paths that are counted.
pub const MAX_PATHS: u32 = 16;
/// Published ports that fit.
pub const MAX_PUBLISHED: u32 = 131_072;
/// Generations: one slot per device and published port.
pub const MAX_SLOTS: u32 = 262_144;
/// Prefixes of published ranges that fit.
pub const MAX_RANGES: u32 = 65_536;
/// Entries of client lists and of route sources that fit, each.
pub const MAX_PREFIXES: u32 = 16_384;
/// Established flows that fit, unless the agent asks for another number.
pub const MAX_FLOWS: u32 = 131_072;
/// New and half-open flows that fit, unless the agent asks for another number.
pub const MAX_UNREPLIED: u32 = 65_536;
/// Of these, flows of networks that open more than their share.
pub const MAX_CROWDED: u32 = 16_384;
/// Fragmented datagrams that fit.
pub const MAX_FRAGMENTS: u32 = 8_192;
/// Host sockets that were led to a container and are remembered.
pub const MAX_SOCKETS: u32 = 32_768;

const _: () = {
    assert!(size_of::<Device>() == 56 && size_of::<Endpoint>() == 20);
    assert!(size_of::<EndpointKey>() == 24 && size_of::<OwnedKey>() == 24);
    assert!(size_of::<Network>() == 100 && size_of::<Uplink>() == 44);
    assert!(size_of::<PublishedKey>() == 24 && size_of::<Published>() == 40);
    assert!(size_of::<RangeKey>() == 20 && size_of::<PortBlock>() == 64);
    assert!(size_of::<ClientKey>() == 20 && size_of::<SourceKey>() == 20);
    assert!(size_of::<FlowKey>() == 40 && size_of::<Usage>() == 24);
    assert!(size_of::<Flow>() == if cfg!(feature = "next-layout") { 104 } else { 96 });
    assert!(size_of::<FragmentKey>() == 40 && size_of::<FragmentEntry>() == 56);
    assert!(size_of::<SocketKey>() == 32 && size_of::<SocketPeer>() == 20);
    assert!(size_of::<Config>() == 80);
};

#[cfg(feature = "user")]
mod pod {
    use super::*;
    use crate::address::Address;
    use zerocopy::{FromBytes, Immutable, IntoBytes};

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
        ClientKey,
        Config,
        Device,
        DropKey,
        Endpoint,
        EndpointKey,
        Flow,
        FlowKey,
        FragmentEntry,
        FragmentKey,
        Network,
        OwnedKey,
        PortBlock,
        Published,
        PublishedKey,
        RangeKey,
        SocketKey,
        SocketPeer,
        SourceKey,
        Uplink,
        Usage,
    );
    #[cfg(feature = "next-layout")]
    pods!(previous::Flow);
}

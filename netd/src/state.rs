//! The comparable picture of what the kernel holds, or should hold, of netd's: bridges, veths,
//! container routes and the contents of the configuration maps. Flows are not part of it.
//!
//! Names stand where the kernel has interface indexes, so that a picture that is wanted can be
//! compared with one that was observed. What netd does not own never enters a `State`.

mod published;

pub use published::{PortRange, Protocol, PublishedEntry, PublishedKey};

use crate::spec::name::{Id, InterfaceName, Mac};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The number of a network in the dataplane; never 0.
pub type NetworkNumber = u32;
/// The number of a container in the dataplane; never 0.
pub type ContainerNumber = u32;

/// A network namespace, by the inode number of its nsfs file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Netns(pub u64);

/// Everything that netd owns in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Bridges by device name.
    pub bridges: BTreeMap<InterfaceName, Bridge>,
    /// Veth pairs by the name of their host side.
    pub veths: BTreeMap<InterfaceName, Veth>,
    /// Default routes inside the containers' namespaces.
    pub gateways: BTreeMap<Netns, Gateways>,
    /// Namespaces of containers whose way to 127.0.0.11 leads to netd's resolver.
    pub resolvers: BTreeSet<Netns>,
    /// What the programs know of each network.
    pub networks: BTreeMap<NetworkNumber, NetworkEntry>,
    /// What the programs know of each veth, by the name of its host side.
    pub devices: BTreeMap<InterfaceName, DeviceEntry>,
    /// What the programs know of each publication.
    pub published: BTreeMap<PublishedKey, PublishedEntry>,
    /// Addresses that are the host's own, netd's gateways among them.
    pub locals: BTreeSet<IpAddr>,
    /// Devices to the outside, by name.
    pub uplinks: BTreeMap<InterfaceName, UplinkEntry>,
    /// Uplinks that run XDP, with their own Ethernet addresses.
    pub express: BTreeMap<InterfaceName, Mac>,
    /// Veths whose other side polls: frames from XDP reach no other.
    pub polled: BTreeSet<InterfaceName>,
}

/// A network's bridge device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// The network it belongs to; kept in the device's alias.
    pub network: Id,
    /// Its own address, which containers know as their gateway's.
    pub mac: Mac,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Gateway addresses with their prefix lengths.
    pub addresses: BTreeSet<IpNet>,
    /// Administratively up, with forwarding on and router advertisements ignored.
    pub up: bool,
}

/// A veth pair: host side in a bridge, other side in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Veth {
    /// The endpoint it belongs to; kept in the host side's alias.
    pub endpoint: Id,
    /// The bridge that the host side is a port of.
    pub bridge: InterfaceName,
    /// Largest packet in bytes, both sides.
    pub mtu: u32,
    /// Bytes of TCP over IPv4 that the container hands over at a time, headers included.
    pub aggregate: u32,
    /// The container's namespace.
    pub netns: Netns,
    /// The device's name in the container.
    pub peer: InterfaceName,
    /// The container side's Ethernet address.
    pub mac: Mac,
    /// The container's addresses with their prefix lengths, without the link-local one.
    pub addresses: BTreeSet<IpNet>,
    /// Host side administratively up; raised only when the programs know the device.
    pub up: bool,
}

/// The default routes of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gateways {
    /// Next hop of 0.0.0.0/0.
    pub ipv4: Option<Ipv4Addr>,
    /// Next hop of ::/0.
    pub ipv6: Option<Ipv6Addr>,
}

/// A network as the programs see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkEntry {
    /// The bridge device.
    pub bridge: InterfaceName,
    /// The bridge's Ethernet address.
    pub mac: Mac,
    /// The gateway's addresses.
    pub gateways: BTreeSet<IpAddr>,
    /// The network's subnets.
    pub subnets: BTreeSet<IpNet>,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// No way in or out but from the host.
    pub internal: bool,
    /// Containers may talk to each other.
    pub icc: bool,
    /// What leaves by an uplink gets the host's address.
    pub masquerade: bool,
    /// That address in IPv4, where it is not the one that the uplink's route prefers.
    pub host_ipv4: Option<Ipv4Addr>,
    /// The same in IPv6.
    pub host_ipv6: Option<Ipv6Addr>,
    /// A UDP port of a container's keeps its host port towards every remote end.
    pub endpoint_independent: bool,
    /// What becomes of the segment size that its TCP connections to the outside announce.
    pub mss: Mss,
}

/// The largest TCP segment that connections to the outside announce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mss {
    /// The ends' own.
    #[default]
    Unchanged,
    /// What fits the MTU of the route that they take.
    Clamp,
    /// This many bytes at most.
    AtMost(u16),
}

/// A veth as the programs see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEntry {
    /// The network it is in.
    pub network: NetworkNumber,
    /// The container behind it.
    pub container: ContainerNumber,
    /// The container side's Ethernet address.
    pub mac: Mac,
    /// Every address that the container has on it, the link-local one included.
    pub addresses: BTreeSet<IpAddr>,
}

/// A device to the outside, as the programs see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UplinkEntry {
    /// The source that masqueraded IPv4 packets get; none refuses them.
    pub ipv4: Option<Ipv4Addr>,
    /// The source that masqueraded IPv6 packets get; none refuses them.
    pub ipv6: Option<Ipv6Addr>,
    /// Bytes before the network header: 14 with Ethernet, 0 on layer-3 devices.
    pub header: u8,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Destinations that masqueraded packets reach with another source than these; the most
    /// specific one counts.
    pub sources: BTreeMap<IpNet, IpAddr>,
}

/// What the host has that is not netd's: read, never written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Devices that netd did not make, without lo.
    pub links: BTreeMap<InterfaceName, HostLink>,
    /// Every address in the host's namespace, lo's and netd's gateways included.
    pub addresses: BTreeSet<IpAddr>,
    /// Unicast routes of the main table that do not lead to a device of netd's.
    pub routes: Vec<HostRoute>,
    /// Devices that are to run XDP where they are uplinks, with their Ethernet addresses.
    pub express: BTreeMap<InterfaceName, Mac>,
    /// Resolvers of /etc/resolv.conf, which no pool may cover.
    pub resolvers: Vec<IpAddr>,
}

/// A device of the host's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLink {
    /// Administratively up.
    pub up: bool,
    /// Bytes before the network header: 14 with Ethernet, 0 on layer-3 devices; none where netd
    /// can't tell.
    pub header: Option<u8>,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Port of a bridge or bond: its packets are seen at the master.
    pub enslaved: bool,
    /// Its global addresses in the kernel's order, with prefix lengths; those that new connections
    /// should no longer use come last.
    pub addresses: Vec<IpNet>,
}

/// A route of the host's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRoute {
    /// Where it leads; 0.0.0.0/0 and ::/0 are the default routes.
    pub destination: IpNet,
    /// The device it leaves by.
    pub device: InterfaceName,
    /// No next hop: the destination is on the link.
    pub on_link: bool,
    /// The next hop, where it is of the destination's family.
    pub gateway: Option<IpAddr>,
    /// The source address it prefers.
    pub source: Option<IpAddr>,
    /// Smaller wins.
    pub metric: u32,
}

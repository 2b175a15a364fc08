//! What goes over the socket. Requests carry text that the agent parses; answers carry what
//! `netctl` prints. Field names follow Docker's API where Docker has a word for the thing.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /v1/networks` | | `[NetworkInspect]` |
//! | `POST /v1/networks` | `NetworkCreate` | `NetworkInspect` |
//! | `GET /v1/networks/{ref}` | | `NetworkInspect` |
//! | `DELETE /v1/networks/{ref}` | | `Removed` |
//! | `POST /v1/networks/prune` | | `Pruned` |
//! | `POST /v1/networks/{ref}/connect` | `NetworkConnect` | `ContainerInspect` |
//! | `POST /v1/networks/{ref}/disconnect` | `NetworkDisconnect` | `{}` |
//! | `GET /v1/containers` | | `[ContainerInspect]`, stopped ones included |
//! | `POST /v1/containers` | `ContainerCreate` | `ContainerInspect` |
//! | `GET /v1/containers/{ref}` | | `ContainerInspect` |
//! | `POST /v1/containers/{ref}/start` | `ContainerStart` | `ContainerInspect` |
//! | `POST /v1/containers/{ref}/exit` | `ContainerExit` | `{}` |
//! | `POST /v1/containers/{ref}/stop` | `ContainerStop` | `ContainerInspect` |
//! | `DELETE /v1/containers/{ref}?force=true` | | `Removed` |
//! | `GET /v1/status` | | `Status` |
//! | `GET /v1/drops` | | `[Drop]` |
//! | `POST /v1/teardown` | | `{}`, then the agent ends |
//!
//! `{ref}` is a name, an identity or a unique prefix of one, percent-encoded (a foreign
//! container's name has slashes). A failure is the error's HTTP status with an
//! [`ErrorBody`](crate::error::Error) as JSON: `{"code":"not_found","message":"..."}`.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

pub use crate::error::Error as ErrorBody;

/// `netctl network create`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NetworkCreate {
    /// The network's name.
    pub name: String,
    /// `bridge`, or empty for it.
    #[serde(default)]
    pub driver: String,
    /// At most one CIDR per family.
    #[serde(default)]
    pub subnets: Vec<String>,
    /// One per subnet at most, matched by which subnet holds it.
    #[serde(default)]
    pub gateways: Vec<String>,
    /// Ranges for dynamic addresses, matched likewise.
    #[serde(default)]
    pub ip_ranges: Vec<String>,
    /// Reserved addresses: name and address.
    #[serde(default)]
    pub auxiliary_addresses: BTreeMap<String, String>,
    /// No way in or out but from the host.
    #[serde(default)]
    pub internal: bool,
    /// IPv6 as well; a subnet is made up where none is given.
    #[serde(default, rename = "EnableIPv6")]
    pub enable_ipv6: bool,
    /// `-o key=value`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// `--label key=value`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// A network as `inspect` shows it (Docker's JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkInspect {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub id: String,
    /// RFC 3339.
    pub created: String,
    /// `local`.
    pub scope: String,
    /// `bridge`, `host` or `null`.
    pub driver: String,
    /// It has an IPv4 subnet.
    #[serde(rename = "EnableIPv4")]
    pub enable_ipv4: bool,
    /// It has an IPv6 subnet.
    #[serde(rename = "EnableIPv6")]
    pub enable_ipv6: bool,
    /// Its pools.
    #[serde(rename = "IPAM")]
    pub ipam: Ipam,
    /// No way in or out but from the host.
    pub internal: bool,
    /// Running containers on it, by identity.
    pub containers: BTreeMap<String, NetworkContainer>,
    /// `-o` options as given.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A network's address management.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ipam {
    /// `default`.
    pub driver: String,
    /// One per family.
    pub config: Vec<IpamConfig>,
}

/// One pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IpamConfig {
    /// CIDR.
    pub subnet: String,
    /// The gateway's address.
    pub gateway: String,
    /// CIDR of the range for dynamic addresses.
    #[serde(rename = "IPRange", default, skip_serializing_if = "Option::is_none")]
    pub ip_range: Option<String>,
    /// Reserved addresses by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub auxiliary_addresses: BTreeMap<String, String>,
}

/// A container as its network's `inspect` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkContainer {
    /// The container's name.
    pub name: String,
    /// The endpoint's identity.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// Its Ethernet address.
    pub mac_address: String,
    /// Address and prefix length, or empty.
    #[serde(rename = "IPv4Address")]
    pub ipv4_address: String,
    /// Address and prefix length, or empty.
    #[serde(rename = "IPv6Address")]
    pub ipv6_address: String,
}

/// `netctl network connect`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NetworkConnect {
    /// Name, identity or prefix, or a foreign one: `pid:4242`, `netns:/run/netns/x`.
    pub container: String,
    /// Further names on this network.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// A fixed IPv4 address.
    #[serde(default)]
    pub ip: Option<String>,
    /// A fixed IPv6 address.
    #[serde(default)]
    pub ip6: Option<String>,
}

/// `netctl network disconnect`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NetworkDisconnect {
    /// As in [`NetworkConnect`].
    pub container: String,
    /// Also where the container is gone.
    #[serde(default)]
    pub force: bool,
}

/// The first half of `netctl run`: reserves everything, changes nothing in the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ContainerCreate {
    /// Its name; one is made up where none is given.
    #[serde(default)]
    pub name: Option<String>,
    /// The name it gives itself; its short identity where none is given.
    #[serde(default)]
    pub hostname: Option<String>,
    /// `bridge` where empty.
    #[serde(default)]
    pub networks: Vec<NetworkAttach>,
    /// `-p` specs.
    #[serde(default)]
    pub publish: Vec<String>,
    /// `-P`: publish everything exposed on picked ports.
    #[serde(default)]
    pub publish_all: bool,
    /// `--expose` ports: `80`, `53/udp`, `8000-8010`.
    #[serde(default)]
    pub expose: Vec<String>,
    /// `--add-host NAME:ADDRESS` (or `NAME:host-gateway`).
    #[serde(default)]
    pub add_hosts: Vec<String>,
    /// `--dns`.
    #[serde(default)]
    pub dns: Vec<String>,
    /// `-e KEY=VALUE`.
    #[serde(default)]
    pub environment: Vec<String>,
    /// What runs in it.
    pub command: Vec<String>,
    /// `--rm`.
    #[serde(default)]
    pub auto_remove: bool,
}

/// One `--network` of `netctl run`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NetworkAttach {
    /// Name, identity or prefix; `host` and `none` alone only.
    pub network: String,
    /// Further names there.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// A fixed IPv4 address.
    #[serde(default)]
    pub ip: Option<String>,
    /// A fixed IPv6 address.
    #[serde(default)]
    pub ip6: Option<String>,
}

/// The second half of `netctl run`: its first process waits in its own namespaces; attach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ContainerStart {
    /// Process id in the agent's pid namespace.
    pub pid: i32,
}

/// The sandbox saw its process end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ContainerExit {
    /// Exit code, or 128 + signal.
    pub code: i32,
}

/// `netctl stop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ContainerStop {
    /// Seconds between SIGTERM and SIGKILL.
    pub timeout: u64,
}

/// A container as `inspect` and `ps` show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerInspect {
    /// Its identity.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name it gives itself.
    pub hostname: String,
    /// RFC 3339.
    pub created: String,
    /// What runs in it.
    pub command: Vec<String>,
    /// `created`, `running` or `exited`.
    pub status: String,
    /// First process, in the agent's pid namespace; 0 where none runs.
    pub pid: i32,
    /// Seconds since 1970; 0 where it never ran.
    pub started: u64,
    /// Exit code; 0 unless `exited`.
    pub exit_code: i32,
    /// `bridge`, `host` or `none`.
    pub mode: String,
    /// Attachments by network name.
    pub networks: BTreeMap<String, EndpointInspect>,
    /// `80/tcp` to the host addresses and ports that lead there; empty for exposed ones.
    pub ports: BTreeMap<String, Vec<PortBinding>>,
    /// Extra /etc/hosts lines: name and address.
    pub hosts: Vec<(String, IpAddr)>,
    /// Resolvers in place of the host's.
    pub dns: Vec<IpAddr>,
    /// Where its log and the files that it sees as /etc/hosts and so on are.
    pub directory: PathBuf,
    /// Forgotten as soon as it ends.
    pub auto_remove: bool,
}

/// One attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointInspect {
    /// The network's identity.
    #[serde(rename = "NetworkID")]
    pub network_id: String,
    /// The endpoint's identity.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// Ethernet address.
    pub mac_address: String,
    /// IPv4 address.
    #[serde(rename = "IPAddress")]
    pub ip_address: Option<Ipv4Addr>,
    /// Its prefix length.
    #[serde(rename = "IPPrefixLen")]
    pub ip_prefix_len: u8,
    /// IPv4 gateway.
    pub gateway: Option<Ipv4Addr>,
    /// IPv6 address.
    #[serde(rename = "GlobalIPv6Address")]
    pub global_ipv6_address: Option<Ipv6Addr>,
    /// Its prefix length.
    #[serde(rename = "GlobalIPv6PrefixLen")]
    pub global_ipv6_prefix_len: u8,
    /// IPv6 gateway.
    #[serde(rename = "IPv6Gateway")]
    pub ipv6_gateway: Option<Ipv6Addr>,
    /// Further names on this network.
    pub aliases: Vec<String>,
    /// The device in the container.
    pub interface: String,
    /// The device on the host.
    pub host_interface: String,
}

/// A host address and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PortBinding {
    /// Host address; `0.0.0.0` and `::` are all of a family.
    pub host_ip: IpAddr,
    /// Host port.
    pub host_port: u16,
}

/// What was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Removed {
    /// Its identity.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// What `network prune` removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Pruned {
    /// Names of the networks.
    pub networks_deleted: Vec<String>,
}

/// `netctl status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Status {
    /// The agent's version.
    pub version: String,
    /// Version of the map layout.
    pub abi: u32,
    /// The agent's process id.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime: u64,
    /// How many networks there are, the three fixed ones included.
    pub networks: usize,
    /// How many containers run.
    pub containers: usize,
    /// How many endpoints are attached.
    pub endpoints: usize,
    /// How many host ports are published.
    pub ports: usize,
    /// Flows that have seen a reply.
    pub flows_established: usize,
    /// Flows that have not.
    pub flows_unreplied: usize,
    /// How many flows fit.
    pub flows_capacity: usize,
    /// Packets dropped since the maps were made.
    pub drops: u64,
    /// Devices to the outside, with the addresses that masquerade uses.
    pub uplinks: BTreeMap<String, Vec<IpAddr>>,
    /// What the kernel lacks or the last reconcile could not do, one sentence each.
    pub problems: Vec<String>,
}

/// One line of `netctl drops`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Drop {
    /// The reason's number, never renumbered.
    pub reason: u8,
    /// The reason in a word.
    pub name: String,
    /// Container name, uplink device, or `-`.
    pub source: String,
    /// Packets.
    pub packets: u64,
}

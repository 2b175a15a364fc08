//! Containers on the socket.

use crate::state::Protocol;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

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
    /// The domain that completes that name.
    #[serde(default)]
    pub domainname: Option<String>,
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
    /// `--add-host NAME:ADDRESS` or `NAME=ADDRESS`; `host-gateway` is an address, too.
    #[serde(default)]
    pub add_hosts: Vec<String>,
    /// `--dns`.
    #[serde(default)]
    pub dns: Vec<String>,
    /// `--dns-search`; a single dot for none at all.
    #[serde(default)]
    pub dns_search: Vec<String>,
    /// `--dns-option`.
    #[serde(default)]
    pub dns_options: Vec<String>,
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
    /// `--link CONTAINER[:ALIAS]`.
    #[serde(default)]
    pub links: Vec<String>,
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
    /// The domain that completes that name, or empty.
    pub domainname: String,
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
    /// Ports that are published, and ports that are exposed only, by container port.
    pub ports: Vec<PortView>,
    /// Extra /etc/hosts lines: name and address.
    pub hosts: Vec<(String, IpAddr)>,
    /// Resolvers in place of the host's.
    pub dns: Vec<IpAddr>,
    /// Search domains in place of the host's.
    pub dns_search: Vec<String>,
    /// Options of resolv.conf in place of the host's.
    pub dns_options: Vec<String>,
    /// Links on the default network: the other's name, and its alias.
    pub links: Vec<(String, String)>,
    /// What those links put into its environment; empty as soon as it has started.
    pub link_environment: Vec<String>,
    /// Environment variables that it was given.
    pub environment: Vec<String>,
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
    /// `CONTAINER:ALIAS` of those that it has names of its own for there.
    pub links: Vec<String>,
    /// All its names there, the one that its address leads back to first.
    #[serde(rename = "DNSNames")]
    pub dns_names: Vec<String>,
    /// The device in the container.
    pub interface: String,
    /// The device on the host.
    pub host_interface: String,
}

/// Successive ports of a container's, and the host ports that lead to them one to one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PortView {
    /// The container's first port.
    pub private_port: u16,
    /// `tcp`, `udp` or `sctp`.
    #[serde(rename = "Type")]
    pub protocol: Protocol,
    /// Host address; `0.0.0.0` and `::` are all of a family. None where the ports are exposed only.
    #[serde(rename = "IP", default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// The first host port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_port: Option<u16>,
    /// How many ports follow the first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u16,
    /// Who may use them from outside, as CIDR; empty means everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
}

impl PortView {
    /// A port that nothing on the host leads to.
    #[must_use]
    pub fn exposed(port: u16, protocol: Protocol) -> Self {
        let from = Vec::new();
        Self { private_port: port, protocol, ip: None, public_port: None, more: 0, from }
    }
}

/// `netctl publish`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ContainerPublish {
    /// Specs as `-p` takes them.
    pub publish: Vec<String>,
}

/// `netctl unpublish`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ContainerUnpublish {
    /// Specs; what one leaves out fits anything.
    pub unpublish: Vec<String>,
}

fn is_zero(number: &u16) -> bool {
    *number == 0
}

//! Networks on the socket.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// `CONTAINER:ALIAS`: names for others that only this container has.
    #[serde(default)]
    pub links: Vec<String>,
    /// A fixed IPv4 address.
    #[serde(default)]
    pub ip: Option<String>,
    /// A fixed IPv6 address.
    #[serde(default)]
    pub ip6: Option<String>,
    /// What the container publishes from now on besides, in the words of `netctl publish`.
    #[serde(default)]
    pub publish: Vec<String>,
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

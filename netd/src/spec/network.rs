//! Networks: what they are and how a request becomes one.

mod options;
mod predefined;

pub use options::check_option;
pub use predefined::{DEFAULT_NETWORK, has_names, is_predefined};

use super::Spec;
use super::name::{Id, InterfaceName, Mac, Name};
use super::subnet::{Pool, overlaps, parse_pools};
use crate::api::protocol::NetworkCreate;
use crate::error::{Error, Result};
use crate::ipam;
use crate::state::{Host, Mss, NetworkNumber};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// What kind of network it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// An isolated segment of its own.
    Bridge,
    /// The host's own namespace.
    Host,
    /// No network but lo.
    Null,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its identity.
    pub id: Id,
    /// Its number in the dataplane; 0 for `host` and `none`, which have none.
    pub number: NetworkNumber,
    /// Its name, unique among networks.
    pub name: Name,
    /// When it was made: RFC 3339, UTC.
    pub created: String,
    /// What kind it is.
    pub driver: Driver,
    /// One pool per family; empty for `host` and `none`.
    pub pools: Vec<Pool>,
    /// No way in or out but from the host.
    pub internal: bool,
    /// Device name, MTU and switches.
    pub options: NetworkOptions,
    /// The options as they were given, for `inspect`.
    pub driver_options: BTreeMap<String, String>,
    /// Free metadata.
    pub labels: BTreeMap<String, String>,
    /// The bridge's own Ethernet address.
    pub mac: Mac,
}

/// What `-o` options mean (Docker's `com.docker.network.*` keys).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkOptions {
    /// The bridge device: `com.docker.network.bridge.name`, else `nd-<name or id>`.
    pub bridge: InterfaceName,
    /// Largest packet in bytes: `com.docker.network.driver.mtu`, else 1500.
    pub mtu: u32,
    /// Containers may talk to each other: `com.docker.network.bridge.enable_icc`, default true.
    pub icc: bool,
    /// Masquerade towards the outside: `com.docker.network.bridge.enable_ip_masquerade`, default true.
    pub masquerade: bool,
    /// Host address for ports published without one:
    /// `com.docker.network.bridge.host_binding_ipv4`, default none (all addresses).
    pub host_binding: Option<std::net::IpAddr>,
    /// What masquerade puts in place of IPv4 sources: `com.docker.network.host_ipv4`, default
    /// none (what the route prefers).
    #[serde(default)]
    pub host_ipv4: Option<Ipv4Addr>,
    /// The same in IPv6: `com.docker.network.host_ipv6`.
    #[serde(default)]
    pub host_ipv6: Option<Ipv6Addr>,
    /// A UDP port keeps its host port towards every remote end: `netd.nat_mapping`, default false
    /// (`per-flow`).
    #[serde(default)]
    pub endpoint_independent: bool,
    /// The segment size that TCP connections to the outside announce: `netd.mss`.
    #[serde(default)]
    pub mss: Mss,
    /// Whether containers hand over more than 64 KiB of TCP over IPv4 at a time: `netd.big_tcp`,
    /// default none (`auto`: on internal networks only, where nothing is ever cut for a wire).
    #[serde(default)]
    pub big_tcp: Option<bool>,
}

/// What making a network depends on beside the request and the other networks.
#[derive(Clone, Copy, Debug)]
pub struct NetworkContext<'a> {
    /// The host's devices, routes, addresses and resolvers, which a network must leave alone.
    pub host: &'a Host,
    /// The 40 random bits of this host's unique local IPv6 prefix.
    pub seed: [u8; 5],
    /// Seconds since 1970.
    pub now: u64,
}

impl Network {
    /// The network that a request describes, fit to stand beside those of `spec`.
    ///
    /// # Errors
    /// `Invalid` where the request makes no sense, `Conflict` where a name, a device name or a
    /// subnet is taken.
    pub fn new(request: &NetworkCreate, spec: &Spec, context: &NetworkContext<'_>) -> Result<Self> {
        let name: Name = request.name.parse()?;
        spec.check_network_name(&name)?;
        check_driver(&request.driver)?;
        let pools = pools(request, spec, context)?;
        let id = Id::random();
        let bridge = spec.free_bridge_name(&name, &id, context.host)?;
        let options = NetworkOptions::parse(&request.options, bridge, request.enable_ipv6)?;
        spec.check_host_addresses(&options, context.host)?;
        spec.check_interface_name(&options.bridge, context.host)?;
        Ok(Self {
            id,
            number: super::lowest_free(spec.networks.values().map(|n| n.number)),
            name,
            created: super::timestamp::rfc3339(context.now),
            driver: Driver::Bridge,
            pools,
            internal: request.internal,
            options,
            driver_options: request.options.clone(),
            labels: request.labels.clone(),
            mac: Mac::random(),
        })
    }

    /// The pool of the IPv4 addresses, if the network has any.
    #[must_use]
    pub fn pool_v4(&self) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.subnet.addr().is_ipv4())
    }

    /// The pool of the IPv6 addresses, if the network has any.
    #[must_use]
    pub fn pool_v6(&self) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.subnet.addr().is_ipv6())
    }
}

impl Spec {
    fn check_network_name(&self, name: &Name) -> Result<()> {
        if is_predefined(name.as_str()) {
            return Err(Error::conflict(format!(
                "network name {name} is reserved for the predefined network; choose another"
            )));
        }
        if self.networks.values().any(|network| network.name == *name) {
            return Err(Error::conflict(format!(
                "network with name {name} already exists; choose another name or remove it first"
            )));
        }
        Ok(())
    }

    /// `nd-<name>` where it fits and is free, else `nd-<first 12 digits of the identity>`.
    fn free_bridge_name(&self, name: &Name, id: &Id, host: &Host) -> Result<InterfaceName> {
        let by_name: Result<InterfaceName> = format!("nd-{name}").parse();
        match by_name {
            Ok(bridge) if self.check_interface_name(&bridge, host).is_ok() => Ok(bridge),
            _ => format!("nd-{}", id.short()).parse(),
        }
    }

    /// Masquerade can only put an address in place of others that answers come back to.
    fn check_host_addresses(&self, options: &NetworkOptions, host: &Host) -> Result<()> {
        let gateways = || self.networks.values().flat_map(|n| n.pools.iter().map(|p| p.gateway));
        let is_own = |address: IpAddr| {
            host.addresses.contains(&address)
                && !address.is_loopback()
                && !matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
                && !gateways().any(|gateway| gateway == address)
        };
        let v4 = options.host_ipv4.map(|a| (options::HOST_IPV4, IpAddr::V4(a)));
        let v6 = options.host_ipv6.map(|a| (options::HOST_IPV6, IpAddr::V6(a)));
        match v4.into_iter().chain(v6).find(|(_, address)| !is_own(*address)) {
            Some((key, address)) => Err(Error::conflict(format!(
                "option {key}={address}: this host has no such address to the outside; add it to a device first, or use one of those that `ip address` shows"
            ))),
            None => Ok(()),
        }
    }

    fn check_interface_name(&self, interface: &InterfaceName, host: &Host) -> Result<()> {
        let bridge = self.networks.values().find(|network| network.options.bridge == *interface);
        let veth = || {
            self.containers.values().find(|c| c.endpoints.values().any(|e| e.veth == *interface))
        };
        let holder = if let Some(network) = bridge {
            format!("network {:?}", network.name.as_str())
        } else if let Some(container) = veth() {
            format!("container {:?}", container.name)
        } else if host.links.contains_key(interface) {
            "a device of the host".into()
        } else {
            return Ok(());
        };
        Err(Error::conflict(format!(
            "interface name {interface} is taken by {holder}; choose another with -o {}",
            options::BRIDGE_NAME
        )))
    }
}

fn check_driver(driver: &str) -> Result<()> {
    match driver {
        "" | "bridge" => Ok(()),
        _ => Err(Error::invalid(format!(
            "unknown network driver {driver:?}: this version has only \"bridge\""
        ))),
    }
}

/// The pools that are asked for, completed by made-up ones; IPv4 first.
fn pools(request: &NetworkCreate, spec: &Spec, context: &NetworkContext<'_>) -> Result<Vec<Pool>> {
    let mut pools = parse_pools(request)?;
    for pool in &pools {
        if pool.subnet.addr().is_ipv6() && !request.enable_ipv6 {
            return Err(Error::invalid(format!(
                "subnet {} is IPv6, which this network does not have; add --ipv6",
                pool.subnet
            )));
        }
        check_overlap(&pool.subnet, spec, context.host)?;
    }
    let subnets = spec.networks.values().flat_map(|n| n.pools.iter().map(|p| p.subnet));
    let occupied = ipam::occupied(subnets, context.host);
    if !pools.iter().any(|pool| pool.subnet.addr().is_ipv4()) {
        pools.insert(0, Pool::of_subnet(ipam::choose_ipv4(&occupied)?)?);
    }
    if request.enable_ipv6 && !pools.iter().any(|pool| pool.subnet.addr().is_ipv6()) {
        pools.push(Pool::of_subnet(ipam::choose_ipv6(context.seed, &occupied)?)?);
    }
    Ok(pools)
}

fn check_overlap(subnet: &IpNet, spec: &Spec, host: &Host) -> Result<()> {
    for network in spec.networks.values() {
        if let Some(pool) = network.pools.iter().find(|pool| overlaps(&pool.subnet, subnet)) {
            return Err(Error::conflict(format!(
                "subnet {subnet} overlaps network {:?} ({}); choose another --subnet",
                network.name.as_str(),
                pool.subnet
            )));
        }
    }
    let on_link = host.routes.iter().filter(|r| r.on_link && ipam::leads_somewhere(&r.destination));
    match on_link.into_iter().find(|route| overlaps(&route.destination, subnet)) {
        Some(route) => Err(Error::conflict(format!(
            "subnet {subnet} overlaps {}, which the host has on {}; choose another --subnet",
            route.destination, route.device
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;

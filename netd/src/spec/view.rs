//! Networks and containers as `inspect` and `ps` show them: Docker's JSON.

use super::Spec;
use super::container::{Container, Endpoint, Mode, Status};
use super::name::Id;
use super::network::{Driver, Network, is_predefined};
use super::port::Publication;
use super::subnet::Pool;
use crate::api::protocol::{
    ContainerInspect, EndpointInspect, Ipam, IpamConfig, NetworkContainer, NetworkInspect, PortView,
};
use crate::state::Protocol;
use std::{collections::BTreeSet, net::IpAddr, path::Path};

/// A network with the containers that run on it.
#[must_use]
pub fn network_inspect(spec: &Spec, network: &Network) -> NetworkInspect {
    let running = |c: &Container| matches!(c.status, Status::Running { .. });
    NetworkInspect {
        name: network.name.to_string(),
        id: network.id.to_string(),
        created: network.created.clone(),
        scope: "local".into(),
        driver: driver(network.driver).into(),
        enable_ipv4: network.pool_v4().is_some(),
        enable_ipv6: network.pool_v6().is_some(),
        ipam: Ipam {
            driver: "default".into(),
            config: network.pools.iter().map(ipam_config).collect(),
        },
        internal: network.internal,
        containers: spec
            .endpoints_on(&network.id)
            .filter(|(container, _)| running(container))
            .map(|(c, endpoint)| (c.id.to_string(), network_container(network, c, endpoint)))
            .collect(),
        options: network.driver_options.clone(),
        labels: network.labels.clone(),
    }
}

/// A container with its attachments and ports; `directory` is where its files are. One that has
/// ended shows its networks without addresses: they are free for others.
#[must_use]
pub fn container_inspect(spec: &Spec, container: &Container, directory: &Path) -> ContainerInspect {
    let (status, pid, started, exit_code) = match container.status {
        Status::Created => ("created", 0, 0, 0),
        Status::Running { pid, started, .. } => ("running", pid, started, 0),
        Status::Exited { code } => ("exited", 0, 0, code),
    };
    ContainerInspect {
        id: container.id.to_string(),
        name: container.name.clone(),
        hostname: container.hostname.clone(),
        domainname: container.domainname.clone(),
        created: container.created.clone(),
        command: container.command.clone(),
        status: status.into(),
        pid,
        started,
        exit_code,
        mode: mode(container.mode).into(),
        networks: container
            .endpoints
            .iter()
            .filter_map(|(id, endpoint)| spec.networks.get(id).map(|network| (network, endpoint)))
            .map(|(n, e)| (n.name.to_string(), endpoint_inspect(n, container, e)))
            .collect(),
        ports: ports(container),
        hosts: container.hosts.clone(),
        dns: container.dns.clone(),
        dns_search: container.dns_search.clone(),
        dns_options: container.dns_options.clone(),
        links: default_links(spec, container),
        link_environment: link_environment(spec, container),
        environment: container.environment.clone(),
        directory: directory.to_path_buf(),
        auto_remove: container.auto_remove,
    }
}

fn driver(driver: Driver) -> &'static str {
    match driver {
        Driver::Bridge => "bridge",
        Driver::Host => "host",
        Driver::Null => "null",
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Bridge => "bridge",
        Mode::Host => "host",
        Mode::None => "none",
    }
}

fn ipam_config(pool: &Pool) -> IpamConfig {
    IpamConfig {
        subnet: pool.subnet.to_string(),
        gateway: pool.gateway.to_string(),
        ip_range: pool.range.map(|range| range.to_string()),
        auxiliary_addresses: pool
            .auxiliary
            .iter()
            .map(|(name, address)| (name.clone(), address.to_string()))
            .collect(),
    }
}

fn network_container(
    network: &Network,
    container: &Container,
    endpoint: &Endpoint,
) -> NetworkContainer {
    let cidr = |address: Option<IpAddr>, pool: Option<&Pool>| match address {
        Some(address) => format!("{address}/{}", prefix(pool)),
        None => String::new(),
    };
    NetworkContainer {
        name: container.name.clone(),
        endpoint_id: endpoint.id.to_string(),
        mac_address: endpoint.mac.to_string(),
        ipv4_address: cidr(endpoint.ipv4.map(IpAddr::V4), network.pool_v4()),
        ipv6_address: cidr(endpoint.ipv6.map(IpAddr::V6), network.pool_v6()),
    }
}

fn endpoint_inspect(
    network: &Network,
    container: &Container,
    endpoint: &Endpoint,
) -> EndpointInspect {
    let live = !matches!(container.status, Status::Exited { .. });
    let named = !is_predefined(network.name.as_str());
    let (v4, v6) = (network.pool_v4(), network.pool_v6());
    let v4 = v4.filter(|_| live && endpoint.ipv4.is_some());
    let v6 = v6.filter(|_| live && endpoint.ipv6.is_some());
    let gateway = |pool: Option<&Pool>| pool.filter(|_| !network.internal).map(|p| p.gateway);
    EndpointInspect {
        network_id: network.id.to_string(),
        endpoint_id: endpoint.id.to_string(),
        mac_address: endpoint.mac.to_string(),
        ip_address: endpoint.ipv4.filter(|_| live),
        ip_prefix_len: prefix(v4),
        gateway: gateway(v4).and_then(|gateway| match gateway {
            IpAddr::V4(gateway) => Some(gateway),
            IpAddr::V6(_) => None,
        }),
        global_ipv6_address: endpoint.ipv6.filter(|_| live),
        global_ipv6_prefix_len: prefix(v6),
        ipv6_gateway: gateway(v6).and_then(|gateway| match gateway {
            IpAddr::V6(gateway) => Some(gateway),
            IpAddr::V4(_) => None,
        }),
        aliases: endpoint.aliases.iter().map(ToString::to_string).collect(),
        links: match named {
            true => links(endpoint).map(|(target, alias)| format!("{target}:{alias}")).collect(),
            false => Vec::new(),
        },
        dns_names: if named { container.dns_names(endpoint) } else { Vec::new() },
        interface: endpoint.ifname.to_string(),
        host_interface: endpoint.veth.to_string(),
    }
}

fn links(endpoint: &Endpoint) -> impl Iterator<Item = (String, String)> {
    endpoint.links.iter().map(|link| (link.container.clone(), link.alias.to_string()))
}

fn default_links(spec: &Spec, container: &Container) -> Vec<(String, String)> {
    let default =
        |id: &Id| spec.networks.get(id).is_some_and(|network| is_predefined(network.name.as_str()));
    let endpoints = container.endpoints.iter().filter(|(id, _)| default(id));
    endpoints.flat_map(|(_, endpoint)| links(endpoint)).collect()
}

/// What whoever starts the container puts into its environment. Links that have become impossible
/// by now refuse the start.
fn link_environment(spec: &Spec, container: &Container) -> Vec<String> {
    match container.status {
        Status::Created => {
            let links = spec.legacy_links(container).unwrap_or_default();
            links.iter().flat_map(|link| link.environment(&container.name)).collect()
        }
        Status::Running { .. } | Status::Exited { .. } => Vec::new(),
    }
}

fn prefix(pool: Option<&Pool>) -> u8 {
    pool.map_or(0, |pool| pool.subnet.prefix_len())
}

/// What is published, and what is only exposed: by `--expose`, or by a publish spec that has no
/// effect. The host's own namespace and an ended container have nothing to show.
fn ports(container: &Container) -> Vec<PortView> {
    if container.mode != Mode::Bridge || matches!(container.status, Status::Exited { .. }) {
        return Vec::new();
    }
    let mut ports: Vec<PortView> = container.ports.iter().flat_map(publication).collect();
    ports.extend(only_exposed(container));
    ports.sort();
    ports
}

/// A publication in force, one entry for each of its ranges.
pub fn publication(publication: &Publication) -> impl Iterator<Item = PortView> {
    let from = &publication.mapping.from;
    publication.published.iter().map(|published| PortView {
        private_port: published.container,
        protocol: published.protocol,
        ip: Some(published.address),
        public_port: Some(published.host.first()),
        more: published.host.more(),
        from: from.iter().map(ToString::to_string).collect(),
    })
}

fn only_exposed(container: &Container) -> Vec<PortView> {
    let named = container.ports.iter().filter(|p| p.published.is_empty()).flat_map(|p| {
        let protocol = p.mapping.protocol;
        p.mapping.container.ports().map(move |port| (protocol, port))
    });
    let exposed = container.exposed.iter().map(|(port, protocol)| (*protocol, *port));
    let is_published = |(protocol, port): &(Protocol, u16)| {
        container.published().any(|p| {
            p.protocol == *protocol && (0..=p.host.more()).contains(&port.wrapping_sub(p.container))
        })
    };
    let all: BTreeSet<_> = exposed.chain(named).filter(|port| !is_published(port)).collect();
    let mut runs: Vec<PortView> = Vec::new();
    for (protocol, port) in all {
        let next = |run: &&mut PortView| {
            run.protocol == protocol && run.private_port + run.more + 1 == port
        };
        match runs.last_mut().filter(next) {
            Some(run) => run.more += 1,
            None => runs.push(PortView::exposed(port, protocol)),
        }
    }
    runs
}

#[cfg(test)]
mod tests;

//! From what was asked for to what netd-dns answers: which names there are, and who may ask for
//! which. Pure.

use crate::dns::protocol::{Client, ClientId, Endpoint, Names, Zone};
use crate::spec::{
    Spec,
    container::{Container, Mode, Status},
    network::{Driver, Network, has_names},
};
use std::{collections::BTreeMap, net::IpAddr};

/// The names of every network that has some, and every container that may ask for them; with
/// `host`, processes of the host may ask as well where anybody does.
#[must_use]
pub fn names(spec: &Spec, host: bool) -> Names {
    let networks: Vec<&Network> = spec.networks.values().filter(|n| has_names(n)).collect();
    let mut clients: BTreeMap<ClientId, Client> =
        spec.containers.values().filter_map(|container| client(spec, container)).collect();
    if host && !clients.is_empty() {
        clients.insert(ClientId::HOST, of_host(&networks));
    }
    let zones = networks.into_iter().map(|n| (n.id.to_string(), zone(spec, n)));
    Names { networks: zones.collect(), clients }
}

fn zone(spec: &Spec, network: &Network) -> Zone {
    let running = spec.endpoints_on(&network.id).filter(|(c, _)| namespace(c).is_some());
    let endpoints = running.map(|(container, endpoint)| Endpoint {
        names: container.dns_names(endpoint),
        ipv4: endpoint.ipv4,
        ipv6: endpoint.ipv6,
    });
    Zone { name: network.name.to_string(), endpoints: endpoints.collect() }
}

/// A running container that has names, by its namespace.
fn client(spec: &Spec, container: &Container) -> Option<(ClientId, Client)> {
    let id = ClientId(namespace(container)?);
    let mut networks: Vec<&Network> =
        container.endpoints.keys().filter_map(|id| spec.networks.get(id)).collect();
    networks.sort_by_key(|network| &network.name);
    let outside = networks.iter().any(|n| n.driver == Driver::Bridge && !n.internal);
    networks.retain(|network| has_names(network));
    if networks.is_empty() {
        return None;
    }
    Some((
        id,
        Client {
            links: links(spec, container, &networks),
            networks: networks.iter().map(|network| network.id.to_string()).collect(),
            hosts: hosts(spec, container),
            resolvers: container.dns.clone(),
            outside,
            dotted_only: dotted_only(&container.dns_options),
        },
    ))
}

/// The processes of the host: they ask about every network, and nothing else.
fn of_host(networks: &[&Network]) -> Client {
    let networks = networks.iter().map(|network| network.id.to_string()).collect();
    Client { networks, ..Client::default() }
}

/// A container that is gone keeps its link: the next one of its name takes its place.
fn links(spec: &Spec, container: &Container, networks: &[&Network]) -> BTreeMap<String, String> {
    let endpoints = networks.iter().filter_map(|network| container.endpoints.get(&network.id));
    endpoints
        .flat_map(|endpoint| &endpoint.links)
        .map(|link| {
            let target = spec.container(&link.container).ok();
            let name = target.and_then(Container::host_name).unwrap_or(&link.container);
            (link.alias.to_string(), name.to_owned())
        })
        .collect()
}

/// `host.docker.internal`: the gateways that the container reaches the outside by.
fn hosts(spec: &Spec, container: &Container) -> BTreeMap<String, Vec<IpAddr>> {
    let (ipv4, ipv6) = spec.gateway_endpoint(container);
    let ipv4 = ipv4.and_then(|(network, _)| network.pool_v4());
    let ipv6 = ipv6.and_then(|(network, _)| network.pool_v6());
    let gateways: Vec<IpAddr> = ipv4.into_iter().chain(ipv6).map(|pool| pool.gateway).collect();
    if gateways.is_empty() {
        return BTreeMap::new();
    }
    BTreeMap::from([(HOST.to_owned(), gateways)])
}

/// The option `ndots` (resolv.conf(5)) asks for more dots than none; the last one counts.
fn dotted_only(options: &[String]) -> bool {
    let mut numbers = options.iter().filter_map(|option| option.strip_prefix("ndots:"));
    numbers.next_back().and_then(|number| number.parse().ok()).is_some_and(|number: u32| number > 0)
}

/// The namespace of a container that runs on networks.
fn namespace(container: &Container) -> Option<u64> {
    match container.status {
        Status::Running { netns, .. } if container.mode == Mode::Bridge => Some(netns),
        Status::Running { .. } | Status::Created | Status::Exited { .. } => None,
    }
}

/// What Docker Desktop calls the host.
const HOST: &str = "host.docker.internal";

#[cfg(test)]
mod tests;

//! What exists, as a file that declares it.

use crate::spec::Spec;
use crate::spec::container::{Container, Mode, Source};
use crate::spec::declared::{Wanted, WantedNetwork};
use crate::spec::name::Name;
use crate::spec::network::{Network, is_predefined};
use crate::spec::subnet::Pool;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Networks and containers in Compose's words: declared ones as they are declared, others with the
/// addresses that they have. Containers by `pid:N` are left out: nothing brings them back.
#[must_use]
pub fn export(spec: &Spec) -> Value {
    let mut used = BTreeSet::new();
    let mut services = Map::new();
    for (name, service) in &spec.declared.services {
        services.insert(name.to_string(), of_wanted(&service.wanted, &mut used));
    }
    for container in spec.live() {
        let Some((name, wanted)) = of_container(spec, container) else { continue };
        if !services.contains_key(name.as_str()) {
            services.insert(name.to_string(), of_wanted(&wanted, &mut used));
        }
    }
    let mut networks = Map::new();
    for network in spec.networks.values() {
        let name = network.name.to_string();
        if !is_predefined(&name) {
            networks.insert(name, of_network(network));
        } else if used.contains(&name) {
            networks.insert(name, json!({ "external": true }));
        }
    }
    json!({ "networks": networks, "services": services })
}

fn of_network(network: &Network) -> Value {
    let mut map = Map::new();
    put(&mut map, "driver_opts", json!(network.driver_options));
    put(&mut map, "enable_ipv6", json!(network.pool_v6().is_some()));
    put(&mut map, "internal", json!(network.internal));
    put(&mut map, "labels", json!(network.labels));
    let config: Vec<Value> = network.pools.iter().map(of_pool).collect();
    map.insert("ipam".into(), json!({ "config": config }));
    Value::Object(map)
}

fn of_pool(pool: &Pool) -> Value {
    let mut map = Map::new();
    map.insert("subnet".into(), json!(pool.subnet));
    map.insert("gateway".into(), json!(pool.gateway));
    put(&mut map, "ip_range", json!(pool.range));
    put(&mut map, "aux_addresses", json!(pool.auxiliary));
    Value::Object(map)
}

fn of_wanted(wanted: &Wanted, used: &mut BTreeSet<String>) -> Value {
    let mut map = Map::new();
    match wanted.networks.as_slice() {
        [only] if is_predefined(&only.attach.network) => {
            map.insert("network_mode".into(), json!(only.attach.network));
        }
        several => {
            used.extend(several.iter().map(|network| network.attach.network.clone()));
            let most = several.len();
            let all = several.iter().enumerate().map(|(index, network)| {
                (network.attach.network.clone(), of_attachment(network, most - index, most))
            });
            map.insert("networks".into(), Value::Object(all.collect()));
        }
    }
    put(&mut map, "hostname", json!(wanted.hostname));
    put(&mut map, "domainname", json!(wanted.domainname));
    put(&mut map, "ports", json!(wanted.ports.iter().map(of_port).collect::<Vec<_>>()));
    put(&mut map, "expose", json!(wanted.expose));
    put(&mut map, "extra_hosts", json!(wanted.hosts));
    put(&mut map, "dns", json!(wanted.dns));
    put(&mut map, "dns_search", json!(wanted.dns_search));
    put(&mut map, "dns_opt", json!(wanted.dns_options));
    let links = wanted.networks.first().map_or(&[][..], |network| &network.links);
    let links: Vec<String> = links.iter().map(|l| format!("{}:{}", l.container, l.alias)).collect();
    put(&mut map, "external_links", json!(links));
    if let Some(namespace) = &wanted.namespace {
        map.insert("x-netd".into(), json!({ "namespace": namespace }));
    }
    Value::Object(map)
}

fn of_attachment(network: &WantedNetwork, priority: usize, most: usize) -> Value {
    let mut map = Map::new();
    put(&mut map, "aliases", json!(network.attach.aliases));
    put(&mut map, "ipv4_address", json!(network.attach.ip));
    put(&mut map, "ipv6_address", json!(network.attach.ip6));
    put(&mut map, "mac_address", json!(network.mac));
    put(&mut map, "interface_name", json!(network.interface));
    if most > 1 {
        map.insert("priority".into(), json!(priority));
    }
    Value::Object(map)
}

/// The short form, but for lists of clients, which Compose has no word for.
fn of_port(mapping: &crate::spec::port::PortMapping) -> Value {
    if mapping.from.is_empty() {
        return json!(mapping.to_string());
    }
    let mut map = Map::new();
    map.insert("target".into(), json!(mapping.container.to_string()));
    put(&mut map, "published", json!(mapping.host.map(|host| host.to_string())));
    put(&mut map, "host_ip", json!(mapping.address));
    map.insert("protocol".into(), json!(mapping.protocol));
    map.insert("x-netd".into(), json!({ "from": mapping.from }));
    Value::Object(map)
}

/// What an undeclared container has, as if it had been asked for.
fn of_container(spec: &Spec, container: &Container) -> Option<(Name, Wanted)> {
    let (name, namespace) = match &container.source {
        Source::Run => (container.name.parse().ok()?, None),
        Source::Path(path) => {
            let own = container.name.parse().ok();
            let name = own.or_else(|| path.file_name()?.to_str()?.parse().ok())?;
            (name, Some(format!("netns:{}", path.display())))
        }
        Source::Pid => return None,
    };
    let lone = |name: &str| {
        let mut network = WantedNetwork::default();
        network.attach.network = name.to_owned();
        vec![network]
    };
    let networks = match container.mode {
        Mode::Host => lone("host"),
        Mode::None => lone("none"),
        Mode::Bridge => attachments(spec, container),
    };
    if networks.is_empty() {
        return None;
    }
    let short = container.id.short();
    let hosts = container.hosts.iter().map(|(name, address)| format!("{name}:{address}"));
    Some((
        name,
        Wanted {
            networks,
            ports: container.ports.iter().map(|port| port.mapping.clone()).collect(),
            expose: container.exposed.iter().map(|(port, p)| format!("{port}/{p}")).collect(),
            hostname: Some(container.hostname.clone()).filter(|hostname| hostname != short),
            domainname: Some(container.domainname.clone()).filter(|domain| !domain.is_empty()),
            hosts: hosts.collect(),
            dns: container.dns.iter().map(ToString::to_string).collect(),
            dns_search: container.dns_search.clone(),
            dns_options: container.dns_options.clone(),
            namespace,
        },
    ))
}

/// In the order of the container's devices.
fn attachments(spec: &Spec, container: &Container) -> Vec<WantedNetwork> {
    let mut all: Vec<_> = container.endpoints.iter().collect();
    all.sort_by_key(|(_, endpoint)| (endpoint.ifname.as_str().len(), endpoint.ifname.clone()));
    let one = |(id, endpoint): (&_, &crate::spec::container::Endpoint)| {
        let network = spec.networks.get(id)?;
        let mut wanted = WantedNetwork { links: endpoint.links.clone(), ..Default::default() };
        wanted.attach.network = network.name.to_string();
        wanted.attach.aliases = endpoint.aliases.iter().map(ToString::to_string).collect();
        if !is_predefined(network.name.as_str()) {
            wanted.attach.ip = endpoint.ipv4.map(|address| address.to_string());
            wanted.attach.ip6 = endpoint.ipv6.map(|address| address.to_string());
        }
        Some(wanted)
    };
    all.into_iter().filter_map(one).collect()
}

/// Leaves out what says nothing.
fn put(map: &mut Map<String, Value>, key: &str, value: Value) {
    let says_nothing = match &value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    };
    if !says_nothing {
        map.insert(key.into(), value);
    }
}

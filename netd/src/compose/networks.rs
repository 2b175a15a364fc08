//! Networks of a file.

use super::reader::{At, Reader};
use super::words::{External, File, Network, Pair, Pool, Scalar};
use super::{Scope, name};
use crate::api::protocol::NetworkCreate;
use crate::spec::declaration::{Declaration, NetworkDeclaration, Place};
use crate::spec::name::Name;
use crate::spec::network::check_option;
use crate::spec::subnet::{parse_pools, parse_subnet};
use std::{collections::BTreeMap, net::IpAddr};

/// Declares the networks that the file writes down, and `default` where a service needs it.
pub(super) fn declare(
    file: &File,
    start: Place,
    scope: &mut Scope,
    into: &mut Declaration,
    reader: &mut Reader<'_>,
) {
    for (key, network) in &file.networks.0 {
        let network = network.clone().unwrap_or_default();
        let external = external(&network, reader);
        let Some(name) = network_name(key, &network, external, scope, reader) else { continue };
        scope.networks.insert(key.value.clone(), name.clone());
        let request = request(&name, &network, reader);
        let place = key.place;
        into.networks.push(NetworkDeclaration { place, name, external, implicit: false, request });
    }
    let goes_there = |key: &str| file.services.0.iter().any(|(_, service)| service.is_on(key));
    if goes_there(DEFAULT) && !scope.networks.contains_key(DEFAULT) {
        let key = At { place: start, value: DEFAULT.to_owned() };
        let Some(name) = network_name(&key, &Network::default(), false, scope, reader) else {
            return;
        };
        scope.networks.insert(key.value, name.clone());
        let request = NetworkCreate { name: name.to_string(), ..Default::default() };
        let network =
            NetworkDeclaration { place: start, name, external: false, implicit: true, request };
        into.networks.push(network);
    }
}

fn network_name(
    key: &At<String>,
    network: &Network,
    external: bool,
    scope: &Scope,
    reader: &mut Reader<'_>,
) -> Option<Name> {
    let old = network.external.as_ref().and_then(|external| external.value.name.as_ref());
    if let Some(own) = network.name.as_ref().or(old) {
        return reader.parse("name", own, name);
    }
    let full = match &scope.project {
        Some(project) if !external => format!("{project}_{}", key.value),
        _ => key.value.clone(),
    };
    reader.parse("network", &At { place: key.place, value: full }, name)
}

/// Whether somebody else makes it; then nothing else may be said of it.
fn external(network: &Network, reader: &mut Reader<'_>) -> bool {
    let Some(At { place, value: External { external: true, .. } }) = &network.external else {
        return false;
    };
    let said = [
        (network.driver.is_some(), "driver"),
        (!network.driver_opts.0.is_empty(), "driver_opts"),
        (network.ipam.is_some(), "ipam"),
        (network.internal.0, "internal"),
        (network.enable_ipv6.0, "enable_ipv6"),
        (!network.labels.0.is_empty(), "labels"),
        (!options(&network.extra).is_empty(), "x-netd"),
    ];
    for (_, key) in said.iter().filter(|(said, _)| *said) {
        let why = format!(
            "an external network is made by somebody else, who decides its {key}; leave {key} out, or external"
        );
        reader.fault(*place, why);
    }
    true
}

fn request(name: &Name, network: &Network, reader: &mut Reader<'_>) -> NetworkCreate {
    if let Some(driver) = &network.driver
        && !matches!(driver.value.as_str(), "" | "bridge" | "default")
    {
        let why =
            format!("driver {:?} is not supported; write bridge, or leave it out", driver.value);
        reader.fault(driver.place, why);
    }
    if let Some(At { place, value }) = &network.enable_ipv4
        && !value.0
    {
        reader.fault(*place, "enable_ipv4 false is not supported; leave it out");
    }
    let mut request = NetworkCreate {
        name: name.to_string(),
        driver: "bridge".into(),
        internal: network.internal.0,
        enable_ipv6: network.enable_ipv6.0,
        labels: labels(network, reader),
        ..Default::default()
    };
    let mut all: Vec<(At<String>, At<Scalar>)> = network.driver_opts.0.clone();
    all.extend(options(&network.extra));
    for (key, value) in all {
        let At { place, value: Scalar(value) } = value;
        if let Err(error) = check_option(&key.value, &value, request.enable_ipv6) {
            reader.fault(place, error.message);
        } else if request.options.insert(key.value.clone(), value).is_some() {
            reader.fault(place, format!("option {} is given twice; give it once", key.value));
        }
    }
    ipam(network, &mut request, reader);
    request
}

fn labels(network: &Network, reader: &mut Reader<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for pair in &network.labels.0 {
        let (key, value) = match pair {
            Pair::Item(At { value, .. }) => value.split_once('=').unwrap_or((value, "")),
            Pair::Entry(key, values) => match values.as_slice() {
                [] => (key.value.as_str(), ""),
                [value] => (key.value.as_str(), value.value.as_str()),
                _ => {
                    let why = format!("label {} has several values; write one", key.value);
                    reader.fault(key.place, why);
                    continue;
                }
            },
        };
        labels.insert(key.to_owned(), value.to_owned());
    }
    labels
}

/// `x-netd` in the words of `-o`.
fn options(extra: &super::words::NetworkExtra) -> Vec<(At<String>, At<Scalar>)> {
    let all = [
        ("netd.nat_mapping", &extra.nat_mapping),
        ("netd.mss", &extra.mss),
        ("netd.big_tcp", &extra.big_tcp),
        ("com.docker.network.host_ipv4", &extra.host_ipv4),
        ("com.docker.network.host_ipv6", &extra.host_ipv6),
        ("com.docker.network.driver.mtu", &extra.mtu),
        ("com.docker.network.bridge.enable_icc", &extra.icc),
        ("com.docker.network.bridge.enable_ip_masquerade", &extra.masquerade),
        ("com.docker.network.bridge.name", &extra.bridge),
    ];
    let given = all.into_iter().filter_map(|(key, value)| Some((key, value.clone()?)));
    given.map(|(key, value)| (At { place: value.place, value: key.to_owned() }, value)).collect()
}

/// Subnets and what lies in them, each checked by itself, then all of them together.
fn ipam(network: &Network, request: &mut NetworkCreate, reader: &mut Reader<'_>) {
    let Some(ipam) = &network.ipam else { return };
    if let Some(driver) = &ipam.driver
        && !matches!(driver.value.as_str(), "" | "default")
    {
        let why = format!("ipam driver {:?} is not supported; leave it out", driver.value);
        reader.fault(driver.place, why);
    }
    if let Some((key, _)) = ipam.options.0.first() {
        reader.fault(key.place, "ipam options are not supported; leave them out");
    }
    let faults = reader.faults.len();
    for config in &ipam.config {
        pool(config, request, reader);
    }
    let place = ipam.config.iter().find_map(|pool| pool.subnet.as_ref()).map(|subnet| subnet.place);
    if reader.faults.len() == faults
        && let Some(place) = place
        && let Err(error) = parse_pools(request)
    {
        reader.fault(place, error.message);
    }
}

fn pool(config: &Pool, request: &mut NetworkCreate, reader: &mut Reader<'_>) {
    let message = |text: &str| parse_subnet(text).map_err(|error| error.message);
    let subnet = config.subnet.as_ref().and_then(|text| {
        let subnet = message(&text.value);
        let subnet = subnet.map_err(|why| reader.fault(text.place, why)).ok()?;
        request.subnets.push(text.value.clone());
        // An IPv6 subnet is enough to ask for IPv6 (Compose's files rely on enable_ipv6, or not).
        if subnet.addr().is_ipv6() && !request.enable_ipv6 {
            let why = format!("subnet {subnet} is IPv6; write enable_ipv6: true beside ipam");
            reader.fault(text.place, why);
        }
        Some(subnet)
    });
    let inside = |key: &str, text: &At<String>, reader: &mut Reader<'_>| {
        let wrong = "it is no IP address; write one such as 172.28.0.5";
        let address: IpAddr = reader.parse(key, text, |t| t.parse().map_err(|_| wrong))?;
        match subnet {
            Some(subnet) if subnet.contains(&address) => Some(text.value.clone()),
            Some(subnet) => {
                let why = format!("{key} {address} is outside subnet {subnet}; choose one inside");
                reader.fault(text.place, why);
                None
            }
            None if config.subnet.is_none() => {
                let why = format!("{key} {address} has no subnet to be in; write subnet beside it");
                reader.fault(text.place, why);
                None
            }
            None => None,
        }
    };
    if let Some(gateway) = &config.gateway {
        request.gateways.extend(inside("gateway", gateway, reader));
    }
    for (name, text) in &config.aux_addresses.0 {
        if let Some(address) = inside("aux_addresses", text, reader) {
            request.auxiliary_addresses.insert(name.value.clone(), address);
        }
    }
    if let Some(range) = &config.ip_range {
        request.ip_ranges.extend(ip_range(range, subnet, reader));
    }
}

fn ip_range(
    text: &At<String>,
    subnet: Option<ipnet::IpNet>,
    reader: &mut Reader<'_>,
) -> Option<String> {
    let wrong = "it is no CIDR; write one such as 172.28.5.0/24";
    let parse = |text: &str| text.parse::<ipnet::IpNet>().map_err(|_| wrong);
    let range = reader.parse("ip_range", text, parse)?;
    match subnet {
        Some(_) if range != range.trunc() => {
            reader.fault(text.place, format!("ip_range {range}: it should be {}", range.trunc()));
            None
        }
        Some(subnet) if subnet.contains(&range) => Some(text.value.clone()),
        Some(subnet) => {
            let why = format!("ip_range {range} is outside subnet {subnet}; choose one inside");
            reader.fault(text.place, why);
            None
        }
        None => {
            reader.fault(text.place, "ip_range has no subnet to be in; write subnet beside it");
            None
        }
    }
}

/// The key of the network of services that name none.
pub(super) const DEFAULT: &str = "default";

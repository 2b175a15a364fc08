//! From what was asked for to the picture of the kernel that provides it. Pure.

use crate::spec::{
    Spec,
    container::{Container, Mode, Status},
    gateway::Attachment,
    network::{Driver, Network, has_names},
    port::{Published, admitted},
    subnet::Pool,
};
use crate::state::{
    Bridge, DeviceEntry, Gateways, Host, Netns, NetworkEntry, PublishedEntry, PublishedKey, State,
    Veth,
};
use ipnet::IpNet;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

mod uplinks;
mod xdp;

pub use uplinks::UplinkChoice;
pub use xdp::{XdpChoice, XdpMode};

/// What the kernel should hold so that `spec` is provided on `host`.
///
/// `host.addresses` may still hold the gateways of a network that was just removed; they leave
/// the result as soon as the host is observed without them.
#[must_use]
pub fn desired(spec: &Spec, host: &Host, uplinks: &UplinkChoice) -> State {
    let mut state = State {
        locals: host.addresses.clone(),
        uplinks: uplinks::entries(host, uplinks),
        ..State::default()
    };
    for network in spec.networks.values().filter(|n| n.driver == Driver::Bridge) {
        add_network(&mut state, network);
    }
    for container in spec.containers.values().filter(|c| c.mode == Mode::Bridge) {
        if let Status::Running { netns, .. } = container.status {
            add_container(&mut state, spec, container, Netns(netns));
        }
    }
    xdp::add(&mut state, host);
    state
}

/// For each family, IPv4 first, the attachment that leads out.
type Exits<'a> = (Option<Attachment<'a>>, Option<Attachment<'a>>);

fn add_network(state: &mut State, network: &Network) {
    let (bridge, mtu) = (&network.options.bridge, network.options.mtu);
    let mut gateways: BTreeSet<IpAddr> = network.pools.iter().map(|p| p.gateway).collect();
    if has_ipv6(network) {
        gateways.insert(network.mac.link_local().into());
    }
    state.locals.extend(&gateways);
    let addresses = network.pools.iter().filter_map(|p| with_prefix(p.gateway, p)).collect();
    let id = network.id.clone();
    state
        .bridges
        .insert(bridge.clone(), Bridge { network: id, mac: network.mac, mtu, addresses, up: true });
    let entry = NetworkEntry {
        bridge: bridge.clone(),
        mac: network.mac,
        gateways,
        subnets: network.pools.iter().map(|p| p.subnet).collect(),
        mtu,
        internal: network.internal,
        icc: network.options.icc,
        masquerade: network.options.masquerade,
        host_ipv4: network.options.host_ipv4,
        host_ipv6: network.options.host_ipv6,
        endpoint_independent: network.options.endpoint_independent,
        mss: network.options.mss,
    };
    state.networks.insert(network.number, entry);
}

fn add_container(state: &mut State, spec: &Spec, container: &Container, netns: Netns) {
    for attachment in attachments(spec, container) {
        let name = &attachment.1.veth;
        state.veths.insert(name.clone(), veth(attachment, netns));
        state.devices.insert(name.clone(), device(attachment, container));
    }
    if attachments(spec, container).any(|(network, _)| has_names(network)) {
        state.resolvers.insert(netns);
    }
    let exits = spec.gateway_endpoint(container);
    state.gateways.insert(netns, gateways(exits));
    for publication in &container.ports {
        let from = admitted(&publication.mapping.from);
        for port in &publication.published {
            if let Some((network, address)) = target(port.address, exits) {
                let (network, container) = (network.number, container.number);
                let (port, key, from) = (port.container, key(port), from.clone());
                let entry = PublishedEntry { network, container, address, port, from };
                state.published.insert(key, entry);
            }
        }
    }
}

/// The container's endpoints on networks that have a bridge.
fn attachments<'a>(
    spec: &'a Spec,
    container: &'a Container,
) -> impl Iterator<Item = Attachment<'a>> {
    let endpoints = container.endpoints.iter();
    endpoints
        .filter_map(|(id, endpoint)| Some((spec.networks.get(id)?, endpoint)))
        .filter(|(network, _)| network.driver == Driver::Bridge)
}

fn veth((network, endpoint): Attachment<'_>, netns: Netns) -> Veth {
    let addresses = network.pools.iter().filter_map(|pool| {
        let own = match pool.subnet {
            IpNet::V4(_) => endpoint.ipv4.map(IpAddr::V4),
            IpNet::V6(_) => endpoint.ipv6.map(IpAddr::V6),
        };
        with_prefix(own?, pool)
    });
    Veth {
        endpoint: endpoint.id.clone(),
        bridge: network.options.bridge.clone(),
        mtu: network.options.mtu,
        aggregate: aggregate(network),
        netns,
        peer: endpoint.ifname.clone(),
        mac: endpoint.mac,
        addresses: addresses.collect(),
        up: true,
    }
}

/// What is larger than a device to the outside takes is cut by the processor, packet by packet: by
/// itself netd lets only those networks have it that lead nowhere.
fn aggregate(network: &Network) -> u32 {
    match network.options.big_tcp.unwrap_or(network.internal) {
        true => BIG_AGGREGATE,
        false => USUAL_AGGREGATE,
    }
}

/// The kernel's own choice (GSO_LEGACY_MAX_SIZE, include/linux/netdevice.h).
const USUAL_AGGREGATE: u32 = 65_536;
/// Half of what a veth takes; more gains nothing (measured).
const BIG_AGGREGATE: u32 = 262_144;

fn device((network, endpoint): Attachment<'_>, container: &Container) -> DeviceEntry {
    let link_local = has_ipv6(network).then(|| endpoint.mac.link_local());
    let ipv6 = endpoint.ipv6.into_iter().chain(link_local).map(IpAddr::V6);
    DeviceEntry {
        network: network.number,
        container: container.number,
        mac: endpoint.mac,
        addresses: endpoint.ipv4.map(IpAddr::V4).into_iter().chain(ipv6).collect(),
    }
}

/// The default routes by way of `exits`.
fn gateways((ipv4, ipv6): Exits<'_>) -> Gateways {
    Gateways {
        ipv4: ipv4.and_then(|(n, _)| n.pools.iter().find_map(|p| ipv4_of(p.gateway))),
        ipv6: ipv6.and_then(|(n, _)| n.pools.iter().find_map(|p| ipv6_of(p.gateway))),
    }
}

/// Where a port published on `host` leads: the exit of that family. Without an IPv6 exit the
/// IPv4 one serves host processes that dial an IPv6 address.
fn target<'a>(host: IpAddr, (ipv4, ipv6): Exits<'a>) -> Option<(&'a Network, IpAddr)> {
    let by_ipv4 = ipv4.and_then(|(network, e)| Some((network, IpAddr::V4(e.ipv4?))));
    let by_ipv6 = ipv6.and_then(|(network, e)| Some((network, IpAddr::V6(e.ipv6?))));
    match host {
        IpAddr::V4(_) => by_ipv4,
        IpAddr::V6(_) => by_ipv6.or(by_ipv4),
    }
}

fn key(port: &Published) -> PublishedKey {
    PublishedKey { address: port.address, ports: port.host, protocol: port.protocol }
}

fn has_ipv6(network: &Network) -> bool {
    network.pools.iter().any(|p| matches!(p.subnet, IpNet::V6(_)))
}

/// `address` with its pool's prefix length; none where the families differ.
fn with_prefix(address: IpAddr, pool: &Pool) -> Option<IpNet> {
    IpNet::new(address, pool.subnet.prefix_len()).ok()
}

fn ipv4_of(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(ipv4) => Some(ipv4),
        IpAddr::V6(_) => None,
    }
}

fn ipv6_of(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(ipv6) => Some(ipv6),
    }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

//! Made-up specifications and hosts for tests: small enough that any two have things in common.

use crate::spec::{
    Spec,
    container::{Container, Endpoint, Mode, Source, Status},
    name::{Id, InterfaceName, Mac},
    network::{Driver, Network, NetworkOptions},
    port::{Publication, Published},
    subnet::Pool,
};
use crate::state::{Host, HostLink, HostRoute, PortRange, Protocol};
use ipnet::IpNet;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// An identity that begins with `kind` and holds `number`.
pub(crate) fn id(kind: u8, number: u32) -> Id {
    format!("{kind:02x}{number:062x}").parse().unwrap()
}

/// A device's name.
pub(crate) fn interface(name: &str) -> InterfaceName {
    name.parse().unwrap()
}

/// An address.
pub(crate) fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// Bridge network `number` (1 to 200): 172.NUMBER.0.0/16 and, with `ipv6`, fd00:0:0:NUMBER::/64.
pub(crate) fn network(name: &str, number: u32, ipv6: bool) -> Network {
    let pool = |subnet: String, gateway: String| Pool {
        subnet: subnet.parse().unwrap(),
        gateway: gateway.parse().unwrap(),
        range: None,
        auxiliary: BTreeMap::new(),
    };
    let mut pools = vec![pool(format!("172.{number}.0.0/16"), format!("172.{number}.0.1"))];
    if ipv6 {
        let prefix = format!("fd00:0:0:{number:x}");
        pools.push(pool(format!("{prefix}::/64"), format!("{prefix}::1")));
    }
    Network {
        id: id(1, number),
        number,
        name: name.parse().unwrap(),
        created: String::new(),
        driver: Driver::Bridge,
        pools,
        internal: false,
        options: NetworkOptions::defaults(interface(&format!("nd-{name}"))),
        driver_options: BTreeMap::new(),
        labels: BTreeMap::new(),
        mac: Mac([2, 0x6e, 1, 0, 0, number as u8]),
    }
}

/// Container `number` (1 to 200) in namespace 1000 + `number`, attached to nothing.
pub(crate) fn container(number: u32) -> Container {
    Container {
        id: id(2, number),
        number,
        name: format!("c{number}"),
        hostname: String::new(),
        created: String::new(),
        command: Vec::new(),
        source: Source::Run,
        status: running(1000 + u64::from(number)),
        mode: Mode::Bridge,
        endpoints: BTreeMap::new(),
        ports: Vec::new(),
        exposed: Vec::new(),
        hosts: Vec::new(),
        domainname: String::new(),
        dns: Vec::new(),
        dns_search: Vec::new(),
        dns_options: Vec::new(),
        environment: Vec::new(),
        auto_remove: false,
    }
}

/// The status of a container that runs in namespace `netns`.
pub(crate) fn running(netns: u64) -> Status {
    Status::Running { pid: 1, start_time: 1, netns, started: 1 }
}

/// Attaches `container` to `network` as its next ethN: 172.NETWORK.0.(CONTAINER + 1), and the
/// same last digits in IPv6.
pub(crate) fn attach(container: &mut Container, network: &Network) {
    let host = container.number as u8 + 1;
    let own = network.number * 1000 + container.number;
    let ipv6 = network.pools.iter().any(|p| matches!(p.subnet, IpNet::V6(_)));
    let prefix = [0xfd00, 0, 0, network.number as u16, 0, 0, 0];
    let [a, b, c, d, e, f, g] = prefix;
    let endpoint = Endpoint {
        id: id(3, own),
        mac: Mac([2, 0x6e, 2, 0, network.number as u8, container.number as u8]),
        ipv4: Some(Ipv4Addr::new(172, network.number as u8, 0, host)),
        ipv6: ipv6.then(|| Ipv6Addr::new(a, b, c, d, e, f, g, u16::from(host))),
        veth: interface(&format!("ndv{own}")),
        ifname: interface(&format!("eth{}", container.endpoints.len())),
        aliases: Vec::new(),
        links: Vec::new(),
    };
    container.endpoints.insert(network.id.clone(), endpoint);
}

/// TCP `host` port of `address` to container port 80.
pub(crate) fn publish(container: &mut Container, address: &str, host: u16) {
    publish_range(container, address, host, host, "");
}

/// TCP ports of `address` to container ports from 80 on, for those `from` (`,from=CIDR`) only.
pub(crate) fn publish_range(
    container: &mut Container,
    address: &str,
    first: u16,
    last: u16,
    from: &str,
) {
    let (address, protocol) = (ip(address), Protocol::Tcp);
    let host = PortRange::new(first, last).unwrap();
    let mapping = format!("{host}:{}{from}", host.moved_to(80).unwrap());
    let published = vec![Published { address, host, container: 80, protocol }];
    container.ports.push(Publication { mapping: mapping.parse().unwrap(), published });
}

/// What was asked for: these networks and containers.
pub(crate) fn spec(
    networks: impl IntoIterator<Item = Network>,
    containers: impl IntoIterator<Item = Container>,
) -> Spec {
    Spec {
        networks: networks.into_iter().map(|n| (n.id.clone(), n)).collect(),
        containers: containers.into_iter().map(|c| (c.id.clone(), c)).collect(),
        declared: Default::default(),
    }
}

/// A host with one uplink `eth0` at 192.0.2.2/24 and 2001:db8::2/64.
pub(crate) fn host() -> Host {
    let eth0 = link(&["192.0.2.2/24", "2001:db8::2/64"]);
    let addresses = ["127.0.0.1", "::1", "192.0.2.2", "2001:db8::2"].map(ip);
    Host {
        links: BTreeMap::from([(interface("eth0"), eth0)]),
        addresses: addresses.into(),
        ..Host::default()
    }
}

/// An Ethernet device that is up.
pub(crate) fn link(addresses: &[&str]) -> HostLink {
    let addresses = addresses.iter().map(|a| a.parse().unwrap()).collect();
    HostLink { up: true, header: Some(14), mtu: 1500, enslaved: false, addresses }
}

/// A route through `device` by way of a next hop.
pub(crate) fn route(to: &str, device: &str, source: Option<&str>, metric: u32) -> HostRoute {
    let (destination, device) = (to.parse().unwrap(), interface(device));
    HostRoute { destination, device, on_link: false, gateway: None, source: source.map(ip), metric }
}

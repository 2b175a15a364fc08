//! What the tests of changes and views start from: a host and a spec with the predefined networks.

use super::Spec;
use super::name::Id;
use super::network::NetworkContext;
use super::port::{PortHost, Publication};
use crate::api::protocol::{ContainerCreate, NetworkAttach, NetworkConnect, NetworkCreate};
use crate::error::Result;
use crate::state::{Host, HostLink, HostRoute, PortRange};

/// 2026-01-02T03:04:05Z.
pub(super) const NOW: u64 = 1_767_323_045;

/// A host with one device, 10.0.0.1/24 and IPv6, and a default route.
pub(super) fn host() -> Host {
    let route = |destination: &str, on_link| HostRoute {
        destination: destination.parse().unwrap(),
        device: "eth0".parse().unwrap(),
        on_link,
        gateway: None,
        source: None,
        metric: 0,
    };
    let link =
        HostLink { up: true, header: Some(14), mtu: 1500, enslaved: false, addresses: Vec::new() };
    Host {
        links: [("eth0".parse().unwrap(), link)].into(),
        addresses: ["127.0.0.1", "::1", "10.0.0.1"].map(|a| a.parse().unwrap()).into(),
        routes: vec![
            route("10.0.0.0/24", true),
            route("0.0.0.0/0", true),
            route("10.50.0.0/16", false),
        ],
        ..Host::default()
    }
}

pub(super) fn context(host: &Host) -> NetworkContext<'_> {
    NetworkContext { host, seed: [1, 2, 3, 4, 5], now: NOW }
}

pub(super) fn spec() -> Spec {
    Spec::with_defaults(&context(&host())).unwrap()
}

/// A request for a network with nothing but a name.
pub(super) fn named(name: &str) -> NetworkCreate {
    NetworkCreate { name: name.into(), ..Default::default() }
}

pub(super) fn create(spec: &mut Spec, request: &NetworkCreate) -> Result<Id> {
    spec.create_network(request, &context(&host()))
}

/// A request for a container on some networks.
pub(super) fn container(name: &str, networks: &[&str]) -> ContainerCreate {
    let attach = |n: &&str| NetworkAttach { network: n.to_string(), ..Default::default() };
    ContainerCreate {
        name: Some(name.into()),
        networks: networks.iter().map(attach).collect(),
        command: vec!["true".into()],
        ..Default::default()
    }
}

/// Does something with the host's ports, where a process listens on 22.
pub(super) fn with_ports<T>(work: impl FnOnce(&mut PortHost<'_>) -> T) -> T {
    let host = host();
    let mut cursor = 40_000;
    let mut probe = |_, ports: PortRange, _| {
        ports.contains(22).then(|| (22, "address already in use".to_owned()))
    };
    let mut ports = PortHost {
        addresses: &host.addresses,
        ephemeral: PortRange::new(40_000, 40_999).unwrap(),
        reserved: &[],
        cursor: &mut cursor,
        probe: &mut probe,
    };
    work(&mut ports)
}

/// Registers a container.
pub(super) fn register(spec: &mut Spec, request: &ContainerCreate) -> Result<Id> {
    with_ports(|ports| spec.create_container(request, NOW, ports))
}

/// Registers and starts a container; its namespace's inode is its number.
pub(super) fn run(spec: &mut Spec, name: &str, networks: &[&str]) -> Id {
    start(spec, &container(name, networks))
}

pub(super) fn start(spec: &mut Spec, request: &ContainerCreate) -> Id {
    let id = register(spec, request).unwrap();
    let number = u64::from(spec.containers[&id].number);
    spec.start_container(&id, 100, 1, number, NOW).unwrap();
    id
}

pub(super) fn connect(spec: &mut Spec, network: &str, name: &str) -> Result<Id> {
    let request = NetworkConnect { container: name.into(), ..Default::default() };
    with_ports(|ports| spec.connect(network, &request, None, NOW, ports))
}

pub(super) fn disconnect(spec: &mut Spec, network: &str, name: &str) -> Result<Id> {
    with_ports(|ports| spec.disconnect(network, name, ports))
}

pub(super) fn publish(spec: &mut Spec, name: &str, specs: &[&str]) -> Result<Vec<Publication>> {
    let specs: Vec<String> = specs.iter().map(ToString::to_string).collect();
    with_ports(|ports| spec.publish(name, &specs, ports))
}

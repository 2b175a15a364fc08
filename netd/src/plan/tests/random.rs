//! Generators of legal pictures, alike enough that plans between them have much to keep.

use super::damage::{Damage, damage};
use super::*;
use crate::desired::samples::{attach, container, network, publish_range, running, spec};
use crate::spec::{Spec, container::Container, network::Network};
use crate::state::Host;
use proptest::{array::uniform3, collection::vec, option};

/// A picture that [`desired`] makes.
pub(super) fn any_desired() -> impl Strategy<Value = State> {
    let networks = uniform3(option::weighted(0.8, any_network()));
    let numbers = Just([1, 2, 3]).prop_shuffle();
    let containers = uniform3(option::weighted(0.8, any_container()));
    let ports = uniform3(option::of(any_port()));
    (networks, numbers, containers, ports, any_host()).prop_map(
        |(networks, numbers, containers, ports, host)| {
            let spec = assemble(networks, numbers, containers, ports);
            desired(&spec, &host, &UplinkChoice::Auto)
        },
    )
}

/// A picture that a kernel may hold: one that was desired, then damaged.
pub(super) fn any_actual() -> impl Strategy<Value = State> {
    (any_desired(), vec(any::<(Damage, prop::sample::Index)>(), 0..4)).prop_map(
        |(mut state, blows)| {
            blows.iter().for_each(|(kind, index)| damage(&mut state, *kind, *index));
            state
        },
    )
}

#[derive(Clone, Debug)]
struct NetworkShape {
    ipv6: bool,
    internal: bool,
    icc: bool,
    mtu: u32,
    mac: u8,
    /// Removed and made again under the same name: another identity, another subnet.
    again: bool,
    /// With a bridge of another name.
    renamed: bool,
}

fn any_network() -> impl Strategy<Value = NetworkShape> {
    let mtu = prop_oneof![Just(1500), Just(9000)];
    let seldom = prop::bool::weighted(0.2);
    (any::<[bool; 3]>(), mtu, 1..3u8, seldom, seldom).prop_map(
        |([ipv6, internal, icc], mtu, mac, again, renamed)| NetworkShape {
            ipv6,
            internal,
            icc,
            mtu,
            mac,
            again,
            renamed,
        },
    )
}

#[derive(Clone, Debug)]
struct ContainerShape {
    /// Which of the networks it is on.
    networks: [bool; 3],
    /// Restarted: another namespace.
    again: bool,
    mac: u8,
}

fn any_container() -> impl Strategy<Value = ContainerShape> {
    let again = prop::bool::weighted(0.2);
    let mac = prop_oneof![4 => Just(2u8), 1 => Just(3u8)];
    (any::<[bool; 3]>(), again, mac).prop_map(|(networks, again, mac)| ContainerShape {
        networks,
        again,
        mac,
    })
}

/// A publication: of ten host ports, some.
#[derive(Clone, Debug)]
struct PortShape {
    /// The container that publishes them.
    owner: usize,
    /// The host address.
    address: &'static str,
    first: u16,
    more: u16,
    /// Who may use them, in the words of a publish spec.
    from: &'static str,
}

fn any_port() -> impl Strategy<Value = PortShape> {
    let address = prop::sample::select(vec!["0.0.0.0", "::", "127.0.0.1"]);
    let from = prop::sample::select(vec!["", ",from=10.0.0.0/8"]);
    let more = prop_oneof![Just(0), 1..6u16];
    (0..3usize, address, 0..4u16, more, from).prop_map(|(owner, address, first, more, from)| {
        PortShape { owner, address, first, more, from }
    })
}

fn any_host() -> impl Strategy<Value = Host> {
    any::<[bool; 4]>().prop_map(|[up, second, address, express]| {
        let mut host = host();
        let mut eth0 = host.links[&interface("eth0")].clone();
        if second {
            host.links.insert(interface("eth1"), eth0.clone());
        }
        eth0.up = up;
        if address {
            eth0.addresses.clear();
            host.addresses.remove(&ip("192.0.2.2"));
        }
        host.links.insert(interface("eth0"), eth0);
        if express {
            host.express.insert(interface("eth0"), Mac([2, 0, 0, 0, 0, 9]));
        }
        host
    })
}

fn assemble(
    networks: [Option<NetworkShape>; 3],
    numbers: [u32; 3],
    containers: [Option<ContainerShape>; 3],
    ports: [Option<PortShape>; 3],
) -> Spec {
    let names = ["a", "b", "bridge"].into_iter().zip(1..);
    let networks: Vec<Option<Network>> = names
        .zip(networks)
        .map(|((name, own), shape)| shape.map(|shape| shaped_network(name, own, &shape)))
        .collect();
    let mut containers: Vec<Option<Container>> = (1..)
        .zip(containers)
        .map(|(own, shape)| shape.map(|shape| shaped_container(own, &shape, &networks)))
        .collect();
    for (ten, port) in (8080..).step_by(10).zip(ports.into_iter().flatten()) {
        if let Some(container) = &mut containers[port.owner] {
            let first = ten + port.first;
            publish_range(container, port.address, first, first + port.more, port.from);
        }
    }
    let networks = networks.into_iter().zip(numbers);
    let networks = networks.filter_map(|(network, number)| Some(Network { number, ..network? }));
    spec(networks, containers.into_iter().flatten())
}

fn shaped_network(name: &str, own: u32, shape: &NetworkShape) -> Network {
    let own = if shape.again { own + 100 } else { own };
    let mut network = network(name, own, shape.ipv6);
    network.internal = shape.internal;
    network.options.icc = shape.icc;
    network.options.mtu = shape.mtu;
    network.mac.0[3] = shape.mac;
    if shape.renamed {
        network.options.bridge = interface(&format!("br-{name}"));
    }
    network
}

fn shaped_container(own: u32, shape: &ContainerShape, networks: &[Option<Network>]) -> Container {
    let mut container = container(own);
    if shape.again {
        container.status = running(2000 + u64::from(own));
    }
    let chosen = networks.iter().zip(shape.networks).filter(|(_, member)| *member);
    chosen.filter_map(|(network, _)| network.as_ref()).for_each(|n| attach(&mut container, n));
    container.endpoints.values_mut().for_each(|e| e.mac.0[3] = shape.mac);
    container
}

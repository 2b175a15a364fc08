//! Random requests, valid or not: whatever they do, what should exist stays possible.

use crate::api::protocol::{ContainerCreate, NetworkAttach, NetworkCreate};
use crate::error::Result;
use crate::spec::Spec;
use crate::spec::fixture::{
    connect, container, create, disconnect, named, publish, register, spec,
};
use crate::spec::subnet::overlaps;
use proptest::prelude::*;
use std::{collections::BTreeSet, net::IpAddr};

#[derive(Clone, Debug)]
enum Change {
    CreateNetwork { name: u8, subnet: Option<u8>, ipv6: bool, internal: bool },
    RemoveNetwork(u8),
    Prune,
    Create { name: u8, networks: Vec<u8>, ip: Option<u8>, port: Option<u16> },
    Start(u8),
    Exit(u8),
    Remove(u8),
    Connect(u8, u8),
    Disconnect(u8, u8),
    Publish(u8, u16, u16),
    Unpublish(u8, u16),
}

fn changes() -> impl Strategy<Value = Change> {
    let name = || 0..4u8;
    let network = || 0..5u8;
    prop_oneof![
        (name(), prop::option::of(0..4u8), any::<bool>(), any::<bool>()).prop_map(
            |(name, subnet, ipv6, internal)| Change::CreateNetwork { name, subnet, ipv6, internal }
        ),
        network().prop_map(Change::RemoveNetwork),
        Just(Change::Prune),
        (
            name(),
            prop::collection::vec(network(), 0..3),
            prop::option::of(0..8u8),
            prop::option::of(79..82u16),
        )
            .prop_map(|(name, networks, ip, port)| Change::Create {
                name,
                networks,
                ip,
                port
            }),
        name().prop_map(Change::Start),
        name().prop_map(Change::Exit),
        name().prop_map(Change::Remove),
        (network(), name()).prop_map(|(network, name)| Change::Connect(network, name)),
        (network(), name()).prop_map(|(network, name)| Change::Disconnect(network, name)),
        (name(), 78..83u16, 0..4u16)
            .prop_map(|(name, first, more)| Change::Publish(name, first, more)),
        (name(), 78..83u16).prop_map(|(name, port)| Change::Unpublish(name, port)),
    ]
}

fn apply(spec: &mut Spec, change: &Change) -> Result<()> {
    match change {
        Change::CreateNetwork { name, subnet, ipv6, internal } => {
            let subnets = subnet.map(|n| format!("10.{}.0.0/{}", 8 + n / 2, 16 + n % 2 * 8));
            let request = NetworkCreate {
                subnets: subnets.into_iter().collect(),
                enable_ipv6: *ipv6,
                internal: *internal,
                ..named(&network_name(*name))
            };
            create(spec, &request).map(drop)
        }
        Change::RemoveNetwork(name) => spec.remove_network(&network_name(*name)).map(drop),
        Change::Prune => {
            spec.prune_networks();
            Ok(())
        }
        Change::Create { name, networks, ip, port } => {
            register(spec, &request(*name, networks, *ip, *port)).map(drop)
        }
        Change::Start(name) => {
            let container = spec.container(&container_name(*name))?;
            let (id, netns) = (container.id.clone(), u64::from(container.number));
            spec.start_container(&id, 1, 1, netns, 0)
        }
        Change::Exit(name) => {
            let id = spec.container(&container_name(*name))?.id.clone();
            spec.exit_container(&id, 0)
        }
        Change::Remove(name) => spec.remove_container(&container_name(*name), false).map(drop),
        Change::Connect(network, name) => {
            connect(spec, &network_name(*network), &container_name(*name)).map(drop)
        }
        Change::Disconnect(network, name) => {
            disconnect(spec, &network_name(*network), &container_name(*name)).map(drop)
        }
        Change::Publish(name, first, more) => {
            let words = format!("{first}-{0}:{first}-{0}", first + more);
            publish(spec, &container_name(*name), &[&words]).map(drop)
        }
        Change::Unpublish(name, port) => {
            spec.unpublish(&container_name(*name), &[format!("{port}:{port}")])
        }
    }
}

/// Network 4 is the default one.
fn network_name(number: u8) -> String {
    if number == 4 { "bridge".into() } else { format!("n{number}") }
}

fn container_name(number: u8) -> String {
    format!("c{number}")
}

fn request(name: u8, networks: &[u8], ip: Option<u8>, port: Option<u16>) -> ContainerCreate {
    let attach = |n: &u8| NetworkAttach {
        network: network_name(*n),
        ip: ip.filter(|_| *n != 4).map(|ip| format!("10.8.0.{ip}")),
        ..Default::default()
    };
    ContainerCreate {
        networks: networks.iter().map(attach).collect(),
        publish: port.map(|port| format!("{port}:80")).into_iter().collect(),
        ..container(&container_name(name), &[])
    }
}

fn check(spec: &Spec) -> std::result::Result<(), TestCaseError> {
    let all: Vec<_> = spec.networks.values().collect();
    for (i, a) in all.iter().enumerate() {
        for b in &all[i + 1..] {
            prop_assert!(a.name != b.name && a.options.bridge != b.options.bridge);
            prop_assert!(a.number != b.number || a.number == 0);
            let shared =
                a.pools.iter().any(|p| b.pools.iter().any(|q| overlaps(&p.subnet, &q.subnet)));
            prop_assert!(!shared, "{} and {} overlap", a.name, b.name);
        }
    }
    let mut addresses = BTreeSet::new();
    let mut ports = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    let mut names = BTreeSet::new();
    for container in spec.containers.values() {
        prop_assert!(numbers.insert(container.number) && names.insert(&container.name));
        prop_assert!(container.endpoints.keys().all(|id| spec.networks.contains_key(id)));
        let devices: BTreeSet<_> = container.endpoints.values().map(|e| &e.ifname).collect();
        prop_assert_eq!(devices.len(), container.endpoints.len());
    }
    for container in spec.live() {
        for endpoint in container.endpoints.values() {
            let v4 = endpoint.ipv4.map(IpAddr::V4);
            for address in v4.into_iter().chain(endpoint.ipv6.map(IpAddr::V6)) {
                prop_assert!(addresses.insert(address), "{address} is held twice");
            }
        }
        let (v4, v6) = spec.gateway_endpoint(container);
        for publication in &container.ports {
            let due = v4.or(v6).is_some();
            prop_assert_eq!(!publication.published.is_empty(), due, "{}", publication.mapping);
        }
        for p in container.published() {
            let held = p.host.ports().all(|port| ports.insert((p.address, port, p.protocol)));
            prop_assert!(held, "{p:?} is held twice");
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_change_makes_an_impossible_spec_and_a_refused_one_does_nothing(
        changes in prop::collection::vec(changes(), 1..40),
    ) {
        let mut spec = spec();
        for change in &changes {
            let before = spec.clone();
            if apply(&mut spec, change).is_err() {
                prop_assert_eq!(&spec, &before);
            }
            check(&spec)?;
        }
    }
}

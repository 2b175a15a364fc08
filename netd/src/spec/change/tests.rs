//! Changes and what they refuse; networks first.

mod apply;
mod attach;
mod containers;
mod ports;

use super::*;
use crate::api::protocol::{ContainerCreate, NetworkAttach, NetworkConnect, NetworkCreate};
use crate::error::{ErrorCode, Result};
use crate::spec::Spec;
use crate::spec::container::{Endpoint, Mode, Status};
use crate::spec::fixture::*;
use crate::spec::name::Id;

fn two_networks() -> Spec {
    let mut spec = spec();
    create(&mut spec, &named("backend")).unwrap();
    create(&mut spec, &NetworkCreate { enable_ipv6: true, ..named("frontend") }).unwrap();
    spec
}

fn endpoint<'a>(spec: &'a Spec, id: &Id, network: &str) -> &'a Endpoint {
    &spec.containers[id].endpoints[&spec.network(network).unwrap().id]
}

/// The message of a change that fails, having checked that it changed nothing.
fn refused<T: std::fmt::Debug>(
    spec: &mut Spec,
    change: impl FnOnce(&mut Spec) -> Result<T>,
) -> String {
    let before = spec.clone();
    let error = change(spec).unwrap_err();
    assert_eq!(*spec, before, "a refused change left something");
    assert!(!error.message.contains('\n'));
    error.message
}

fn attach(network: &str, ip: &str) -> NetworkAttach {
    NetworkAttach { network: network.into(), ip: Some(ip.into()), ..Default::default() }
}

fn publishing(name: &str, networks: &[&str], specs: &[&str]) -> ContainerCreate {
    let publish = specs.iter().map(ToString::to_string).collect();
    ContainerCreate { publish, ..container(name, networks) }
}

fn join(
    spec: &mut Spec,
    network: &str,
    request: &NetworkConnect,
    foreign: Option<&Foreign>,
) -> Result<Id> {
    with_ports(|ports| spec.connect(network, request, foreign, NOW, ports))
}

fn foreign(pid: i32, netns: u64) -> Foreign {
    Foreign { path: None, pid, start_time: 7, netns }
}

#[test]
fn a_network_in_use_is_kept_and_its_users_are_named() {
    let mut spec = two_networks();
    let web = run(&mut spec, "web", &["backend"]);
    register(&mut spec, &container("db", &["backend"])).unwrap();
    assert_eq!(
        refused(&mut spec, |spec| spec.remove_network("backend")),
        "network backend is in use by db, web; disconnect them first"
    );
    spec.exit_container(&web, 0).unwrap();
    spec.remove_container("db", false).unwrap();
    assert_eq!(spec.remove_network("backend").unwrap().name.as_str(), "backend");
    assert!(spec.containers[&web].endpoints.is_empty());
}

#[test]
fn predefined_networks_are_never_removed() {
    let mut spec = spec();
    for name in ["bridge", "host", "none"] {
        let message = refused(&mut spec, |spec| spec.remove_network(name));
        assert_eq!(message, format!("{name} is a pre-defined network and cannot be removed"));
    }
    assert!(spec.prune_networks().is_empty());
    assert_eq!(spec.networks.len(), 3);
}

#[test]
fn prune_removes_exactly_the_unused_networks() {
    let mut spec = two_networks();
    create(&mut spec, &named("attic")).unwrap();
    run(&mut spec, "web", &["backend"]);
    let ended = run(&mut spec, "old", &["frontend"]);
    spec.exit_container(&ended, 0).unwrap();
    assert_eq!(spec.prune_networks(), ["attic", "frontend"]);
    assert!(spec.network("backend").is_ok());
}

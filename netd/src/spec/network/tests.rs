//! Which networks come of which requests.

use super::*;
use crate::error::ErrorCode;
use crate::spec::fixture::{container, context, create, host, named, register, spec};
use crate::state::HostLink;

fn with_subnet(name: &str, subnet: &str) -> NetworkCreate {
    NetworkCreate { subnets: vec![subnet.into()], ..named(name) }
}

fn with_option(name: &str, key: &str, value: &str) -> NetworkCreate {
    NetworkCreate { options: [(key.into(), value.into())].into(), ..named(name) }
}

fn refusal(spec: &Spec, request: &NetworkCreate) -> Error {
    Network::new(request, spec, &context(&host())).unwrap_err()
}

#[test]
fn the_predefined_networks_always_exist() {
    let mut spec = spec();
    let bridge = spec.network("bridge").unwrap();
    assert_eq!(bridge.pools[0].subnet.to_string(), "172.17.0.0/16");
    assert_eq!(bridge.options.bridge.as_str(), "nd-bridge");
    assert_eq!(bridge.number, 1);
    assert_eq!(spec.network("host").unwrap().driver, Driver::Host);
    assert_eq!(spec.network("none").unwrap().driver, Driver::Null);
    let before = spec.clone();
    spec.ensure_predefined(&context(&host())).unwrap();
    assert_eq!(spec, before);
}

#[test]
fn a_network_gets_a_free_pool_a_number_and_a_device_name() {
    let mut spec = spec();
    let id = create(&mut spec, &named("backend")).unwrap();
    let network = &spec.networks[&id];
    assert_eq!(network.pools[0].subnet.to_string(), "172.18.0.0/16");
    assert_eq!(network.pools[0].gateway.to_string(), "172.18.0.1");
    assert_eq!(network.pools.len(), 1);
    assert_eq!((network.number, network.options.bridge.as_str()), (2, "nd-backend"));
    assert_eq!(network.created, "2026-01-02T03:04:05Z");
    let long = create(&mut spec, &named("a-name-of-many-letters")).unwrap();
    let expected = format!("nd-{}", long.short());
    assert_eq!(spec.networks[&long].options.bridge.as_str(), expected);
    assert_eq!(spec.networks[&long].number, 3);
}

#[test]
fn ipv6_comes_with_a_made_up_subnet_or_a_given_one() {
    let mut spec = spec();
    let request = NetworkCreate { enable_ipv6: true, ..named("six") };
    let id = create(&mut spec, &request).unwrap();
    let subnet = |spec: &Spec, id| spec.networks[id].pool_v6().unwrap().subnet.to_string();
    assert_eq!(subnet(&spec, &id), "fd01:203:405::/64");
    let request = NetworkCreate { enable_ipv6: true, ..with_subnet("mine", "fd00:9::/64") };
    let id = create(&mut spec, &request).unwrap();
    assert_eq!(subnet(&spec, &id), "fd00:9::/64");
    assert_eq!(spec.networks[&id].pools[0].subnet.to_string(), "172.19.0.0/16");
    let error = refusal(&spec, &with_subnet("x", "fd00:8::/64"));
    assert!(error.message.ends_with("add --ipv6"), "{error}");
}

#[test]
fn names_are_checked_and_unique() {
    let mut spec = spec();
    create(&mut spec, &named("db")).unwrap();
    let error = create(&mut spec, &named("db")).unwrap_err();
    assert!(error.message.contains("network with name db already exists"), "{error}");
    assert_eq!(error.code, ErrorCode::Conflict);
    for bad in ["", "-a", "a b", "a/b", &"x".repeat(64)] {
        assert_eq!(refusal(&spec, &named(bad)).code, ErrorCode::Invalid);
    }
    for reserved in ["bridge", "host", "none"] {
        assert!(refusal(&spec, &named(reserved)).message.contains("reserved"));
    }
}

#[test]
fn other_drivers_are_refused() {
    let request = NetworkCreate { driver: "macvlan".into(), ..named("x") };
    assert!(refusal(&spec(), &request).message.contains("unknown network driver \"macvlan\""));
    let request = NetworkCreate { driver: "bridge".into(), ..named("x") };
    assert!(Network::new(&request, &spec(), &context(&host())).is_ok());
}

#[test]
fn a_subnet_that_overlaps_a_network_is_refused_and_the_network_named() {
    let mut spec = spec();
    create(&mut spec, &with_subnet("db", "10.8.0.0/16")).unwrap();
    let before = spec.clone();
    for subnet in ["10.8.1.0/24", "10.8.0.0/16", "10.8.0.0/15"] {
        let error = create(&mut spec, &with_subnet("web", subnet)).unwrap_err();
        assert_eq!(
            error.message,
            format!(
                "cannot create network \"web\": subnet {subnet} overlaps network \"db\" (10.8.0.0/16); choose another --subnet"
            )
        );
    }
    assert_eq!(spec, before);
}

#[test]
fn a_subnet_on_a_link_of_the_host_is_refused_and_a_routed_one_is_not() {
    let error = refusal(&spec(), &with_subnet("x", "10.0.0.0/16"));
    assert_eq!(
        error.message,
        "subnet 10.0.0.0/16 overlaps 10.0.0.0/24, which the host has on eth0; choose another --subnet"
    );
    let routed = with_subnet("x", "10.50.1.0/24");
    assert!(Network::new(&routed, &spec(), &context(&host())).is_ok());
}

#[test]
fn exhausted_pools_are_an_error_and_a_subnet_helps() {
    let mut spec = spec();
    for number in 0..30 {
        create(&mut spec, &named(&format!("n{number}"))).unwrap();
    }
    let error = create(&mut spec, &named("one-more")).unwrap_err();
    assert!(error.message.contains("no free IPv4 subnet"), "{error}");
    assert!(create(&mut spec, &with_subnet("one-more", "10.8.0.0/24")).is_ok());
}

#[test]
fn a_device_name_that_is_taken_is_refused() {
    let mut spec = spec();
    create(&mut spec, &named("db")).unwrap();
    let id = register(&mut spec, &container("web", &["db"])).unwrap();
    let veth = spec.containers[&id].endpoints.values().next().unwrap().veth.to_string();
    for (taken, holder) in [
        ("nd-db", "network \"db\""),
        ("eth0", "a device of the host"),
        (veth.as_str(), "container \"web\""),
    ] {
        let error = refusal(&spec, &with_option("x", options::BRIDGE_NAME, taken));
        let expected = format!("interface name {taken} is taken by {holder}; ");
        assert!(error.message.starts_with(&expected), "{error}");
    }
    assert!(refusal(&spec, &with_option("x", options::BRIDGE_NAME, "a/b")).code.exit_code() == 2);
}

#[test]
fn a_default_device_name_gives_way_to_one_that_is_taken() {
    let mut host = host();
    let link =
        HostLink { up: true, header: Some(14), mtu: 1500, enslaved: false, addresses: Vec::new() };
    host.links.insert("nd-web".parse().unwrap(), link);
    let network = Network::new(&named("web"), &spec(), &context(&host)).unwrap();
    assert_eq!(network.options.bridge.to_string(), format!("nd-{}", network.id.short()));
}

#[test]
fn masquerade_can_use_an_address_of_the_hosts_only() {
    let key = "com.docker.network.host_ipv4";
    let mut spec = spec();
    let id = create(&mut spec, &with_option("good", key, "10.0.0.1")).unwrap();
    assert_eq!(spec.networks[&id].options.host_ipv4, "10.0.0.1".parse().ok());
    for bad in ["10.0.0.2", "127.0.0.1", "172.17.0.1"] {
        let error = refusal(&spec, &with_option("x", key, bad));
        let words = format!("option {key}={bad}: this host has no such address to the outside; ");
        assert!(error.message.starts_with(&words), "{error}");
        assert_eq!(error.code, ErrorCode::Conflict);
    }
}

#[test]
fn options_and_labels_are_kept_as_given() {
    let mut request = with_option("x", "com.docker.network.bridge.enable_icc", "false");
    request.labels.insert("a".into(), "b".into());
    request.internal = true;
    let network = Network::new(&request, &spec(), &context(&host())).unwrap();
    assert!(!network.options.icc && network.internal);
    assert_eq!((network.driver_options, network.labels), (request.options, request.labels));
}

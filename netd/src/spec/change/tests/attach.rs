//! Addresses, aliases, connect and disconnect.

use super::*;

#[test]
fn a_wanted_address_must_be_free_inside_and_on_a_user_defined_network() {
    let mut spec = two_networks();
    let mut request = container("web", &[]);
    request.networks = vec![attach("backend", "172.18.0.9")];
    let id = register(&mut spec, &request).unwrap();
    assert_eq!(endpoint(&spec, &id, "backend").ipv4.unwrap().to_string(), "172.18.0.9");
    for (network, ip, why) in [
        ("backend", "172.18.0.9", "Address already in use"),
        ("backend", "172.18.0.1", "Address already in use"),
        ("backend", "10.9.9.9", "outside subnet 172.18.0.0/16"),
        ("backend", "fd00::1", "is not an IPv4 address"),
        ("backend", "x", "is not an IPv4 address"),
        ("bridge", "172.17.0.9", "user specified IP address is supported on user defined"),
    ] {
        let mut request = container("db", &[]);
        request.networks = vec![attach(network, ip)];
        let message = refused(&mut spec, |spec| register(spec, &request));
        assert!(message.contains(why), "{message}");
    }
    let mut request = container("db", &["backend"]);
    request.networks[0].ip6 = Some("fd00::1".into());
    let message = refused(&mut spec, |spec| register(spec, &request));
    assert!(message.contains("network backend has no IPv6 subnet"), "{message}");
}

#[test]
fn aliases_are_names_on_user_defined_networks() {
    let mut spec = two_networks();
    let mut request = container("web", &["bridge"]);
    request.networks[0].aliases = vec!["www".into()];
    let message = refused(&mut spec, |spec| register(spec, &request));
    assert!(message.contains("only supported for user-defined networks"), "{message}");
    request.networks[0].network = "backend".into();
    let id = register(&mut spec, &request).unwrap();
    assert_eq!(endpoint(&spec, &id, "backend").aliases[0].as_str(), "www");
    let mut request = container("db", &["backend"]);
    request.networks[0].aliases = vec!["a b".into()];
    assert!(refused(&mut spec, |spec| register(spec, &request)).contains("invalid name"));
}

#[test]
fn connect_adds_the_next_free_device_and_disconnect_takes_it_away() {
    let mut spec = two_networks();
    let id = run(&mut spec, "web", &["bridge"]);
    connect(&mut spec, "backend", "web").unwrap();
    connect(&mut spec, "frontend", id.short()).unwrap();
    assert_eq!(endpoint(&spec, &id, "frontend").ifname.as_str(), "eth2");
    disconnect(&mut spec, "backend", "web").unwrap();
    assert_eq!(spec.containers[&id].endpoints.len(), 2);
    connect(&mut spec, "backend", "web").unwrap();
    assert_eq!(endpoint(&spec, &id, "backend").ifname.as_str(), "eth1");
}

#[test]
fn connect_refuses_what_can_not_be() {
    let mut spec = two_networks();
    create(&mut spec, &named("third")).unwrap();
    run(&mut spec, "web", &["backend"]);
    run(&mut spec, "lonely", &["none"]);
    run(&mut spec, "hosted", &["host"]);
    let ended = run(&mut spec, "ended", &["backend"]);
    spec.exit_container(&ended, 0).unwrap();
    for (network, name, why) in [
        ("backend", "web", "endpoint with name web already exists in network backend"),
        ("host", "web", "for its whole life"),
        ("none", "web", "for its whole life"),
        ("third", "lonely", "network none"),
        ("third", "hosted", "it uses the host's own network"),
        ("third", "ended", "the container has ended"),
        ("third", "nobody", "container nobody not found"),
        ("nowhere", "web", "network nowhere not found"),
    ] {
        let message = refused(&mut spec, |spec| connect(spec, network, name));
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn disconnect_refuses_what_is_not_connected() {
    let mut spec = two_networks();
    run(&mut spec, "web", &["backend"]);
    run(&mut spec, "hosted", &["host"]);
    let message = refused(&mut spec, |spec| disconnect(spec, "frontend", "web"));
    assert_eq!(message, "container web is not connected to network frontend");
    let message = refused(&mut spec, |spec| disconnect(spec, "host", "hosted"));
    assert!(message.contains("not connected to network host; it uses the host's"), "{message}");
}

#[test]
fn a_foreign_container_lives_from_its_first_connect_to_its_last_disconnect() {
    let mut spec = two_networks();
    let before = spec.clone();
    let request = NetworkConnect { container: "pid:42".into(), ..Default::default() };
    let id = join(&mut spec, "backend", &request, Some(&foreign(42, 5))).unwrap();
    let again = join(&mut spec, "frontend", &request, Some(&foreign(42, 5))).unwrap();
    assert_eq!(id, again);
    assert_eq!(spec.container("pid:42").unwrap().endpoints.len(), 2);
    assert_eq!(endpoint(&spec, &id, "frontend").ifname.as_str(), "eth1");
    disconnect(&mut spec, "backend", "pid:42").unwrap();
    disconnect(&mut spec, "frontend", "pid:42").unwrap();
    assert_eq!(spec, before);
}

#[test]
fn a_foreign_container_that_ends_is_forgotten() {
    let mut spec = two_networks();
    let before = spec.clone();
    let id = join(&mut spec, "backend", &NetworkConnect::default(), Some(&foreign(42, 5))).unwrap();
    spec.exit_container(&id, -1).unwrap();
    assert_eq!(spec, before);
}

#[test]
fn one_namespace_is_one_container() {
    let mut spec = two_networks();
    run(&mut spec, "web", &["backend"]);
    let netns = Foreign { path: Some("/run/netns/x".into()), pid: 0, start_time: 0, netns: 5 };
    let request = NetworkConnect::default();
    join(&mut spec, "backend", &request, Some(&netns)).unwrap();
    assert_eq!(spec.container("netns:/run/netns/x").unwrap().endpoints.len(), 1);
    for (known, other) in [("web", foreign(42, 1)), ("netns:/run/netns/x", foreign(42, 5))] {
        let message = refused(&mut spec, |spec| join(spec, "frontend", &request, Some(&other)));
        assert!(message.contains(&format!("namespace of container {known};")), "{message}");
    }
    let replaced = Foreign { netns: 6, ..netns };
    let message = refused(&mut spec, |spec| join(spec, "frontend", &request, Some(&replaced)));
    assert!(message.contains("was another namespace"), "{message}");
}

#[test]
fn the_gateway_network_is_chosen_by_dockers_rule() {
    let mut spec = two_networks();
    create(&mut spec, &NetworkCreate { internal: true, ..named("aaa") }).unwrap();
    let id = run(&mut spec, "web", &["bridge", "aaa", "backend"]);
    let gateways = |spec: &Spec| {
        let (v4, v6) = spec.gateway_endpoint(&spec.containers[&id]);
        (v4.map(|(n, _)| n.name.to_string()), v6.map(|(n, _)| n.name.to_string()))
    };
    assert_eq!(gateways(&spec), (Some("backend".into()), None));
    connect(&mut spec, "frontend", "web").unwrap();
    assert_eq!(gateways(&spec), (Some("frontend".into()), Some("frontend".into())));
    for network in ["bridge", "backend", "frontend"] {
        disconnect(&mut spec, network, "web").unwrap();
    }
    assert_eq!(gateways(&spec), (None, None));
}

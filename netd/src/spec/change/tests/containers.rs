//! Registering, starting, ending and removing containers.

use super::*;

#[test]
fn without_a_network_a_container_goes_to_bridge() {
    let mut spec = spec();
    let request = ContainerCreate { name: None, ..container("", &[]) };
    let id = register(&mut spec, &request).unwrap();
    let made = &spec.containers[&id];
    assert_eq!((made.number, made.mode, &made.status), (1, Mode::Bridge, &Status::Created));
    assert_eq!(made.hostname, id.short());
    assert!(made.name.contains('_'));
    let endpoint = endpoint(&spec, &id, "bridge");
    assert_eq!(endpoint.ipv4.unwrap().to_string(), "172.17.0.2");
    assert_eq!(endpoint.ifname.as_str(), "eth0");
    assert_eq!(endpoint.veth.to_string(), format!("ndv{}", endpoint.id.short()));
}

#[test]
fn a_container_on_several_networks_has_a_device_and_addresses_on_each() {
    let mut spec = two_networks();
    let id = run(&mut spec, "web", &["frontend", "backend"]);
    let front = endpoint(&spec, &id, "frontend");
    assert_eq!(front.ifname.as_str(), "eth0");
    assert_eq!(front.ipv6.unwrap().to_string(), "fd01:203:405::2");
    let back = endpoint(&spec, &id, "backend");
    assert_eq!((back.ifname.as_str(), back.ipv6), ("eth1", None));
    assert_eq!(back.ipv4.unwrap().to_string(), "172.18.0.2");
    let other = run(&mut spec, "db", &["backend"]);
    assert_eq!(endpoint(&spec, &other, "backend").ipv4.unwrap().to_string(), "172.18.0.3");
}

#[test]
fn container_names_are_checked_and_unique() {
    let mut spec = spec();
    register(&mut spec, &container("web", &[])).unwrap();
    let message = refused(&mut spec, |spec| register(spec, &container("web", &[])));
    assert!(message.contains("container name web is already in use by container"), "{message}");
    for bad in ["", "-a", "a b", "../x"] {
        let message = refused(&mut spec, |spec| register(spec, &container(bad, &[])));
        assert!(message.contains("invalid name"), "{message}");
    }
}

#[test]
fn networks_that_do_not_exist_or_come_twice_are_refused() {
    let mut spec = two_networks();
    let request = container("web", &["nowhere"]);
    let message = refused(&mut spec, |spec| register(spec, &request));
    assert!(message.ends_with("network nowhere not found; \"netctl network ls\" lists them"));
    let id = spec.network("backend").unwrap().id.to_string();
    let request = container("web", &["backend", &id]);
    let message = refused(&mut spec, |spec| register(spec, &request));
    assert!(message.contains("network backend is given twice"), "{message}");
}

#[test]
fn host_and_none_stand_alone_and_publish_nothing() {
    let mut spec = two_networks();
    for (network, mode) in [("host", Mode::Host), ("none", Mode::None)] {
        for others in [[network, "backend"], ["backend", network]] {
            let request = container("web", &others);
            let message = refused(&mut spec, |spec| register(spec, &request));
            assert!(message.contains("can't be combined"), "{message}");
        }
        let mut request = container("web", &[]);
        request.networks = vec![attach(network, "10.0.0.5")];
        assert!(refused(&mut spec, |spec| register(spec, &request)).contains("leave alias"));
        let id = register(&mut spec, &publishing(network, &[network], &["22:22"])).unwrap();
        let made = &spec.containers[&id];
        assert_eq!((made.mode, made.endpoints.len(), made.published().count()), (mode, 0, 0));
    }
}

#[test]
fn host_gateway_is_the_host_on_the_network_that_leads_out() {
    let mut spec = two_networks();
    create(&mut spec, &NetworkCreate { internal: true, ..named("vault") }).unwrap();
    for (networks, expected) in [
        (&[][..], &["172.17.0.1"][..]),
        (&["backend"], &["172.18.0.1"]),
        (&["frontend"], &["172.19.0.1", "fd01:203:405::1"]),
        (&["vault", "backend"], &["172.18.0.1"]),
        (&["vault"], &["172.20.0.1"]),
        (&["none"], &["172.17.0.1"]),
        (&["host"], &["172.17.0.1"]),
    ] {
        let mut request = container("web", networks);
        request.add_hosts = vec!["host.docker.internal:host-gateway".into()];
        let id = register(&mut spec, &request).unwrap();
        let hosts = &spec.containers[&id].hosts;
        let addresses: Vec<String> = hosts.iter().map(|(_, a)| a.to_string()).collect();
        assert_eq!(addresses, expected, "{networks:?}");
        spec.remove_container("web", true).unwrap();
    }
}

#[test]
fn on_internal_networks_alone_nothing_is_published() {
    let mut spec = two_networks();
    create(&mut spec, &NetworkCreate { internal: true, ..named("vault") }).unwrap();
    let id = register(&mut spec, &publishing("db", &["vault"], &["80:80"])).unwrap();
    assert_eq!(spec.containers[&id].published().count(), 0);
    let request = publishing("web", &["vault", "backend"], &["80:80"]);
    let id = register(&mut spec, &request).unwrap();
    assert_eq!(spec.containers[&id].published().count(), 2);
}

#[test]
fn a_taken_port_refuses_the_whole_container() {
    let mut spec = two_networks();
    register(&mut spec, &publishing("web", &["backend"], &["80:80"])).unwrap();
    for (specs, why) in [
        (&["8080:80", "80:81"][..], "Bind for 0.0.0.0:80 failed: port is already allocated"),
        (&["22:22"], "failed to bind host port 0.0.0.0:22/tcp: address already in use"),
        (&["80:80/icmp"], "invalid publish spec"),
        (&["192.0.2.1:81:80"], "not an address of this host"),
    ] {
        let request = publishing("db", &["backend"], specs);
        let message = refused(&mut spec, |spec| register(spec, &request));
        assert!(message.starts_with("cannot create container \"db\": "), "{message}");
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn the_networks_host_binding_is_used_where_a_spec_has_no_address() {
    let mut spec = spec();
    let key = "com.docker.network.bridge.host_binding_ipv4";
    let options = [(key.into(), "127.0.0.1".into())].into();
    create(&mut spec, &NetworkCreate { options, ..named("local") }).unwrap();
    let id = register(&mut spec, &publishing("web", &["local"], &["80:80"])).unwrap();
    let published: Vec<_> = spec.containers[&id].published().collect();
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].address.to_string(), "127.0.0.1");
}

#[test]
fn what_a_container_held_is_free_when_it_ends() {
    let mut spec = two_networks();
    let id = start(&mut spec, &publishing("web", &["backend"], &["80:80"]));
    spec.exit_container(&id, 143).unwrap();
    assert_eq!(spec.containers[&id].status, Status::Exited { code: 143 });
    assert_eq!(spec.containers[&id].published().count(), 0);
    spec.exit_container(&id, 1).unwrap();
    assert_eq!(spec.containers[&id].status, Status::Exited { code: 143 });
    let next = start(&mut spec, &publishing("next", &["backend"], &["80:80"]));
    assert_eq!(endpoint(&spec, &next, "backend").ipv4.unwrap().to_string(), "172.18.0.2");
}

#[test]
fn a_container_starts_once_and_in_a_namespace_of_its_own() {
    let mut spec = two_networks();
    let web = run(&mut spec, "web", &["backend"]);
    let message = refused(&mut spec, |spec| spec.start_container(&web, 1, 1, 9, NOW));
    assert_eq!(message, "cannot start container web: it is running already");
    let db = register(&mut spec, &container("db", &["backend"])).unwrap();
    let message = refused(&mut spec, |spec| spec.start_container(&db, 1, 1, 1, NOW));
    assert!(message.ends_with("its network namespace is that of container web"), "{message}");
    spec.exit_container(&web, 0).unwrap();
    let message = refused(&mut spec, |spec| spec.start_container(&web, 1, 1, 9, NOW));
    assert!(message.contains("it has ended"), "{message}");
}

#[test]
fn containers_of_the_host_share_its_namespace() {
    let mut spec = spec();
    for name in ["a", "b"] {
        let id = register(&mut spec, &container(name, &["host"])).unwrap();
        spec.start_container(&id, 1, 1, 4, NOW).unwrap();
    }
    assert!(spec.container_in(4).is_none());
}

#[test]
fn a_running_container_is_removed_by_force_only() {
    let mut spec = spec();
    let id = run(&mut spec, "web", &[]);
    let message = refused(&mut spec, |spec| spec.remove_container("web", false));
    assert_eq!(message, "cannot remove container web: it is running; stop it first or use -f");
    assert_eq!(spec.remove_container(id.short(), true).unwrap().name, "web");
    assert!(refused(&mut spec, |spec| spec.remove_container("web", true)).contains("not found"));
}

#[test]
fn malformed_requests_are_wrong_usage() {
    let mut spec = spec();
    let own = |text: &str| vec![text.to_owned()];
    let fine = container("web", &[]);
    for request in [
        ContainerCreate { command: Vec::new(), ..fine.clone() },
        ContainerCreate { hostname: Some("a b".into()), ..fine.clone() },
        ContainerCreate { expose: own("x"), ..fine.clone() },
        ContainerCreate { add_hosts: own("x"), ..fine.clone() },
        ContainerCreate { dns: own("x"), ..fine.clone() },
        ContainerCreate { environment: own("x"), ..fine.clone() },
    ] {
        let before = spec.clone();
        assert_eq!(register(&mut spec, &request).unwrap_err().code, ErrorCode::Invalid);
        assert_eq!(spec, before);
    }
}

#[test]
fn a_spec_survives_being_stored() {
    let mut spec = two_networks();
    start(&mut spec, &publishing("web", &["frontend", "backend"], &["80:80", "53:53/udp"]));
    let foreign = Foreign { path: Some("/run/netns/x".into()), pid: 0, start_time: 0, netns: 5 };
    join(&mut spec, "backend", &NetworkConnect::default(), Some(&foreign)).unwrap();
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<Spec>(&text).unwrap(), spec);
}

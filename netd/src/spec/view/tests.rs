//! What `inspect` and `ps` show.

use super::*;
use crate::api::protocol::{ContainerCreate, NetworkCreate};
use crate::spec::fixture::{container, create, named, register, run, spec, start};

fn view(spec: &Spec, name: &str) -> ContainerInspect {
    container_inspect(spec, spec.container(name).unwrap(), Path::new("/var/lib/netd/x"))
}

fn two_containers() -> Spec {
    let mut spec = spec();
    let aux = [("printer".to_owned(), "10.8.0.9".to_owned())].into();
    let request = NetworkCreate {
        subnets: vec!["10.8.0.0/16".into()],
        ip_ranges: vec!["10.8.5.0/24".into()],
        auxiliary_addresses: aux,
        enable_ipv6: true,
        ..named("web")
    };
    create(&mut spec, &request).unwrap();
    let request = ContainerCreate {
        publish: vec!["8080:80".into()],
        expose: vec!["5000".into()],
        ..container("shop", &["web"])
    };
    start(&mut spec, &request);
    run(&mut spec, "cart", &["web", "bridge"]);
    spec
}

#[test]
fn a_network_shows_its_pools_and_who_runs_on_it() {
    let mut spec = two_containers();
    let cart = spec.container("cart").unwrap().id.clone();
    spec.exit_container(&cart, 0).unwrap();
    register(&mut spec, &container("later", &["web"])).unwrap();
    let view = network_inspect(&spec, spec.network("web").unwrap());
    assert_eq!((view.driver.as_str(), view.scope.as_str()), ("bridge", "local"));
    assert!(view.enable_ipv4 && view.enable_ipv6);
    let pool = &view.ipam.config[0];
    assert_eq!((pool.subnet.as_str(), pool.gateway.as_str()), ("10.8.0.0/16", "10.8.0.1"));
    assert_eq!(pool.ip_range.as_deref(), Some("10.8.5.0/24"));
    assert_eq!(pool.auxiliary_addresses["printer"], "10.8.0.9");
    let shown: Vec<_> = view.containers.values().collect();
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].name.as_str(), shown[0].ipv4_address.as_str()), ("shop", "10.8.5.0/16"));
    assert_eq!(shown[0].ipv6_address, "fd01:203:405::2/64");
}

#[test]
fn a_container_shows_its_attachments() {
    let shown = view(&two_containers(), "cart");
    assert_eq!((shown.status.as_str(), shown.pid), ("running", 100));
    let web = &shown.networks["web"];
    assert_eq!(web.ip_address.unwrap().to_string(), "10.8.5.1");
    assert_eq!((web.ip_prefix_len, web.global_ipv6_prefix_len), (16, 64));
    assert_eq!(web.gateway.unwrap().to_string(), "10.8.0.1");
    assert_eq!(web.ipv6_gateway.unwrap().to_string(), "fd01:203:405::1");
    let bridge = &shown.networks["bridge"];
    assert_eq!((bridge.global_ipv6_address, bridge.global_ipv6_prefix_len), (None, 0));
    assert_eq!(bridge.interface, "eth1");
}

#[test]
fn ports_are_published_or_only_exposed() {
    let shown = view(&two_containers(), "shop");
    assert_eq!(shown.ports.keys().collect::<Vec<_>>(), ["5000/tcp", "80/tcp"]);
    assert!(shown.ports["5000/tcp"].is_empty());
    let bound: Vec<String> =
        shown.ports["80/tcp"].iter().map(|b| format!("{}|{}", b.host_ip, b.host_port)).collect();
    assert_eq!(bound, ["0.0.0.0|8080", "::|8080"]);
}

#[test]
fn a_container_that_ended_shows_its_code_and_holds_nothing() {
    let mut spec = two_containers();
    let id = spec.container("shop").unwrap().id.clone();
    spec.exit_container(&id, 3).unwrap();
    let shown = view(&spec, "shop");
    assert_eq!((shown.status.as_str(), shown.exit_code, shown.pid), ("exited", 3, 0));
    assert!(shown.ports.is_empty());
    assert_eq!(shown.networks["web"].ip_address, None);
    assert_eq!(shown.networks["web"].gateway, None);
}

#[test]
fn an_internal_network_has_no_gateway_to_the_outside() {
    let mut spec = spec();
    create(&mut spec, &NetworkCreate { internal: true, ..named("vault") }).unwrap();
    run(&mut spec, "db", &["vault"]);
    assert_eq!(view(&spec, "db").networks["vault"].gateway, None);
}

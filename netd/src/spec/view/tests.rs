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
    assert_eq!(words(&shown.ports), ["0.0.0.0 8080+0 -> 80", "[::] 8080+0 -> 80", "5000+0"]);
}

fn words(ports: &[PortView]) -> Vec<String> {
    let word = |p: &PortView| match (p.ip, p.public_port) {
        (Some(IpAddr::V6(ip)), Some(port)) => {
            format!("[{ip}] {port}+{} -> {}", p.more, p.private_port)
        }
        (Some(ip), Some(port)) => format!("{ip} {port}+{} -> {}", p.more, p.private_port),
        _ => format!("{}+{}", p.private_port, p.more),
    };
    ports.iter().map(word).collect()
}

#[test]
fn a_range_is_one_entry_and_hides_what_is_exposed_within_it() {
    let mut spec = spec();
    let request = ContainerCreate {
        publish: vec!["10.0.0.1:20000-29999:30000-39999,from=10.0.0.0/8".into()],
        expose: vec!["29998-30001".into(), "39999-40000".into()],
        ..container("sip", &["bridge"])
    };
    start(&mut spec, &request);
    let shown = view(&spec, "sip").ports;
    assert_eq!(words(&shown), ["29998+1", "10.0.0.1 20000+9999 -> 30000", "40000+0"]);
    assert_eq!(shown[1].from, ["10.0.0.0/8"]);
    assert_eq!(
        serde_json::to_string(&shown[1..]).unwrap(),
        "[{\"PrivatePort\":30000,\"Type\":\"tcp\",\"IP\":\"10.0.0.1\",\"PublicPort\":20000,\
         \"More\":9999,\"From\":[\"10.0.0.0/8\"]},{\"PrivatePort\":40000,\"Type\":\"tcp\"}]"
    );
}

#[test]
fn publish_specs_without_effect_are_shown_as_exposed() {
    let mut spec = spec();
    create(&mut spec, &NetworkCreate { internal: true, ..named("vault") }).unwrap();
    let publish = vec!["8000-8009:80-89".into()];
    start(&mut spec, &ContainerCreate { publish, ..container("db", &["vault"]) });
    assert_eq!(words(&view(&spec, "db").ports), ["80+9"]);
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
fn names_and_links_are_shown_where_they_count() {
    let mut spec = two_containers();
    run(&mut spec, "redis", &[]);
    let mut request = container("me", &["web", "bridge"]);
    request.networks[0].aliases = vec!["ME".into(), "mine".into()];
    request.networks[0].links = vec!["shop:s".into()];
    request.networks[1].links = vec!["redis:db".into()];
    request.hostname = Some("mine".into());
    let id = register(&mut spec, &request).unwrap();
    let shown = view(&spec, "me");
    let web = &shown.networks["web"];
    assert_eq!(web.links, ["shop:s"]);
    assert_eq!(web.dns_names, ["me", "mine", id.short()]);
    assert_eq!(web.aliases, ["ME", "mine"]);
    let bridge = &shown.networks["bridge"];
    assert_eq!((bridge.links.len(), bridge.dns_names.len()), (0, 0));
    assert_eq!(shown.links, [("redis".to_owned(), "db".to_owned())]);
    assert_eq!(shown.link_environment, ["DB_NAME=/me/db"]);
    spec.start_container(&id, 1, 1, 77, 0).unwrap();
    assert!(view(&spec, "me").link_environment.is_empty());
}

#[test]
fn an_internal_network_has_no_gateway_to_the_outside() {
    let mut spec = spec();
    create(&mut spec, &NetworkCreate { internal: true, ..named("vault") }).unwrap();
    run(&mut spec, "db", &["vault"]);
    assert_eq!(view(&spec, "db").networks["vault"].gateway, None);
}

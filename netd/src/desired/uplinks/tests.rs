//! What becomes of the host's devices, addresses and routes.

use super::*;
use crate::desired::{
    desired,
    samples::{host, interface, link, route},
};
use crate::spec::Spec;

#[test]
fn uplinks_are_the_devices_that_are_up_and_free() {
    let mut host = host();
    host.links.insert(interface("eth1"), HostLink { up: false, ..link(&[]) });
    host.links.insert(interface("eth2"), HostLink { enslaved: true, ..link(&[]) });
    host.links.insert(interface("wg0"), HostLink { header: Some(0), ..link(&["10.9.0.1/24"]) });
    host.links.insert(interface("can0"), HostLink { header: None, ..link(&[]) });
    let state = desired(&Spec::default(), &host, &UplinkChoice::Auto);
    let names: Vec<_> = state.uplinks.keys().map(InterfaceName::as_str).collect();
    assert_eq!(names, ["eth0", "wg0"]);
    assert_eq!(state.uplinks[&interface("wg0")].header, 0);

    let named = UplinkChoice::Named([interface("eth1"), interface("absent")].into());
    let state = desired(&Spec::default(), &host, &named);
    let names: Vec<_> = state.uplinks.keys().map(InterfaceName::as_str).collect();
    assert_eq!(names, ["eth1"]);
}

#[test]
fn masquerade_uses_the_source_that_the_best_default_route_prefers() {
    let mut host = host();
    host.links.insert(interface("eth0"), link(&["192.0.2.2/24", "192.0.2.3/24", "2001:db8::2/64"]));
    let uplink = |host: &Host| {
        desired(&Spec::default(), host, &UplinkChoice::Auto).uplinks[&interface("eth0")].clone()
    };
    assert_eq!(uplink(&host).ipv4, "192.0.2.2".parse().ok());
    host.routes = vec![
        route("0.0.0.0/0", "eth0", Some("192.0.2.2"), 200),
        route("0.0.0.0/0", "eth0", Some("192.0.2.3"), 100),
        route("0.0.0.0/0", "eth1", Some("192.0.2.4"), 1),
        route("10.0.0.0/8", "eth0", Some("192.0.2.5"), 1),
        route("::/0", "eth0", None, 1),
    ];
    assert_eq!(uplink(&host).ipv4, "192.0.2.3".parse().ok());
    assert_eq!(uplink(&host).ipv6, "2001:db8::2".parse().ok());
}

#[test]
fn an_uplink_without_addresses_masquerades_nothing() {
    let mut host = host();
    host.links.insert(interface("eth0"), link(&[]));
    let state = desired(&Spec::default(), &host, &UplinkChoice::Auto);
    let entry = &state.uplinks[&interface("eth0")];
    assert_eq!(*entry, UplinkEntry { header: 14, mtu: 1500, ..UplinkEntry::default() });
}

/// eth0 with these addresses and routes.
fn eth0(addresses: &[&str], routes: &[HostRoute]) -> UplinkEntry {
    let mut host = host();
    host.links.insert(interface("eth0"), link(addresses));
    host.routes = routes.to_vec();
    let mut state = desired(&Spec::default(), &host, &UplinkChoice::Auto);
    state.uplinks.remove(&interface("eth0")).unwrap()
}

fn via(to: &str, gateway: &str) -> HostRoute {
    HostRoute { gateway: gateway.parse().ok(), ..route(to, "eth0", None, 0) }
}

fn on_link(to: &str, source: Option<&str>) -> HostRoute {
    HostRoute { on_link: true, ..route(to, "eth0", source, 0) }
}

fn sources(list: &[(&str, &str)]) -> BTreeMap<IpNet, IpAddr> {
    list.iter().map(|(to, source)| (to.parse().unwrap(), source.parse().unwrap())).collect()
}

#[test]
fn the_source_is_the_neighbour_of_the_next_hop() {
    let addresses = ["192.0.2.2/24", "198.51.100.2/24", "2001:db8::2/64", "2001:db8:5::2/64"];
    let routes = [via("0.0.0.0/0", "198.51.100.1"), via("::/0", "2001:db8:5::1")];
    let entry = eth0(&addresses, &routes);
    assert_eq!(entry.ipv4, "198.51.100.2".parse().ok());
    assert_eq!(entry.ipv6, "2001:db8:5::2".parse().ok());
    assert_eq!(eth0(&addresses, &[via("::/0", "fe80::1")]).ipv6, "2001:db8::2".parse().ok());
}

#[test]
fn routes_with_a_source_of_their_own_are_told_apart() {
    let addresses = ["192.0.2.2/24", "198.51.100.2/24", "2001:db8::2/64", "2001:db8:5::2/64"];
    let routes = [
        via("0.0.0.0/0", "192.0.2.1"),
        on_link("192.0.2.0/24", Some("192.0.2.2")),
        on_link("198.51.100.0/24", Some("198.51.100.2")),
        via("203.0.113.0/24", "198.51.100.1"),
        route("10.0.0.0/8", "eth0", Some("198.51.100.2"), 9),
        route("10.0.0.0/8", "eth0", Some("192.0.2.2"), 10),
        via("::/0", "fe80::1"),
        on_link("2001:db8::/64", None),
        on_link("2001:db8:5::/64", None),
        on_link("fe80::/64", None),
        route("172.16.0.0/12", "eth1", Some("198.51.100.2"), 0),
    ];
    let expected = sources(&[
        ("198.51.100.0/24", "198.51.100.2"),
        ("203.0.113.0/24", "198.51.100.2"),
        ("10.0.0.0/8", "198.51.100.2"),
        ("2001:db8:5::/64", "2001:db8:5::2"),
    ]);
    assert_eq!(eth0(&addresses, &routes).sources, expected);
}

#[test]
fn a_route_inside_another_one_keeps_its_own_source() {
    let routes = [
        route("10.0.0.0/8", "eth0", Some("198.51.100.2"), 0),
        route("10.1.0.0/16", "eth0", None, 0),
        route("10.1.2.0/24", "eth0", None, 0),
        route("10.2.0.0/16", "eth0", Some("198.51.100.2"), 0),
    ];
    let entry = eth0(&["192.0.2.2/24", "198.51.100.2/24"], &routes);
    let expected = sources(&[("10.0.0.0/8", "198.51.100.2"), ("10.1.0.0/16", "192.0.2.2")]);
    assert_eq!(entry.sources, expected);
}

#[test]
fn two_addresses_of_one_subnet_need_no_second_source() {
    let routes = [
        via("0.0.0.0/0", "192.0.2.1"),
        on_link("192.0.2.0/24", Some("192.0.2.2")),
        via("10.0.0.0/8", "192.0.2.254"),
    ];
    let entry = eth0(&["192.0.2.2/24", "192.0.2.3/24"], &routes);
    assert_eq!((entry.ipv4, entry.sources), ("192.0.2.2".parse().ok(), BTreeMap::new()));
}

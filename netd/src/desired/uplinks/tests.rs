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
    host.links.insert(interface("wg0"), HostLink { header: 0, ..link(&["10.9.0.1/24"]) });
    let state = desired(&Spec::default(), &host, &UplinkChoice::Auto);
    let names: Vec<_> = state.uplinks.keys().map(InterfaceName::as_str).collect();
    assert_eq!(names, ["eth0"], "a layer-3 device is none yet");

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
        desired(&Spec::default(), host, &UplinkChoice::Auto).uplinks[&interface("eth0")]
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
    let entry = state.uplinks[&interface("eth0")];
    assert_eq!(entry, UplinkEntry { header: 14, ..UplinkEntry::default() });
}

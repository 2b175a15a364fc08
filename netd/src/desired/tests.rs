//! What becomes of networks, containers, ports and uplinks.

use super::samples::{
    attach, container, host, interface, ip, network, publish, publish_range, spec,
};
use super::*;
use crate::state::{PortRange, Protocol};

fn with_auto(spec: &Spec) -> State {
    desired(spec, &host(), &UplinkChoice::Auto)
}

fn entry(state: &State, address: &str, port: u16) -> Option<(u32, IpAddr)> {
    let ports = PortRange::single(port);
    let key = PublishedKey { address: ip(address), ports, protocol: Protocol::Tcp };
    state.published.get(&key).map(|entry| (entry.network, entry.address))
}

fn hops(state: &State, netns: u64) -> [Option<String>; 2] {
    let gateways = state.gateways[&Netns(netns)];
    [gateways.ipv4.map(|hop| hop.to_string()), gateways.ipv6.map(|hop| hop.to_string())]
}

#[test]
fn a_dual_stack_network_becomes_a_bridge_and_an_entry() {
    let state = with_auto(&spec([network("web", 7, true)], []));
    let bridge = &state.bridges[&interface("nd-web")];
    let addresses = ["172.7.0.1/16", "fd00:0:0:7::1/64"].map(|a| a.parse().unwrap());
    assert_eq!(bridge.addresses, addresses.into());
    assert!(bridge.up);
    let entry = &state.networks[&7];
    let gateways = ["172.7.0.1", "fd00:0:0:7::1", "fe80::6e:1ff:fe00:7"].map(ip);
    assert_eq!(entry.gateways, gateways.into());
    assert!(gateways.iter().all(|gateway| state.locals.contains(gateway)));
    let subnets = ["172.7.0.0/16", "fd00:0:0:7::/64"].map(|a| a.parse().unwrap());
    assert_eq!(entry.subnets, subnets.into());
}

#[test]
fn the_networks_host_and_none_make_nothing() {
    let fixed = [("host", 201, Driver::Host), ("none", 202, Driver::Null)];
    let fixed = fixed.map(|(name, number, driver)| Network {
        driver,
        number: 0,
        pools: Vec::new(),
        ..network(name, number, false)
    });
    let mut c = container(1);
    c.mode = Mode::None;
    attach(&mut c, &fixed[1]);
    let state = with_auto(&spec(fixed, [c]));
    let nothing =
        State { uplinks: state.uplinks.clone(), locals: host().addresses, ..State::default() };
    assert_eq!(state, nothing);
}

#[test]
fn an_endpoint_becomes_a_veth_and_a_device() {
    let web = network("web", 7, true);
    let mut c = container(1);
    attach(&mut c, &web);
    let state = with_auto(&spec([web], [c]));
    let veth = &state.veths[&interface("ndv7001")];
    let addresses = ["172.7.0.2/16", "fd00:0:0:7::2/64"].map(|a| a.parse().unwrap());
    assert_eq!(veth.addresses, addresses.into());
    assert_eq!((&veth.bridge, &veth.peer), (&interface("nd-web"), &interface("eth0")));
    assert_eq!((veth.netns, veth.up), (Netns(1001), true));
    let device = &state.devices[&interface("ndv7001")];
    let addresses = ["172.7.0.2", "fd00:0:0:7::2", "fe80::6e:2ff:fe00:701"].map(ip);
    assert_eq!(device.addresses, addresses.into());
    assert_eq!((device.network, device.container, device.mac), (7, 1, veth.mac));
}

#[test]
fn an_ipv4_network_gives_no_link_local_address() {
    let web = network("web", 7, false);
    let mut c = container(1);
    attach(&mut c, &web);
    let state = with_auto(&spec([web], [c]));
    assert_eq!(state.devices[&interface("ndv7001")].addresses, [ip("172.7.0.2")].into());
    assert_eq!(state.networks[&7].gateways, [ip("172.7.0.1")].into());
}

#[test]
fn only_running_containers_are_attached() {
    let web = network("web", 7, true);
    for status in [Status::Created, Status::Exited { code: 0 }] {
        let mut c = container(1);
        attach(&mut c, &web);
        publish(&mut c, "0.0.0.0", 8080);
        c.status = status;
        let state = with_auto(&spec([web.clone()], [c]));
        assert_eq!(state, with_auto(&spec([web.clone()], [])), "{status:?}");
    }
}

#[test]
fn a_network_that_somebody_made_has_names_and_the_default_one_has_none() {
    let (default, web) = (network("bridge", 1, false), network("web", 2, false));
    let mut unnamed = container(1);
    attach(&mut unnamed, &default);
    let mut named = container(2);
    attach(&mut named, &default);
    attach(&mut named, &web);
    let state = with_auto(&spec([default, web], [unnamed, named, container(3)]));
    assert_eq!(state.resolvers, [Netns(1002)].into());
}

#[test]
fn the_first_name_in_byte_order_is_the_way_out() {
    let networks = [network("b", 1, false), network("B", 2, false), network("a", 3, false)];
    let mut c = container(1);
    networks.iter().for_each(|n| attach(&mut c, n));
    publish(&mut c, "0.0.0.0", 8080);
    let state = with_auto(&spec(networks, [c]));
    assert_eq!(hops(&state, 1001), [Some("172.2.0.1".into()), None]);
    assert_eq!(entry(&state, "0.0.0.0", 8080), Some((2, ip("172.2.0.2"))));
}

#[test]
fn a_network_with_both_families_goes_before_one_with_ipv4_alone() {
    let networks = [network("a", 1, false), network("z", 2, true)];
    let mut c = container(1);
    networks.iter().for_each(|n| attach(&mut c, n));
    let state = with_auto(&spec(networks, [c]));
    assert_eq!(hops(&state, 1001), [Some("172.2.0.1".into()), Some("fd00:0:0:2::1".into())]);
}

#[test]
fn an_internal_network_gives_no_route_and_publishes_nothing() {
    let internal = Network { internal: true, ..network("a", 1, true) };
    let mut c = container(1);
    attach(&mut c, &internal);
    publish(&mut c, "0.0.0.0", 8080);
    publish(&mut c, "::", 8080);
    let state = with_auto(&spec([internal.clone()], [c.clone()]));
    assert_eq!(hops(&state, 1001), [None, None]);
    assert!(state.published.is_empty());

    let open = network("z", 2, false);
    attach(&mut c, &open);
    let state = with_auto(&spec([internal, open], [c]));
    assert_eq!(hops(&state, 1001), [Some("172.2.0.1".into()), None]);
    assert_eq!(entry(&state, "0.0.0.0", 8080), Some((2, ip("172.2.0.2"))));
    assert_eq!(entry(&state, "::", 8080), Some((2, ip("172.2.0.2"))));
}

#[test]
fn a_port_leads_to_the_address_of_its_own_family() {
    let web = network("web", 7, true);
    let mut c = container(1);
    attach(&mut c, &web);
    publish(&mut c, "127.0.0.1", 8080);
    publish(&mut c, "::", 8080);
    let state = with_auto(&spec([web], [c]));
    assert_eq!(entry(&state, "127.0.0.1", 8080), Some((7, ip("172.7.0.2"))));
    assert_eq!(entry(&state, "::", 8080), Some((7, ip("fd00:0:0:7::2"))));
}

#[test]
fn a_range_is_one_entry_with_those_who_may_use_it() {
    let web = network("web", 7, false);
    let mut c = container(1);
    attach(&mut c, &web);
    publish_range(&mut c, "0.0.0.0", 20_000, 29_999, ",from=10.1.0.0/16,10.0.0.0/16,::1");
    let state = with_auto(&spec([web], [c]));
    let (key, entry) = state.published.first_key_value().unwrap();
    assert_eq!((state.published.len(), key.ports.to_string()), (1, "20000-29999".into()));
    let from = ["10.0.0.0/15", "::1/128"].map(|net| net.parse().unwrap());
    assert_eq!((entry.port, entry.from.clone()), (80, Some(from.into())));
}

#[test]
fn a_networks_own_source_and_switches_reach_the_programs() {
    let mut web = network("web", 7, true);
    web.options.host_ipv4 = "192.0.2.2".parse().ok();
    web.options.endpoint_independent = true;
    web.options.mss = crate::state::Mss::Clamp;
    let entry = with_auto(&spec([web.clone()], [])).networks.remove(&7).unwrap();
    assert_eq!((entry.host_ipv4, entry.host_ipv6), (web.options.host_ipv4, None));
    assert_eq!((entry.endpoint_independent, entry.mss), (true, web.options.mss));
}

#[test]
fn a_container_without_networks_has_no_routes() {
    let state = with_auto(&spec([], [container(1)]));
    assert_eq!(hops(&state, 1001), [None, None]);
}

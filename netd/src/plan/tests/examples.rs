//! Plans for one network and one container, in words.

use super::*;
use crate::desired::samples::{attach, container, network, publish, running, spec};
use crate::spec::{
    Spec,
    name::{Id, Mac},
    network::Network,
};
use crate::state::{Mss, PortRange, Protocol};

/// A network, and container 1 in it with port 8080 published.
fn web() -> Spec {
    let web = network("web", 1, true);
    let mut c = container(1);
    attach(&mut c, &web);
    publish(&mut c, "0.0.0.0", 8080);
    spec([web], [c])
}

fn state(spec: &Spec) -> State {
    desired(spec, &host(), &UplinkChoice::Auto)
}

/// The plan in words.
fn words(desired: &State, actual: &State) -> Vec<String> {
    plan(desired, actual).0.iter().map(Step::to_string).collect()
}

/// The plan in words after `change` to the kernel that holds [`web`].
fn repair(change: fn(&mut State)) -> Vec<String> {
    let desired = state(&web());
    let mut actual = desired.clone();
    change(&mut actual);
    words(&desired, &actual)
}

fn veth(state: &mut State) -> &mut Veth {
    state.veths.get_mut(&interface("ndv1001")).unwrap()
}

const PUT_VETH: &str =
    "create veth ndv1001 in nd-web, in the container eth0 172.1.0.2/16, fd00:0:0:1::2/64";
const PUT_DEVICE: &str = "register device ndv1001 in network 1: 02:6e:02:00:01:01 172.1.0.2, fd00:0:0:1::2, fe80::6e:2ff:fe00:101";
const RESOLVER: &str = "lead 127.0.0.11 of namespace 1001 to the resolver";
const NO_RESOLVER: &str = "leave 127.0.0.11 of namespace 1001 alone";
const GATEWAYS: &str = "route namespace 1001 by way of 172.1.0.1, fd00:0:0:1::1";

#[test]
fn what_rests_on_other_things_comes_after_them() {
    let locals = host().addresses;
    let actual = State { locals, ..State::default() };
    let expected = [
        "create bridge nd-web 172.1.0.1/16, fd00:0:0:1::1/64",
        "register network 1 on nd-web: 172.1.0.0/16, fd00:0:0:1::/64",
        "register host address 172.1.0.1",
        "register host address fd00:0:0:1::1",
        "register host address fe80::6e:1ff:fe00:1",
        "attach to uplink eth0, masquerade behind 192.0.2.2, 2001:db8::2",
        PUT_VETH,
        PUT_DEVICE,
        "raise veth ndv1001",
        GATEWAYS,
        RESOLVER,
        "publish 0.0.0.0:8080/tcp to 172.1.0.2:80",
    ];
    assert_eq!(words(&state(&web()), &actual), expected);
}

#[test]
fn what_the_programs_know_goes_before_the_devices() {
    let mut actual = state(&web());
    actual.uplinks.insert(interface("eth9"), UplinkEntry::default());
    let expected = [
        "unpublish 0.0.0.0:8080/tcp",
        "unregister device ndv1001",
        "remove veth ndv1001",
        NO_RESOLVER,
        "unregister network 1",
        "remove bridge nd-web",
        "detach from uplink eth9",
        "unregister host address 172.1.0.1",
        "unregister host address fd00:0:0:1::1",
        "unregister host address fe80::6e:1ff:fe00:1",
    ];
    assert_eq!(words(&state(&spec([], [])), &actual), expected);
}

#[test]
fn a_veth_that_is_down_is_raised() {
    assert_eq!(repair(|kernel| veth(kernel).up = false), ["raise veth ndv1001"]);
}

#[test]
fn a_veth_without_its_bridge_is_changed_in_place() {
    assert_eq!(repair(|kernel| veth(kernel).bridge = interface("#0")), [PUT_VETH]);
}

#[test]
fn a_veth_of_another_address_is_changed_in_place_and_its_routes_are_set_again() {
    let change = |kernel: &mut State| {
        veth(kernel).addresses =
            ["172.1.0.9/16", "fd00:0:0:1::9/64"].map(|a| a.parse().unwrap()).into();
    };
    assert_eq!(repair(change), [PUT_VETH, GATEWAYS]);
}

#[test]
fn a_container_that_was_restarted_gets_a_new_veth() {
    let old = web();
    let mut new = old.clone();
    new.containers.values_mut().for_each(|c| c.status = running(2001));
    let gateways = GATEWAYS.replace("1001", "2001");
    let resolver = RESOLVER.replace("1001", "2001");
    let expected = [
        "unregister device ndv1001",
        "remove veth ndv1001",
        NO_RESOLVER,
        PUT_VETH,
        PUT_DEVICE,
        "raise veth ndv1001",
        &gateways,
        &resolver,
    ];
    assert_eq!(words(&state(&new), &state(&old)), expected);
}

#[test]
fn a_veth_of_another_endpoint_mac_or_peer_is_made_anew_with_its_routes() {
    let expected = [
        "unregister device ndv1001",
        "remove veth ndv1001",
        PUT_VETH,
        PUT_DEVICE,
        "raise veth ndv1001",
        GATEWAYS,
    ];
    assert_eq!(repair(|kernel| veth(kernel).mac = Mac([2, 0, 0, 0, 0, 9])), expected);
    assert_eq!(repair(|kernel| veth(kernel).peer = interface("eth9")), expected);
    assert_eq!(repair(|kernel| veth(kernel).endpoint = Id::random()), expected);
}

#[test]
fn a_container_that_is_left_by_its_way_out_gets_the_next_one_and_its_port_follows() {
    let networks = [network("a", 1, false), network("b", 2, false)];
    let mut c = container(1);
    networks.iter().for_each(|n| attach(&mut c, n));
    publish(&mut c, "0.0.0.0", 8080);
    let before = spec(networks.clone(), [c.clone()]);
    c.endpoints.remove(&networks[0].id);
    let after = spec(networks, [c]);
    let expected = [
        "unregister device ndv1001",
        "remove veth ndv1001",
        "route namespace 1001 by way of 172.2.0.1",
        "publish 0.0.0.0:8080/tcp to 172.2.0.2:80",
    ];
    assert_eq!(words(&state(&after), &state(&before)), expected);
}

#[test]
fn a_running_container_that_leaves_its_last_network_keeps_no_route() {
    let before = state(&web());
    let mut alone = web();
    alone.containers.values_mut().for_each(|c| c.endpoints.clear());
    let mut elsewhere = before.clone();
    let by_hand = Gateways { ipv4: "10.9.9.9".parse().ok(), ipv6: None };
    elsewhere.gateways.insert(Netns(1001), by_hand);
    let deletions = [
        "unpublish 0.0.0.0:8080/tcp",
        "unregister device ndv1001",
        "remove veth ndv1001",
        NO_RESOLVER,
    ];
    assert_eq!(words(&state(&alone), &before), deletions);
    let routes = "remove the default routes of namespace 1001";
    assert_eq!(words(&state(&alone), &elsewhere), [&deletions[..], &[routes]].concat());
}

#[test]
fn a_way_to_the_resolver_that_was_taken_away_is_put_back() {
    assert_eq!(repair(|kernel| kernel.resolvers.clear()), [RESOLVER]);
}

#[test]
fn a_number_that_another_network_got_takes_nothing_along() {
    let before = web();
    let other = Network { number: 1, ..network("db", 2, false) };
    let expected = [
        "unpublish 0.0.0.0:8080/tcp",
        "unregister device ndv1001",
        "remove veth ndv1001",
        NO_RESOLVER,
        "unregister network 1",
        "remove bridge nd-web",
    ];
    let steps = words(&state(&spec([other], [])), &state(&before));
    assert_eq!(steps[..6], expected);
    assert!(steps.contains(&"register network 1 on nd-db: 172.2.0.0/16".to_owned()));
}

#[test]
fn a_bridge_that_was_deleted_by_hand_is_put_back_under_its_veths() {
    let change = |kernel: &mut State| {
        kernel.bridges.clear();
        kernel.networks.values_mut().for_each(|n| n.bridge = interface("#7"));
        veth(kernel).bridge = interface("#0");
    };
    let expected = [
        "create bridge nd-web 172.1.0.1/16, fd00:0:0:1::1/64",
        "register network 1 on nd-web: 172.1.0.0/16, fd00:0:0:1::/64",
        PUT_VETH,
    ];
    assert_eq!(repair(change), expected);
}

#[test]
fn a_veth_that_vanished_is_made_anew_and_its_old_index_forgotten() {
    let change = |kernel: &mut State| {
        kernel.veths.clear();
        kernel.gateways.clear();
        kernel.devices = std::mem::take(&mut kernel.devices)
            .into_values()
            .map(|d| (interface("#7"), d))
            .collect();
    };
    let expected = ["unregister device #7", PUT_VETH, PUT_DEVICE, "raise veth ndv1001", GATEWAYS];
    assert_eq!(repair(change), expected);
}

#[test]
fn a_port_of_another_container_changes_hands_in_one_step() {
    let change = |kernel: &mut State| kernel.published.values_mut().for_each(|p| p.container = 9);
    assert_eq!(repair(change), ["publish 0.0.0.0:8080/tcp to 172.1.0.2:80"]);
}

#[test]
fn a_bridge_of_another_name_takes_what_hangs_on_it_along() {
    let mut renamed = web();
    renamed.networks.values_mut().for_each(|n| n.options.bridge = interface("br0"));
    let expected = ["rename device nd-web to br0"];
    assert_eq!(words(&state(&renamed), &state(&web())), expected);
}

#[test]
fn a_namespace_with_veths_but_without_an_entry_keeps_no_route() {
    let actual = state(&web());
    let mut desired = actual.clone();
    desired.gateways.clear();
    assert_eq!(words(&desired, &actual), ["remove the default routes of namespace 1001"]);
}

#[test]
fn namespaces_that_nobody_asked_about_are_left_alone() {
    let change = |kernel: &mut State| {
        let foreign = Gateways { ipv4: "10.0.0.1".parse().ok(), ipv6: None };
        kernel.gateways.insert(Netns(7), foreign);
    };
    assert_eq!(repair(change), <[String; 0]>::default());
}

#[test]
fn every_step_has_words() {
    let single = PortRange::single(53);
    let key = PublishedKey { address: ip("::"), ports: single, protocol: Protocol::Udp };
    let (address, from) = (ip("fd00::2"), None);
    let entry = PublishedEntry { network: 1, container: 1, address, port: 5353, from };
    let words = |key, entry: &PublishedEntry| Step::PutPublished(key, entry.clone()).to_string();
    assert_eq!(words(key, &entry), "publish [::]:53/udp to [fd00::2]:5353");
    let range = PublishedKey { ports: PortRange::new(53, 60).unwrap(), ..key };
    let from = ["10.0.0.0/8", "::1/128"].map(|net| net.parse().unwrap());
    let entry = PublishedEntry { from: Some(from.into()), ..entry };
    let expected = "publish [::]:53-60/udp to [fd00::2]:5353 for 10.0.0.0/8, ::1/128";
    assert_eq!(words(range, &entry), expected);
    let bare = Step::PutUplink(interface("eth0"), UplinkEntry::default());
    assert_eq!(bare.to_string(), "attach to uplink eth0 without masquerade: it has no address");
    let mut network = state(&web()).networks[&1].clone();
    (network.internal, network.icc, network.masquerade) = (true, false, false);
    (network.endpoint_independent, network.mss) = (true, Mss::AtMost(1360));
    network.host_ipv4 = "192.0.2.2".parse().ok();
    assert_eq!(
        Step::PutNetwork(1, network).to_string(),
        "register network 1 on nd-web: 172.1.0.0/16, fd00:0:0:1::/64, internal, no traffic between containers, no masquerade, endpoint-independent mapping, masquerade behind 192.0.2.2, segments of 1360 bytes at most"
    );
}

//! What networks keep to themselves below and beside unicast IP: Ethernet addresses that a container
//! knows better than it should, link-local addresses, multicast, broadcast.

use super::{LONG, mac, pings, python, said, serves, words};
use netd_tests::{
    host::{TestHost, shell, wait},
    ns::is_root,
    programs::{CALLER, LISTENER},
};

/// A client on the network `one` and a listener on `one` and `two` each.
fn host() -> TestHost {
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "one"]).unwrap();
    host.ok(&["network", "create", "--ipv6", "two"]).unwrap();
    host.idle("client", "one").unwrap();
    for (name, network) in [("near", "one"), ("far", "two")] {
        let listener = python(LISTENER, &["9999"]);
        host.run(name, &["--network", network], &words(&listener)).unwrap();
        serves(&host, name, "9999", "udp");
    }
    host
}

/// A command in the client, which must succeed.
fn client(host: &TestHost, command: &[&str]) -> String {
    let output = host.exec("client", command).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    said(&output)
}

#[test]
fn to_know_a_strangers_ethernet_address_helps_nobody() {
    if !is_root() {
        return;
    }
    let host = host();
    let (v4, v6) = host.addresses("far", "two").unwrap();
    let far = mac(&host, "far");
    let link_local = far.link_local().to_string();
    let ethernet = far.to_string();
    for (address, reason) in [(v4, "isolated"), (v6, "isolated"), (link_local, "no-endpoint")] {
        if !address.starts_with("fe80") {
            client(&host, &["ip", "route", "add", &address, "dev", "eth0"]);
        }
        let neighbour = ["ip", "neigh", "replace", &address, "lladdr", &ethernet, "dev", "eth0"];
        client(&host, &neighbour);
        let before = host.dropped(reason).unwrap();
        let scoped = format!("{address}%eth0");
        let target = if address.starts_with("fe80") { &scoped } else { &address };
        assert!(!pings(&host, "client", target), "{target} answers");
        client(&host, &words(&python(CALLER, &["9999", target])));
        let counted = host.dropped(reason).unwrap() - before;
        assert!(counted >= 4, "3 pings and a datagram to {target}: {counted} counted as {reason}");
    }
    assert_eq!(heard_after_control(&host, "far"), ["control"]);
}

#[test]
fn multicast_and_broadcast_reach_the_own_network_and_no_other() {
    if !is_root() {
        return;
    }
    let host = host();
    let own = host.addresses("client", "one").unwrap().0.parse().unwrap();
    let subnet = ipnet::Ipv4Net::new(own, 16).unwrap().broadcast().to_string();
    let mut calls = vec!["224.0.0.1", "255.255.255.255", &subnet, "ff02::1%eth0"];
    client(&host, &words(&python(CALLER, &[&["9999"], &calls[..]].concat())));
    let near = wait(LONG, || calls.iter().all(|call| heard(&host, "near").contains(call)));
    assert!(near, "{}", heard(&host, "near"));
    calls.push("control");
    calls.sort_unstable();
    assert_eq!(heard_after_control(&host, "near"), calls, "each of them once");
    assert_eq!(heard_after_control(&host, "far"), ["control"]);
}

fn heard(host: &TestHost, name: &str) -> String {
    host.ok(&["logs", name]).unwrap()
}

/// All that a listener has heard by the time that it hears the host, which it must; sorted.
fn heard_after_control(host: &TestHost, name: &str) -> Vec<String> {
    let path = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address = host.ok(&["inspect", name, "--format", path]).unwrap();
    shell(&host.host, &format!("echo -n control | nc -u -w 1 -N {address} 9999")).unwrap();
    let there = wait(LONG, || heard(host, name).lines().any(|line| line == "control"));
    assert!(there, "{name} does not hear its host: {}", heard(host, name));
    let mut all: Vec<String> = heard(host, name).lines().map(str::to_owned).collect();
    all.sort_unstable();
    all
}

//! Uplinks that come, go and change: netd follows within a second.

use super::{
    ask_tcp, outside::Server, pings, said, steady::Connection, tcp_from, tcp_server, words,
};
use netd_tests::{
    host::{HOST, NEIGHBOUR, REMOTE, TestHost, cable, shell, wait},
    ns::is_root,
    programs::ECHO_SERVER,
};
use nix::sys::signal::Signal;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The uplinks as the programs know them, with the addresses that masquerade uses.
fn uplinks(host: &TestHost) -> BTreeMap<String, Vec<String>> {
    let status = host.ok(&["status", "--format", "{{json .Uplinks}}"]).unwrap();
    serde_json::from_str(&status).unwrap()
}

/// Established flows.
fn flows(host: &TestHost) -> u32 {
    host.ok(&["status", "--format", "{{(index .Flows 0).Flows}}"]).unwrap().parse().unwrap()
}

/// Waits until it is so, which must be within a second from now.
fn within_a_second(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    assert!(wait(Duration::from_secs(10), &mut so), "{what}");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(1), "{what}: only after {took:?}");
}

/// Waits until the programs know this uplink by exactly these addresses.
pub(super) fn follows(host: &TestHost, name: &str, addresses: &[&str]) {
    let what = format!("{name} has {addresses:?}");
    within_a_second(&what, || {
        uplinks(host).get(name).is_some_and(|known| known.as_slice() == addresses)
    });
}

/// Waits until the device is no uplink any more.
pub(super) fn leaves(host: &TestHost, name: &str) {
    within_a_second(&format!("{name} is left"), || !uplinks(host).contains_key(name));
}

/// A host with network `web`, a container `client` on it and another that serves host port 8080.
fn serving(host: &TestHost) {
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    host.idle("client", "web").unwrap();
    tcp_server(host, "server", &["--network", "web", "-p", "8080:80"], "80");
}

/// Both ways work: out with the host's address, and in by a published port.
fn works(host: &TestHost) {
    let _server = Server::start(&host.remote, "9000");
    for (remote, own) in [(REMOTE.0, HOST.0), (REMOTE.1, HOST.1)] {
        assert_eq!(tcp_from(host, "client", remote, "9000").as_deref(), Some(own));
        assert_eq!(ask_tcp(&host.remote, own, "8080").as_deref(), Some(remote));
    }
}

/// Deletes eth0 and makes another one with its name and index.
fn swap_device(host: &TestHost) {
    let index =
        |host: &TestHost| host.host.json("ip -j link show eth0").unwrap()[0]["ifindex"].clone();
    let before = index(host);
    host.host.run("ip link del eth0").unwrap();
    host.plug_in(&format!("index {before}")).unwrap();
    assert_eq!(index(host), before);
}

#[test]
fn a_changed_address_is_followed_and_the_flows_of_the_old_one_are_void() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    serving(&host);
    let echo = ["python3", "-c", ECHO_SERVER, "7"];
    host.run("echo", &["--network", "web", "-p", "7:7"], &echo).unwrap();
    super::serves(&host, "echo", "7", "tcp");
    let _echo = Server::run_tcp(&host.remote, ECHO_SERVER, "9007");
    let _server = Server::start(&host.remote, "9000");
    let _out = Connection::from_container(&host, "client", REMOTE.0, "9007");
    let _in = Connection::from(&host.remote, HOST.0, "7");
    let steady = Connection::from_container(&host, "client", REMOTE.1, "9007");
    assert_eq!(flows(&host), 3);

    host.host.run(&format!("ip address del {}/24 dev eth0", HOST.0)).unwrap();
    host.host.run("ip address add 198.51.100.3/24 dev eth0").unwrap();
    host.host.run(&format!("ip route add default via {}", NEIGHBOUR.0)).unwrap();
    follows(&host, "eth0", &["198.51.100.3", HOST.1]);
    within_a_second("the other family's flow alone is left", || flows(&host) == 1);
    let seen = tcp_from(&host, "client", REMOTE.0, "9000");
    assert_eq!(seen.as_deref(), Some("198.51.100.3"));
    assert_eq!(ask_tcp(&host.remote, "198.51.100.3", "8080").as_deref(), Some(REMOTE.0));
    steady.finish();
}

#[test]
fn an_address_that_is_taken_and_given_back_at_once_keeps_its_flows() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "web"]).unwrap();
    host.idle("client", "web").unwrap();
    let _server = Server::run_tcp(&host.remote, ECHO_SERVER, "9007");
    let _flow = Connection::from_container(&host, "client", REMOTE.0, "9007");
    // By one process, so that all falls into one look.
    let swap = format!(
        "printf 'address del {own}/24 dev eth0\naddress add {own}/24 dev eth0\n\
         route add default via {}' | ip -batch -",
        NEIGHBOUR.0,
        own = HOST.0
    );
    assert!(shell(&host.host, &swap).unwrap().status.success());
    follows(&host, "eth0", &[HOST.0, HOST.1]);
    assert_eq!(flows(&host), 1);
}

#[test]
fn a_better_default_route_by_another_uplink_is_taken_and_left_again() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    serving(&host);
    let _server = Server::start(&host.remote, "9000");
    let seen = || tcp_from(&host, "client", REMOTE.0, "9000");
    assert_eq!(seen().as_deref(), Some(HOST.0));

    cable(&host.host, "eth1", &host.remote, "eth1").unwrap();
    host.host.run("ip address add 192.0.2.2/24 dev eth1").unwrap();
    host.remote.run("ip address add 192.0.2.9/24 dev eth1").unwrap();
    host.host.run("ip route prepend default via 192.0.2.9").unwrap();
    follows(&host, "eth1", &["192.0.2.2"]);
    assert_eq!(seen().as_deref(), Some("192.0.2.2"));
    assert_eq!(ask_tcp(&host.remote, "192.0.2.2", "8080").as_deref(), Some("192.0.2.9"));

    host.host.run("ip link set eth1 down").unwrap();
    leaves(&host, "eth1");
    assert_eq!(seen().as_deref(), Some(HOST.0));
    host.host.run("ip link set eth1 up").unwrap();
    host.host.run("ip route prepend default via 192.0.2.9").unwrap();
    follows(&host, "eth1", &["192.0.2.2"]);
    assert_eq!(seen().as_deref(), Some("192.0.2.2"));
}

#[test]
fn an_uplink_that_is_deleted_and_made_anew_works_again() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    serving(&host);
    host.host.run("ip link del eth0").unwrap();
    leaves(&host, "eth0");
    assert_eq!(host.problems().unwrap(), [""; 0]);
    assert!(!pings(&host, "client", NEIGHBOUR.0));
    host.plug_in("").unwrap();
    follows(&host, "eth0", &[HOST.0, HOST.1]);
    works(&host);
    // Too fast for a look in between.
    swap_device(&host);
    follows(&host, "eth0", &[HOST.0, HOST.1]);
    within_a_second("the programs are on the new device", || {
        let ping = ["exec", "client", "--", "ping", "-q", "-c", "1", "-W", "0.2", NEIGHBOUR.0];
        host.netctl(&ping).unwrap().status.success()
    });
    works(&host);
}

#[test]
fn a_host_without_an_uplink_gets_one() {
    if !is_root() {
        return;
    }
    let host = TestHost::without_agent().unwrap();
    host.host.run("ip link del eth0").unwrap();
    host.start_agent().unwrap();
    assert_eq!(uplinks(&host), BTreeMap::new());
    serving(&host);
    host.plug_in("").unwrap();
    follows(&host, "eth0", &[HOST.0, HOST.1]);
    works(&host);
}

#[test]
fn an_uplink_made_anew_under_its_old_index_while_no_agent_lives_is_found_at_the_start() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    serving(&host);
    host.end_agent(Signal::SIGKILL).unwrap();
    swap_device(&host);
    host.start_agent().unwrap();
    assert_eq!(uplinks(&host)["eth0"], [HOST.0, HOST.1]);
    works(&host);
}

#[test]
fn an_address_that_is_lost_while_no_agent_lives_has_no_flows_after_the_start() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    serving(&host);
    let _echo = Server::run_tcp(&host.remote, ECHO_SERVER, "9007");
    let _out = Connection::from_container(&host, "client", REMOTE.0, "9007");
    host.end_agent(Signal::SIGKILL).unwrap();
    host.host.run(&format!("ip address del {}/24 dev eth0", HOST.0)).unwrap();
    host.start_agent().unwrap();
    within_a_second("its flow is void", || flows(&host) == 0);
}

#[test]
fn a_changed_mtu_is_what_containers_are_told() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    host.idle("client", "web").unwrap();
    let large = |address| {
        let ping = ["ping", "-q", "-c", "1", "-W", "1", "-M", "do", "-s", "1400", address];
        host.exec("client", &ping).unwrap()
    };
    for address in [REMOTE.0, REMOTE.1] {
        assert!(large(address).status.success(), "{address}");
    }
    host.host.run("ip link set eth0 mtu 1300").unwrap();
    for address in [REMOTE.0, REMOTE.1] {
        let what = format!("{address} by 1300 bytes");
        within_a_second(&what, || {
            let _ = large(address);
            let route =
                words(&["ip".into(), "route".into(), "get".into(), address.into()]).join(" ");
            let known = host.exec("client", &["sh", "-c", &route]).unwrap();
            said(&known).contains("mtu 1300")
        });
    }
}

#[test]
fn the_source_is_the_one_that_the_route_prefers() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    host.idle("client", "web").unwrap();
    host.host.run("ip address add 192.0.2.2/24 dev eth0").unwrap();
    host.neighbour.run("ip address add 192.0.2.7/24 dev eth0").unwrap();
    let _servers = [&host.remote, &host.neighbour].map(|ns| Server::start(ns, "9000"));
    let seen = |address| tcp_from(&host, "client", address, "9000").unwrap_or_default();
    within_a_second("the neighbour of the second address", || seen("192.0.2.7") == "192.0.2.2");
    assert_eq!((seen(NEIGHBOUR.0).as_str(), seen(REMOTE.0).as_str()), (HOST.0, HOST.0));

    host.host.run("ip route add 203.0.113.0/24 via 198.51.100.7 src 192.0.2.2").unwrap();
    within_a_second("a route with a source", || seen(REMOTE.0) == "192.0.2.2");
    host.host.run("ip route add 203.0.113.9 via 198.51.100.7 src 198.51.100.2").unwrap();
    within_a_second("a route within it", || seen(REMOTE.0) == HOST.0);
    host.host.run("ip route del 203.0.113.9").unwrap();
    host.host.run("ip route del 203.0.113.0/24").unwrap();
    within_a_second("neither any more", || seen(REMOTE.0) == HOST.0);
}

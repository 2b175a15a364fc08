//! `none`, `host`, the default network, internal networks, icc=false (W3).

use super::{ask_tcp, ping_from, pings, said, tcp_from, tcp_server};
use netd_tests::{
    host::{HOST, REMOTE, TestHost},
    ns::is_root,
};

#[test]
fn none_has_only_lo_and_publishes_nothing() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    tcp_server(&host, "alone", &["--network", "none", "-p", "8000:8000"], "8000");
    let links = said(&host.exec("alone", &["ip", "-br", "link"]).unwrap());
    assert_eq!(links.lines().count(), 1, "{links}");
    assert!(links.starts_with("lo "), "{links}");
    assert_eq!(said(&host.exec("alone", &["ip", "route"]).unwrap()), "");
    let lost = host.exec("alone", &["ping", "-c", "1", "8.8.8.8"]).unwrap();
    assert!(String::from_utf8_lossy(&lost.stderr).contains("Network is unreachable"));
    assert_eq!(ask_tcp(&host.host, "127.0.0.1", "8000"), None);
    assert!(tcp_from(&host, "alone", "127.0.0.1", "8000").is_some(), "lo is up inside");
}

#[test]
fn host_shares_the_host_s_namespace() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    tcp_server(&host, "shared", &["--network", "host"], "54321");
    assert_eq!(ask_tcp(&host.remote, HOST.0, "54321").as_deref(), Some(REMOTE.0));
    let second =
        host.exec("shared", &["python3", "-c", "import socket; socket.create_server(('', 54321))"]);
    assert!(String::from_utf8_lossy(&second.unwrap().stderr).contains("Address already in use"));
}

#[test]
fn a_container_without_a_network_is_on_bridge() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.run("one", &[], &["sleep", "infinity"]).unwrap();
    host.run("two", &[], &["sleep", "infinity"]).unwrap();
    let (two, _) = host.addresses("two", "bridge").unwrap();
    assert!(pings(&host, "one", &two));
    assert!(pings(&host, "one", REMOTE.0), "the outside");
    let route = said(&host.exec("one", &["ip", "route", "show", "default"]).unwrap());
    assert!(route.starts_with("default via 172.17.0.1 dev eth0"), "{route}");
}

#[test]
fn an_internal_network_reaches_its_own_and_nothing_else() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--internal", "--ipv6", "vault"]).unwrap();
    host.idle("client", "vault").unwrap();
    tcp_server(&host, "server", &["--network", "vault", "-p", "8080:80"], "80");
    let (v4, v6) = host.addresses("server", "vault").unwrap();
    for address in [&v4, &v6] {
        assert!(tcp_from(&host, "client", address, "80").is_some(), "{address}");
        assert!(ask_tcp(&host.host, address, "80").is_some(), "the host reaches {address}");
    }
    assert_eq!(ask_tcp(&host.remote, HOST.0, "8080"), None, "nothing is published");
    assert!(!pings(&host, "client", REMOTE.0));
    // A container that gives itself a route gets no further.
    let (gateway, route) =
        (v4.rsplit_once('.').unwrap().0, ["ip", "route", "add", "default", "via"]);
    let gateway = format!("{gateway}.1");
    assert!(host.exec("client", &[&route[..], &[&gateway]].concat()).unwrap().status.success());
    let before = host.dropped("internal").unwrap();
    assert!(!pings(&host, "client", REMOTE.0));
    assert!(host.dropped("internal").unwrap() >= before + 3);
}

#[test]
fn icc_false_keeps_the_containers_of_one_network_apart() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    let option = "com.docker.network.bridge.enable_icc=false";
    host.ok(&["network", "create", "--ipv6", "-o", option, "strict"]).unwrap();
    host.idle("client", "strict").unwrap();
    tcp_server(&host, "server", &["--network", "strict", "-p", "8080:80"], "80");
    let (v4, v6) = host.addresses("server", "strict").unwrap();
    for address in [&v4, &v6] {
        let before = host.dropped("icc-off").unwrap();
        assert_eq!(tcp_from(&host, "client", address, "80"), None, "{address}");
        assert!(!pings(&host, "client", address));
        assert!(host.dropped("icc-off").unwrap() > before, "{address}");
    }
    assert!(pings(&host, "client", REMOTE.0), "the outside is open");
    assert_eq!(ask_tcp(&host.remote, HOST.0, "8080").as_deref(), Some(REMOTE.0));
    let own = host.addresses("client", "strict").unwrap().0;
    assert!(ping_from(&host.host, &own), "the host is let in");
}

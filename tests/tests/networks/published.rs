//! Published ports (W2).

use super::{ask_tcp, ask_udp, said, tcp_server, udp_server};
use netd_tests::{
    host::{HOST, NEIGHBOUR, REMOTE, TestHost, shell},
    ns::is_root,
};

#[test]
fn everybody_outside_reaches_a_published_port_and_is_seen() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    tcp_server(&host, "tcp", &["--network", "web", "-p", "8080:80"], "80");
    udp_server(&host, "udp", &["--network", "web", "-p", "5353:53/udp"], "53", "hello");
    for (ns, client) in [(&host.remote, REMOTE), (&host.neighbour, NEIGHBOUR)] {
        for (address, own) in [(HOST.0, client.0), (HOST.1, client.1)] {
            assert_eq!(ask_tcp(ns, address, "8080").as_deref(), Some(own), "{address}");
            for how in ["connected", "unconnected"] {
                let answer = ask_udp(ns, address, "5353", "0", how);
                assert_eq!(answer, Some(format!("{own} hello {address} 5353")), "{how}");
            }
        }
    }
    assert_eq!(ask_tcp(&host.remote, HOST.0, "8081"), None, "another port");
    assert_eq!(ask_tcp(&host.remote, HOST.0, "80"), None, "the container's port");
}

#[test]
fn the_host_s_own_processes_reach_a_published_port_by_every_address() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    tcp_server(&host, "tcp", &["--network", "web", "-p", "8080:80"], "80");
    udp_server(&host, "udp", &["--network", "web", "-p", "5353:53/udp"], "53", "hello");
    for address in ["127.0.0.1", "127.1.2.3", "::1", HOST.0, HOST.1] {
        let seen = ask_tcp(&host.host, address, "8080");
        assert!(seen.is_some(), "{address}");
        for how in ["connected", "unconnected"] {
            let answer = ask_udp(&host.host, address, "5353", "0", how);
            let answer = answer.unwrap_or_else(|| panic!("{address} {how}: no answer"));
            let from = format!("{address} 5353");
            assert!(answer.ends_with(&from), "{how}: {answer} is not from {from}");
        }
    }
}

#[test]
fn an_ipv4_container_is_reached_by_the_ipv6_loopback() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    tcp_server(&host, "tcp", &["-p", "8080:80"], "80");
    for address in ["127.0.0.1", "::1", HOST.0] {
        assert!(ask_tcp(&host.host, address, "8080").is_some(), "{address}");
    }
}

#[test]
fn a_port_of_one_address_answers_on_that_address_only() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.host.run("ip address add 198.51.100.3/24 dev eth0").unwrap();
    tcp_server(&host, "tcp", &["-p", "198.51.100.3:8080:80"], "80");
    assert_eq!(ask_tcp(&host.remote, "198.51.100.3", "8080").as_deref(), Some(REMOTE.0));
    assert_eq!(ask_tcp(&host.remote, HOST.0, "8080"), None);
    assert_eq!(ask_tcp(&host.host, "127.0.0.1", "8080"), None);
}

#[test]
fn a_new_container_on_the_port_gets_the_next_packet_of_an_old_client() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    udp_server(&host, "old", &["-p", "5353:53/udp"], "53", "old");
    let ask = || ask_udp(&host.remote, HOST.0, "5353", "40000", "unconnected");
    assert_eq!(ask(), Some(format!("{} old {} 5353", REMOTE.0, HOST.0)));
    host.ok(&["stop", "-t", "1", "old"]).unwrap();
    assert_eq!(ask(), None, "nobody has the port");
    udp_server(&host, "new", &["-p", "5353:53/udp"], "53", "new");
    assert_eq!(ask(), Some(format!("{} new {} 5353", REMOTE.0, HOST.0)));
}

#[test]
fn a_download_through_a_published_port_arrives_whole() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    let file = host.path("large");
    std::fs::write(&file, vec![7; 30_000_000]).unwrap();
    let folder = file.parent().unwrap().to_str().unwrap();
    let server = ["python3", "-m", "http.server", "80", "--bind", "0.0.0.0", "--directory", folder];
    host.run("web", &["-p", "8080:80"], &server).unwrap();
    super::serves(&host, "web", "80", "tcp");
    let url = format!("curl -sS --max-time 20 http://{}:8080/large | wc -c", HOST.0);
    for ns in [&host.remote, &host.host] {
        assert_eq!(said(&shell(ns, &url).unwrap()), "30000000");
    }
}

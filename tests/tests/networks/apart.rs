//! Networks apart, and networks joined (W4).

use super::{mac, pings, said, steady::Pings, tcp_from, tcp_server, udp_from, udp_server};
use netd_tests::{host::TestHost, ns::is_root};

#[test]
fn networks_do_not_reach_each_other_by_any_protocol() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "black-eye"]).unwrap();
    host.ok(&["network", "create", "--ipv6", "milky-way"]).unwrap();
    host.idle("client", "black-eye").unwrap();
    tcp_server(&host, "tcp", &["--network", "milky-way"], "80");
    udp_server(&host, "udp", &["--network", "milky-way"], "53", "hello");
    let of = |name: &str| {
        let path =
            |field| format!("{{{{range .NetworkSettings.Networks}}}}{{{{.{field}}}}}{{{{end}}}}");
        let ask = |field| host.ok(&["inspect", name, "--format", &path(field)]).unwrap();
        [ask("IPAddress"), ask("GlobalIPv6Address")]
    };
    for (tcp, udp) in of("tcp").iter().zip(of("udp")) {
        let before = host.dropped("isolated").unwrap();
        assert!(!pings(&host, "client", tcp), "{tcp} answers a ping");
        assert_eq!(tcp_from(&host, "client", tcp, "80"), None, "{tcp}");
        assert_eq!(udp_from(&host, "client", &udp, "53"), None, "{udp}");
        let counted = host.dropped("isolated").unwrap() - before;
        assert!(counted >= 5, "3 pings, a SYN and a datagram to {tcp}: {counted} counted");
    }
}

#[test]
fn link_local_addresses_and_multicast_stay_on_their_network() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "one"]).unwrap();
    host.ok(&["network", "create", "--ipv6", "two"]).unwrap();
    for (name, network) in [("a", "one"), ("b", "one"), ("c", "two")] {
        host.idle(name, network).unwrap();
    }
    let link_local = |name: &str| mac(&host, name).link_local().to_string();
    assert!(pings(&host, "a", &format!("{}%eth0", link_local("b"))), "within the network");
    assert!(!pings(&host, "a", &format!("{}%eth0", link_local("c"))), "across networks");
    let everybody = said(
        &host.exec("a", &["ping", "-c", "2", "-i", "0.2", "-W", "1", "ff02::1%eth0"]).unwrap(),
    );
    assert!(everybody.contains(&link_local("b")), "{everybody}");
    assert!(!everybody.contains(&link_local("c")), "{everybody}");
}

#[test]
fn a_client_connects_as_soon_as_it_is_on_the_server_s_network() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    for network in ["black-eye", "milky-way", "warp"] {
        host.ok(&["network", "create", network]).unwrap();
    }
    host.idle("client", "black-eye").unwrap();
    tcp_server(&host, "server", &["--network", "milky-way"], "80");
    host.ok(&["network", "connect", "warp", "server"]).unwrap();
    let server = host.addresses("server", "warp").unwrap().0;
    assert_eq!(tcp_from(&host, "client", &server, "80"), None, "only the server is on warp");
    host.ok(&["network", "connect", "warp", "client"]).unwrap();
    let own = host.addresses("client", "warp").unwrap().0;
    assert_eq!(tcp_from(&host, "client", &server, "80"), Some(own));
    host.ok(&["network", "disconnect", "warp", "client"]).unwrap();
    assert_eq!(tcp_from(&host, "client", &server, "80"), None, "disconnected again");
}

#[test]
fn a_second_network_comes_and_goes_without_a_lost_packet_on_the_first() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "first"]).unwrap();
    host.ok(&["network", "create", "--ipv6", "second"]).unwrap();
    host.idle("a", "first").unwrap();
    host.idle("b", "first").unwrap();
    let target = host.addresses("b", "first").unwrap().0;
    let steady = Pings::start(&host, "a", &target);
    for _ in 0..3 {
        for name in ["a", "b"] {
            host.ok(&["network", "connect", "second", name]).unwrap();
            host.ok(&["network", "disconnect", "second", name]).unwrap();
        }
    }
    steady.finish();
}

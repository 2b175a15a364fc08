//! Within one network, and between a container and its host.

use super::{ask_tcp, pings, serves, tcp_from, tcp_server, udp_from, udp_server, words};
use netd_tests::{
    host::{HOST, TestHost},
    ns::is_root,
    programs::TCP_SERVER,
};

#[test]
fn containers_of_one_network_reach_each_other_by_every_protocol() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    host.idle("client", "web").unwrap();
    tcp_server(&host, "tcp", &["--network", "web"], "80");
    udp_server(&host, "udp", &["--network", "web"], "53", "hello");
    let own = host.addresses("client", "web").unwrap();
    for v6 in [false, true] {
        let pick = |pair: (String, String)| if v6 { pair.1 } else { pair.0 };
        let (tcp, udp) = (
            pick(host.addresses("tcp", "web").unwrap()),
            pick(host.addresses("udp", "web").unwrap()),
        );
        let own = pick(own.clone());
        assert!(pings(&host, "client", &tcp), "{tcp}");
        assert_eq!(tcp_from(&host, "client", &tcp, "80"), Some(own.clone()));
        let answer = udp_from(&host, "client", &udp, "53").unwrap();
        assert_eq!(answer, format!("{own} hello {udp} 53"));
    }
    assert_eq!(host.drops().unwrap().get("isolated"), None);
}

#[test]
fn traffic_of_one_network_never_passes_the_bridge() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "web"]).unwrap();
    host.idle("client", "web").unwrap();
    host.idle("server", "web").unwrap();
    let server = host.addresses("server", "web").unwrap().0;
    let path = "{{.NetworkSettings.Networks.web.HostInterface}}";
    let veth = host.ok(&["inspect", "server", "--format", path]).unwrap();
    let sent = || {
        let link = host.host.json(&format!("ip -s -j link show dev {veth}")).unwrap();
        link[0]["stats64"]["tx"]["packets"].as_u64().unwrap()
    };
    assert!(pings(&host, "client", &server), "the neighbours know each other from here on");
    let before = sent();
    let ping = ["ping", "-q", "-c", "100", "-i", "0.005", &server];
    assert!(host.exec("client", &ping).unwrap().status.success());
    // What the bridge sends leaves by the target's host side; what BPF redirects does not.
    assert!(sent() - before < 10, "{} packets passed the bridge", sent() - before);
}

#[test]
fn containers_and_their_host_reach_each_other() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    host.idle("client", "web").unwrap();
    tcp_server(&host, "tcp", &["--network", "web"], "80");
    let server = host.run(
        "host-server",
        &["--network", "host"],
        &words(&super::python(TCP_SERVER, &["7000"])),
    );
    server.unwrap();
    serves(&host, "host-server", "7000", "tcp");
    let own = host.addresses("client", "web").unwrap();
    let gateway = |field: &str| {
        let path = format!("{{{{.NetworkSettings.Networks.web.{field}}}}}");
        host.ok(&["inspect", "client", "--format", &path]).unwrap()
    };
    for (to, from) in [
        (gateway("Gateway"), &own.0),
        (gateway("IPv6Gateway"), &own.1),
        (HOST.0.to_owned(), &own.0),
        (HOST.1.to_owned(), &own.1),
    ] {
        assert_eq!(tcp_from(&host, "client", &to, "7000").as_ref(), Some(from), "{to}");
    }
    let server = host.addresses("tcp", "web").unwrap();
    assert_eq!(ask_tcp(&host.host, &server.0, "80"), Some(gateway("Gateway")));
    assert_eq!(ask_tcp(&host.host, &server.1, "80"), Some(gateway("IPv6Gateway")));
}

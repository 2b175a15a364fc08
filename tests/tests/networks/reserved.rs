//! What publishing a port keeps others from: wires from the loopback addresses, and the host's own
//! processes from the port.

use super::{ask_tcp, tcp_server, udp_server};
use netd::spec::name::Mac;
use netd_tests::{
    frame::{Body, Frame},
    host::{HOST, NEIGHBOUR, TestHost, shell},
    ns::{TestNs, is_root},
    programs::RAW_SENDER,
};
use std::process::Command;

#[test]
fn a_port_of_the_loopback_is_out_of_reach_for_any_wire() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    let ports = ["--network", "web", "-p", "127.0.0.1:8000:80", "-p", "[::1]:8000:80"];
    tcp_server(&host, "tcp", &ports, "80");
    host.host.run("sysctl -qw net.ipv4.conf.all.route_localnet=1").unwrap();
    for (loopback, own, from) in [("127.0.0.1", HOST.0, NEIGHBOUR.0), ("::1", HOST.1, NEIGHBOUR.1)]
    {
        assert!(ask_tcp(&host.host, loopback, "8000").is_some(), "{loopback}");
        assert_eq!(ask_tcp(&host.host, own, "8000"), None, "published on {loopback} only");
        assert_eq!(ask_tcp(&host.neighbour, own, "8000"), None, "{own}");
        let before = host.dropped("martian").unwrap();
        send(&host, &syn(&host, from, loopback));
        // As if the host had sent it itself.
        send(&host, &syn(&host, loopback, own));
        assert_eq!(host.dropped("martian").unwrap(), before + 2, "{loopback}");
    }
}

#[test]
fn a_neighbour_that_routes_the_loopback_network_to_the_host_gets_nothing() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    tcp_server(&host, "tcp", &["-p", "127.0.0.1:8000:80"], "80");
    host.host.run("sysctl -qw net.ipv4.conf.all.route_localnet=1").unwrap();
    for command in [
        "sysctl -qw net.ipv4.conf.all.route_localnet=1".to_owned(),
        "ip address flush dev lo".to_owned(),
        format!("ip route add 127.0.0.0/8 via {} src {}", HOST.0, NEIGHBOUR.0),
    ] {
        host.neighbour.run(&command).unwrap();
    }
    let before = host.dropped("martian").unwrap();
    assert_eq!(ask_tcp(&host.neighbour, "127.0.0.1", "8000"), None);
    assert!(host.dropped("martian").unwrap() > before, "it came by the wire and was refused");
}

#[test]
fn a_host_process_can_t_take_a_published_port() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    tcp_server(&host, "tcp", &["--network", "web", "-p", "8080:80"], "80");
    let udp = ["--network", "web", "-p", "198.51.100.2:5353:53/udp"];
    udp_server(&host, "udp", &udp, "53", "hello");
    for address in ["", "127.0.0.1", HOST.0, "::", "::1", HOST.1] {
        assert!(!binds(&host, "STREAM", address, 8080), "TCP {address:?}");
        assert!(binds(&host, "DGRAM", address, 8080), "the same port of UDP, {address:?}");
        assert!(binds(&host, "STREAM", address, 8081), "another port, {address:?}");
    }
    assert!(!binds(&host, "DGRAM", HOST.0, 5353), "the published address");
    assert!(binds(&host, "DGRAM", "127.0.0.1", 5353), "another address");
    host.ok(&["rm", "-f", "tcp", "udp"]).unwrap();
    assert!(binds(&host, "STREAM", "", 8080) && binds(&host, "DGRAM", HOST.0, 5353), "free again");
}

#[test]
fn containers_and_other_namespaces_bind_what_the_host_has_published() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    tcp_server(&host, "tcp", &["-p", "8080:80"], "80");
    tcp_server(&host, "same", &[], "8080");
    let bind = bind("STREAM", "", 8080);
    assert!(shell(&host.neighbour, &bind).unwrap().status.success());
}

/// Whether a process of the host can have the port; it lets go at once.
fn binds(host: &TestHost, kind: &str, address: &str, port: u16) -> bool {
    let output = shell(&host.host, &bind(kind, address, port)).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let taken = errors.contains("Address already in use");
    assert!(taken || output.status.success(), "{errors}");
    !taken
}

fn bind(kind: &str, address: &str, port: u16) -> String {
    let family = if address.contains(':') { "INET6" } else { "INET" };
    format!(
        "python3 -c \"import socket as s; s.socket(s.AF_{family}, s.SOCK_{kind}).bind(('{address}', {port}))\""
    )
}

/// A SYN to port 8000 from the neighbour's Ethernet address to the host's, in hexadecimal.
fn syn(host: &TestHost, from: &str, to: &str) -> String {
    let mac = |ns: &TestNs| {
        let link = ns.json("ip -j link show dev eth0").unwrap();
        link[0]["address"].as_str().unwrap().parse::<Mac>().unwrap().0
    };
    let macs = (mac(&host.neighbour), mac(&host.host));
    let body = Body::Tcp(4000, 8000, 2, Vec::new());
    let bytes = Frame::new(macs, from.parse().unwrap(), to.parse().unwrap(), body).bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Has the neighbour send a frame on its LAN.
fn send(host: &TestHost, frame: &str) {
    let mut command = Command::new("python3");
    command.args(["-c", RAW_SENDER, "eth0", frame]);
    let output = host.neighbour.namespace().run(|| command.output()).unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

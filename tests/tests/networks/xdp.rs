//! An uplink that runs XDP: the same traffic, before the kernel has made an skb.

use super::{
    ask_tcp, ask_udp, outside::Server, ping_from, python, said, steady::Connection, tcp_from,
    tcp_server, udp_from, udp_server, words,
};
use netd_tests::{
    host::{HOST, NEIGHBOUR, REMOTE, TestHost, wait},
    ns::is_root,
    program::XdpProgram,
    programs::{
        AGGREGATION, BULK_CLIENT, BULK_SERVER, COMPLETE_CHECKSUMS, ECHO_SERVER, TCP_SERVER,
    },
};
use nix::sys::signal::Signal;
use std::{fs, process::Command, time::Duration};

/// A host whose uplink runs XDP, though it is a veth.
fn host() -> TestHost {
    let host = TestHost::without_agent().unwrap();
    complete_checksums(&host);
    start(&host, "on");
    assert!(status(&host, "{{json .Xdp}}").contains("eth0"));
    host
}

/// A veth's packets would come without their checksums: the other side leaves them to a device.
fn complete_checksums(host: &TestHost) {
    let script = python(COMPLETE_CHECKSUMS, &["eth0"]);
    let done =
        host.neighbour.namespace().run(|| Command::new(&script[0]).args(&script[1..]).status());
    assert!(done.unwrap().unwrap().success());
}

fn start(host: &TestHost, mode: &str) {
    fs::write(host.path("netd.toml"), format!("uplink-xdp = '{mode}'\n")).unwrap();
    host.start_agent().unwrap();
}

fn status(host: &TestHost, template: &str) -> String {
    host.ok(&["status", "--format", template]).unwrap()
}

/// Packets that XDP led into containers so far.
fn by_xdp(host: &TestHost) -> u64 {
    let paths: serde_json::Value = serde_json::from_str(&status(host, "{{json .Paths}}")).unwrap();
    paths["xdp"].as_u64().unwrap()
}

/// What is attached to the uplink, as the kernel tells it.
fn program_on(host: &TestHost) -> Option<u64> {
    let links = host.host.json("ip -j -d link show eth0").unwrap();
    links[0]["xdp"]["prog"]["id"].as_u64()
}

/// Whether the container's side of its veth puts packets together: 1 or 0.
fn aggregates(host: &TestHost, container: &str) -> String {
    said(&host.exec(container, &words(&python(AGGREGATION, &["eth0"]))).unwrap())
}

#[test]
fn published_ports_answer_by_xdp_in_both_families() {
    if !is_root() {
        return;
    }
    let host = host();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    tcp_server(&host, "tcp", &["--network", "web", "-p", "8080:80"], "80");
    udp_server(&host, "udp", &["--network", "web", "-p", "5353:53/udp"], "53", "hello");
    for (ns, client) in [(&host.remote, REMOTE), (&host.neighbour, NEIGHBOUR)] {
        for (address, own) in [(HOST.0, client.0), (HOST.1, client.1)] {
            let before = by_xdp(&host);
            assert_eq!(ask_tcp(ns, address, "8080").as_deref(), Some(own), "{address}");
            // A SYN, its ACK, and the end at least.
            assert!(by_xdp(&host) >= before + 3, "{address}: not by XDP");
            let before = by_xdp(&host);
            let answer = ask_udp(ns, address, "5353", "0", "connected");
            assert_eq!(answer, Some(format!("{own} hello {address} 5353")));
            assert_eq!(by_xdp(&host), before + 1, "{address}: not by XDP");
        }
    }
    assert_eq!(ask_tcp(&host.remote, HOST.0, "8081"), None, "another port");
}

#[test]
fn answers_to_containers_come_by_xdp() {
    if !is_root() {
        return;
    }
    let host = host();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    host.idle("client", "web").unwrap();
    let _tcp = Server::run_tcp(&host.remote, TCP_SERVER, "9000");
    let _udp = Server::start_udp(&host.remote, "9053", "there");
    for (address, own) in [(REMOTE.0, HOST.0), (REMOTE.1, HOST.1)] {
        let before = by_xdp(&host);
        assert_eq!(tcp_from(&host, "client", address, "9000").as_deref(), Some(own), "{address}");
        let answer = udp_from(&host, "client", address, "9053");
        assert_eq!(answer, Some(format!("{own} there {address} 9053")));
        assert!(by_xdp(&host) >= before + 4, "{address}: not by XDP");
        assert!(super::pings(&host, "client", address), "{address}");
    }
}

#[test]
fn what_no_wire_may_send_is_dropped_by_xdp_and_the_host_stays_reachable() {
    if !is_root() {
        return;
    }
    let host = host();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    tcp_server(&host, "tcp", &["--network", "web"], "80");
    let (v4, v6) = host.addresses("tcp", "web").unwrap();
    host.neighbour.run(&format!("ip route add {v4} via {}", HOST.0)).unwrap();
    host.neighbour.run(&format!("ip -6 route add {v6} via {}", HOST.1)).unwrap();
    for address in [&v4, &v6] {
        let before = host.dropped("unsolicited").unwrap();
        assert_eq!(ask_tcp(&host.neighbour, address, "80"), None, "{address}");
        assert!(host.dropped("unsolicited").unwrap() > before, "{address}");
    }
    for address in [HOST.0, HOST.1] {
        assert!(ping_from(&host.remote, address), "{address}");
    }
}

#[test]
fn a_download_through_xdp_arrives_whole() {
    if !is_root() {
        return;
    }
    let host = host();
    host.ok(&["network", "create", "web"]).unwrap();
    host.idle("client", "web").unwrap();
    let _server = Server::run_tcp(&host.remote, BULK_SERVER, "9000");
    let before = by_xdp(&host);
    let download = python(BULK_CLIENT, &[REMOTE.0, "9000"]);
    assert_eq!(said(&host.exec("client", &words(&download)).unwrap()), "10000000");
    // In frames of the wire's size.
    assert!(by_xdp(&host) >= before + 10_000_000 / 1500, "not by XDP");
}

#[test]
fn a_restart_breaks_no_connection_and_off_takes_xdp_away() {
    if !is_root() {
        return;
    }
    let host = host();
    host.run("echo", &["-p", "8080:80"], &words(&python(ECHO_SERVER, &["80"]))).unwrap();
    super::serves(&host, "echo", "80", "tcp");
    let connection = Connection::from(&host.remote, HOST.0, "8080");
    let first = program_on(&host).unwrap();
    assert_eq!(aggregates(&host, "echo"), "1");
    host.end_agent(Signal::SIGKILL).unwrap();
    assert_eq!(program_on(&host), Some(first), "forwarding needs no agent");
    start(&host, "on");
    assert_eq!(
        program_on(&host),
        Some(first),
        "an agent of the same build has no reason to replace it"
    );
    host.end_agent(Signal::SIGTERM).unwrap();
    start(&host, "off");
    assert_eq!(program_on(&host), None);
    assert_eq!(aggregates(&host, "echo"), "0");
    connection.finish();
}

#[test]
fn auto_leaves_a_veth_alone_and_another_s_program_stays() {
    if !is_root() {
        return;
    }
    let host = TestHost::without_agent().unwrap();
    start(&host, "auto");
    assert_eq!(program_on(&host), None);
    host.end_agent(Signal::SIGTERM).unwrap();
    let other = XdpProgram::attach(&host.host, "eth0").unwrap();
    start(&host, "on");
    assert_eq!(program_on(&host), Some(other.program().info().unwrap().id().into()));
    let problems = host.problems().unwrap();
    let refused = |problem: &String| problem.contains("cannot run XDP on uplink eth0");
    assert!(problems.iter().any(refused), "{problems:?}");
    tcp_server(&host, "tcp", &["-p", "8080:80"], "80");
    assert_eq!(ask_tcp(&host.remote, HOST.0, "8080").as_deref(), Some(REMOTE.0));
}

#[test]
fn a_teardown_leaves_no_trace() {
    if !is_root() {
        return;
    }
    let host = host();
    host.ok(&["teardown", "-f"]).unwrap();
    // The kernel lets go of a link some time after its pin is gone.
    assert!(wait(Duration::from_secs(5), || program_on(&host).is_none()), "a program is left");
    assert!(!host.bpf().exists(), "pins are left");
}

//! Forwarding while the agent restarts, and while there is none (W7.3 in small).

use super::{
    ask_tcp,
    outside::Server,
    python, serves,
    steady::{Connection, Pings},
    tcp_from, tcp_server, words,
};
use netd_tests::{
    host::{HOST, REMOTE, TestHost, wait},
    ns::is_root,
    programs::ECHO_SERVER,
};
use nix::sys::signal::Signal;
use std::process::Command;

#[test]
fn everything_forwards_while_no_agent_lives() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    host.ok(&["network", "create", "other"]).unwrap();
    tcp_server(&host, "server", &["--network", "web", "-p", "8080:80"], "80");
    let client = host.idle("client", "web").unwrap();
    host.idle("stranger", "other").unwrap();
    let (server, server6) = host.addresses("server", "web").unwrap();
    host.neighbour.run(&format!("ip route add {server} via {}", HOST.0)).unwrap();
    let pid = |name: &str| host.ok(&["inspect", name, "--format", "{{.State.Pid}}"]).unwrap();
    let (client_pid, stranger_pid) = (pid("client"), pid("stranger"));
    host.end_agent(Signal::SIGKILL).unwrap();
    let ping = |pid: &str, address: &str| {
        let mut command = Command::new("nsenter");
        command.args(["-t", pid, "-n", "ping", "-q", "-c", "2", "-i", "0.1", "-W", "1", address]);
        command.output().unwrap().status.success()
    };
    assert!(ping(&client_pid, &server), "within a network");
    assert!(ping(&client_pid, &server6), "within a network");
    for address in [REMOTE.0, REMOTE.1] {
        assert!(ping(&client_pid, address), "to the outside: {address}");
    }
    assert!(!ping(&stranger_pid, &server), "isolation holds");
    assert_eq!(ask_tcp(&host.remote, HOST.0, "8080").as_deref(), Some(REMOTE.0));
    for address in ["127.0.0.1", "::1", HOST.0, HOST.1] {
        assert!(ask_tcp(&host.host, address, "8080").is_some(), "{address}");
    }
    assert_eq!(ask_tcp(&host.remote, HOST.1, "8080").as_deref(), Some(REMOTE.1));
    assert_eq!(ask_tcp(&host.neighbour, &server, "80"), None, "nobody published that");
    host.start_agent().unwrap();
    assert!(host.ok(&["ps", "-q", "--no-trunc"]).unwrap().contains(&client), "known again");
    assert!(tcp_from(&host, "client", &server, "80").is_some());
}

#[test]
fn a_restart_loses_no_packet() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    let echo = python(ECHO_SERVER, &["7000"]);
    host.run("echo", &["--network", "web", "-p", "7000:7000"], &words(&echo)).unwrap();
    let _outside = Server::run_tcp(&host.remote, ECHO_SERVER, "7001");
    serves(&host, "echo", "7000", "tcp");
    host.idle("client", "web").unwrap();
    let (v4, v6) = host.addresses("echo", "web").unwrap();
    let pings = [&v4, &v6, REMOTE.0, REMOTE.1].map(|to| Pings::start(&host, "client", to));
    let connections = [
        Connection::from(&host.remote, HOST.0, "7000"),
        Connection::from(&host.remote, HOST.1, "7000"),
        Connection::from(&host.host, "127.0.0.1", "7000"),
        Connection::from_container(&host, "client", &v4, "7000"),
        Connection::from_container(&host, "client", REMOTE.0, "7001"),
        Connection::from_container(&host, "client", REMOTE.1, "7001"),
    ];
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        host.end_agent(signal).unwrap();
        host.start_agent().unwrap();
    }
    pings.into_iter().for_each(Pings::finish);
    connections.into_iter().for_each(Connection::finish);
}

#[test]
fn links_whose_pins_are_removed_go_on_and_are_pinned_again() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    tcp_server(&host, "server", &["-p", "8080:80"], "80");
    let open = || ask_tcp(&host.remote, HOST.0, "8080").is_some();
    assert!(open());
    let pins = host.bpf().join(format!("v{}", netd_common::abi::ABI_VERSION));
    let links = || {
        let names = std::fs::read_dir(&pins).unwrap().flatten().map(|entry| entry.file_name());
        names.filter(|name| name.to_string_lossy().starts_with("uplink_")).count()
    };
    let before = links();
    assert!(before > 0);
    for entry in std::fs::read_dir(&pins).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("uplink_") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    assert!(open(), "the agent holds the links");
    assert!(wait(super::LONG, || links() == before), "they are pinned again");
    assert!(open());
}

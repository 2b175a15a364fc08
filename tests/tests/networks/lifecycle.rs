//! Forwarding while the agent restarts, and while there is none (W7.3 in small).

use super::{ask_tcp, pings, python, said, tcp_from, tcp_server, words};
use netd_tests::{
    host::{HOST, REMOTE, TestHost, wait},
    ns::is_root,
    programs::{ECHO_SERVER, STEADY_CLIENT},
};
use nix::sys::signal::Signal;
use std::process::{Child, Command, Stdio};

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
    host.run("echo", &["-p", "7000:7000"], &words(&python(ECHO_SERVER, &["7000"]))).unwrap();
    super::serves(&host, "echo", "7000", "tcp");
    host.run("client", &[], &["sleep", "infinity"]).unwrap();
    let (echo, _) = host.addresses("echo", "bridge").unwrap();
    assert!(pings(&host, "client", &echo));
    let pid = host.ok(&["inspect", "client", "--format", "{{.State.Pid}}"]).unwrap();
    let mut steady = Command::new("python3");
    steady.args(["-c", STEADY_CLIENT, HOST.0, "7000", "60"]).stdout(Stdio::piped());
    let mut steady = host.remote.namespace().run(|| steady.spawn()).unwrap().unwrap();
    let mut ping = Command::new("nsenter");
    ping.args(["-t", &pid, "-n", "ping", "-q", "-c", "600", "-i", "0.01", "-W", "1", &echo]);
    let mut ping = ping.stdout(Stdio::piped()).spawn().unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        host.end_agent(signal).unwrap();
        host.start_agent().unwrap();
    }
    let over = |child: &mut Child| child.try_wait().unwrap().is_some();
    assert!(!over(&mut steady) && !over(&mut ping), "they ended before the restarts did");
    let (steady, ping) = (steady.wait_with_output().unwrap(), ping.wait_with_output().unwrap());
    assert_eq!(said(&steady), "open\ndone", "the connection through the published port");
    assert!(said(&ping).contains(" 600 received"), "{}", said(&ping));
}

#[test]
fn what_was_taken_off_the_hooks_is_put_back() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    tcp_server(&host, "server", &["-p", "8080:80"], "80");
    let open = || ask_tcp(&host.remote, HOST.0, "8080").is_some();
    assert!(open());
    let pins = host.bpf().join("v1");
    for entry in std::fs::read_dir(&pins).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("uplink_") {
            std::fs::remove_file(path).unwrap();
        }
    }
    assert!(!open(), "nothing answers for the container while the programs are gone");
    // Any change of the host's devices makes the agent look.
    host.host.run("ip link set lo mtu 65000").unwrap();
    assert!(wait(super::LONG, open), "the programs are back");
}

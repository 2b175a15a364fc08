//! Names that no container has.

use super::{dig, host_with_resolver, status};
use netd::kernel::netns::run_in;
use netd_tests::{
    host::{REMOTE, wait},
    ns::{TestNs, is_root},
    programs::services::DNS,
};
use std::{
    io::Read as _,
    net::UdpSocket,
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A DNS server at the remote machine.
struct Server(Child);

impl Server {
    fn start(ns: &TestNs) -> Self {
        let start = || Command::new("python3").args(["-c", DNS, "53"]).spawn();
        let server = Self(ns.namespace().run(start).unwrap().unwrap());
        let listens = || ns.run("ss -lunH sport = :53").is_ok_and(|text| !text.is_empty());
        assert!(wait(Duration::from_secs(10), listens));
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_hosts_resolver_is_asked_and_for_an_internal_network_nobody() {
    if !is_root() {
        return;
    }
    let host = host_with_resolver(Some(REMOTE.0));
    let _server = Server::start(&host.remote);
    host.ok(&["network", "create", "web"]).unwrap();
    host.ok(&["network", "create", "--internal", "back"]).unwrap();
    host.idle("client", "web").unwrap();
    host.idle("secret", "back").unwrap();
    let mut capture = Capture::start(&host.host);
    for question in [&["any.example"][..], &["secret.example", "+tcp"], &["-x", "10.9.9.9"]] {
        assert_ne!(status(&host, "secret", question).as_deref(), Some("NOERROR"), "{question:?}");
    }
    let own = host.addresses("secret", "back").unwrap().0;
    assert_eq!(dig(&host, "secret", &["secret"]), [own]);
    assert_eq!(capture.finish(), "", "an internal network is heard at the uplink");
    assert_eq!(dig(&host, "client", &["any.example"]), ["192.0.2.7"]);
    assert_eq!(dig(&host, "client", &["+tcp", "other.example"]), ["192.0.2.7"]);
}

#[test]
fn a_containers_own_resolver_is_asked_from_the_container() {
    if !is_root() {
        return;
    }
    // Nobody answers the host there.
    let host = host_with_resolver(Some("203.0.113.250"));
    let _server = Server::start(&host.remote);
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    for (name, resolver) in [("four", REMOTE.0), ("six", REMOTE.1)] {
        let options = ["--network", "web", "--dns", resolver];
        host.run(name, &options, &["sleep", "infinity"]).unwrap();
        assert_eq!(dig(&host, name, &["any.example"]), ["192.0.2.7"], "{resolver}");
        assert_eq!(dig(&host, name, &["+tcp", "other.example"]), ["192.0.2.7"], "{resolver}");
        assert_eq!(dig(&host, name, &[name]).len(), 1, "names of containers come first");
    }
}

/// Everything by the uplink that looks like a question, as tcpdump shows it.
struct Capture {
    tcpdump: Child,
    namespace: OwnedFd,
}

impl Capture {
    fn start(ns: &TestNs) -> Self {
        let mut command = Command::new("tcpdump");
        command.args(["-lnqi", "eth0", "port 53 or port 9"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut tcpdump = ns.namespace().run(|| command.spawn()).unwrap().unwrap();
        let mut said = Vec::new();
        while !String::from_utf8_lossy(&said).contains("listening on") {
            let mut byte = [0];
            assert_eq!(tcpdump.stderr.as_mut().unwrap().read(&mut byte).unwrap(), 1);
            said.push(byte[0]);
        }
        Self { tcpdump, namespace: ns.as_fd().try_clone_to_owned().unwrap() }
    }

    /// What was seen: a marker of the host's own ends it.
    fn finish(&mut self) -> String {
        let mark = || {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.send_to(b"end", (REMOTE.0, 9))
        };
        run_in(self.namespace.as_fd(), mark).unwrap().unwrap();
        let mut seen = Vec::new();
        let output = self.tcpdump.stdout.as_mut().unwrap();
        while !String::from_utf8_lossy(&seen).contains(".9: ") {
            let mut byte = [0];
            assert_eq!(output.read(&mut byte).unwrap(), 1, "tcpdump has ended");
            seen.push(byte[0]);
        }
        let text = String::from_utf8_lossy(&seen).into_owned();
        let questions: Vec<&str> = text.lines().filter(|line| line.contains(".53: ")).collect();
        questions.join("\n")
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}

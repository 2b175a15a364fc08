//! From containers to the outside, and from outside to containers that nobody published.

use super::{ask_tcp, ping_from, pings, said, tcp_from, tcp_server, udp_from};
use netd_tests::{
    host::{HOST, NEIGHBOUR, REMOTE, TestHost, shell, wait},
    ns::{TestNs, is_root},
    programs::{TCP_SERVER, UDP_SERVER},
};
use std::process::{Child, Command};

/// A server in a namespace, ended with the value.
pub(super) struct Server(Child);

impl Server {
    /// One that tells its TCP clients the address it sees.
    pub(super) fn start(ns: &TestNs, port: &str) -> Self {
        Self::run_tcp(ns, TCP_SERVER, port)
    }

    pub(super) fn start_udp(ns: &TestNs, port: &str, word: &str) -> Self {
        Self::run(ns, &[UDP_SERVER, port, word], &format!("ss -lunH 'sport = :{port}'"))
    }

    /// A server of another kind.
    pub(super) fn run_tcp(ns: &TestNs, script: &str, port: &str) -> Self {
        Self::run(ns, &[script, port], &format!("ss -ltnH 'sport = :{port}'"))
    }

    fn run(ns: &TestNs, script: &[&str], filter: &str) -> Self {
        let mut command = Command::new("python3");
        command.arg("-c").args(script);
        let server = Self(ns.namespace().run(|| command.spawn()).unwrap().unwrap());
        assert!(wait(super::LONG, || !said(&shell(ns, filter).unwrap()).is_empty()));
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
fn the_outside_sees_the_host_s_address() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    host.idle("client", "web").unwrap();
    let _servers = [&host.remote, &host.neighbour]
        .map(|ns| [Server::start(ns, "9000"), Server::start_udp(ns, "9053", "there")]);
    for (address, own) in
        [(REMOTE.0, HOST.0), (REMOTE.1, HOST.1), (NEIGHBOUR.0, HOST.0), (NEIGHBOUR.1, HOST.1)]
    {
        assert!(pings(&host, "client", address), "{address}");
        assert_eq!(tcp_from(&host, "client", address, "9000").as_deref(), Some(own), "{address}");
        let answer = udp_from(&host, "client", address, "9053");
        assert_eq!(answer, Some(format!("{own} there {address} 9053")));
    }
    let flows = host.ok(&["status", "--format", "{{(index .Flows 0).Flows}}"]).unwrap();
    assert!(flows.parse::<u32>().unwrap() >= 8, "{flows} flows");
}

#[test]
fn two_containers_with_the_same_port_share_the_host_s_address() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    let _server = Server::start(&host.remote, "9000");
    let client = "
import signal, socket, sys
c = socket.socket()
c.bind(('', 45000))
c.settimeout(2)
c.connect((sys.argv[1], 9000))
print(c.recv(100).decode(), flush=True)
signal.pause()
";
    let seen =
        |name: &str| wait(super::LONG, || host.ok(&["logs", name]).is_ok_and(|l| l == HOST.0));
    for name in ["one", "two"] {
        host.run(name, &[], &["python3", "-c", client, REMOTE.0]).unwrap();
        assert!(seen(name), "{name}: {:?}", host.ok(&["logs", name]));
    }
}

#[test]
fn nobody_outside_reaches_a_container_that_nobody_published() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    tcp_server(&host, "server", &["--network", "web"], "80");
    let (v4, v6) = host.addresses("server", "web").unwrap();
    host.host.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1").unwrap();
    host.neighbour.run(&format!("ip route add {v4} via {}", HOST.0)).unwrap();
    host.neighbour.run(&format!("ip -6 route add {v6} via {}", HOST.1)).unwrap();
    for address in [&v4, &v6] {
        let before = host.dropped("unsolicited").unwrap();
        for ns in [&host.neighbour, &host.remote] {
            assert_eq!(ask_tcp(ns, address, "80"), None, "{address}");
            assert!(!ping_from(ns, address), "{address}");
        }
        assert!(host.dropped("unsolicited").unwrap() >= before + 4, "{address}");
    }
    assert_eq!(ask_tcp(&host.neighbour, HOST.0, "80"), None, "the host does not serve it either");
}

#[test]
fn a_neighbour_can_t_pose_as_a_container() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "web"]).unwrap();
    tcp_server(&host, "server", &["--network", "web", "-p", "8080:80"], "80");
    host.idle("other", "web").unwrap();
    let other = host.addresses("other", "web").unwrap().0;
    host.neighbour.run(&format!("ip address add {other}/32 dev eth0")).unwrap();
    let before = host.dropped("spoofed-address").unwrap();
    let forged = format!("ping -q -c 2 -i 0.2 -W 1 -I {other} {}", HOST.0);
    assert!(!shell(&host.neighbour, &forged).unwrap().status.success());
    assert!(host.dropped("spoofed-address").unwrap() >= before + 2);
}

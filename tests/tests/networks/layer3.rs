//! Uplinks without an Ethernet header.

use super::{ask_tcp, outside::Server, pings, tcp_from, tcp_server, uplinks::follows};
use netd_tests::{host::TestHost, ns::is_root};
use std::{
    io::{BufRead, BufReader},
    os::fd::{AsFd, AsRawFd},
    process::{self, Child, Command, Stdio},
};

/// A wire between a tun device `tun0` of the host and one of the remote machine, cut with the
/// value.
struct Tunnel(Child);

/// Makes `tun0` in each of the two namespaces and carries packets between them.
const PUMP: &str = "
import ctypes, fcntl, os, select, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def tun(namespace):
    if libc.setns(os.open(namespace, os.O_RDONLY), 0) != 0:
        raise OSError(ctypes.get_errno(), namespace)
    t = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(t, 0x400454ca, struct.pack('16sH22x', b'tun0', 0x1001))
    return t
a, b = tun(sys.argv[1]), tun(sys.argv[2])
print('ready', flush=True)
while True:
    for one in select.select([a, b], [], [])[0]:
        packet = os.read(one, 65536)
        try:
            os.write(b if one is a else a, packet)
        except OSError:
            pass
";

impl Tunnel {
    fn dig(host: &TestHost) -> Self {
        let ends = [&host.host, &host.remote]
            .map(|ns| format!("/proc/{}/fd/{}", process::id(), ns.as_fd().as_raw_fd()));
        let mut command = Command::new("python3");
        command.args(["-c", PUMP]).args(ends).stdout(Stdio::piped());
        let mut tunnel = Self(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(tunnel.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        for (ns, v4, v6) in
            [(&host.host, "10.9.0.2", "fd09::2"), (&host.remote, "10.9.0.1", "fd09::1")]
        {
            ns.run(&format!("ip address add {v4}/24 dev tun0")).unwrap();
            ns.run(&format!("ip address add {v6}/64 dev tun0 nodad")).unwrap();
            ns.run("ip link set tun0 up").unwrap();
        }
        tunnel
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn containers_go_out_and_are_reached_by_a_tun_device() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    host.idle("client", "web").unwrap();
    tcp_server(&host, "server", &["--network", "web", "-p", "8080:80"], "80");
    let tunnel = Tunnel::dig(&host);
    follows(&host, "tun0", &["10.9.0.2", "fd09::2"]);
    // Beyond the tunnel's other end, too.
    for (far, version) in [("192.0.2.9", "-4"), ("2001:db8:77::9", "-6")] {
        host.remote.run(&format!("ip {version} address add {far} dev lo")).unwrap();
        host.host.run(&format!("ip {version} route add {far} dev tun0")).unwrap();
    }
    let _server = Server::start(&host.remote, "9000");
    for (near, far, own) in
        [("10.9.0.1", "192.0.2.9", "10.9.0.2"), ("fd09::1", "2001:db8:77::9", "fd09::2")]
    {
        for remote in [near, far] {
            assert!(pings(&host, "client", remote), "{remote}");
            assert_eq!(tcp_from(&host, "client", remote, "9000").as_deref(), Some(own), "{remote}");
        }
        assert_eq!(ask_tcp(&host.remote, own, "8080").as_deref(), Some(near));
    }
    let address = host.addresses("server", "web").unwrap().0;
    host.remote.run(&format!("ip route add {address} dev tun0")).unwrap();
    let before = host.dropped("unsolicited").unwrap();
    assert_eq!(ask_tcp(&host.remote, &address, "80"), None, "nobody published that");
    assert!(host.dropped("unsolicited").unwrap() > before);
    drop(tunnel);
    super::uplinks::leaves(&host, "tun0");
}

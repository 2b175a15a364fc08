//! The same little world twice: once with netd on the host, once with the kernel's own NAT.
//!
//! ```text
//! remote --- neighbour (a router) --- host --- network web:   one, two
//!                                          \-- network other: other
//! ```

use crate::{
    kernel_nat,
    station::{PATIENCE, RAW, Station},
};
use anyhow::Result;
use netd::kernel::netns::Namespace;
use netd_tests::host::{self, TestHost};
use std::{
    net::{IpAddr, TcpStream, UdpSocket},
    process::{Command, Output},
};

/// A world.
pub(crate) struct Site {
    /// netd translates there, not the kernel's NAT.
    pub(crate) netd: bool,
    pub(crate) lan: TestHost,
    containers: [Namespace; 3],
}

/// Somebody in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Host,
    Neighbour,
    Remote,
    /// A container of the network web; every published port is its own.
    One,
    /// Another one there.
    Two,
    /// The container of the network other.
    Other,
}

pub(crate) use crate::family::{Family, V4, V6};
pub(crate) use Who::{Host, Neighbour, One, Other, Remote, Two};

/// The networks: name, bridge, subnets and gateways.
pub(crate) const NETWORKS: [(&str, &str, [&str; 2], [&str; 2]); 2] = [
    ("web", "br-web", ["172.30.0.0/24", "fd30::/64"], ["172.30.0.1", "fd30::1"]),
    ("other", "br-other", ["172.31.0.0/24", "fd31::/64"], ["172.31.0.1", "fd31::1"]),
];
/// The containers: name, network and addresses.
pub(crate) const CONTAINERS: [(&str, usize, [&str; 2]); 3] = [
    ("one", 0, ["172.30.0.11", "fd30::11"]),
    ("two", 0, ["172.30.0.12", "fd30::12"]),
    ("other", 1, ["172.31.0.11", "fd31::11"]),
];
/// Addresses of the remote machine's that are reached by a link of 1280 bytes.
pub(crate) const NARROW: [&str; 2] = ["203.0.113.10", "2001:db8:9::10"];
/// And some that the host itself reaches by a route of 1300 bytes.
pub(crate) const TIGHT: [&str; 2] = ["203.0.113.11", "2001:db8:9::11"];
/// Published for UDP and TCP: the first host port and the first container port of `COUNT` each.
pub(crate) const PUBLISHED: (u16, u16) = (8000, 9000);
/// As [`PUBLISHED`]; the container's ports are a station's.
pub(crate) const PUBLISHED_RAW: (u16, u16) = (8500, RAW.0 + 500);
/// Of the container two, in the world with netd: published on the loopback addresses only, on the
/// host's own ones only, and one that everybody uses.
pub(crate) const GUARDED: [(u16, u16); 3] = [(8200, 20_200), (8201, 20_201), (443, 20_443)];
/// How many of each.
pub(crate) const COUNT: u16 = 24;

impl Site {
    pub(crate) fn ns(&self, who: Who) -> &Namespace {
        match who {
            Host => self.lan.host.namespace(),
            Neighbour => self.lan.neighbour.namespace(),
            Remote => self.lan.remote.namespace(),
            One => &self.containers[0],
            Two => &self.containers[1],
            Other => &self.containers[2],
        }
    }

    pub(crate) fn station(&self, who: Who) -> Result<Station> {
        Station::new(self.ns(who))
    }

    /// A command there, as a shell would have it; its output, whatever comes of it.
    pub(crate) fn shell(&self, who: Who, command: &str) -> Result<Output> {
        Ok(self.ns(who).run(|| Command::new("sh").args(["-c", command]).output())??)
    }

    /// A UDP socket there, bound to that port of every address of the family; 0 is any.
    pub(crate) fn udp(&self, who: Who, family: Family, port: u16) -> Result<UdpSocket> {
        let socket = self.ns(who).run(|| UdpSocket::bind((family.any(), port)))??;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(socket)
    }

    /// A listening TCP socket there.
    pub(crate) fn listen(
        &self,
        who: Who,
        family: Family,
        port: u16,
    ) -> Result<std::net::TcpListener> {
        Ok(self.ns(who).run(|| std::net::TcpListener::bind((family.any(), port)))??)
    }

    /// A TCP connection from there, from that port.
    pub(crate) fn connect(&self, who: Who, port: u16, to: (IpAddr, u16)) -> Result<TcpStream> {
        let family = if to.0.is_ipv4() { V4 } else { V6 };
        self.ns(who).run(|| {
            let domain = socket2::Domain::for_address(to.into());
            let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
            socket.set_reuse_address(true)?;
            socket.bind(&std::net::SocketAddr::from((family.any(), port)).into())?;
            socket.connect_timeout(&std::net::SocketAddr::from(to).into(), PATIENCE)?;
            let stream = TcpStream::from(socket);
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        })?
    }

    /// The one with netd.
    pub(crate) fn netd() -> Result<Self> {
        let lan = TestHost::without_agent()?;
        narrow(&lan)?;
        lan.start_agent()?;
        for (name, bridge, subnets, _) in NETWORKS {
            let bridge = format!("com.docker.network.bridge.name={bridge}");
            let options = ["--subnet", subnets[0], "--subnet", subnets[1], "-o", &bridge, name];
            lan.ok(&[&["network", "create", "--ipv6"][..], &options].concat())?;
        }
        let containers = CONTAINERS.map(|(name, network, [v4, v6])| {
            let network = format!("{},ip={v4},ip6={v6}", NETWORKS[network].0);
            let ports = match name {
                "one" => published(),
                "two" => guarded(),
                _ => Vec::new(),
            };
            let mut options = vec!["--network", &network];
            options.extend(ports.iter().flat_map(|port| ["-p", port]));
            lan.run(name, &options, &["sleep", "infinity"])?;
            let pid = lan.ok(&["inspect", name, "--format", "{{.State.Pid}}"])?;
            Ok(Namespace::of_pid(pid.parse()?)?)
        });
        Self::complete(true, lan, containers)
    }

    /// The one with the kernel's NAT.
    pub(crate) fn kernel() -> Result<Self> {
        let lan = TestHost::without_agent()?;
        narrow(&lan)?;
        let containers = CONTAINERS.map(|_| kernel_nat::container());
        let new = Self::complete(false, lan, containers)?;
        kernel_nat::set_up(&new)?;
        Ok(new)
    }

    fn complete(
        netd: bool,
        lan: TestHost,
        [one, two, other]: [Result<Namespace>; 3],
    ) -> Result<Self> {
        let new = Self { netd, lan, containers: [one?, two?, other?] };
        for who in [Remote, Neighbour, One, Two, Other] {
            let (first, last) = RAW;
            let quiet = format!("meta l4proto {{ tcp, udp, sctp }} th dport {first}-{last} drop");
            let hook = "type filter hook input priority 0";
            let table = format!("table inet quiet {{\nchain input {{\n{hook}\n{quiet}\n}}\n}}");
            new.must(who, &format!("nft '{table}'"))?;
        }
        // As many ICMP errors as the cases want, at once.
        let unlimited = "sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 \
            net.ipv4.icmp_msgs_burst=10000 net.ipv6.icmp.ratelimit=0";
        for who in [Host, Neighbour, Remote, One, Two, Other] {
            // Some are of the first namespace only.
            new.shell(who, unlimited)?;
        }
        Ok(new)
    }

    /// Publishes a port of `container`; it may be one of `before`'s, which loses it.
    pub(crate) fn publish(
        &self,
        container: &str,
        before: &str,
        (host, inner, protocol): (u16, u16, &str),
    ) -> Result<()> {
        if self.netd {
            let port = format!("{host}:{inner}/{protocol}");
            // Nobody has it the first time.
            self.lan.netctl(&["unpublish", before, &port])?;
            return self.lan.ok(&["publish", container, &port]).map(drop);
        }
        self.must(Host, &kernel_nat::publication(container, (host, inner, protocol))).map(drop)
    }

    /// Takes it back.
    pub(crate) fn unpublish(
        &self,
        container: &str,
        (host, inner, protocol): (u16, u16, &str),
    ) -> Result<()> {
        if self.netd {
            let port = format!("{host}:{inner}/{protocol}");
            return self.lan.ok(&["unpublish", container, &port]).map(drop);
        }
        self.must(Host, "nft delete table inet later").map(drop)
    }

    /// As [`Site::shell`]; it has to succeed.
    pub(crate) fn must(&self, who: Who, command: &str) -> Result<String> {
        let output = self.shell(who, command)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "`{command}`: {}", errors.trim());
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// Every publication of the container one: UDP and TCP, by every address.
pub(crate) fn publications() -> Vec<(&'static str, u16, u16)> {
    let both = [PUBLISHED, PUBLISHED_RAW];
    let all = both.iter().flat_map(|(host, inner)| (0..COUNT).map(move |n| (host + n, inner + n)));
    all.flat_map(|(host, inner)| ["tcp", "udp"].map(|word| (word, host, inner))).collect()
}

fn published() -> Vec<String> {
    publications().iter().map(|(word, host, inner)| format!("{host}:{inner}/{word}")).collect()
}

fn guarded() -> Vec<String> {
    let [loopback, own, everybody] = GUARDED;
    let (v4, v6) = (host::HOST.0, format!("[{}]", host::HOST.1));
    let of = |address: &str, (outer, inner): (u16, u16)| {
        ["tcp", "udp"].map(|protocol| format!("{address}{outer}:{inner}/{protocol}"))
    };
    let some = [("127.0.0.1:", loopback), ("[::1]:", loopback), ("", everybody)];
    let specific = [(format!("{v4}:"), own), (format!("{v6}:"), own)];
    let all = some.map(|(address, ports)| (address.to_owned(), ports)).into_iter().chain(specific);
    all.flat_map(|(address, ports)| of(&address, ports)).collect()
}

fn narrow(lan: &TestHost) -> Result<()> {
    for [v4, v6] in [NARROW, TIGHT] {
        lan.remote.run(&format!("ip address add {v4}/24 dev eth0"))?;
        lan.remote.run(&format!("ip address add {v6}/64 dev eth0 nodad preferred_lft 0"))?;
    }
    for address in NARROW {
        lan.neighbour.run(&format!("ip route add {address} dev eth1 mtu lock 1280"))?;
    }
    for (address, router) in TIGHT.iter().zip([host::NEIGHBOUR.0, host::NEIGHBOUR.1]) {
        lan.host.run(&format!("ip route add {address} via {router} mtu lock 1300"))?;
    }
    Ok(())
}

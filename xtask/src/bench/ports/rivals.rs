//! What netd is compared with, each at its best: Docker's rules for iptables, a map of nftables, and
//! proxies that copy.

use super::site::{BRIDGE, CONTAINER, CONTAINER_PORT, HOST_PORT, Peer, Site};
use crate::{
    bench::{LOAD, tracks::this_program, way::start},
    run,
    world::World,
};
use anyhow::{Context, Result};
use std::{
    fmt::Write,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// What stands against netd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// iptables-nft, with so many published ports; ours is the last in the list.
    Iptables(u16),
    /// An nftables map with so many published ports.
    Nftables(u16),
    /// Docker's own proxy.
    DockerProxy,
    /// The proxy of [`relay`](super::relay).
    Relay,
}

/// A rival that is up.
pub(super) struct Rival {
    /// Which.
    pub(super) kind: Kind,
    /// Its server, and the ways there.
    pub(super) peer: Peer,
    /// How long it took to enter its rules, in one batch, or to start it.
    pub(super) entered: Duration,
    /// Its process, where it is a proxy.
    pub(super) process: Option<u32>,
}

/// All, in the order of the tables.
pub(super) const ALL: [Kind; 6] = [
    Kind::Iptables(1),
    Kind::Iptables(1_000),
    Kind::Iptables(10_000),
    Kind::Nftables(10_000),
    Kind::DockerProxy,
    Kind::Relay,
];

impl Kind {
    /// What the tables call it.
    pub(super) fn name(self) -> String {
        match self {
            Self::Iptables(1) => "iptables, 1 port".into(),
            Self::Iptables(count) => format!("iptables, {} ports", thousands(count)),
            Self::Nftables(count) => format!("nftables map, {} ports", thousands(count)),
            Self::DockerProxy => "docker-proxy".into(),
            Self::Relay => "own userspace proxy".into(),
        }
    }

    /// Why it can't take part here.
    pub(super) fn missing(self) -> Option<&'static str> {
        let there = match self {
            Self::Iptables(_) => run::has(IPTABLES),
            Self::Nftables(_) => run::has("nft"),
            Self::DockerProxy => docker_proxy().is_some(),
            Self::Relay => true,
        };
        match self {
            _ if there => None,
            Self::Iptables(_) => Some("there is no iptables-nft-restore (package iptables)"),
            Self::Nftables(_) => Some("there is no nft (package nftables)"),
            _ => Some("there is no docker-proxy (package docker.io or docker-ce)"),
        }
    }

    /// A process copies between the two ends.
    pub(super) fn is_proxy(self) -> bool {
        matches!(self, Self::DockerProxy | Self::Relay)
    }

    /// Translates datagrams, too: the proxies are here for TCP only.
    pub(super) fn has_datagrams(self) -> bool {
        !self.is_proxy()
    }

    /// Makes its site and waits until it serves.
    pub(super) fn set_up(self, stage: &str) -> Result<Rival> {
        let word = match self {
            Self::Iptables(count) => format!("iptables{count}"),
            Self::Nftables(_) => "nftables".into(),
            Self::DockerProxy => "docker".into(),
            Self::Relay => "relay".into(),
        };
        let site = Site::new(stage, &word, &self.name())?;
        site.container()?;
        let begun = Instant::now();
        let process = match self {
            Self::Iptables(count) => enter(&site.world, IPTABLES, &[], &docker_rules(count))?,
            Self::Nftables(count) => enter(&site.world, "nft", &["-f"], &nftables_rules(count))?,
            Self::DockerProxy => Some(start_docker_proxy(&site.world)?),
            Self::Relay => Some(start_relay(&site.world)?),
        };
        let entered = begun.elapsed();
        Ok(Rival { kind: self, peer: site.open()?, entered, process })
    }
}

/// Gives `program` the file of rules, on the host.
fn enter(world: &World, program: &str, words: &[&str], rules: &str) -> Result<Option<u32>> {
    let file = world.path("rules");
    fs::write(&file, rules).with_context(|| format!("cannot write {}", file.display()))?;
    run::read(world.inside("host", program).args(words).arg(file)).map(|_| None)
}

fn start_docker_proxy(world: &World) -> Result<u32> {
    let program = docker_proxy().context("docker-proxy is gone")?;
    let ports = [HOST_PORT.to_string(), CONTAINER_PORT.to_string()];
    // It tells its parent on descriptor 3 that it listens.
    let words = ["-c", "exec 3>/dev/null; exec \"$@\"", "sh", program, "-proto", "tcp"];
    let host = ["-host-ip", "0.0.0.0", "-host-port", &ports[0]];
    let container = ["-container-ip", CONTAINER, "-container-port", &ports[1]];
    Ok(start(world.inside("host", "sh").args(words).args(host).args(container))?.id())
}

fn start_relay(world: &World) -> Result<u32> {
    let (listen, target) =
        (format!("0.0.0.0:{HOST_PORT}"), format!("{CONTAINER}:{CONTAINER_PORT}"));
    let words = [LOAD, "relay", &listen, &target];
    Ok(start(world.inside("host", &this_program()?).args(words))?.id())
}

/// docker-proxy, where distributions and Docker put it.
fn docker_proxy() -> Option<&'static str> {
    let name = "docker-proxy";
    if run::read(Command::new("sh").args(["-c", "command -v docker-proxy"])).is_ok() {
        return Some(name);
    }
    let places = ["/usr/sbin/docker-proxy", "/usr/libexec/docker/docker-proxy"];
    places.into_iter().find(|place| Path::new(place).is_file())
}

/// What Docker writes for a container on its default bridge that publishes `count` ports, as
/// iptables-save would print it: ours, by TCP and UDP, comes last.
pub(in crate::bench) fn docker_rules(count: u16) -> String {
    let mut nat = NAT_HEAD.to_owned();
    let mut filter = FILTER_HEAD.to_owned();
    let others = others(count).map(|port| ("tcp", port, port));
    let ours = ["tcp", "udp"].map(|protocol| (protocol, HOST_PORT, CONTAINER_PORT));
    for (protocol, host, container) in others.chain(ours) {
        let _ = writeln!(
            nat,
            "-A DOCKER ! -i {BRIDGE} -p {protocol} -m {protocol} --dport {host} -j DNAT --to-destination {CONTAINER}:{container}"
        );
        let _ = writeln!(
            filter,
            "-A DOCKER -d {CONTAINER}/32 ! -i {BRIDGE} -o {BRIDGE} -p {protocol} -m {protocol} --dport {container} -j ACCEPT"
        );
    }
    format!("{nat}COMMIT\n{filter}COMMIT\n")
}

/// The same by one look-up.
fn nftables_rules(count: u16) -> String {
    let mut elements = format!("{HOST_PORT} : {CONTAINER} . {CONTAINER_PORT}");
    for port in others(count) {
        let _ = write!(elements, ", {port} : {CONTAINER} . {port}");
    }
    NFTABLES.replace("ELEMENTS", &elements).replace("BRIDGE", BRIDGE)
}

/// The published ports beside ours.
fn others(count: u16) -> std::ops::Range<u16> {
    20_000..20_000 + count.saturating_sub(1)
}

fn thousands(count: u16) -> String {
    match (count / 1000, count % 1000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    }
}

/// What enters them.
pub(in crate::bench) const IPTABLES: &str = "iptables-nft-restore";

const NAT_HEAD: &str = "\
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
";

const FILTER_HEAD: &str = "\
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
";

const NFTABLES: &str = "\
table ip nat {
    map ports { type inet_service : ipv4_addr . inet_service; elements = { ELEMENTS } }
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        iifname != \"BRIDGE\" fib daddr type local dnat ip to tcp dport map @ports
        iifname != \"BRIDGE\" fib daddr type local dnat ip to udp dport map @ports
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr 172.17.0.0/16 oifname != \"BRIDGE\" masquerade
    }
}
table ip filter {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        oifname \"BRIDGE\" ct status dnat accept
        iifname \"BRIDGE\" accept
    }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_the_last_of_the_listed_ports() {
        let rules = docker_rules(1_000);
        let dnat: Vec<&str> = rules.lines().filter(|line| line.contains("DNAT")).collect();
        assert_eq!(dnat.len(), 1_001, "1,000 by TCP and ours by UDP");
        assert!(dnat[999].contains("-p tcp -m tcp --dport 8080"), "{}", dnat[999]);
        assert_eq!(docker_rules(1).matches("--to-destination").count(), 2);
    }

    #[test]
    fn the_map_holds_every_port() {
        assert_eq!(nftables_rules(10_000).matches(" . ").count(), 10_000 + 1, "and its type");
    }

    #[test]
    fn numbers_are_grouped_as_people_write_them() {
        assert_eq!([1, 1_000, 10_000].map(thousands), ["1", "1,000", "10,000"]);
    }
}

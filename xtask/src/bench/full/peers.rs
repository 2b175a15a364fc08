//! Who takes part from container to container: each with network namespaces of its own.

use crate::{
    bench::{
        cni::Cni,
        contest::INTERNAL,
        engine::Engine,
        peer::{Peer, Who},
        ports::{rivals::IPTABLES, rules::docker_rules, site::PUBLISHED},
        way::{set, tune},
    },
    run,
    world::{ADDRESS, World},
};
use anyhow::{Result, ensure};
use std::fs;

/// Everybody.
pub(super) struct Peers {
    /// netd is the first.
    pub(super) up: Vec<Peer>,
    /// Who does not take part, and why.
    pub(super) skipped: Vec<String>,
}

impl Peers {
    /// Those that are `wanted`. Only netd must come; a peer that can't is named in
    /// [`skipped`](Self::skipped).
    pub(super) fn set_up(stage: &str, wanted: &[&'static str]) -> Result<Self> {
        let world = |word: &str| World::new(&format!("{stage}-{word}"));
        let [netd, internal] = netd(&world("netd")?)?;
        let mut peers = Self { up: vec![netd], skipped: Vec::new() };
        // Next to netd's own, and next to the internal network: what both are held against.
        peers.invite(VETH, wanted, || veth(&world("veth")?));
        peers.invite(INTERNAL, wanted, || internal.open(PORT));
        peers.invite(RULES, wanted, || rules(&world("rules")?));
        peers.invite(CNI, wanted, || cni(&world("cni")?));
        peers.invite(ENGINE, wanted, || engine(stage, &world("docker")?));
        peers.invite(BRIDGE, wanted, || bridge(&world("bridge")?));
        peers.invite(LOOPBACK, wanted, || loopback(&world("loopback")?));
        Ok(peers)
    }

    fn invite(&mut self, who: Who, wanted: &[&str], come: impl FnOnce() -> Result<Peer>) {
        let (word, name) = who;
        if !wanted.contains(&word) {
            return self.skipped.push(format!("{name}: not among --peers"));
        }
        match come() {
            Ok(peer) => self.up.push(peer),
            Err(e) => self.skipped.push(format!("{name}: {e:#}")),
        }
    }
}

/// Two networks of one agent: an ordinary one, and an internal one.
fn netd(world: &World) -> Result<[Peer; 2]> {
    world.namespace("host")?;
    tune(&world.file("host"))?;
    world.start_agent()?;
    let netctl = |words: &[&str]| run::read(&mut world.netctl(words)).map(drop);
    netctl(&["network", "create", "plain"])?;
    netctl(&["network", "create", "--internal", "inside"])?;
    let container = |network: &str, role: &str| -> Result<(String, String)> {
        let name = format!("{network}-{role}");
        let words = ["run", "-d", "--name", &name, "--network", network];
        netctl(&[&words[..], &["--", "sleep", "infinity"]].concat())?;
        let file = format!("/proc/{}/ns/net", world.inspect(&name, "{{.State.Pid}}")?);
        tune(&file)?;
        Ok((file, world.inspect(&name, ADDRESS)?))
    };
    let pair = |who: Who, network: &str| -> Result<Peer> {
        let (client, _) = container(network, "client")?;
        let (server, address) = container(network, "server")?;
        Ok(Peer::new(who, client, server, at(&address)).of_agent(world.socket()))
    };
    Ok([pair(NETD, "plain")?.open(PORT)?, pair(INTERNAL, "inside")?])
}

/// Two namespaces and nothing between them: the limit of what a pair of veth devices can do.
fn veth(world: &World) -> Result<Peer> {
    for who in ["client", "server"] {
        world.namespace(who)?;
        tune(&world.file(who))?;
    }
    world.wire(("eth0", "client"), ("eth0", "server"))?;
    world.ip("client", "address add 10.98.0.1/24 dev eth0")?;
    world.ip("server", "address add 10.98.0.2/24 dev eth0")?;
    Peer::new(VETH, world.file("client"), world.file("server"), at("10.98.0.2")).open(PORT)
}

/// Both ends in one namespace.
fn loopback(world: &World) -> Result<Peer> {
    world.namespace("both")?;
    tune(&world.file("both"))?;
    Peer::new(LOOPBACK, world.file("both"), world.file("both"), at("127.0.0.1")).open(PORT)
}

/// A bridge and nothing else: no netfilter.
fn bridge(world: &World) -> Result<Peer> {
    bridged(world)?;
    Peer::new(BRIDGE, world.file("client"), world.file("server"), at(SERVER)).open(PORT)
}

/// What a Docker engine leaves on a host: a bridge whose frames are netfilter's, connection tracking, and
/// its rules for iptables, with one published port.
fn rules(world: &World) -> Result<Peer> {
    ensure!(run::has(IPTABLES), "there is no {IPTABLES} (package iptables)");
    ensure!(
        fs::exists("/proc/sys/net/bridge/bridge-nf-call-iptables")?,
        "this kernel has no br_netfilter, or it is not loaded (modprobe br_netfilter)"
    );
    bridged(world)?;
    let host = world.file("host");
    set(&host, &["net/bridge/bridge-nf-call-iptables=1", "net/ipv4/ip_forward=1"])?;
    let file = world.path("rules");
    fs::write(&file, docker_rules(1, &PUBLISHED[..2]))?;
    run::read(world.inside("host", IPTABLES).arg(file))?;
    let peer =
        Peer::new(RULES, world.file("client"), world.file("server"), at(SERVER)).open(PORT)?;
    // Without that, it would be the plain bridge by another name.
    let words = ["-nvxL", "FORWARD"];
    let seen = run::read(world.inside("host", "iptables-nft").args(words))?;
    ensure!(
        counted(&seen, "docker0 docker0"),
        "frames on a bridge do not meet iptables' rules here, though they are told to"
    );
    Ok(peer)
}

/// Two containers that the CNI plugins connected.
fn cni(world: &World) -> Result<Peer> {
    for who in ["host", "client", "server"] {
        world.namespace(who)?;
        tune(&world.file(who))?;
    }
    let plugins = Cni::new(world, "host")?;
    plugins.add(&world.file("client"), 0, &[])?;
    let address = plugins.add(&world.file("server"), 1, &PUBLISHED[..2])?;
    Peer::new(CNI, world.file("client"), world.file("server"), at(&address)).open(PORT)
}

/// Two containers of the engine that runs, or of one that is started for it.
fn engine(stage: &str, world: &World) -> Result<Peer> {
    let engine = Engine::running(stage).or_else(|e| {
        world.namespace("host")?;
        Engine::start(stage, world).map_err(|why| why.context(e))
    })?;
    let (client, _) = engine.container("client", &[])?;
    let (server, address) = engine.container("server", &[])?;
    for file in [&client, &server] {
        tune(file)?;
    }
    Peer::new(ENGINE, client, server, at(&address)).open(PORT)
}

/// A rule of `iptables -nvxL` between the devices `between` has met packets.
fn counted(rules: &str, between: &str) -> bool {
    rules.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.join(" ").contains(between) && words[0].parse().is_ok_and(|count: u64| count > 0)
    })
}

/// Two containers on docker0, with the addresses that Docker would give them.
fn bridged(world: &World) -> Result<()> {
    for who in ["host", "client", "server"] {
        world.namespace(who)?;
        tune(&world.file(who))?;
    }
    world.ip("host", "link add docker0 type bridge")?;
    world.ip("host", "address add 172.17.0.1/16 dev docker0")?;
    world.ip("host", "link set docker0 up")?;
    for (who, address) in [("client", CLIENT), ("server", SERVER)] {
        world.wire(("eth0", who), (who, "host"))?;
        world.ip("host", &format!("link set {who} master docker0"))?;
        world.ip(who, &format!("address add {address}/16 dev eth0"))?;
        world.ip(who, "route add default via 172.17.0.1")?;
    }
    Ok(())
}

/// Where the load program is at that host.
fn at(host: &str) -> String {
    format!("{host}:{PORT}")
}

const NETD: Who = ("netd", "netd");
const VETH: Who = ("veth", "raw veth pair");
const RULES: Who = ("docker-rules", "bridge with Docker's rules");
const CNI: Who = ("cni", "CNI bridge");
const ENGINE: Who = ("docker", "Docker engine");
const BRIDGE: Who = ("bridge", "Linux bridge");
const LOOPBACK: Who = ("loopback", "loopback");

/// Everybody that `--peers` can name, at published ports, too; netd takes part anyway.
pub(super) const WORDS: [&str; 11] = [
    NETD.0,
    VETH.0,
    INTERNAL.0,
    RULES.0,
    "docker-rules-legacy",
    CNI.0,
    ENGINE.0,
    "docker-proxy",
    "proxy",
    BRIDGE.0,
    LOOPBACK.0,
];

/// The load's server; the others have their own.
const PORT: u16 = 8080;
const CLIENT: &str = "172.17.0.3";
const SERVER: &str = "172.17.0.2";

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn a_rule_that_met_nothing_does_not_count() {
        let line = |count: u32| {
            format!("    {count}   5880 ACCEPT     0    --  docker0 docker0  0.0.0.0/0  0.0.0.0/0")
        };
        assert!(counted(&line(98), "docker0 docker0"));
        assert!(!counted(&line(0), "docker0 docker0"));
        assert!(!counted(&line(98), "docker0 eth0"));
        assert!(!counted("\nChain FORWARD (policy DROP 0 packets, 0 bytes)\n", "docker0 docker0"));
    }
}

//! Who takes part: each with network namespaces of its own, two containers, and servers at one of them.

use super::{Options, engine};
use crate::{
    bench::{
        LOAD,
        ports::rivals::{IPTABLES, docker_rules},
        tracks::{FIRST, this_program},
        way::{Way, set, start, tune},
    },
    run,
    world::{ADDRESS, World, until},
};
use anyhow::{Context, Result, bail, ensure};
use std::fs;

/// A way between two containers, with the servers running at its end.
pub(super) struct Peer {
    /// What `--peers` and the JSON call it.
    pub(super) word: &'static str,
    pub(super) way: Way,
}

/// Everybody.
pub(super) struct Peers {
    /// netd is the first.
    pub(super) up: Vec<Peer>,
    /// Who does not take part, and why.
    pub(super) skipped: Vec<String>,
}

impl Peers {
    /// Only netd must come; a peer that can't is named in [`skipped`](Self::skipped).
    pub(super) fn set_up(stage: &str, options: &Options) -> Result<Self> {
        let [netd, internal] = netd(&World::new(&format!("{stage}-netd"))?)?;
        let mut peers = Self { up: vec![netd], skipped: Vec::new() };
        // Next to netd's own, and next to the internal network: what both are held against.
        peers.invite(VETH, options, || veth(&World::new(&format!("{stage}-veth"))?));
        peers.invite(INTERNAL, options, || internal.open());
        peers.invite(RULES, options, || rules(&World::new(&format!("{stage}-rules"))?));
        peers.invite(ENGINE, options, || engine::set_up(stage)?.open());
        peers.invite(BRIDGE, options, || bridge(&World::new(&format!("{stage}-bridge"))?));
        peers.invite(LOOPBACK, options, || loopback(&World::new(&format!("{stage}-loopback"))?));
        Ok(peers)
    }

    /// Lets everybody's clients run there.
    pub(super) fn clients_on(&mut self, processor: &'static str) {
        self.up.iter_mut().for_each(|peer| peer.way.processor = processor);
    }

    fn invite(&mut self, who: Who, options: &Options, come: impl FnOnce() -> Result<Peer>) {
        let (word, name) = who;
        if !options.wants(word) {
            return self.skipped.push(format!("{name}: not among --peers"));
        }
        match come() {
            Ok(peer) => self.up.push(peer),
            Err(e) => self.skipped.push(format!("{name}: {e:#}")),
        }
    }
}

impl Peer {
    /// From the namespace `client`, a file, to `address` in the namespace `server`.
    pub(super) fn new(who: Who, client: String, server: String, address: &str) -> Self {
        let (word, name) = who;
        let address = format!("{address}:{PORT}");
        let way = Way { name: name.into(), client, server, address, processor: FIRST };
        Self { word, way }
    }

    /// Starts the servers, and waits until both answer the client.
    pub(super) fn open(self) -> Result<Self> {
        let listen = format!("0.0.0.0:{PORT}");
        start(self.way.server("iperf3").arg("--server"))?;
        start(self.way.server(&this_program()?).args([LOAD, "serve", &listen]))?;
        until("the load's server answers", || Ok(self.way.ask("requests", 0.01).is_ok()))
            .or_else(|e| self.way.ask("requests", 0.01).map(drop).context(e))?;
        until("iperf3 answers", || {
            let words = ["-z", "-w", "1", self.host(), IPERF_PORT];
            Ok(run::read(self.way.client("nc").args(words)).is_ok())
        })?;
        Ok(self)
    }

    /// The server's address, without a port.
    pub(super) fn host(&self) -> &str {
        self.way.address.rsplit_once(':').map_or("", |(host, _)| host)
    }

    #[cfg(test)]
    pub(super) fn unreachable(word: &'static str) -> Self {
        Self::new((word, word), String::new(), String::new(), "192.0.2.1")
    }
}

/// The words of `--peers`.
pub(super) fn parse(list: &str) -> Result<Vec<String>> {
    let words: Vec<String> = list.split(',').map(str::to_owned).collect();
    let known = ALL.map(|(word, _)| word);
    for word in &words {
        if !known.contains(&word.as_str()) {
            bail!("no peer is called {word:?}; there are {}", known.join(", "));
        }
    }
    Ok(words)
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
        Ok(Peer::new(who, client, server, &address))
    };
    Ok([pair(NETD, "plain")?.open()?, pair(INTERNAL, "inside")?])
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
    Peer::new(VETH, world.file("client"), world.file("server"), "10.98.0.2").open()
}

/// Both ends in one namespace.
fn loopback(world: &World) -> Result<Peer> {
    world.namespace("both")?;
    tune(&world.file("both"))?;
    Peer::new(LOOPBACK, world.file("both"), world.file("both"), "127.0.0.1").open()
}

/// A bridge and nothing else: no netfilter.
fn bridge(world: &World) -> Result<Peer> {
    bridged(world)?;
    Peer::new(BRIDGE, world.file("client"), world.file("server"), SERVER).open()
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
    fs::write(&file, docker_rules(1))?;
    run::read(world.inside("host", IPTABLES).arg(file))?;
    let peer = Peer::new(RULES, world.file("client"), world.file("server"), SERVER).open()?;
    // Without that, it would be the plain bridge by another name.
    let words = ["-nvxL", "FORWARD"];
    let seen = run::read(world.inside("host", "iptables-nft").args(words))?;
    ensure!(
        counted(&seen, "docker0 docker0"),
        "frames on a bridge do not meet iptables' rules here, though they are told to"
    );
    Ok(peer)
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

/// What `--peers` and the JSON call it, and what the tables call it.
pub(super) type Who = (&'static str, &'static str);

pub(super) const NETD: Who = ("netd", "netd");
pub(super) const INTERNAL: Who = ("netd-internal", "netd, --internal (BIG TCP)");
pub(super) const VETH: Who = ("veth", "raw veth pair");
pub(super) const RULES: Who = ("docker-rules", "bridge with Docker's rules");
pub(super) const ENGINE: Who = ("docker", "Docker engine");
pub(super) const BRIDGE: Who = ("bridge", "Linux bridge");
pub(super) const LOOPBACK: Who = ("loopback", "loopback");

/// Everybody that `--peers` can name; netd takes part anyway.
pub(super) const ALL: [Who; 7] = [NETD, VETH, INTERNAL, RULES, ENGINE, BRIDGE, LOOPBACK];

/// The load's server; iperf3 has its own.
const PORT: u16 = 8080;
const IPERF_PORT: &str = "5201";
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

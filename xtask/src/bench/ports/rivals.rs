//! What netd is compared with, each at its best: Docker's rules for iptables, a map of nftables, the CNI
//! plugins, a Docker engine, and proxies that copy.

use super::{
    rules::{docker_rules, nftables_rules},
    site::{CONTAINER, PUBLISHED, Served, Site},
};
use crate::{
    bench::{
        LOAD,
        cni::Cni,
        engine::Engine,
        peer::Who,
        tracks::this_program,
        way::{set, start, tune},
    },
    run,
    world::World,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

/// What stands against netd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Kind {
    /// iptables-nft, with so many published ports; ours is the last in the list.
    Iptables(u16),
    /// The same with one port, by the older interface of the kernel.
    Legacy,
    /// An nftables map with so many published ports.
    Nftables(u16),
    /// The CNI plugins bridge and portmap.
    Cni,
    /// An engine that is started for it.
    Engine,
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
    pub(super) served: Served,
    /// How long it took to enter its rules, in one batch, or to start it.
    pub(super) entered: Duration,
    /// Its processes, where it is a proxy.
    pub(super) processes: Vec<u32>,
}

impl Kind {
    /// What `--peers` and the JSON, and what the tables call it.
    pub(super) fn who(self) -> Who {
        match self {
            Self::Iptables(100) => ("docker-rules-100", "iptables, 100 ports"),
            Self::Iptables(1_000) => ("docker-rules-1000", "iptables, 1,000 ports"),
            Self::Iptables(10_000) => ("docker-rules-10000", "iptables, 10,000 ports"),
            Self::Iptables(_) => ("docker-rules", "iptables (nft), 1 port"),
            Self::Legacy => ("docker-rules-legacy", "iptables (legacy), 1 port"),
            Self::Nftables(10_000) => ("nftables-10000", "nftables map, 10,000 ports"),
            Self::Nftables(_) => ("nftables", "nftables map, 1 port"),
            Self::Cni => ("cni", "CNI bridge and portmap"),
            Self::Engine => ("docker", "Docker engine"),
            Self::DockerProxy => ("docker-proxy", "docker-proxy"),
            Self::Relay => ("proxy", "own userspace proxy"),
        }
    }

    /// Why it can't take part here.
    fn missing(self) -> Option<&'static str> {
        let there = match self {
            Self::Iptables(_) => run::has(IPTABLES),
            Self::Legacy => run::has(LEGACY),
            Self::Nftables(_) => run::has("nft"),
            Self::DockerProxy => docker_proxy().is_some(),
            Self::Cni | Self::Engine | Self::Relay => true,
        };
        match self {
            _ if there => None,
            Self::Iptables(_) => Some("there is no iptables-nft-restore (package iptables)"),
            Self::Legacy => Some("there is no iptables-legacy-restore (package iptables)"),
            Self::Nftables(_) => Some("there is no nft (package nftables)"),
            _ => Some("there is no docker-proxy (package docker.io or docker-ce)"),
        }
    }

    /// Answers at 127.0.0.1, too.
    pub(super) fn serves_host(self) -> bool {
        matches!(self, Self::Cni | Self::Engine) || self.is_proxy()
    }

    /// Translates datagrams and what containers send, too: the proxies are here for TCP only.
    pub(super) fn translates(self) -> bool {
        !self.is_proxy()
    }

    fn is_proxy(self) -> bool {
        matches!(self, Self::DockerProxy | Self::Relay)
    }

    /// Makes its site and waits until it serves.
    pub(super) fn set_up(self, stage: &str) -> Result<Rival> {
        if let Some(why) = self.missing() {
            bail!(why);
        }
        let site = Site::of(stage, self.who())?;
        if self == Self::Engine {
            return self.by_engine(stage, site);
        }
        if self == Self::Cni {
            return self.by_plugins(site);
        }
        site.container()?;
        let begun = Instant::now();
        let processes = match self {
            Self::Iptables(count) => enter(&site.world, IPTABLES, &[], &rules_of(count))?,
            Self::Legacy => enter(&site.world, LEGACY, &[], &rules_of(1))?,
            Self::Nftables(count) => enter(&site.world, "nft", &["-f"], &nftables_rules(count))?,
            Self::DockerProxy => proxies(&site.world, start_docker_proxy)?,
            _ => proxies(&site.world, start_relay)?,
        };
        let entered = begun.elapsed();
        Ok(Rival { kind: self, served: site.open()?, entered, processes })
    }

    fn by_plugins(self, site: Site) -> Result<Rival> {
        let world = &site.world;
        world.namespace("server")?;
        tune(&world.file("server"))?;
        let begun = Instant::now();
        let address = Cni::new(world, "host")?.add(&world.file("server"), 0, &PUBLISHED)?;
        let (entered, file) = (begun.elapsed(), world.file("server"));
        Ok(Rival { kind: self, served: site.open_at(file, &address)?, entered, processes: vec![] })
    }

    fn by_engine(self, stage: &str, site: Site) -> Result<Rival> {
        // The kernel's default, which an engine leaves as it is.
        set(&site.world.file("host"), &["net/bridge/bridge-nf-call-iptables=1"])?;
        let engine = Engine::start(stage, &site.world)?;
        let begun = Instant::now();
        let (file, address) = engine.container("server", &PUBLISHED)?;
        let entered = begun.elapsed();
        tune(&file)?;
        Ok(Rival { kind: self, served: site.open_at(file, &address)?, entered, processes: vec![] })
    }
}

fn rules_of(count: u16) -> String {
    docker_rules(count, &PUBLISHED)
}

/// Gives `program` the file of rules, on the host.
fn enter(world: &World, program: &str, words: &[&str], rules: &str) -> Result<Vec<u32>> {
    let file = world.path("rules");
    fs::write(&file, rules).with_context(|| format!("cannot write {}", file.display()))?;
    run::read(world.inside("host", program).args(words).arg(file)).map(|_| Vec::new())
}

/// One for each TCP port, as Docker has it.
fn proxies(world: &World, one: fn(&World, u16, u16) -> Result<Child>) -> Result<Vec<u32>> {
    let ports = PUBLISHED.into_iter().filter(|(protocol, ..)| *protocol == "tcp");
    ports.map(|(_, host, container)| Ok(one(world, host, container)?.id())).collect()
}

fn start_docker_proxy(world: &World, host: u16, container: u16) -> Result<Child> {
    let program = docker_proxy().context("docker-proxy is gone")?;
    let ports = [host.to_string(), container.to_string()];
    // It tells its parent on descriptor 3 that it listens.
    let words = ["-c", "exec 3>/dev/null; exec \"$@\"", "sh", program, "-proto", "tcp"];
    let host = ["-host-ip", "0.0.0.0", "-host-port", &ports[0]];
    let container = ["-container-ip", CONTAINER, "-container-port", &ports[1]];
    start(world.inside("host", "sh").args(words).args(host).args(container))
}

fn start_relay(world: &World, host: u16, container: u16) -> Result<Child> {
    let (listen, target) = (format!("0.0.0.0:{host}"), format!("{CONTAINER}:{container}"));
    start(world.inside("host", &this_program()?).args([LOAD, "relay", &listen, &target]))
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

/// What enters rules.
pub(in crate::bench) const IPTABLES: &str = "iptables-nft-restore";
const LEGACY: &str = "iptables-legacy-restore";

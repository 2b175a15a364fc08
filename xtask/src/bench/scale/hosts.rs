//! Hosts with a client and a server, and so many networks, endpoints or published ports around them.

use crate::{
    bench::{
        http,
        ports::site::{CONTAINER_PORT, HOST_PORT, Site},
        tracks::FIRST,
        way::{Way, tune},
    },
    run,
    world::{ADDRESS, World},
};
use anyhow::{Context, Result};
use serde_json::json;
use std::io::{IsTerminal, Write};

/// What there is more and more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// Networks with an endpoint each.
    Networks,
    /// Endpoints of one network.
    Endpoints,
    /// Published TCP ports, each by itself.
    Ports,
}

/// A host with netd.
pub(super) struct Host {
    /// How many there are of what the axis counts.
    pub(super) count: usize,
    /// From one container of the host to another.
    inside: Way,
    /// From outside to a published port.
    outside: Way,
}

impl Axis {
    /// All, in the order of the report.
    pub(super) const ALL: [Self; 3] = [Self::Networks, Self::Endpoints, Self::Ports];

    /// What the tables and files call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Networks => "networks",
            Self::Endpoints => "endpoints",
            Self::Ports => "ports",
        }
    }

    /// By their names, with commas between.
    pub(super) fn parse(list: &str) -> Result<Vec<Self>> {
        let axis = |name: &str| {
            let found = Self::ALL.into_iter().find(|axis| axis.name() == name);
            found.with_context(|| format!("there are networks, endpoints and ports, not {name:?}"))
        };
        list.split(',').map(axis).collect()
    }

    /// A host for each of the sizes. The largest comes first: each agent of the machine looks at every
    /// namespace that appears, and then there is only one.
    pub(super) fn hosts(self, stage: &str, sizes: &[usize]) -> Result<Vec<Host>> {
        let hosts = sizes.iter().rev().map(|count| Host::new(stage, Some(self), *count));
        let mut hosts: Vec<Host> = hosts.collect::<Result<_>>()?;
        hosts.reverse();
        Ok(hosts)
    }

    /// Each of what there is more of has a network namespace of its own.
    fn has_namespaces(self) -> bool {
        self != Self::Ports
    }

    /// Makes number `number`, which nobody talks to.
    fn one_more(self, world: &World, number: usize) -> Result<()> {
        match self {
            Self::Networks => {
                let (high, low) = (128 + number / 256, number % 256);
                let (name, subnet) = (format!("n{number}"), format!("10.{high}.{low}.0/24"));
                let body = json!({ "Name": name, "Subnets": [subnet] });
                http::post(&world.path(SOCKET), "/v1/networks", &body)?;
                endpoint(world, &name, number)
            }
            Self::Endpoints => endpoint(world, NETWORK, number),
            Self::Ports => {
                let port = format!("{}:{CONTAINER_PORT}", FIRST_PORT + number);
                let path = "/v1/containers/server/publish";
                http::post(&world.path(SOCKET), path, &json!({ "Publish": [port] }))
            }
        }
    }
}

impl Host {
    /// With one network, one published port, and one endpoint beside the client's.
    pub(super) fn one(stage: &str) -> Result<Self> {
        Self::new(stage, None, 1)
    }

    /// The way that what `axis` counts could make longer.
    pub(super) fn way(&self, axis: Axis) -> &Way {
        if axis == Axis::Ports { &self.outside } else { &self.inside }
    }

    fn new(stage: &str, axis: Option<Axis>, count: usize) -> Result<Self> {
        let word = format!("{}{count}", axis.map_or("one", Axis::name));
        let site = Site::new(stage, &word, &format!("a host with {word}"))?;
        let namespaces = axis.is_some_and(Axis::has_namespaces);
        for number in (1..count).filter(|_| namespaces) {
            site.world.namespace(&format!("e{number}"))?;
        }
        site.world.start_agent()?;
        let netctl = |words: &[&str]| run::read(&mut site.world.netctl(words)).map(drop);
        netctl(&["network", "create", "--subnet", "10.120.0.0/16", NETWORK])?;
        let run = ["run", "-d", "--network", NETWORK, "--name"];
        let sleep = ["--", "sleep", "infinity"];
        let ports =
            ["tcp", "udp"].map(|protocol| format!("-p{HOST_PORT}:{CONTAINER_PORT}/{protocol}"));
        netctl(&[&run[..], &["server", &ports[0], &ports[1]], &sleep].concat())?;
        for number in 1..count {
            tell(number, count);
            let more = axis.map_or(Ok(()), |axis| axis.one_more(&site.world, number));
            more.with_context(|| format!("number {number} of {count}"))?;
        }
        // Last: what its packets are compared with is as full as it gets.
        netctl(&[&run[..], &["client"], &sleep].concat())?;
        let file = |name: &str| -> Result<String> {
            let pid = site.world.inspect(name, "{{.State.Pid}}")?;
            let file = format!("/proc/{pid}/ns/net");
            tune(&file)?;
            Ok(file)
        };
        let (client, server) = (file("client")?, file("server")?);
        let address = site.world.inspect("server", ADDRESS)?;
        let outside = site.open_at(server.clone(), &address)?.outside();
        let address = format!("{address}:{CONTAINER_PORT}");
        let name = outside.name.clone();
        let inside = Way { name, client, server, address, processor: FIRST };
        Ok(Self { count, inside, outside })
    }
}

/// Where somebody looks on.
fn tell(number: usize, count: usize) {
    let mut out = std::io::stdout();
    if out.is_terminal() && number.is_multiple_of(25) {
        let _ = write!(out, "\r    {number} of {count}\r").and_then(|()| out.flush());
    }
}

/// A namespace on `network` that does nothing.
fn endpoint(world: &World, network: &str, number: usize) -> Result<()> {
    let container = format!("netns:{}", world.file(&format!("e{number}")));
    let path = format!("/v1/networks/{network}/connect");
    http::post(&world.path(SOCKET), &path, &json!({ "Container": container }))
}

const NETWORK: &str = "bench";
/// The agent's, as [`World::start_agent`] names it.
const SOCKET: &str = "netd.sock";
const FIRST_PORT: usize = 20_000;

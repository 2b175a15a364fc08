//! Hosts with a client and a server, and so many networks, endpoints, published ports or flows around them.

use crate::{
    bench::{
        LOAD, http,
        options::Options,
        peer::HTTP_PORT,
        ports::site::{CONTAINER_PORT, HOST, PUBLISHED, Site},
        tracks::{FIRST, this_program},
        turns::progress,
        way::{Way, tune},
    },
    run,
    world::{ADDRESS, World},
};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

/// What there is more and more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// Networks with an endpoint each.
    Networks,
    /// Endpoints of one network.
    Endpoints,
    /// Published TCP ports, each by itself.
    Ports,
    /// Open connections to a published port.
    Flows,
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
    pub(super) const ALL: [Self; 4] = [Self::Networks, Self::Endpoints, Self::Ports, Self::Flows];

    /// What the tables and files call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Networks => "networks",
            Self::Endpoints => "endpoints",
            Self::Ports => "ports",
            Self::Flows => "flows",
        }
    }

    /// By their names.
    pub(super) fn list(options: &Options) -> Result<Vec<Self>> {
        let names = options.list("--axes", &Self::ALL.map(Self::name))?;
        Ok(Self::ALL.into_iter().filter(|axis| names.contains(&axis.name())).collect())
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
        matches!(self, Self::Networks | Self::Endpoints)
    }

    /// Makes number `number`, which nobody talks to.
    fn one_more(self, world: &World, number: usize) -> Result<()> {
        match self {
            Self::Networks => {
                let (high, low) = (128 + number / 256, number % 256);
                let (name, subnet) = (format!("n{number}"), format!("10.{high}.{low}.0/24"));
                let body = json!({ "Name": name, "Subnets": [subnet] });
                http::post(&world.socket(), "/v1/networks", &body)?;
                endpoint(world, &name, number)
            }
            Self::Endpoints => endpoint(world, NETWORK, number),
            Self::Ports => {
                let port = format!("{}:{CONTAINER_PORT}", FIRST_PORT + number);
                let path = "/v1/containers/server/publish";
                http::post(&world.socket(), path, &json!({ "Publish": [port] }))
            }
            // All at once, when the server is up.
            Self::Flows => Ok(()),
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
        if axis.has_namespaces() { &self.inside } else { &self.outside }
    }

    fn new(stage: &str, axis: Option<Axis>, count: usize) -> Result<Self> {
        let word = format!("{}{count}", axis.map_or("one", Axis::name));
        let mut site = Site::new(stage, &word, ("netd", "netd"))?;
        let namespaces = axis.is_some_and(Axis::has_namespaces);
        for number in (1..count).filter(|_| namespaces) {
            site.world.namespace(&format!("e{number}"))?;
        }
        site.start_agent()?;
        let netctl = |words: &[&str]| run::read(&mut site.world.netctl(words)).map(drop);
        netctl(&["network", "create", "--subnet", "10.120.0.0/16", NETWORK])?;
        let run = ["run", "-d", "--network", NETWORK, "--name"];
        let sleep = ["--", "sleep", "infinity"];
        let ports =
            PUBLISHED.map(|(protocol, host, container)| format!("-p{host}:{container}/{protocol}"));
        let ports = ports.each_ref().map(String::as_str);
        netctl(&[&run[..], &["server"], &ports, &sleep].concat())?;
        for number in 1..count {
            progress("number", number + 1, count);
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
        let outside = site.open_at(server.clone(), &address)?.published().way;
        if axis == Some(Axis::Flows) {
            open_flows(&outside, count - 1)?;
            let flows = established(&site.world)?;
            ensure!(flows + 1 >= count, "the agent counts {flows} flows, and {count} are open");
        }
        let address = format!("{address}:{CONTAINER_PORT}");
        let name = outside.name.clone();
        let inside = Way { name, client, server, address, processor: FIRST };
        Ok(Self { count, inside, outside })
    }
}

/// A namespace on `network` that does nothing.
fn endpoint(world: &World, network: &str, number: usize) -> Result<()> {
    let container = format!("netns:{}", world.file(&format!("e{number}")));
    let path = format!("/v1/networks/{network}/connect");
    http::post(&world.socket(), &path, &json!({ "Container": container }))
}

/// Flows that the agent counts.
fn established(world: &World) -> Result<usize> {
    let status = run::read(&mut world.netctl(&["status", "--format", "json"]))?;
    let status: Value = serde_json::from_str(&status).context("netctl status")?;
    let mut tables = status["Flows"].as_array().into_iter().flatten();
    let table = tables.find(|table| table["Name"] == "established");
    let flows = table.and_then(|table| usize::try_from(table["Flows"].as_u64()?).ok());
    flows.context("netctl status counts no flows")
}

/// Connections to the server, which stay open as long as the stage stands.
fn open_flows(way: &Way, count: usize) -> Result<()> {
    let words = [LOAD, "hold", &format!("{HOST}:{HTTP_PORT}"), &count.to_string()];
    let mut client = way.client(&this_program()?);
    let child = client.args(words).stdout(Stdio::piped()).spawn().context("cannot start")?;
    let mut line = String::new();
    let output = child.stdout.context("no standard output")?;
    BufReader::new(output).read_line(&mut line)?;
    ensure!(line.trim() == count.to_string(), "{count} connections could not be opened");
    Ok(())
}

const NETWORK: &str = "bench";
const FIRST_PORT: usize = 20_000;

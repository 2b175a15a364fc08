//! What netd survives: its own end, an upgrade, and others who take away what is its.

#![allow(clippy::unwrap_used, reason = "a helper that fails ends the test that uses it")]

mod churn;
mod closed;
mod crash;
mod flows;
mod layouts;
mod repairs;
mod shape;
mod store;

use anyhow::{Context, Result};
use netd_tests::{
    host::{HOST, REMOTE, TestHost},
    probe::{Flows, echo},
};
use std::{net::SocketAddr, time::Duration};

/// How long anything may take that is not meant to wait.
const SOON: Duration = Duration::from_secs(20);

/// A host with two networks: `web`, with an echo `server` that publishes its port 7000 and a
/// `client`, and `db` with a `stranger`. The remote machine echoes on 7001.
fn host() -> Result<TestHost> {
    let host = TestHost::new()?;
    host.ok(&["network", "create", "--ipv6", "web"])?;
    host.ok(&["network", "create", "--ipv6", "db"])?;
    let published = ["--network", "web", "-p", "7000:7000", "-p", "7000:7000/udp"];
    host.run("server", &published, &["sleep", "infinity"])?;
    host.idle("client", "web")?;
    host.idle("stranger", "db")?;
    for name in ["client", "stranger"] {
        let pings = "net.ipv4.ping_group_range=0 2147483647";
        host.exec(name, &["sysctl", "-qw", pings])?;
    }
    echo(&host.namespace_of("server")?, 7000)?;
    echo(host.remote.namespace(), 7001)?;
    Ok(host)
}

/// `count` TCP and `count` UDP flows by every kind of way, pings, and what must never arrive.
fn flows(host: &TestHost, count: usize) -> Result<Flows> {
    let mut flows = Flows::default();
    let client = host.namespace_of("client")?;
    let (v4, v6) = host.addresses("server", "web")?;
    let each = count / 6;
    for address in [HOST.0, HOST.1] {
        flows.dial(host.remote.namespace(), at(address, 7000)?, each)?;
    }
    for address in [&v4, &v6] {
        flows.dial(&client, at(address, 7000)?, each)?;
    }
    for address in [REMOTE.0, REMOTE.1] {
        flows.dial(&client, at(address, 7001)?, each)?;
        flows.ping(&client, address.parse()?)?;
    }
    for address in [&v4, &v6] {
        flows.ping(&client, address.parse()?)?;
    }
    forbid(host, &mut flows)?;
    Ok(flows)
}

/// Packets from another network and from a neighbour who knows the way, to a port that nobody
/// published.
fn forbid(host: &TestHost, flows: &mut Flows) -> Result<()> {
    let (v4, v6) = host.addresses("server", "web")?;
    let stranger = host.namespace_of("stranger")?;
    host.neighbour.run(&format!("ip route replace {v4} via {}", HOST.0))?;
    host.neighbour.run(&format!("ip -6 route replace {v6} via {}", HOST.1))?;
    flows.trap(&host.namespace_of("server")?, FORBIDDEN)?;
    for address in [v4, v6] {
        let to = at(&address, FORBIDDEN)?;
        flows.forbid(&stranger, to)?;
        flows.forbid(host.neighbour.namespace(), to)?;
    }
    Ok(())
}

fn at(address: &str, port: u16) -> Result<SocketAddr> {
    Ok(SocketAddr::new(address.parse().with_context(|| format!("no address: {address}"))?, port))
}

const FORBIDDEN: u16 = 6666;

/// A number from the environment, for longer runs.
fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

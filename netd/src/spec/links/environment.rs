//! What a link on the default network puts into the environment, in Docker's words.

use super::LegacyLink;
use crate::spec::container::Container;
use crate::state::{PortRange, Protocol};
use std::net::{IpAddr, SocketAddr};

/// Successive ports.
type Run = (Protocol, PortRange);

impl LegacyLink<'_> {
    /// Variables, `KEY=VALUE`, for the container called `own`: where the other serves, its name, and
    /// the environment that it was given itself.
    #[must_use]
    pub fn environment(&self, own: &str) -> Vec<String> {
        let alias = self.alias.as_str();
        let prefix = alias.to_uppercase().replace('-', "_");
        let mut variables = Vec::new();
        if let Some(address) = self.addresses.first() {
            let runs = runs(self.target);
            if let Some((protocol, ports)) = runs.first() {
                variables
                    .push(format!("{prefix}_PORT={}", url(*protocol, *address, ports.first())));
            }
            runs.iter().for_each(|run| variables.extend(of_run(&prefix, *address, *run)));
        }
        variables.push(format!("{prefix}_NAME=/{own}/{alias}"));
        let given = self.target.environment.iter().filter_map(|variable| variable.split_once('='));
        let given = given.filter(|(key, _)| !matches!(*key, "HOME" | "PATH"));
        variables.extend(given.map(|(key, value)| format!("{prefix}_ENV_{key}={value}")));
        variables
    }
}

/// The ports that a container serves, TCP first, each protocol in rising order.
fn runs(container: &Container) -> Vec<Run> {
    let mappings = container.ports.iter().map(|publication| &publication.mapping);
    let published = mappings.map(|mapping| (mapping.protocol, mapping.container));
    let exposed = container.exposed.iter();
    let exposed = exposed.map(|(port, protocol)| (*protocol, PortRange::single(*port)));
    let mut all: Vec<Run> = published.chain(exposed).collect();
    all.sort_by_key(|(protocol, ports)| {
        (*protocol != Protocol::Tcp, protocol.to_string(), ports.first())
    });
    let mut runs: Vec<Run> = Vec::new();
    for (protocol, ports) in all {
        let joined = runs.last().filter(|(same, _)| *same == protocol).and_then(|(_, run)| {
            let touches = ports.first() <= run.last().saturating_add(1);
            touches.then(|| PortRange::new(run.first(), run.last().max(ports.last())))?
        });
        match (joined, runs.last_mut()) {
            (Some(longer), Some(last)) => last.1 = longer,
            _ => runs.push((protocol, ports)),
        }
    }
    runs
}

/// Every port by itself and, of several, the first and the last. A long run has only those two by
/// themselves: an environment is small.
fn of_run(prefix: &str, address: IpAddr, (protocol, ports): Run) -> Vec<String> {
    let (first, last) = (ports.first(), ports.last());
    let key = |port: u16| format!("{prefix}_PORT_{port}_{}", protocol.to_string().to_uppercase());
    let alone = |port: &u16| ports.more() < LONG || *port == first || *port == last;
    let each = ports.ports().filter(alone);
    let mut variables: Vec<String> = each
        .flat_map(|port| {
            let (key, url) = (key(port), url(protocol, address, port));
            [
                format!("{key}={url}"),
                format!("{key}_ADDR={address}"),
                format!("{key}_PORT={port}"),
                format!("{key}_PROTO={protocol}"),
            ]
        })
        .collect();
    if !ports.is_single() {
        let (key, url) = (key(first), |port| url(protocol, address, port));
        variables.extend([
            format!("{key}_START={}", url(first)),
            format!("{key}_PORT_START={first}"),
            format!("{key}_END={}", url(last)),
            format!("{key}_PORT_END={last}"),
        ]);
    }
    variables
}

fn url(protocol: Protocol, address: IpAddr, port: u16) -> String {
    format!("{protocol}://{}", SocketAddr::new(address, port))
}

/// Ports of one run that get variables of their own, at most.
const LONG: u16 = 256;

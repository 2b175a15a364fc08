//! netd as it is used: an agent on the host, a container by `netctl run -p`.

use super::site::{CONTAINER_PORT, HOST_PORT, Peer, Site};
use crate::{
    bench::way::tune,
    run,
    world::{ADDRESS, World},
};
use anyhow::Result;
use std::ops::RangeInclusive;

/// How the ports beside ours are published.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowd {
    /// There are none.
    None,
    /// As a few ranges.
    Ranges,
    /// One by one.
    Singles,
}

/// A host with netd, ours and `crowd` published.
pub(super) fn set_up(stage: &str, word: &str, name: &str, crowd: Crowd) -> Result<Peer> {
    let site = Site::new(stage, word, name)?;
    site.world.start_agent()?;
    netctl(&site.world, &["network", "create", NETWORK])?;
    for (number, range) in crowded().into_iter().enumerate().filter(|_| crowd != Crowd::None) {
        neighbour(&site.world, number, range, crowd)?;
    }
    let ports = ["tcp", "udp"].map(|protocol| format!("{HOST_PORT}:{CONTAINER_PORT}/{protocol}"));
    let words = ["run", "-d", "--name", "server", "--network", NETWORK];
    let publish = ["-p", &ports[0], "-p", &ports[1], "--", "sleep", "infinity"];
    netctl(&site.world, &[&words[..], &publish].concat())?;
    let namespace = format!("/proc/{}/ns/net", site.world.inspect("server", "{{.State.Pid}}")?);
    tune(&namespace)?;
    let address = site.world.inspect("server", ADDRESS)?;
    site.open_at(namespace, &address)
}

/// A container that publishes the TCP ports of `range`.
fn neighbour(world: &World, number: usize, range: RangeInclusive<u16>, crowd: Crowd) -> Result<()> {
    let (first, last) = (*range.start(), *range.end());
    let name = format!("crowd{number}");
    let ports: Vec<String> = match crowd {
        Crowd::Singles => range.map(|port| format!("-p{port}:{CONTAINER_PORT}")).collect(),
        _ => vec![format!("-p{first}-{last}:{first}-{last}")],
    };
    let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
    let words = ["run", "-d", "--name", &name, "--network", NETWORK];
    netctl(world, &[&words[..], &ports, &["--", "sleep", "infinity"]].concat())
}

fn netctl(world: &World, words: &[&str]) -> Result<()> {
    run::read(&mut world.netctl(words)).map(drop)
}

/// The 59,999 TCP ports beside ours.
fn crowded() -> Vec<RangeInclusive<u16>> {
    let above = (0..5).map(|n| {
        let first = HOST_PORT + 1 + n * 10_588;
        first..=if n == 4 { LAST } else { first + 10_587 }
    });
    [FIRST..=HOST_PORT - 1].into_iter().chain(above).collect()
}

/// The container network of the bench.
pub(super) const NETWORK: &str = "bench";
const FIRST: u16 = 1024;
const LAST: u16 = 61_023;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn with_ours_sixty_thousand_ports_are_published() {
        let all: Vec<u16> = crowded().into_iter().flatten().chain([HOST_PORT]).collect();
        assert_eq!(all.len(), 60_000);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 60_000);
    }
}

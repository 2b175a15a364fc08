//! netd as it is used: an agent on the host, a container by `netctl run -p`.

use super::{
    rules::others,
    site::{CONTAINER_PORT, HOST_PORT, PUBLISHED, Served, Site},
};
use crate::{
    bench::{peer::Who, way::tune},
    run,
    world::{ADDRESS, World},
};
use anyhow::Result;
use std::ops::RangeInclusive;

/// How the ports beside ours are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Crowd {
    /// There are none.
    None,
    /// One by one, so that there are so many with the load program's.
    Few(u16),
    /// 59,999 others, as a few ranges.
    Ranges,
    /// 59,999 others, one by one.
    Singles,
}

impl Crowd {
    /// What `--peers` and the JSON, and what the tables call the host.
    pub(super) fn who(self) -> Who {
        match self {
            Self::None => ("netd", "netd"),
            Self::Few(100) => ("netd-100", "netd, 100 ports"),
            Self::Few(1_000) => ("netd-1000", "netd, 1,000 ports"),
            Self::Few(_) => ("netd-10000", "netd, 10,000 ports"),
            Self::Ranges => ("netd-ranges", "netd, 60,000 ports in ranges"),
            Self::Singles => ("netd-singles", "netd, 60,000 single ports"),
        }
    }

    /// The TCP ports beside ours, container by container.
    fn ports(self) -> Vec<RangeInclusive<u16>> {
        match self {
            Self::None => Vec::new(),
            Self::Few(count) => {
                let others = others(count);
                vec![others.start..=others.end - 1]
            }
            Self::Ranges | Self::Singles => crowded(),
        }
    }

    /// A host with netd, ours and these published.
    pub(in crate::bench) fn set_up(self, stage: &str) -> Result<Served> {
        let mut site = Site::of(stage, self.who())?;
        site.start_agent()?;
        netctl(&site.world, &["network", "create", NETWORK])?;
        for (number, range) in self.ports().into_iter().enumerate() {
            self.neighbour(&site.world, number, range)?;
        }
        // Where every port is taken, the load program's are the only ones.
        let room = if matches!(self, Self::None | Self::Few(_)) { PUBLISHED.len() } else { 2 };
        let ports: Vec<String> = PUBLISHED[..room]
            .iter()
            .map(|(protocol, host, container)| format!("-p{host}:{container}/{protocol}"))
            .collect();
        let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
        let words = ["run", "-d", "--name", "server", "--network", NETWORK];
        netctl(&site.world, &[&words[..], &ports, &SLEEP].concat())?;
        let namespace = format!("/proc/{}/ns/net", site.world.inspect("server", "{{.State.Pid}}")?);
        tune(&namespace)?;
        let address = site.world.inspect("server", ADDRESS)?;
        site.open_at(namespace, &address)
    }

    /// A container that publishes the TCP ports of `range`.
    fn neighbour(self, world: &World, number: usize, range: RangeInclusive<u16>) -> Result<()> {
        let (first, last) = (*range.start(), *range.end());
        let name = format!("crowd{number}");
        let ports: Vec<String> = match self {
            Self::Ranges => vec![format!("-p{first}-{last}:{first}-{last}")],
            _ => range.map(|port| format!("-p{port}:{CONTAINER_PORT}")).collect(),
        };
        let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
        let words = ["run", "-d", "--name", &name, "--network", NETWORK];
        netctl(world, &[&words[..], &ports, &SLEEP].concat())
    }
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
const SLEEP: [&str; 3] = ["--", "sleep", "infinity"];
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

    #[test]
    fn a_few_are_as_many_as_the_rivals_have() {
        let count = |crowd: Crowd| crowd.ports().into_iter().flatten().count();
        assert_eq!((count(Crowd::None), count(Crowd::Few(1_000))), (0, 999));
    }
}

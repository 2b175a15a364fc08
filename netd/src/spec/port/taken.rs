//! Host ports that are held, by whom, and what excludes what.

use super::Published;
use crate::state::{PortRange, Protocol};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Host ports that containers hold, with the names of their holders.
#[derive(Clone, Debug, Default)]
pub struct TakenPorts<'a>(BTreeMap<(Protocol, IpAddr), Held<'a>>);

/// What is held on one address, by first port. No two of them have a port in common.
type Held<'a> = BTreeMap<u16, (PortRange, &'a str)>;

impl<'a> TakenPorts<'a> {
    /// Notes that `holder` has this publication.
    pub fn insert(&mut self, published: &Published, holder: &'a str) {
        let held = self.0.entry((published.protocol, published.address)).or_default();
        held.insert(published.host.first(), (published.host, holder));
    }

    /// The lowest of these ports that somebody holds, with its holder. A wildcard excludes every
    /// address of its family; different addresses may share a port.
    #[must_use]
    pub fn holder(
        &self,
        address: IpAddr,
        ports: PortRange,
        protocol: Protocol,
    ) -> Option<(u16, &'a str)> {
        let on = |address| self.0.get(&(protocol, address)).and_then(|held| lowest(held, ports));
        if !address.is_unspecified() {
            return on(address).into_iter().chain(on(wildcard(address))).min();
        }
        let family = |held: IpAddr| held.is_ipv4() == address.is_ipv4();
        let all = self.0.iter().filter(|((p, held), _)| *p == protocol && family(*held));
        all.filter_map(|(_, held)| lowest(held, ports)).min()
    }
}

fn lowest<'a>(held: &Held<'a>, ports: PortRange) -> Option<(u16, &'a str)> {
    let before = held.range(..=ports.first()).next_back();
    let within = held.range(ports.first()..=ports.last()).next();
    let common = |(_, (range, holder)): (&u16, &(PortRange, &'a str))| {
        range.common(ports).map(|common| (common.first(), *holder))
    };
    before.and_then(common).or_else(|| within.and_then(common))
}

fn wildcard(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn publication() -> impl Strategy<Value = Published> {
        let address = prop::sample::select(vec!["0.0.0.0", "::", "127.0.0.1", "10.0.0.1", "::1"]);
        let protocol = prop::sample::select(vec![Protocol::Tcp, Protocol::Udp]);
        (address, 1..40u16, 0..6u16, protocol).prop_map(|(address, first, more, protocol)| {
            let host = PortRange::new(first, first + more).unwrap();
            Published { address: address.parse().unwrap(), host, container: 80, protocol }
        })
    }

    /// The rule, port by port.
    fn exclude(a: &Published, b: &Published, port: u16) -> bool {
        let same = a.protocol == b.protocol && a.address.is_ipv4() == b.address.is_ipv4();
        let wild = a.address.is_unspecified() || b.address.is_unspecified();
        same && (wild || a.address == b.address) && a.host.contains(port) && b.host.contains(port)
    }

    proptest! {
        #[test]
        fn the_lowest_port_that_is_held_is_found(
            candidates in prop::collection::vec(publication(), 0..12),
            wanted in publication(),
        ) {
            let mut taken = TakenPorts::default();
            let mut held: Vec<Published> = Vec::new();
            for new in candidates {
                if taken.holder(new.address, new.host, new.protocol).is_none() {
                    taken.insert(&new, "web");
                    held.push(new);
                }
            }
            let lowest = wanted.host.ports().find(|p| held.iter().any(|h| exclude(h, &wanted, *p)));
            let found = taken.holder(wanted.address, wanted.host, wanted.protocol);
            prop_assert_eq!(found, lowest.map(|port| (port, "web")));
        }
    }
}

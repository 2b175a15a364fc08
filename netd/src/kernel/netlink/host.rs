//! What the host has that is not netd's. Read, never written.

use super::{addresses::Address, link::Link, routes::Route};
use crate::{
    spec::name::InterfaceName,
    state::{Host, HostLink, HostRoute},
};
use std::{collections::BTreeMap, fs, net::IpAddr};

/// What of a namespace is not netd's.
pub(super) fn host(links: &[Link], addresses: &[Address], routes: &[Route]) -> Host {
    let foreign: BTreeMap<u32, InterfaceName> = links
        .iter()
        .filter(|link| link.owner.is_none())
        .filter_map(|link| Some((link.index, link.interface_name()?)))
        .collect();
    Host {
        links: links
            .iter()
            .filter(|link| !link.loopback)
            .filter_map(|link| Some((foreign.get(&link.index)?.clone(), seen(link, addresses))))
            .collect(),
        addresses: addresses.iter().map(|address| address.net.addr()).collect(),
        routes: routes.iter().filter_map(|route| foreign_route(route, &foreign)).collect(),
        // Chosen by who knows the settings.
        express: BTreeMap::new(),
        resolvers: resolvers(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default()),
    }
}

fn seen(link: &Link, addresses: &[Address]) -> HostLink {
    let own = addresses.iter().filter(|a| a.index == link.index && a.is_assigned() && a.usable);
    let (deprecated, preferred): (Vec<&Address>, Vec<&Address>) = own.partition(|a| a.deprecated);
    HostLink {
        up: link.up,
        header: link.header,
        mtu: link.mtu,
        enslaved: link.master.is_some(),
        addresses: preferred.into_iter().chain(deprecated).map(|a| a.net).collect(),
    }
}

fn foreign_route(route: &Route, foreign: &BTreeMap<u32, InterfaceName>) -> Option<HostRoute> {
    Some(HostRoute {
        destination: route.destination,
        device: foreign.get(&route.device)?.clone(),
        on_link: !route.has_next_hop,
        gateway: route.gateway,
        source: route.source,
        metric: route.metric,
    })
}

/// The servers that a resolv.conf names; an address with a zone counts without it.
fn resolvers(text: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let server = words.next().filter(|w| *w == "nameserver").and(words.next())?;
            server.split('%').next()?.parse().ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_read_as_libc_reads_them() {
        let text = "# nameserver 9.9.9.9\nsearch lan\nnameserver\t192.0.2.1\n  nameserver fe80::1%eth0\n\
                    nameserver\nnameserver none\nnameserverX 192.0.2.9\noptions edns0\n";
        let expected: Vec<IpAddr> = vec!["192.0.2.1".parse().unwrap(), "fe80::1".parse().unwrap()];
        assert_eq!(resolvers(text), expected);
    }
}

//! Which devices are uplinks, and the addresses that masquerade uses there.

use super::{ipv4_of, ipv6_of};
use crate::spec::name::InterfaceName;
use crate::state::{Host, HostLink, HostRoute, UplinkEntry};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Which of the host's devices lead to the outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UplinkChoice {
    /// Every device that is up and not part of a bridge or bond.
    #[default]
    Auto,
    /// These, whatever their state; names that the host does not have are left out.
    Named(BTreeSet<InterfaceName>),
}

pub(super) fn entries(host: &Host, choice: &UplinkChoice) -> BTreeMap<InterfaceName, UplinkEntry> {
    let chosen = |(name, link): &(&InterfaceName, &HostLink)| match choice {
        UplinkChoice::Auto => link.up && !link.enslaved,
        UplinkChoice::Named(names) => names.contains(*name),
    };
    let links = host.links.iter().filter(chosen);
    links.filter_map(|(name, link)| Some((name.clone(), entry(host, name, link)?))).collect()
}

/// None where the programs would not find the packets in the device's frames.
fn entry(host: &Host, name: &InterfaceName, link: &HostLink) -> Option<UplinkEntry> {
    let routes: Vec<&HostRoute> = host.routes.iter().filter(|r| r.device == *name).collect();
    let (ipv4, ipv6) = (source(&routes, link, ipv4_of), source(&routes, link, ipv6_of));
    let sources = differing(&preferences(&routes, link), ipv4, ipv6);
    Some(UplinkEntry { ipv4, ipv6, header: link.header?, mtu: link.mtu, sources })
}

/// The address that the best default route prefers, else the device's first one; `family` tells
/// the addresses of one family.
fn source<A>(routes: &[&HostRoute], link: &HostLink, family: fn(IpAddr) -> Option<A>) -> Option<A> {
    let of_family = |route: &&&HostRoute| family(route.destination.addr()).is_some();
    let defaults = routes.iter().filter(of_family).filter(|r| r.destination.prefix_len() == 0);
    let preferred = defaults.min_by_key(|route| route.metric).and_then(|r| preferred(r, link));
    preferred.and_then(family).or_else(|| link.addresses.iter().find_map(|a| family(a.addr())))
}

/// The source that the kernel takes by a route: what the route says, else the address that the
/// next hop, or the destination on the link, is a neighbour of.
fn preferred(route: &HostRoute, link: &HostLink) -> Option<IpAddr> {
    let neighbour = |address: &&IpNet| match route.gateway {
        Some(gateway) => address.contains(&gateway),
        None => route.on_link && address.contains(&route.destination),
    };
    route.source.or_else(|| link.addresses.iter().find(neighbour).map(IpNet::addr))
}

/// Every destination but the default, with the source of its best route; none where that is the
/// device's first address.
fn preferences(routes: &[&HostRoute], link: &HostLink) -> BTreeMap<IpNet, IpAddr> {
    let mut best: BTreeMap<IpNet, &HostRoute> = BTreeMap::new();
    for route in routes.iter().filter(|route| route.destination.prefix_len() > 0) {
        let known = best.entry(route.destination.trunc()).or_insert(route);
        if route.metric < known.metric {
            *known = route;
        }
    }
    let source = |net: &IpNet, route| {
        let first = || link.addresses.iter().map(IpNet::addr).find(|a| same_family(a, net));
        preferred(route, link).or_else(first)
    };
    best.into_iter().filter_map(|(net, route)| Some((net, source(&net, route)?))).collect()
}

/// Those of `preferences` that differ from what holds without them: the next wider one, and in the
/// end the device's sources.
fn differing(
    preferences: &BTreeMap<IpNet, IpAddr>,
    ipv4: Option<Ipv4Addr>,
    ipv6: Option<Ipv6Addr>,
) -> BTreeMap<IpNet, IpAddr> {
    let without = |net: &IpNet| {
        let mut wider = std::iter::successors(net.supernet(), IpNet::supernet);
        let default = match net {
            IpNet::V4(_) => ipv4.map(IpAddr::V4),
            IpNet::V6(_) => ipv6.map(IpAddr::V6),
        };
        wider.find_map(|net| preferences.get(&net).copied()).or(default)
    };
    let own = preferences.iter().filter(|(net, source)| without(net) != Some(**source));
    own.map(|(net, source)| (*net, *source)).collect()
}

fn same_family(address: &IpAddr, net: &IpNet) -> bool {
    address.is_ipv4() == net.addr().is_ipv4()
}

#[cfg(test)]
mod tests;

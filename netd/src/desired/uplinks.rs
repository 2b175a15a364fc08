//! Which devices are uplinks, and the addresses that masquerade uses there.

use super::{ipv4_of, ipv6_of};
use crate::spec::name::InterfaceName;
use crate::state::{Host, HostLink, UplinkEntry};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
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
    // The programs build no Ethernet header yet for what comes in by a layer-3 device (tun,
    // WireGuard): without an entry, containers do not go out by it either.
    let ethernet = |(_, link): &(&InterfaceName, &HostLink)| link.header == ETHERNET;
    let links = host.links.iter().filter(chosen).filter(ethernet);
    links.map(|(name, link)| (name.clone(), entry(host, name, link))).collect()
}

fn entry(host: &Host, name: &InterfaceName, link: &HostLink) -> UplinkEntry {
    UplinkEntry {
        ipv4: source(host, name, link, ipv4_of),
        ipv6: source(host, name, link, ipv6_of),
        header: link.header,
    }
}

/// The address that the best default route through `name` prefers, else the device's first one;
/// `family` tells the addresses of one family.
fn source<A>(
    host: &Host,
    name: &InterfaceName,
    link: &HostLink,
    family: fn(IpAddr) -> Option<A>,
) -> Option<A> {
    let defaults = host.routes.iter().filter(|route| {
        let of_family = family(route.destination.addr()).is_some();
        route.device == *name && route.destination.prefix_len() == 0 && of_family
    });
    let preferred = defaults.min_by_key(|route| route.metric).and_then(|route| route.source);
    preferred.and_then(family).or_else(|| link.addresses.iter().find_map(|a| family(a.addr())))
}

/// Bytes of an Ethernet header.
const ETHERNET: u8 = 14;

#[cfg(test)]
mod tests;

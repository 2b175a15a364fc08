//! Which host ports a container's publish specs get: all of them or none.

use super::{PortMapping, Publication, Published, TakenPorts};
use crate::error::{Error, Result};
use crate::state::{PortRange, Protocol};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// Finds the first of some host ports that a host process has, with the reason why it can't be
/// had, such as `address already in use`.
pub type Probe<'a> = dyn FnMut(IpAddr, PortRange, Protocol) -> Option<(u16, String)> + 'a;

/// What one container wants published.
#[derive(Clone, Copy, Debug, Default)]
pub struct PortRequest<'a> {
    /// Its publish specs.
    pub mappings: &'a [PortMapping],
    /// What it has published already.
    pub kept: &'a [Publication],
    /// The host address of specs without one (the network's `host_binding_ipv4`).
    pub host_binding: Option<IpAddr>,
}

/// The host's side of an allocation.
pub struct PortHost<'a> {
    /// The host's addresses, loopback included; IPv6 is used where there is an IPv6 one.
    pub addresses: &'a BTreeSet<IpAddr>,
    /// The ports to pick from.
    pub ephemeral: PortRange,
    /// Ports that are never picked, but may be asked for.
    pub reserved: &'a [PortRange],
    /// Where picking goes on; moved only by an allocation that succeeds.
    pub cursor: &'a mut u16,
    /// Asks the kernel about ports that no container holds.
    pub probe: &'a mut Probe<'a>,
}

/// Finds the host ports for what `request` wants, beside those that others have `taken`; one
/// publication per spec, in the same order.
///
/// A spec without an address gets the same ports on 0.0.0.0 and, where the host has IPv6, on [::].
///
/// # Errors
/// `Conflict` where a port is held by another container, by this same one or by a host process,
/// where a range has no free port left, and where an address is not the host's.
pub fn allocate_ports(
    request: &PortRequest<'_>,
    taken: &TakenPorts<'_>,
    host: &mut PortHost<'_>,
) -> Result<Vec<Publication>> {
    let mut own = TakenPorts::default();
    request.kept.iter().flat_map(|kept| &kept.published).for_each(|p| own.insert(p, ""));
    let cursor = *host.cursor;
    let mut allocator = Allocator { taken, own, host, cursor };
    let mut found: Vec<(usize, Publication)> = Vec::new();
    // Fixed ports go first, so that no picked one can take their place.
    let mut order: Vec<(usize, &PortMapping)> = request.mappings.iter().enumerate().collect();
    order.sort_by_key(|(_, mapping)| freedom(mapping));
    for (index, mapping) in order {
        let published = allocator.publish(mapping, request.host_binding)?;
        found.push((index, Publication { mapping: mapping.clone(), published }));
    }
    let Allocator { cursor, .. } = allocator;
    *host.cursor = cursor;
    found.sort_by_key(|(index, _)| *index);
    Ok(found.into_iter().map(|(_, publication)| publication).collect())
}

/// With `-P`, a spec for each exposed port that none of `mappings` names.
#[must_use]
pub fn for_exposed(mappings: &[PortMapping], exposed: &[(u16, Protocol)]) -> Vec<PortMapping> {
    let named = |(port, protocol): &(u16, Protocol)| {
        mappings.iter().any(|m| m.protocol == *protocol && m.container.contains(*port))
    };
    let exposed: BTreeSet<_> = exposed.iter().copied().filter(|port| !named(port)).collect();
    let mapping = |(port, protocol)| PortMapping {
        address: None,
        host: None,
        container: PortRange::single(port),
        protocol,
        from: Vec::new(),
    };
    exposed.into_iter().map(mapping).collect()
}

struct Allocator<'a, 'h> {
    taken: &'a TakenPorts<'a>,
    own: TakenPorts<'static>,
    host: &'a mut PortHost<'h>,
    cursor: u16,
}

/// Why host ports can't be had.
struct Obstacle<'a> {
    at: SocketAddr,
    protocol: Protocol,
    holder: Holder<'a>,
}

enum Holder<'a> {
    Container(&'a str),
    Own,
    Process(String),
}

impl<'a> Allocator<'a, '_> {
    /// What comes of one spec; its ports are noted as taken.
    fn publish(
        &mut self,
        mapping: &PortMapping,
        host_binding: Option<IpAddr>,
    ) -> Result<Vec<Published>> {
        let addresses = self.addresses(mapping, mapping.address.or(host_binding))?;
        let runs = match mapping.host {
            Some(range) if range.more() == mapping.container.more() => {
                if let Some(obstacle) = self.obstacle(&addresses, range, mapping.protocol) {
                    return Err(obstacle.into());
                }
                vec![(range, mapping.container.first())]
            }
            Some(range) => {
                let port = self.pick(&addresses, range, range.first(), &[], mapping)?;
                vec![(PortRange::single(port), mapping.container.first())]
            }
            None => return self.publish_picked(mapping, &addresses),
        };
        Ok(self.take(&addresses, &runs, mapping.protocol))
    }

    /// A picked host port for each container port; neighbours that lead to neighbours are one.
    fn publish_picked(
        &mut self,
        mapping: &PortMapping,
        addresses: &[IpAddr],
    ) -> Result<Vec<Published>> {
        let (range, reserved) = (self.host.ephemeral, self.host.reserved);
        let mut published: Vec<Published> = Vec::new();
        let mut runs: Vec<(PortRange, u16)> = Vec::new();
        for container in mapping.container.ports() {
            let port = self.pick(addresses, range, self.cursor, reserved, mapping)?;
            self.cursor = if port == range.last() { range.first() } else { port + 1 };
            self.take(addresses, &[(PortRange::single(port), container)], mapping.protocol);
            match runs.last_mut().filter(|(run, _)| run.last().checked_add(1) == Some(port)) {
                Some((run, _)) => *run = PortRange::new(run.first(), port).unwrap_or(*run),
                None => runs.push((PortRange::single(port), container)),
            }
        }
        for address in addresses {
            published.extend(runs.iter().map(|run| one(*address, *run, mapping.protocol)));
        }
        Ok(published)
    }

    /// The addresses that one mapping is published on, each of them the host's.
    fn addresses(&self, mapping: &PortMapping, address: Option<IpAddr>) -> Result<Vec<IpAddr>> {
        let any_v4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let any_v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let has_v6 = self.host.addresses.iter().any(IpAddr::is_ipv6);
        match address {
            None if has_v6 => Ok(vec![any_v4, any_v6]),
            None => Ok(vec![any_v4]),
            Some(address) if address == any_v4 || (address == any_v6 && has_v6) => {
                Ok(vec![address])
            }
            Some(address) if address.is_loopback() || self.host.addresses.contains(&address) => {
                Ok(vec![address])
            }
            Some(address) => Err(Error::conflict(format!(
                "cannot publish {mapping}: {address} is not an address of this host; use one that it has, or none for all"
            ))),
        }
    }

    fn pick(
        &mut self,
        addresses: &[IpAddr],
        range: PortRange,
        start: u16,
        never: &[PortRange],
        mapping: &PortMapping,
    ) -> Result<u16> {
        let (first, last) = (range.first(), range.last());
        let start = if range.contains(start) { start } else { first };
        (start..=last)
            .chain(first..start)
            .filter(|port| !never.iter().any(|range| range.contains(*port)))
            .find(|port| {
                self.obstacle(addresses, PortRange::single(*port), mapping.protocol).is_none()
            })
            .ok_or_else(|| {
                let kept = if never.is_empty() { "" } else { " or reserved" };
                Error::conflict(format!(
                    "cannot publish {mapping}: all host ports from {first} to {last} are allocated{kept}; free one or name another"
                ))
            })
    }

    /// What stands in the way of having these ports on all of the addresses: the lowest port that
    /// a container has, else that a process has.
    fn obstacle(
        &mut self,
        addresses: &[IpAddr],
        ports: PortRange,
        protocol: Protocol,
    ) -> Option<Obstacle<'a>> {
        let (taken, own) = (self.taken, &self.own);
        let held = addresses.iter().flat_map(|&address| {
            let by = |table: &TakenPorts<'a>| table.holder(address, ports, protocol);
            let others = by(taken).map(|(port, name)| (port, address, Holder::Container(name)));
            others.into_iter().chain(by(own).map(|(port, _)| (port, address, Holder::Own)))
        });
        let held = held.min_by_key(|(port, _, _)| *port);
        let mut process = || {
            addresses.iter().find_map(|&address| {
                let (port, why) = (self.host.probe)(address, ports, protocol)?;
                Some((port, address, Holder::Process(why)))
            })
        };
        let (port, address, holder) = held.or_else(&mut process)?;
        Some(Obstacle { at: SocketAddr::new(address, port), protocol, holder })
    }

    fn take(
        &mut self,
        addresses: &[IpAddr],
        runs: &[(PortRange, u16)],
        protocol: Protocol,
    ) -> Vec<Published> {
        let all = addresses.iter().flat_map(|a| runs.iter().map(|run| one(*a, *run, protocol)));
        let all: Vec<Published> = all.collect();
        all.iter().for_each(|published| self.own.insert(published, ""));
        all
    }
}

fn one(address: IpAddr, (host, container): (PortRange, u16), protocol: Protocol) -> Published {
    Published { address, host, container, protocol }
}

impl From<Obstacle<'_>> for Error {
    fn from(Obstacle { at, protocol, holder }: Obstacle<'_>) -> Self {
        Self::conflict(match holder {
            Holder::Container(name) => format!(
                "Bind for {at} failed: port is already allocated to container {name}; use another port or remove that container"
            ),
            Holder::Own => format!(
                "Bind for {at} failed: port is already allocated by another publish spec of the same container"
            ),
            Holder::Process(why) => format!("failed to bind host port {at}/{protocol}: {why}"),
        })
    }
}

/// How many host ports beyond the needed ones a mapping has to choose from.
fn freedom(mapping: &PortMapping) -> u16 {
    mapping.host.map_or(u16::MAX, |host| host.more() - mapping.container.more())
}

#[cfg(test)]
mod tests;

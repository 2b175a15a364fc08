//! Which host ports a container's publish specs get: all of them or none.

use super::{PortMapping, Published};
use crate::error::{Error, Result};
use crate::state::Protocol;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// Tells whether a host port is free of host processes; the reason where it is not, such as
/// `address already in use`.
pub type Probe<'a> = dyn FnMut(IpAddr, u16, Protocol) -> std::result::Result<(), String> + 'a;

/// Host ports that containers hold, with the names of their holders.
#[derive(Clone, Debug, Default)]
pub struct TakenPorts<'a>(BTreeMap<(u16, Protocol), Vec<(IpAddr, &'a str)>>);

/// What one container wants published.
#[derive(Clone, Copy, Debug, Default)]
pub struct PortRequest<'a> {
    /// Its publish specs.
    pub mappings: &'a [PortMapping],
    /// With `-P`, what it exposes: published on picked ports where no spec names the port.
    pub exposed: &'a [(u16, Protocol)],
    /// The host address of specs without one (the network's `host_binding_ipv4`).
    pub host_binding: Option<IpAddr>,
}

/// The host's side of an allocation.
pub struct PortHost<'a> {
    /// The host's addresses, loopback included; IPv6 is used where there is an IPv6 one.
    pub addresses: &'a BTreeSet<IpAddr>,
    /// First and last port to pick from.
    pub ephemeral: (u16, u16),
    /// Where picking goes on; moved only by an allocation that succeeds.
    pub cursor: &'a mut u16,
    /// Asks the kernel about a port that no container holds.
    pub probe: &'a mut Probe<'a>,
}

/// Finds the host ports for what `request` wants, beside those that are `taken`.
///
/// A spec without an address gets the same port on 0.0.0.0 and, where the host has IPv6, on [::].
///
/// # Errors
/// `Conflict` where a port is held by another container, by this same request or by a host
/// process, where a range has no free port left, and where an address is not the host's;
/// `Invalid` for SCTP.
pub fn allocate_ports(
    request: &PortRequest<'_>,
    taken: &TakenPorts<'_>,
    host: &mut PortHost<'_>,
) -> Result<Vec<Published>> {
    let mut mappings = request.mappings.to_vec();
    mappings.extend(unmapped(request));
    // Fixed ports go first, so that no picked one can take their place.
    mappings.sort_by_key(freedom);
    let cursor = *host.cursor;
    let mut allocator =
        Allocator { taken, own: TakenPorts::default(), host, cursor, published: Vec::new() };
    for mapping in &mappings {
        allocator.publish(mapping, request.host_binding)?;
    }
    let Allocator { cursor, mut published, .. } = allocator;
    *host.cursor = cursor;
    published.sort();
    Ok(published)
}

impl<'a> TakenPorts<'a> {
    /// Notes that `holder` has this publication.
    pub fn insert(&mut self, published: &Published, holder: &'a str) {
        let ports = self.0.entry((published.host, published.protocol)).or_default();
        ports.push((published.address, holder));
    }

    /// Who holds a publication that excludes this one.
    #[must_use]
    pub fn holder(&self, address: IpAddr, port: u16, protocol: Protocol) -> Option<&'a str> {
        let ports = self.0.get(&(port, protocol))?;
        ports.iter().find(|(held, _)| exclude(*held, address)).map(|(_, holder)| *holder)
    }
}

struct Allocator<'a, 'h> {
    taken: &'a TakenPorts<'a>,
    own: TakenPorts<'static>,
    host: &'a mut PortHost<'h>,
    cursor: u16,
    published: Vec<Published>,
}

impl Allocator<'_, '_> {
    fn publish(&mut self, mapping: &PortMapping, host_binding: Option<IpAddr>) -> Result<()> {
        if mapping.protocol == Protocol::Sctp {
            return Err(Error::invalid(format!(
                "cannot publish {mapping}: sctp ports can't be published by this version"
            )));
        }
        let addresses = self.addresses(mapping, mapping.address.or(host_binding))?;
        let containers = mapping.container.0..=mapping.container.1;
        match mapping.host {
            Some(range) if range.1 - range.0 == mapping.container.1 - mapping.container.0 => {
                for (host, container) in (range.0..=range.1).zip(containers) {
                    self.check(&addresses, host, mapping.protocol)?;
                    self.take(&addresses, host, container, mapping.protocol);
                }
            }
            Some(range) => {
                let host = self.pick(&addresses, range, range.0, mapping)?;
                self.take(&addresses, host, mapping.container.0, mapping.protocol);
            }
            None => {
                for container in containers {
                    let range = self.host.ephemeral;
                    let host = self.pick(&addresses, range, self.cursor, mapping)?;
                    self.cursor = if host == range.1 { range.0 } else { host + 1 };
                    self.take(&addresses, host, container, mapping.protocol);
                }
            }
        }
        Ok(())
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
        (first, last): (u16, u16),
        start: u16,
        mapping: &PortMapping,
    ) -> Result<u16> {
        let start = if (first..=last).contains(&start) { start } else { first };
        (start..=last)
            .chain(first..start)
            .find(|port| self.check(addresses, *port, mapping.protocol).is_ok())
            .ok_or_else(|| {
                Error::conflict(format!(
                    "cannot publish {mapping}: all host ports from {first} to {last} are allocated; free one or name another"
                ))
            })
    }

    /// An error unless the port is free on every one of the addresses.
    fn check(&mut self, addresses: &[IpAddr], port: u16, protocol: Protocol) -> Result<()> {
        for &address in addresses {
            let at = SocketAddr::new(address, port);
            if let Some(holder) = self.taken.holder(address, port, protocol) {
                return Err(Error::conflict(format!(
                    "Bind for {at} failed: port is already allocated to container {holder}; use another port or remove that container"
                )));
            }
            if self.own.holder(address, port, protocol).is_some() {
                return Err(Error::conflict(format!(
                    "Bind for {at} failed: port is already allocated by another publish spec of the same container"
                )));
            }
        }
        for &address in addresses {
            (self.host.probe)(address, port, protocol).map_err(|why| {
                let at = SocketAddr::new(address, port);
                Error::conflict(format!("failed to bind host port {at}/{protocol}: {why}"))
            })?;
        }
        Ok(())
    }

    fn take(&mut self, addresses: &[IpAddr], host: u16, container: u16, protocol: Protocol) {
        for &address in addresses {
            let published = Published { address, host, container, protocol };
            self.own.insert(&published, "");
            self.published.push(published);
        }
    }
}

/// A mapping for each exposed port that no publish spec names.
fn unmapped<'a>(request: &PortRequest<'a>) -> impl Iterator<Item = PortMapping> + use<'a> {
    let mappings = request.mappings;
    let named = move |port: u16, protocol: Protocol| {
        mappings
            .iter()
            .any(|m| m.protocol == protocol && (m.container.0..=m.container.1).contains(&port))
    };
    let exposed: BTreeSet<_> = request.exposed.iter().copied().collect();
    exposed.into_iter().filter(move |(port, protocol)| !named(*port, *protocol)).map(
        |(port, protocol)| PortMapping {
            address: None,
            host: None,
            container: (port, port),
            protocol,
        },
    )
}

/// How many host ports beyond the needed ones a mapping has to choose from.
fn freedom(mapping: &PortMapping) -> u16 {
    let needed = mapping.container.1 - mapping.container.0;
    mapping.host.map_or(u16::MAX, |(first, last)| last - first - needed)
}

/// Two addresses can't both have the same port: they are equal, or one stands for all of a family.
fn exclude(a: IpAddr, b: IpAddr) -> bool {
    a.is_ipv4() == b.is_ipv4() && (a == b || a.is_unspecified() || b.is_unspecified())
}

#[cfg(test)]
mod tests;

//! Address pools of a network: subnet, gateway, range for dynamic addresses, reservations.

use crate::api::protocol::NetworkCreate;
use crate::error::{Error, Result};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr};

/// The addresses of one family on one network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// The subnet, without host bits.
    pub subnet: IpNet,
    /// The gateway's address, inside the subnet.
    pub gateway: IpAddr,
    /// Where dynamic addresses come from; the whole subnet where none.
    pub range: Option<IpNet>,
    /// Addresses that are never given out, by name.
    pub auxiliary: BTreeMap<String, IpAddr>,
}

impl Pool {
    /// The pool of a subnet of which nothing else is said.
    ///
    /// # Errors
    /// `Invalid` where the subnet has no room.
    pub fn of_subnet(subnet: IpNet) -> Result<Self> {
        Parts::default().into_pool(subnet)
    }

    /// Why an address is never given to a container: it is the network's, the broadcast or the
    /// gateway's address, or reserved by name.
    #[must_use]
    pub fn reservation(&self, address: IpAddr) -> Option<String> {
        if address == self.gateway {
            return Some("the gateway".into());
        }
        let name = self.auxiliary.iter().find(|(_, aux)| **aux == address).map(|(name, _)| name);
        match name {
            Some(name) => Some(format!("reserved as auxiliary address {name:?}")),
            None => special(&self.subnet, address).map(Into::into),
        }
    }
}

/// Reads the pools that a request describes: at most one per family, IPv4 first. Families for
/// which it names no subnet are left to the caller.
///
/// # Errors
/// `Invalid` where a text is no subnet or address, or where they don't fit together.
pub fn parse_pools(request: &NetworkCreate) -> Result<Vec<Pool>> {
    let mut parts: BTreeMap<IpNet, Parts> = BTreeMap::new();
    for text in &request.subnets {
        let subnet = parse_subnet(text)?;
        if let Some(other) = parts.keys().find(|other| same_family(other, &subnet)) {
            return Err(Error::invalid(format!(
                "subnet {subnet} is one too many beside {other}: give one subnet per family"
            )));
        }
        parts.insert(subnet, Parts::default());
    }
    for text in &request.gateways {
        let gateway = parse_address("gateway", text)?;
        let (subnet, part) = holder(&mut parts, "gateway", gateway)?;
        if let Some(first) = part.gateway.replace(gateway) {
            return Err(Error::invalid(format!(
                "subnet {subnet} has two gateways, {first} and {gateway}: give one"
            )));
        }
    }
    for text in &request.ip_ranges {
        let range = parse_cidr("ip-range", text)?;
        let (subnet, part) = holder(&mut parts, "ip-range", range.network())?;
        if range.prefix_len() < subnet.prefix_len() {
            return Err(Error::invalid(format!("ip-range {range} is larger than subnet {subnet}")));
        }
        if let Some(first) = part.range.replace(range) {
            return Err(Error::invalid(format!(
                "subnet {subnet} has two ip-ranges, {first} and {range}: give one"
            )));
        }
    }
    for (name, text) in &request.auxiliary_addresses {
        let what = format!("auxiliary address {name:?}");
        let address = parse_address(&what, text)?;
        holder(&mut parts, &what, address)?.1.auxiliary.insert(name.clone(), address);
    }
    parts.into_iter().map(|(subnet, parts)| parts.into_pool(subnet)).collect()
}

/// Reads a subnet that a network can have.
///
/// # Errors
/// `Invalid` where it is no CIDR, has host bits set, has no room for a gateway and a container,
/// or covers addresses that no network can have.
pub fn parse_subnet(text: &str) -> Result<IpNet> {
    let subnet = parse_cidr("subnet", text)?;
    let most = if subnet.addr().is_ipv4() { MOST_V4 } else { MOST_V6 };
    if subnet.prefix_len() > most {
        return Err(Error::invalid(format!(
            "subnet {subnet} has no room for a gateway and a container: use a prefix of at most /{most}"
        )));
    }
    for (unusable, what) in UNUSABLE {
        if unusable.parse().is_ok_and(|unusable| overlaps(&subnet, &unusable)) {
            return Err(Error::invalid(format!(
                "subnet {subnet} covers {what} ({unusable}); choose another"
            )));
        }
    }
    Ok(subnet)
}

/// Whether two subnets have addresses in common.
#[must_use]
pub fn overlaps(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// What is said of one subnet beside its CIDR.
#[derive(Default)]
struct Parts {
    gateway: Option<IpAddr>,
    range: Option<IpNet>,
    auxiliary: BTreeMap<String, IpAddr>,
}

impl Parts {
    fn into_pool(self, subnet: IpNet) -> Result<Pool> {
        for (name, &address) in &self.auxiliary {
            if let Some(special) = special(&subnet, address) {
                return Err(Error::invalid(format!(
                    "auxiliary address {name:?} {address} is {special} of {subnet}; choose another"
                )));
            }
        }
        let gateway = match self.gateway {
            Some(gateway) => self.check_gateway(&subnet, gateway)?,
            None => self.first_free(&subnet)?,
        };
        Ok(Pool { subnet, gateway, range: self.range, auxiliary: self.auxiliary })
    }

    fn check_gateway(&self, subnet: &IpNet, gateway: IpAddr) -> Result<IpAddr> {
        if let Some(special) = special(subnet, gateway) {
            return Err(Error::invalid(format!(
                "gateway {gateway} is {special} of {subnet}; choose another"
            )));
        }
        match self.auxiliary.iter().find(|(_, aux)| **aux == gateway) {
            Some((name, _)) => Err(Error::invalid(format!(
                "auxiliary address {name:?} {gateway} is the gateway of {subnet}; choose another"
            ))),
            None => Ok(gateway),
        }
    }

    fn first_free(&self, subnet: &IpNet) -> Result<IpAddr> {
        let mut free = subnet.hosts().filter(|a| special(subnet, *a).is_none());
        free.find(|a| !self.auxiliary.values().any(|aux| aux == a)).ok_or_else(|| {
            Error::invalid(format!(
                "subnet {subnet} has no room for a gateway: choose a larger one"
            ))
        })
    }
}

fn parse_cidr(what: &str, text: &str) -> Result<IpNet> {
    let net: IpNet = text.parse().map_err(|_| {
        Error::invalid(format!(
            "invalid {what} {text:?}: write ADDRESS/PREFIX, such as 10.1.0.0/16 or fd00:1::/64"
        ))
    })?;
    if net.addr() != net.network() {
        return Err(Error::invalid(format!("invalid {what} {net}: it should be {}", net.trunc())));
    }
    Ok(net)
}

fn parse_address(what: &str, text: &str) -> Result<IpAddr> {
    text.parse()
        .map_err(|_| Error::invalid(format!("invalid {what} {text:?}: it is not an IP address")))
}

/// The subnet that an address lies in, with what is said of it.
fn holder<'a>(
    parts: &'a mut BTreeMap<IpNet, Parts>,
    what: &str,
    address: IpAddr,
) -> Result<(IpNet, &'a mut Parts)> {
    let subnets: Vec<String> = parts.keys().map(ToString::to_string).collect();
    let found = parts.iter_mut().find(|(subnet, _)| subnet.contains(&address));
    found.map(|(subnet, part)| (*subnet, part)).ok_or_else(|| {
        Error::invalid(if subnets.is_empty() {
            format!("{what} {address} has no subnet to be in: give --subnet as well")
        } else {
            format!("{what} {address} is outside subnet {}", subnets.join(" and "))
        })
    })
}

fn same_family(a: &IpNet, b: &IpNet) -> bool {
    a.addr().is_ipv4() == b.addr().is_ipv4()
}

/// Which of a subnet's two special addresses it is. IPv6 has no broadcast; there, the first one
/// is the routers' anycast address (RFC 4291 2.6.1).
fn special(subnet: &IpNet, address: IpAddr) -> Option<&'static str> {
    if address == subnet.network() {
        return Some("the network address");
    }
    (address.is_ipv4() && address == subnet.broadcast()).then_some("the broadcast address")
}

/// The longest prefixes with room for a gateway and a container.
const MOST_V4: u8 = 30;
const MOST_V6: u8 = 126;

const UNUSABLE: [(&str, &str); 8] = [
    ("0.0.0.0/8", "unspecified addresses"),
    ("127.0.0.0/8", "loopback addresses"),
    ("169.254.0.0/16", "link-local addresses"),
    ("224.0.0.0/4", "multicast addresses"),
    ("240.0.0.0/4", "reserved addresses"),
    ("::/8", "unspecified and loopback addresses"),
    ("fe80::/10", "link-local addresses"),
    ("ff00::/8", "multicast addresses"),
];

#[cfg(test)]
mod tests;

//! Who is asked for: the agent's names, arranged for looking up. Pure.

use super::{
    name::{self, Name},
    protocol::{self, ClientId, Names},
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Everything that can be answered without asking anybody.
#[derive(Debug, Default)]
pub struct Tables {
    networks: Vec<Network>,
    /// Which networks have that name: one, unless the agent is wrong.
    by_name: BTreeMap<Name, Vec<usize>>,
    askers: BTreeMap<ClientId, Asker>,
}

/// A network's names.
#[derive(Debug, Default)]
struct Network {
    /// As it was given, with its case.
    name: Name,
    names: BTreeMap<Name, Addresses>,
    /// The containers' names by address, as they were given.
    owners: BTreeMap<IpAddr, Name>,
}

/// A client, its names resolved to places in the tables.
#[derive(Debug, Default)]
pub struct Asker {
    networks: Vec<usize>,
    links: BTreeMap<Name, Name>,
    hosts: BTreeMap<Name, Addresses>,
    /// Resolvers of its own choice; none means the host's.
    pub resolvers: Vec<IpAddr>,
    outside: bool,
    dotted_only: bool,
}

/// The addresses of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Of IPv4.
    pub ipv4: Vec<Ipv4Addr>,
    /// Of IPv6.
    pub ipv6: Vec<Ipv6Addr>,
}

/// What is known about a name, for one client.
#[derive(Debug)]
pub enum Found<'a> {
    /// Its addresses; a family may be empty.
    Addresses(&'a Addresses),
    /// The name of this machine itself (RFC 6761 6.3).
    Localhost,
    /// The name of an address: the container's, and what stands behind it.
    Pointer(&'a [u8], Vec<u8>),
    /// There is such a name, and it has nothing.
    Nothing,
    /// There is no such name, and nobody else is asked.
    NoSuchName,
    /// Not for this client.
    Refused,
    /// Others are to be asked.
    Elsewhere(&'a Asker),
}

impl Tables {
    /// Arranges names. What can be no name in DNS is left out.
    #[must_use]
    pub fn new(names: &Names) -> Self {
        let mut tables = Self::default();
        let mut places = BTreeMap::new();
        for (identity, zone) in &names.networks {
            let Some(network) = Network::new(zone) else { continue };
            places.insert(identity.as_str(), tables.networks.len());
            let key = network.name.to_ascii_lowercase().into();
            tables.by_name.entry(key).or_insert_with(Vec::new).push(tables.networks.len());
            tables.networks.push(network);
        }
        let asker = |client| Asker::new(client, &places);
        tables.askers = names.clients.iter().map(|(id, client)| (*id, asker(client))).collect();
        tables
    }

    /// What a client is to know about a name, which is in lower case.
    #[must_use]
    pub fn find(&self, client: ClientId, name: &[u8]) -> Found<'_> {
        if client == ClientId::HOST {
            return self.find_for_host(name);
        }
        let Some(asker) = self.askers.get(&client) else { return Found::Refused };
        if name == LOCALHOST || name::before(name, LOCALHOST).is_some() {
            return Found::Localhost;
        }
        if let Some(address) = name::reversed(name) {
            return self.owner(asker, address);
        }
        if let Some(found) = self.own_names(asker, name) {
            return found;
        }
        // The host's resolver may well lead back here, as the host's: it would tell every network's.
        match name::before(name, TOP) {
            Some(name) => self.qualified(asker, name).map_or(Found::NoSuchName, Found::Addresses),
            None if name == TOP => Found::NoSuchName,
            None => Found::Elsewhere(asker),
        }
    }

    /// Whose resolvers a client has.
    #[must_use]
    pub fn asker(&self, client: ClientId) -> Option<&Asker> {
        self.askers.get(&client)
    }

    /// Links, then hosts, then what is on the networks.
    fn own_names<'a>(&'a self, asker: &'a Asker, name: &[u8]) -> Option<Found<'a>> {
        if let Some(target) = asker.links.get(name) {
            let found = self.on_networks(asker, target);
            return Some(found.map_or(Found::Nothing, Found::Addresses));
        }
        let found = asker.hosts.get(name).or_else(|| self.on_networks(asker, name));
        found.map(Found::Addresses)
    }

    /// The whole name on any of the networks, then its beginnings on the network that the rest names.
    fn on_networks(&self, asker: &Asker, name: &[u8]) -> Option<&Addresses> {
        let whole = asker.networks.iter().find_map(|at| self.networks.get(*at)?.names.get(name));
        whole.or_else(|| self.qualified(asker, name))
    }

    fn qualified(&self, asker: &Asker, name: &[u8]) -> Option<&Addresses> {
        name::splits(name).find_map(|(host, network)| {
            let places = self.by_name.get(network)?.iter();
            let mut own = places.filter(|at| asker.networks.contains(at));
            own.find_map(|at| self.addresses(*at, asker, host))
        })
    }

    fn addresses(&self, at: usize, asker: &Asker, host: &[u8]) -> Option<&Addresses> {
        let names = &self.networks.get(at)?.names;
        let linked = asker.links.get(host).and_then(|target| names.get(target));
        linked.or_else(|| names.get(host))
    }

    fn owner<'a>(&'a self, asker: &'a Asker, address: IpAddr) -> Found<'a> {
        if address.is_loopback() {
            return Found::Pointer(LOCALHOST, Vec::new());
        }
        let own = asker.networks.iter().filter_map(|at| self.networks.get(*at));
        for network in own {
            if let Some(name) = network.owners.get(&address) {
                return Found::Pointer(name, network.name.to_vec());
            }
        }
        let others = self.networks.iter().any(|network| network.owners.contains_key(&address));
        if others { Found::NoSuchName } else { Found::Elsewhere(asker) }
    }

    /// `NAME.NETWORK.netd` and its reverse.
    fn find_for_host(&self, name: &[u8]) -> Found<'_> {
        if let Some(address) = name::reversed(name) {
            let owner = |network: &&Network| network.owners.contains_key(&address);
            let Some(network) = self.networks.iter().find(owner) else { return Found::Refused };
            let Some(name) = network.owners.get(&address) else { return Found::Refused };
            return Found::Pointer(name, [&network.name, TOP].concat());
        }
        let Some(name) = name::before(name, TOP) else {
            return if name == TOP { Found::Nothing } else { Found::Refused };
        };
        let found = name::splits(name).find_map(|(host, network)| {
            let places = self.by_name.get(network)?.iter();
            places.filter_map(|at| self.networks.get(*at)?.names.get(host)).next()
        });
        match found {
            Some(addresses) => Found::Addresses(addresses),
            None if self.by_name.contains_key(name) => Found::Nothing,
            None => Found::NoSuchName,
        }
    }
}

impl Network {
    fn new(zone: &protocol::Zone) -> Option<Self> {
        let mut network = Self { name: name::wire(&zone.name)?, ..Self::default() };
        for endpoint in &zone.endpoints {
            for name in endpoint.names.iter().filter_map(|name| name::key(name)) {
                network.names.entry(name).or_default().add(endpoint);
            }
            let own_name = endpoint.names.first().and_then(|name| name::wire(name));
            let own_name = own_name.filter(|name| name.len() + network.name.len() < ROOM);
            let addresses = [endpoint.ipv4.map(IpAddr::V4), endpoint.ipv6.map(IpAddr::V6)];
            for (address, name) in addresses.into_iter().flatten().zip(own_name.iter().cycle()) {
                network.owners.insert(address, name.clone());
            }
        }
        Some(network)
    }
}

impl Asker {
    fn new(client: &protocol::Client, places: &BTreeMap<&str, usize>) -> Self {
        let networks = client.networks.iter().filter_map(|id| places.get(id.as_str()).copied());
        let links = client.links.iter();
        let hosts = client.hosts.iter();
        Self {
            networks: networks.collect(),
            links: links.filter_map(|(a, t)| Some((name::key(a)?, name::key(t)?))).collect(),
            hosts: hosts.filter_map(|(h, all)| Some((name::key(h)?, all.into()))).collect(),
            resolvers: client.resolvers.clone(),
            outside: client.outside,
            dotted_only: client.dotted_only,
        }
    }

    /// Nobody outside may be asked for this client.
    #[must_use]
    pub fn confined(&self) -> bool {
        !self.outside
    }

    /// Names without a dot stay here.
    #[must_use]
    pub fn keeps(&self, name: &[u8]) -> bool {
        self.dotted_only && name::labels(name).count() == 1
    }
}

impl Addresses {
    /// Each address once, also where an endpoint has a name twice.
    fn add(&mut self, endpoint: &protocol::Endpoint) {
        let ipv4 = endpoint.ipv4.filter(|address| !self.ipv4.contains(address));
        let ipv6 = endpoint.ipv6.filter(|address| !self.ipv6.contains(address));
        self.ipv4.extend(ipv4);
        self.ipv6.extend(ipv6);
    }
}

impl From<&Vec<IpAddr>> for Addresses {
    fn from(all: &Vec<IpAddr>) -> Self {
        let mut addresses = Self::default();
        for address in all {
            match address {
                IpAddr::V4(v4) => addresses.ipv4.push(*v4),
                IpAddr::V6(v6) => addresses.ipv6.push(*v6),
            }
        }
        addresses
    }
}

const LOCALHOST: &[u8] = b"\x09localhost";
/// What ends the names that the host asks for.
const TOP: &[u8] = b"\x04netd";
/// Two names fit into one with what stands behind them.
const ROOM: usize = name::LONGEST - TOP.len();

#[cfg(test)]
mod tests;

//! The world that the case table plays in: five networks, seven containers, one uplink. As tables
//! in memory it answers the packet logic; `kernel` builds the same one from maps and devices.

use netd_common::{
    abi::{
        DEVICE_IPV6, DEVICE_NO_ICC, Device, Endpoint, EndpointKey, Flow, FlowKey, NETWORK_INTERNAL,
        NETWORK_MASQUERADE, NETWORK_NO_ICC, Network, OwnedKey, Published, PublishedKey, Uplink,
    },
    address::Address,
    conntrack::State,
    tables::{Opened, Route, RouteQuery, Tables},
    verdict::Hop,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// Interface index of the uplink.
pub const UPLINK: u32 = 120;
/// Its IPv4 and IPv6 address.
pub const HOST4: &str = "198.51.100.2";
/// Its IPv6 address.
pub const HOST6: &str = "2001:db8:1::2";
/// The routers behind it.
pub const ROUTERS: (&str, &str) = ("198.51.100.1", "2001:db8:1::1");
/// What the kernel has no route to.
pub const UNREACHABLE: (&str, &str) = ("192.0.2.66", "2001:db8:66::66");
/// Ethernet address of the uplink's router.
pub const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 0xee, 1];
/// Ethernet address of the uplink.
pub const UPLINK_MAC: [u8; 6] = [2, 0, 0, 0, 0xee, 2];

/// A container of the table's world.
#[derive(Clone, Copy, Debug)]
pub struct Container {
    /// Its network's number.
    pub network: u32,
    /// Its last address byte.
    pub host: u8,
    /// Its number and, plus 110, its interface index.
    pub number: u32,
}

/// Two containers of network 1.
pub const A: Container = Container { network: 1, host: 2, number: 1 };
/// The other one.
pub const B: Container = Container { network: 1, host: 3, number: 2 };
/// A container of network 2.
pub const C: Container = Container { network: 2, host: 2, number: 3 };
/// Two containers of network 3, which has icc=false.
pub const D: Container = Container { network: 3, host: 2, number: 4 };
/// The other one.
pub const E: Container = Container { network: 3, host: 3, number: 5 };
/// A container of network 4, which is internal.
pub const F: Container = Container { network: 4, host: 2, number: 6 };
/// A container of network 5, which has no IPv6 and does not masquerade.
pub const G: Container = Container { network: 5, host: 2, number: 7 };
/// All of them.
pub const ALL: [Container; 7] = [A, B, C, D, E, F, G];

impl Container {
    /// Interface index of its host-side veth.
    #[must_use]
    pub fn ifindex(self) -> u32 {
        110 + self.number
    }
    /// Its IPv4 address.
    #[must_use]
    pub fn v4(self) -> IpAddr {
        format!("172.{}.0.{}", 17 + self.network, self.host).parse().unwrap()
    }
    /// Its IPv6 address.
    #[must_use]
    pub fn v6(self) -> IpAddr {
        format!("fd00:{}::{}", self.network, self.host).parse().unwrap()
    }
    /// Its link-local address.
    #[must_use]
    pub fn link_local(self) -> IpAddr {
        format!("fe80::{}:{}", self.network, self.host).parse().unwrap()
    }
    /// Its Ethernet address.
    #[must_use]
    pub fn mac(self) -> [u8; 6] {
        [2, 0, 0, 0, self.network as u8, self.host]
    }
    /// Its gateway's Ethernet address.
    #[must_use]
    pub fn gateway_mac(self) -> [u8; 6] {
        gateway_mac(self.network)
    }
    /// Its gateway's IPv4 address.
    #[must_use]
    pub fn gateway4(self) -> IpAddr {
        format!("172.{}.0.1", 17 + self.network).parse().unwrap()
    }
    /// Its gateway's IPv6 address.
    #[must_use]
    pub fn gateway6(self) -> IpAddr {
        format!("fd00:{}::1", self.network).parse().unwrap()
    }
    /// Its network has IPv6.
    #[must_use]
    pub fn has_v6(self) -> bool {
        self.network != 5
    }
    /// Its generation slot.
    #[must_use]
    pub fn slot(self) -> u32 {
        self.number
    }
}

fn gateway_mac(network: u32) -> [u8; 6] {
    [2, 0, 0, 0, network as u8, 1]
}

/// Interface index of a network's bridge.
#[must_use]
pub fn bridge(network: u32) -> u32 {
    100 + network
}

/// The tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// Nanoseconds of the clock.
    pub now: u64,
    /// Host-side veths.
    pub devices: BTreeMap<u32, Device>,
    /// Addresses on networks.
    pub endpoints: BTreeMap<(u32, Address), Endpoint>,
    /// Addresses of containers.
    pub owned: BTreeSet<(u32, Address)>,
    /// Networks.
    pub networks: BTreeMap<u32, Network>,
    /// Prefix length (of 128), prefix, network.
    pub subnets: BTreeMap<(u32, Address), u32>,
    /// Host addresses.
    pub locals: BTreeSet<Address>,
    /// Uplinks.
    pub uplinks: BTreeMap<u32, Uplink>,
    /// Published ports.
    pub published: BTreeMap<PublishedKey, Published>,
    /// Generations that are not 0.
    pub generations: BTreeMap<u32, u32>,
    /// Flows with a reply.
    pub flows: BTreeMap<FlowKey, Flow>,
    /// Flows without.
    pub unreplied: BTreeMap<FlowKey, Flow>,
}

/// An address from text.
#[must_use]
pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

impl World {
    /// The world as every case finds it.
    #[must_use]
    pub fn standard() -> Self {
        let mut world = Self { now: 1_000_000_000_000, ..Self::default() };
        for number in 1..=5 {
            world.add_network(number);
        }
        for container in ALL {
            world.add_container(container);
        }
        world.locals.extend([ip(HOST4), ip(HOST6), ip("127.0.0.1"), ip("::1")].map(Address::from));
        let uplink = Uplink { ipv4: ip(HOST4).into(), ipv6: ip(HOST6).into(), header: 14 };
        world.uplinks.insert(UPLINK, uplink);
        world
    }

    fn add_network(&mut self, number: u32) {
        let some = Container { network: number, host: 1, number: 0 };
        let none = Address::UNSPECIFIED;
        let flags = match number {
            3 => NETWORK_MASQUERADE | NETWORK_NO_ICC,
            4 => NETWORK_MASQUERADE | NETWORK_INTERNAL,
            5 => 0,
            _ => NETWORK_MASQUERADE,
        };
        let v6 = some.has_v6();
        let network = Network {
            bridge: bridge(number),
            flags,
            gateway4: some.gateway4().into(),
            gateway6: if v6 { some.gateway6().into() } else { none },
            link_local: if v6 { some.link_local().into() } else { none },
            mac: gateway_mac(number),
            mtu: 1500,
        };
        self.locals.insert(network.gateway4);
        self.subnets.insert((112, ip(&format!("172.{}.0.0", 17 + number)).into()), number);
        if v6 {
            self.locals.insert(network.gateway6);
            self.subnets.insert((64, ip(&format!("fd00:{number}::")).into()), number);
        }
        self.networks.insert(number, network);
    }

    fn add_container(&mut self, container: Container) {
        let (v4, v6) = (container.v4().into(), Address::from(container.v6()));
        let icc_off = if container.network == 3 { DEVICE_NO_ICC } else { 0 };
        let ipv6 = if container.has_v6() { DEVICE_IPV6 } else { 0 };
        let device = Device {
            network: container.network,
            container: container.number,
            slot: container.slot(),
            flags: icc_off | ipv6,
            ipv4: v4,
            ipv6: if container.has_v6() { v6 } else { Address::UNSPECIFIED },
            mac: container.mac(),
            pad: [0; 2],
        };
        let endpoint = Endpoint {
            ifindex: container.ifindex(),
            container: container.number,
            slot: container.slot(),
            mac: container.mac(),
            pad: [0; 2],
        };
        let mut addresses = vec![v4];
        if container.has_v6() {
            addresses.extend([v6, container.link_local().into()]);
        }
        for address in addresses {
            self.endpoints.insert((container.network, address), endpoint);
            self.owned.insert((container.number, address));
        }
        self.devices.insert(container.ifindex(), device);
    }
}

impl Tables for World {
    fn now(&self) -> u64 {
        self.now
    }
    fn device(&self, ifindex: u32) -> Option<&Device> {
        self.devices.get(&ifindex)
    }
    fn endpoint(&self, key: &EndpointKey) -> Option<&Endpoint> {
        self.endpoints.get(&(key.network, key.address))
    }
    fn owns(&self, key: &OwnedKey) -> bool {
        self.owned.contains(&(key.container, key.address))
    }
    fn network(&self, number: u32) -> Option<&Network> {
        self.networks.get(&number)
    }
    fn subnet(&self, address: &Address) -> Option<u32> {
        let value = u128::from_be_bytes(address.v6_bytes());
        let holds = |length: u32, prefix: &Address| {
            let shift = 128 - length;
            (value ^ u128::from_be_bytes(prefix.v6_bytes())).checked_shr(shift).unwrap_or(0) == 0
        };
        let mut best = None;
        for ((length, prefix), number) in &self.subnets {
            if holds(*length, prefix) {
                best = Some(*number);
            }
        }
        best
    }
    fn is_local(&self, address: &Address) -> bool {
        self.locals.contains(address)
    }
    fn uplink(&self, ifindex: u32) -> Option<&Uplink> {
        self.uplinks.get(&ifindex)
    }
    fn published(&self, key: &PublishedKey) -> Option<&Published> {
        self.published.get(key)
    }
    fn generation(&self, slot: u32) -> u32 {
        self.generations.get(&slot).copied().unwrap_or(0)
    }
    fn route(&self, query: &RouteQuery) -> Route {
        let to = query.destination;
        let is = |text: &str| to == Address::from(ip(text));
        if is(UNREACHABLE.0) || is(UNREACHABLE.1) || is(HOST4) || is(HOST6) {
            return Route::Stack;
        }
        let on_link = match IpAddr::from(to) {
            IpAddr::V4(a) => a.octets()[..3] == [198, 51, 100],
            IpAddr::V6(a) => a.segments()[..4] == [0x2001, 0xdb8, 1, 0],
        };
        let router = if to.is_v4() { ROUTERS.0 } else { ROUTERS.1 };
        let next = if on_link { to } else { ip(router).into() };
        Route::Via(Hop { ifindex: UPLINK, next })
    }
    fn flow(&self, key: &FlowKey) -> Option<&Flow> {
        self.flows.get(key).or_else(|| self.unreplied.get(key))
    }
    fn open(&mut self, key: &FlowKey, flow: &Flow) -> Opened {
        if self.unreplied.contains_key(key) {
            return Opened::Exists;
        }
        self.unreplied.insert(*key, *flow);
        Opened::New
    }
    fn refresh(&mut self, key: &FlowKey, last_seen: u64, state: State) {
        let place = match self.flows.get_mut(key) {
            Some(place) => Some(place),
            None => self.unreplied.get_mut(key),
        };
        if let Some(place) = place {
            place.last_seen = last_seen;
            place.state = state as u8;
        }
    }
    fn establish(&mut self, key: &FlowKey, last_seen: u64, state: State) {
        if let Some(flow) = self.unreplied.remove(key) {
            self.flows.insert(*key, Flow { last_seen, state: state as u8, ..flow });
        }
    }
    fn close(&mut self, key: &FlowKey) {
        if self.flows.remove(key).is_none() {
            self.unreplied.remove(key);
        }
    }
}

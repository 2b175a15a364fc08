//! The world that the case table plays in: five networks, seven containers, one uplink. As tables
//! in memory it answers the packet logic; `kernel` builds the same one from maps and devices.

mod containers;
mod tables;

pub use containers::{A, ALL, B, C, Container, D, E, F, G};

use containers::gateway_mac;
use netd_common::{
    abi::{
        Config, DEVICE_IPV6, DEVICE_NO_ICC, Device, Endpoint, Flow, FlowKey, FragmentEntry,
        FragmentKey, NETWORK_INTERNAL, NETWORK_MASQUERADE, NETWORK_NO_ICC, Network, PORT_ADDRESS,
        PORT_ANY, PORT_INNER, PORT_RANGE_ADDRESS, PORT_RANGE_ANY, Published, PublishedKey, Uplink,
        Usage,
    },
    address::Address,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// Interface index of the uplink.
pub const UPLINK: u32 = 120;
/// Largest packet that it takes, in bytes.
pub const UPLINK_MTU: u16 = 1_500;
/// Its IPv4 and IPv6 address.
pub const HOST4: &str = "198.51.100.2";
/// Its IPv6 address.
pub const HOST6: &str = "2001:db8:1::2";
/// The routers behind it.
pub const ROUTERS: (&str, &str) = ("198.51.100.1", "2001:db8:1::1");
/// What the kernel has no route to.
pub const UNREACHABLE: (&str, &str) = ("192.0.2.66", "2001:db8:66::66");
/// Everybody on the uplink's link.
pub const BROADCAST: &str = "198.51.100.255";
/// Ethernet address of the uplink's router.
pub const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 0xee, 1];
/// Ethernet address of the uplink.
pub const UPLINK_MAC: [u8; 6] = [2, 0, 0, 0, 0xee, 2];

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
    /// Flows without, of networks that open too many.
    pub crowded: BTreeMap<FlowKey, Flow>,
    /// What all programs know.
    pub config: Config,
    /// Published ranges: address, protocol, first and last port.
    pub ranges: BTreeMap<(Address, u8, u16, u16), Published>,
    /// Clients: list, prefix length (of 128), prefix.
    pub clients: BTreeSet<(u32, u32, Address)>,
    /// Sources by route: uplink, prefix length (of 128), prefix.
    pub sources: BTreeMap<(u32, u32, Address), Address>,
    /// Sockets of the host's: address, port, protocol.
    pub sockets: BTreeSet<(Address, [u8; 2], u8)>,
    /// What networks have in the flow tables.
    pub usage: BTreeMap<u32, Usage>,
    /// Containers that others came to by a published port.
    pub hairpins: BTreeSet<u32>,
    /// Fragmented datagrams.
    pub fragments: BTreeMap<FragmentKey, FragmentEntry>,
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
        let (ipv4, ipv6) = (ip(HOST4).into(), ip(HOST6).into());
        let uplink = Uplink { ipv4, ipv6, header: 14, flags: 0, mtu: 1500 };
        world.uplinks.insert(UPLINK, uplink);
        world.config =
            Config { unreplied_share: 16_384, established_share: 65_536, ..Config::default() };
        world
    }

    /// Sets the clock, so that everything is as old as before; at most as old as the clock.
    pub fn move_to(&mut self, now: u64) {
        let before = std::mem::replace(&mut self.now, now);
        let moved = |time: u64| now.saturating_sub(before.saturating_sub(time));
        for table in [&mut self.flows, &mut self.unreplied, &mut self.crowded] {
            table.values_mut().for_each(|flow| flow.last_seen = moved(flow.last_seen));
        }
        self.fragments.values_mut().for_each(|entry| entry.seen = moved(entry.seen));
        self.usage.values_mut().for_each(|usage| usage.window = moved(usage.window));
    }

    /// What is published at a port, as the agent would tell the programs.
    pub(crate) fn kinds(&self, v4: bool, protocol: u8, port: [u8; 2]) -> u8 {
        let number = u16::from_be_bytes(port);
        let kind = |address: &Address, any, some| if address.is_unspecified() { any } else { some };
        let mut kinds = 0;
        for (key, published) in &self.published {
            if key.protocol == protocol && key.address.is_v4() == v4 && key.port == port {
                kinds |= kind(&key.address, PORT_ANY, PORT_ADDRESS);
            }
            let inner = published.address.is_v4() == v4 && published.port == port;
            kinds |= if key.protocol == protocol && inner { PORT_INNER } else { 0 };
        }
        for ((address, own, first, last), published) in &self.ranges {
            if *own != protocol {
                continue;
            }
            if address.is_v4() == v4 && (*first..=*last).contains(&number) {
                kinds |= kind(address, PORT_RANGE_ANY, PORT_RANGE_ADDRESS);
            }
            let inner = u16::from_be_bytes(published.port);
            if published.address.is_v4() == v4 && (inner..=inner + (last - first)).contains(&number)
            {
                kinds |= PORT_INNER;
            }
        }
        kinds
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
            ..Network::default()
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

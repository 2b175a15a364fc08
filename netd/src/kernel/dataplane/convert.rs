//! Between the planner's words and the maps' bytes.

use crate::spec::name::{InterfaceName, Mac};
use crate::state::{DeviceEntry, Mss, NetworkEntry};
use ipnet::IpNet;
use netd_common::{
    abi::{
        self, DEVICE_IPV6, DEVICE_NO_ICC, MSS_OF_ROUTE, NETWORK_ENDPOINT_INDEPENDENT,
        NETWORK_INTERNAL, NETWORK_MASQUERADE, NETWORK_NO_ICC,
    },
    address::Address,
};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The name that an index without a device goes by: `#17`.
pub(super) fn nameless(index: u32) -> Option<InterfaceName> {
    format!("#{index}").parse().ok()
}

pub(super) fn network(entry: &NetworkEntry, bridge: u32) -> abi::Network {
    let gateway = |which: fn(&Address) -> bool| {
        let addresses = entry.gateways.iter().map(|a| Address::from(*a));
        addresses.into_iter().find(which).unwrap_or(Address::UNSPECIFIED)
    };
    let flag = |set: bool, bit: u32| if set { bit } else { 0 };
    abi::Network {
        bridge,
        flags: flag(entry.internal, NETWORK_INTERNAL)
            | flag(entry.masquerade, NETWORK_MASQUERADE)
            | flag(!entry.icc, NETWORK_NO_ICC)
            | flag(entry.endpoint_independent, NETWORK_ENDPOINT_INDEPENDENT),
        gateway4: gateway(Address::is_v4),
        gateway6: gateway(|a| !a.is_v4() && !a.is_link_local_v6()),
        link_local: gateway(Address::is_link_local_v6),
        mac: entry.mac.0,
        mtu: u16::try_from(entry.mtu).unwrap_or(u16::MAX),
        host4: entry.host_ipv4.map_or(Address::UNSPECIFIED, Address::from),
        host6: entry.host_ipv6.map_or(Address::UNSPECIFIED, Address::from),
        mss: match entry.mss {
            Mss::Unchanged => 0,
            Mss::Clamp => MSS_OF_ROUTE,
            Mss::AtMost(bytes) => bytes.into(),
        },
    }
}

pub(super) fn network_entry(
    value: &abi::Network,
    bridge: InterfaceName,
    subnets: BTreeSet<IpNet>,
) -> NetworkEntry {
    let gateways = [value.gateway4, value.gateway6, value.link_local];
    NetworkEntry {
        bridge,
        mac: Mac(value.mac),
        gateways: gateways.into_iter().filter(|a| !a.is_unspecified()).map(IpAddr::from).collect(),
        subnets,
        mtu: value.mtu.into(),
        internal: value.flags & NETWORK_INTERNAL != 0,
        icc: value.flags & NETWORK_NO_ICC == 0,
        masquerade: value.flags & NETWORK_MASQUERADE != 0,
        host_ipv4: ipv4(value.host4),
        host_ipv6: ipv6(value.host6),
        endpoint_independent: value.flags & NETWORK_ENDPOINT_INDEPENDENT != 0,
        mss: match value.mss {
            0 => Mss::Unchanged,
            MSS_OF_ROUTE => Mss::Clamp,
            bytes => Mss::AtMost(u16::try_from(bytes).unwrap_or(u16::MAX)),
        },
    }
}

/// A device's record; the network's switches are copied into it, so that the fast path needs no
/// second look-up.
pub(super) fn device(entry: &DeviceEntry, network: &abi::Network, slot: u32) -> abi::Device {
    let address = |which: fn(&Address) -> bool| {
        let addresses = entry.addresses.iter().map(|a| Address::from(*a));
        addresses.into_iter().find(which).unwrap_or(Address::UNSPECIFIED)
    };
    let ipv6 = !network.gateway6.is_unspecified() || !network.link_local.is_unspecified();
    let icc_off = network.flags & NETWORK_NO_ICC != 0;
    abi::Device {
        network: entry.network,
        container: entry.container,
        slot,
        flags: if ipv6 { DEVICE_IPV6 } else { 0 } | if icc_off { DEVICE_NO_ICC } else { 0 },
        ipv4: address(Address::is_v4),
        ipv6: address(|a| !a.is_v4() && !a.is_link_local_v6()),
        mac: entry.mac.0,
        pad: [0; 2],
    }
}

fn ipv4(address: Address) -> Option<Ipv4Addr> {
    (!address.is_unspecified()).then(|| Ipv4Addr::from(address.v4_bytes()))
}

fn ipv6(address: Address) -> Option<Ipv6Addr> {
    (!address.is_unspecified()).then(|| Ipv6Addr::from(address.v6_bytes()))
}

/// A subnet as a prefix of the one address form.
pub(super) fn prefix(subnet: &IpNet) -> (u32, Address) {
    match subnet {
        IpNet::V4(net) => (96 + u32::from(net.prefix_len()), net.network().into()),
        IpNet::V6(net) => (net.prefix_len().into(), net.network().into()),
    }
}

/// None for a prefix that netd never wrote.
pub(super) fn subnet(length: u32, address: Address) -> Option<IpNet> {
    let address = IpAddr::from(address);
    let length = if address.is_ipv4() { length.checked_sub(96)? } else { length };
    IpNet::new(address, u8::try_from(length).ok()?).ok()
}

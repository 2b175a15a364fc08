//! Between the planner's words and the maps' bytes.

use crate::spec::name::{InterfaceName, Mac};
use crate::state::{DeviceEntry, NetworkEntry, Protocol, PublishedEntry, PublishedKey};
use ipnet::IpNet;
use netd_common::{
    abi::{self, DEVICE_IPV6, DEVICE_NO_ICC, NETWORK_INTERNAL, NETWORK_MASQUERADE, NETWORK_NO_ICC},
    address::Address,
};
use std::{collections::BTreeSet, net::IpAddr};

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
            | flag(!entry.icc, NETWORK_NO_ICC),
        gateway4: gateway(Address::is_v4),
        gateway6: gateway(|a| !a.is_v4() && !a.is_link_local_v6()),
        link_local: gateway(Address::is_link_local_v6),
        mac: entry.mac.0,
        mtu: u16::try_from(entry.mtu).unwrap_or(u16::MAX),
        host4: Address::UNSPECIFIED,
        host6: Address::UNSPECIFIED,
        mss: 0,
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

pub(super) fn published_key(key: &PublishedKey) -> abi::PublishedKey {
    abi::PublishedKey {
        address: key.address.into(),
        port: key.port.to_be_bytes(),
        protocol: key.protocol.number(),
        pad: 0,
        rest: 0,
    }
}

/// None for a protocol that netd never wrote.
pub(super) fn published_key_back(key: &abi::PublishedKey) -> Option<PublishedKey> {
    let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
    let protocol = all.into_iter().find(|p| p.number() == key.protocol)?;
    Some(PublishedKey { address: key.address.into(), port: u16::from_be_bytes(key.port), protocol })
}

pub(super) fn published(
    key: &abi::PublishedKey,
    entry: &PublishedEntry,
    slot: u32,
) -> abi::Published {
    abi::Published {
        address: entry.address.into(),
        network: entry.network,
        container: entry.container,
        slot,
        port: entry.port.to_be_bytes(),
        first: key.port,
        clients: 0,
        pad: 0,
    }
}

pub(super) fn published_entry(value: &abi::Published) -> PublishedEntry {
    PublishedEntry {
        network: value.network,
        container: value.container,
        address: value.address.into(),
        port: u16::from_be_bytes(value.port),
    }
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

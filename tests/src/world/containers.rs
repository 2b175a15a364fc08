//! The containers of the table's world.

use std::net::IpAddr;

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

pub(super) fn gateway_mac(network: u32) -> [u8; 6] {
    [2, 0, 0, 0, network as u8, 1]
}

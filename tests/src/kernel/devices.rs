//! The table's devices and the host's sockets, in a namespace of their own.

use crate::{
    ns::TestNs,
    world::{ALL, HOST4, HOST6, ROUTERS, UNREACHABLE, UPLINK, UPLINK_MAC, bridge},
};
use anyhow::{Context, Result};
use netd::spec::name::Mac;
use netd_common::{
    address::Address,
    parse::{TCP, UDP},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, TcpListener, UdpSocket},
};

/// Bridges, veths and an uplink with the indexes of the world, and the routes it answers with.
pub(super) fn make(ns: &TestNs) -> Result<()> {
    ns.run("ip link set lo up")?;
    for number in 1..=5 {
        let index = bridge(number);
        ns.run(&format!("ip link add br{number} index {index} type bridge"))?;
        ns.run(&format!("ip link set br{number} up"))?;
        ns.run(&format!("sysctl -qw net.ipv4.conf.br{number}.forwarding=1"))?;
        ns.run(&format!("sysctl -qw net.ipv6.conf.br{number}.forwarding=1"))?;
    }
    for container in ALL {
        let (name, index) = (format!("c{}", container.number), container.ifindex());
        ns.run(&format!("ip link add {name} index {index} type veth peer name p{name}"))?;
    }
    ns.run(&format!(
        "ip link add uplink index {UPLINK} address {} type veth peer name wire",
        Mac(UPLINK_MAC)
    ))?;
    ns.run("ip link set uplink up")?;
    ns.run("ip link set wire up")?;
    ns.run(&format!("ip address add {HOST4}/24 dev uplink"))?;
    ns.run(&format!("ip address add {HOST6}/64 dev uplink nodad"))?;
    ns.run(&format!("ip route add default via {} dev uplink", ROUTERS.0))?;
    ns.run(&format!("ip -6 route add default via {} dev uplink", ROUTERS.1))?;
    ns.run(&format!("ip route add unreachable {}", UNREACHABLE.0))?;
    ns.run(&format!("ip -6 route add unreachable {}", UNREACHABLE.1))?;
    Ok(())
}

/// A socket's address, port and protocol, as the world has it.
type Place = (Address, [u8; 2], u8);

/// The host's sockets.
#[derive(Default)]
pub(super) struct Sockets(BTreeMap<Place, Socket>);

/// A socket that is held open.
enum Socket {
    Tcp(#[expect(dead_code, reason = "it is there")] TcpListener),
    Udp(#[expect(dead_code, reason = "it is there")] UdpSocket),
}

impl Sockets {
    /// Closes those that are not wanted and opens those that are.
    pub(super) fn keep(&mut self, ns: &TestNs, wanted: &BTreeSet<Place>) -> Result<()> {
        self.0.retain(|place, _| wanted.contains(place));
        let missing: Vec<_> = wanted.iter().filter(|p| !self.0.contains_key(p)).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let opened = ns.namespace().run(|| {
            missing.into_iter().map(|place| Ok((place, open(place)?))).collect::<Result<Vec<_>>>()
        })??;
        self.0.extend(opened);
        Ok(())
    }
}

fn open((address, port, protocol): Place) -> Result<Socket> {
    let place = (IpAddr::from(address), u16::from_be_bytes(port));
    let failed = || format!("cannot open the host's socket {place:?}");
    match protocol {
        TCP => Ok(Socket::Tcp(TcpListener::bind(place).with_context(failed)?)),
        UDP => Ok(Socket::Udp(UdpSocket::bind(place).with_context(failed)?)),
        _ => anyhow::bail!("the host has sockets of TCP and UDP only, not {protocol}"),
    }
}

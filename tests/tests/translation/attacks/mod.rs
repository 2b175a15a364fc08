//! Attacks on translation that other systems fell to; each has the name that it is known by.

mod floods;
mod forged;
mod pieces;
mod ports;
mod wire;

use crate::{
    site::{Family, Host, Neighbour, One, PUBLISHED_RAW, Site, V4, V6},
    station::Station,
    wire::Packet,
};
use anyhow::Result;
use std::net::IpAddr;

const BOTH: [Family; 2] = [V4, V6];

/// A published port of a station's: the host's end, and the container's.
fn published(family: Family, number: u16) -> ((IpAddr, u16), (IpAddr, u16)) {
    let inner = (family.at(One), PUBLISHED_RAW.1 + number);
    ((family.at(Host), PUBLISHED_RAW.0 + number), inner)
}

/// Puts packets on the wire, straight to the host's Ethernet address whatever their destination.
struct Wire {
    neighbour: Station,
    macs: [u8; 12],
}

impl Wire {
    fn new(site: &Site) -> Result<Self> {
        let neighbour = site.station(Neighbour)?;
        let (to, from) = (site.station(Host)?.mac("eth0")?, neighbour.mac("eth0")?);
        let macs: Vec<u8> = to.into_iter().chain(from).collect();
        Ok(Self { neighbour, macs: macs.try_into().unwrap_or_default() })
    }

    fn send(&self, packet: &Packet) -> Result<()> {
        let kind = if packet.from.is_ipv4() { [0x08, 0x00] } else { [0x86, 0xdd] };
        let frame = [&self.macs[..], &kind, &packet.bytes()].concat();
        self.neighbour.send_frame("eth0", &frame)
    }
}

/// What arrives at a container by its ports before a mark, sent now by a published port, does.
fn before_a_mark(family: Family, wire: &Wire, one: &Station) -> Result<Vec<Packet>> {
    let (outer, inner) = published(family, 23);
    wire.send(&Packet::udp((family.at(Neighbour), 20_799), outer, b"mark"))?;
    let mut before = Vec::new();
    loop {
        let next = one.hear("the mark", |packet| !packet.is_discovery())?;
        if next.reaches(inner) {
            return Ok(before);
        }
        before.push(next);
    }
}

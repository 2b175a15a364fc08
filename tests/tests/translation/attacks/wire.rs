//! What a neighbour on the wire tries, with Ethernet frames of its own making.

use super::{BOTH, Wire, before_a_mark, published};
use crate::{
    oracle::{same_for, with_netd},
    site::{
        Family, GUARDED, Host, NETWORKS, Neighbour, One, Other, PUBLISHED_RAW, Remote, Site, Two,
        V4, V6,
    },
    wire::{Packet, SYN},
};
use anyhow::{Result, ensure};
use std::net::IpAddr;

#[test]
fn moby_45610_a_neighbour_reaches_nothing_that_is_not_published_for_it() {
    with_netd(&BOTH, |site, family| {
        let (wire, two, remote) = (Wire::new(site)?, site.station(Two)?, site.station(Remote)?);
        let one = site.station(One)?;
        let loopback: IpAddr = if family == V4 { "127.0.0.1" } else { "::1" }.parse()?;
        let from = (family.at(Neighbour), 20_701);
        let [lo_port, lan_port, _] = GUARDED;
        let forbidden = [
            // Not published at all; the container's own port of a published one; the loopback's.
            (family.at(Two), 20_700),
            (family.at(One), PUBLISHED_RAW.1),
            (family.at(Two), lo_port.1),
            (family.at(Two), lan_port.1),
            (loopback, lo_port.0),
            (loopback, lan_port.0),
            (loopback, PUBLISHED_RAW.0),
            (family.at(Host), lo_port.0),
            (NETWORKS[0].3[family as usize].parse()?, lo_port.0),
        ];
        let refused = |site: &Site| -> Result<u64> {
            Ok(site.lan.dropped("unsolicited")? + site.lan.dropped("martian")?)
        };
        let before = refused(site)?;
        for to in forbidden {
            wire.send(&Packet::udp(from, to, b"forbidden"))?;
            wire.send(&Packet::tcp(from, to, SYN, (1, 0)))?;
        }
        let heard = before_a_mark(family, &wire, &one)?;
        ensure!(heard.is_empty(), "the container one got {heard:?}");
        // By the host's address on the wire it is meant for everybody.
        wire.send(&Packet::udp(from, (family.at(Host), lan_port.0), b"allowed"))?;
        let first = two.hear("what is allowed", |packet| !packet.is_discovery())?;
        ensure!(first.reaches((family.at(Two), lan_port.1)), "the container two got {first}");
        ensure!(remote.heard(|p| p.as_tcp().is_some())?.is_empty(), "somebody answered");
        let counted = refused(site)? - before;
        // Those to the host's own address on the wire are the host's to refuse.
        ensure!(counted == 16, "{counted} of 16 are counted");
        Ok(())
    });
}

#[test]
fn rfc_6092_rec_6_an_inside_source_does_not_come_from_outside() {
    with_netd(&BOTH, |site, family| {
        let (wire, one) = (Wire::new(site)?, site.station(One)?);
        let (outer, inner) = published(family, 8);
        let gateway = NETWORKS[0].3[family as usize].parse()?;
        let before = site.lan.dropped("spoofed-address")?;
        let forged = [family.at(One), family.at(Two), family.at(Other), gateway];
        for (source, to) in forged.iter().flat_map(|source| [(*source, outer), (*source, inner)]) {
            wire.send(&Packet::udp((source, 20_708), to, b"forged"))?;
        }
        let heard = before_a_mark(family, &wire, &one)?;
        ensure!(heard.is_empty(), "the container got {heard:?}");
        let counted = site.lan.dropped("spoofed-address")? - before;
        ensure!(counted == 8, "{counted} of 8 are counted as spoofed-address");
        Ok(())
    });
}

#[test]
fn land_and_martian_sources_reach_no_published_port() {
    same_for(&[V4], |site, family| {
        let own = family.at(Host).to_string();
        let martians = ["127.0.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", &own];
        Ok(format!("from {:?}", arriving_from(site, family, &martians)?))
    });
    with_netd(&[V6], |site, family| {
        let own = family.at(Host).to_string();
        let martians = ["::1", "::", "ff02::1", "ff0e::1", "::ffff:192.0.2.1", &own];
        let from = arriving_from(site, family, &martians)?;
        ensure!(from.is_empty(), "the container got datagrams from {from:?}");
        Ok(())
    });
}

/// Whose datagrams reach a published port.
fn arriving_from(site: &Site, family: Family, sources: &[&str]) -> Result<Vec<String>> {
    let (wire, one) = (Wire::new(site)?, site.station(One)?);
    let (outer, _) = published(family, 9);
    for source in sources {
        wire.send(&Packet::udp((source.parse()?, 20_709), outer, b"martian"))?;
    }
    let heard = before_a_mark(family, &wire, &one)?;
    Ok(heard.iter().map(|packet| packet.from.to_string()).collect())
}

#[test]
fn source_routes_are_not_followed() {
    same_for(&[V4], |site, family| {
        let (wire, one) = (Wire::new(site)?, site.station(One)?);
        let (outer, _) = published(family, 10);
        let mut routed = Packet::udp((family.at(Neighbour), 20_710), outer, b"routed");
        // Loose source route, one address to go.
        routed.options = vec![0x83, 7, 4, 192, 0, 2, 1, 0];
        wire.send(&routed)?;
        Ok(format!("{} arrive", before_a_mark(family, &wire, &one)?.len()))
    });
}

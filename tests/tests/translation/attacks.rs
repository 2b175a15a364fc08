//! Attacks on translation that other systems fell to; each has the name that it is known by.

use crate::{
    handshake::Talk,
    oracle::{same, same_for, with_netd},
    site::{
        Family, GUARDED, Host, NETWORKS, Neighbour, One, Other, PUBLISHED, PUBLISHED_RAW, Remote,
        Site, Two, V4, V6,
    },
    station::Station,
    wire::{ACK, Body, Packet, RST, SYN},
};
use anyhow::{Result, ensure};
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
fn cve_2025_67499_a_published_port_takes_nobody_else_s_traffic() {
    with_netd(&BOTH, |site, family| {
        let [.., (outer, inner)] = GUARDED;
        ensure!(outer == 443, "the case is about 443");
        let thief = site.station(Two)?;
        for (who, server) in [(One, Remote), (Host, Remote), (One, Two), (Host, Two)] {
            let listener = site.listen(server, family, 443)?;
            let client = site.connect(who, 0, (family.at(server), 443))?;
            let (_, seen) = listener.accept()?;
            drop(client);
            ensure!(seen.port() != 0, "{who:?} reaches {server:?}");
        }
        let stolen = thief.heard(|packet| packet.reaches((family.at(Two), inner)))?;
        ensure!(stolen.is_empty(), "it got {stolen:?}");
        // Another network's container stays out of reach by its own address.
        let before = site.lan.dropped("isolated")?;
        let one = site.station(One)?;
        one.send(&Packet::tcp((family.at(One), 20_702), (family.at(Other), 443), SYN, (1, 0)))?;
        let counted = netd_tests::host::wait(crate::station::PATIENCE, || {
            site.lan.dropped("isolated").is_ok_and(|now| now == before + 1)
        });
        ensure!(counted, "a SYN to another network is not refused as such");
        Ok(())
    });
}

#[test]
fn ghsa_c66w_hq56_4q97_an_echo_request_follows_nobody_s_echo() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (inside, outside, host) = (family.at(One), family.at(Remote), family.at(Host));
        one.send(&Packet::echo(inside, outside, true, 4703, b"mine"))?;
        let mine =
            one.hear("the answer", |packet| packet.to == inside && !packet.is_discovery())?;
        remote.heard(|_| true)?;
        remote.send(&Packet::echo(outside, host, true, 4703, b"another's"))?;
        let answer = remote.hear("the host's", |p| p.to == outside && !p.is_discovery())?;
        let got = one.heard(|packet| !packet.is_discovery())?;
        Ok(format!("{mine}; {answer}; inside {}", got.len()))
    });
}

#[test]
fn cve_2021_3773_a_container_does_not_shadow_a_port_of_the_host_s() {
    with_netd(&BOTH, |site, family| {
        let service = site.udp(Host, family, 30_704)?;
        let listener = site.listen(Host, family, 30_704)?;
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (inside, outside) = ((family.at(One), 30_704), (family.at(Remote), 20_704));
        one.send(&Packet::udp(inside, outside, b"shadow"))?;
        one.send(&Packet::tcp(inside, outside, SYN, (1, 0)))?;
        for _ in 0..2 {
            let left = remote.hear("it", |packet| packet.reaches(outside))?;
            ensure!(left.ports() != Some((30_704, 20_704)), "it leaves as {left}");
        }
        // Whoever it spoke to still speaks to the host there.
        remote.send(&Packet::udp(outside, (family.at(Host), 30_704), b"for the host"))?;
        let (length, seen) = service.recv_from(&mut [0; 99])?;
        ensure!(length == 12 && seen.ip() == family.at(Remote), "the service got {length}");
        let client = site.connect(Remote, 30_705, (family.at(Host), 30_704))?;
        let (_, seen) = listener.accept()?;
        ensure!(seen == client.local_addr()?, "the listener got {seen}");
        Ok(())
    });
}

#[test]
fn redan_resets_from_off_the_path_end_no_connection() {
    with_netd(&BOTH, |site, family| {
        let wire = Wire::new(site)?;
        for outward in [true, false] {
            let mut talk = if outward {
                Talk::outward(site, family, 20_705)?
            } else {
                Talk::inward(site, family, 5)?
            };
            talk.open(1000)?;
            let outside = if outward { &talk.answerer } else { &talk.opener };
            // Spoofed by somebody who knows the ends and guesses the numbers.
            for guess in (0..=u32::MAX).step_by(200_003).skip(1) {
                let flags = if guess % 2 == 0 { RST } else { RST | ACK };
                wire.send(&Packet::tcp(outside.own, outside.far, flags, (guess, guess)))?;
            }
            talk.opener.heard()?;
            talk.answerer.heard()?;
            talk.alive(1000)?;
        }
        Ok(())
    });
}

#[test]
fn ingress_node_firewall_730_pieces_pass_no_rule() {
    with_netd(&BOTH, |site, family| {
        let (wire, one) = (Wire::new(site)?, site.station(One)?);
        let from = (family.at(Neighbour), 20_706);
        let (outer, inner) = published(family, 6);
        // A later piece that begins as if it went to a published port, with no first one before.
        let whole = Packet::udp(from, outer, &[0; 64]);
        let later = Packet { fragment: Some((1400, false)), ..whole.pieces(4000, 1)[0].clone() };
        // A first piece too short to say where it goes: eight bytes of a TCP header.
        let syn = Packet::tcp(from, outer, SYN, (1, 0));
        let tiny = syn.pieces(8, 2);
        // Pieces for a container that published nothing, and for one past its published port.
        let direct = Packet::udp(from, (family.at(Two), 20_706), &[0; 1600]).pieces(1400, 3);
        let inside = Packet::udp(from, inner, &[0; 1600]).pieces(1400, 4);
        let pieces: Vec<Packet> = [vec![later], tiny, direct, inside].concat();
        for piece in &pieces {
            wire.send(piece)?;
        }
        let heard = before_a_mark(family, &wire, &one)?;
        ensure!(heard.is_empty(), "the container got {heard:?}");
        Ok(())
    });
}

#[test]
fn rfc_5722_pieces_that_overlap_are_nobody_s_datagram() {
    same(|site, family| {
        let (outer, inner) = ((family.at(Host), PUBLISHED.0 + 11), PUBLISHED.1 + 11);
        let (remote, server) = (site.station(Remote)?, site.udp(One, family, inner)?);
        let from = (family.at(Remote), 20_707);
        let pieces = Packet::udp(from, outer, &[1; 2000]).pieces(1400, 707);
        remote.send(&pieces[0])?;
        // It would write over what the first piece said.
        remote.send(&Packet { fragment: Some((1392, false)), ..pieces[1].clone() })?;
        remote.send(&Packet::udp(from, outer, b"mark"))?;
        let (length, _) = server.recv_from(&mut [0; 3000])?;
        Ok(format!("{length} bytes arrive"))
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

#[test]
fn a_flood_of_half_open_connections_harms_no_other() {
    with_netd(&BOTH, |site, family| {
        let (mut talk, wire) = (Talk::inward(site, family, 11)?, Wire::new(site)?);
        talk.open(1000)?;
        let mut masqueraded = Talk::outward(site, family, 20_711)?;
        masqueraded.open(1000)?;
        let (outer, _) = published(family, 12);
        for number in 0..30_000_u32 {
            let source = spread(family, number);
            wire.send(&Packet::tcp((source, (number % 60_000) as u16 + 1), outer, SYN, (1, 0)))?;
        }
        for talk in [&talk, &masqueraded] {
            talk.opener.heard()?;
            talk.answerer.heard()?;
            talk.alive(1000)?;
        }
        let mut new = Talk::inward(site, family, 13)?;
        new.open(1000)?;
        new.alive(1000)
    });
}

/// One of many addresses outside.
fn spread(family: Family, number: u32) -> IpAddr {
    let [_, a, b, c] = number.to_be_bytes();
    match family {
        V4 => IpAddr::from([192, a, b, c]),
        V6 => IpAddr::from([0x2001, 0xdb8, 0xff, 0, 0, 0, (number >> 16) as u16, number as u16]),
    }
}

#[test]
fn a_container_that_opens_flows_without_end_harms_no_other() {
    with_netd(&BOTH, |site, family| {
        let (mut talk, two) = (Talk::outward(site, family, 20_714)?, site.station(Two)?);
        talk.open(1000)?;
        for number in 0..30_000_u32 {
            let to = (family.at(Remote), (number % 60_000) as u16 + 1);
            two.send(&Packet::udp((family.at(Two), 30_000 + (number / 60) as u16), to, b"x"))?;
        }
        talk.opener.heard()?;
        talk.answerer.heard()?;
        talk.alive(1000)?;
        let mut new = Talk::outward(site, family, 20_715)?;
        new.open(1000)?;
        new.alive(1000)
    });
}

#[test]
fn errors_about_what_nobody_sent_change_nothing() {
    same(|site, family| {
        let mut talk = Talk::outward(site, family, 20_716)?;
        talk.open(1000)?;
        let (host, outside) = (family.at(Host), talk.answerer.own);
        let port = talk.answerer.far.1;
        let about = |from: (IpAddr, u16), to: (IpAddr, u16)| {
            Packet::tcp(from, to, ACK, (1001, 5001)).bytes()
        };
        let (kind, code) = if family == V4 { (3, 4) } else { (2, 0) };
        let quotes = [
            about((host, port + 1), outside),
            about((host, port), (outside.0, outside.1 + 1)),
            about((host, port), (family.at(Neighbour), outside.1)),
            about((family.at(One), port), outside),
            // Of another protocol.
            Packet::udp((host, port), outside, b"x").bytes(),
            about((host, port), outside)[..20].to_vec(),
        ];
        for quote in quotes {
            let error = Body::Icmp(kind, code, [0, 0, 0, 68], quote);
            talk.answerer.station.send(&Packet::new(family.at(Remote), host, error))?;
        }
        talk.answerer.send(ACK, (5001, 1001))?;
        let next = talk.opener.station.hear("anything", |packet| !packet.is_discovery())?;
        Ok(next.to_string())
    });
}

#[test]
fn an_error_with_a_wrong_checksum_is_believed_by_nobody() {
    with_netd(&BOTH, |site, family| {
        let mut talk = Talk::outward(site, family, 20_717)?;
        talk.open(1000)?;
        let port = talk.answerer.far.1;
        let quote =
            Packet::tcp((family.at(Host), port), talk.answerer.own, ACK, (1001, 5001)).bytes();
        let (kind, code) = if family == V4 { (3, 4) } else { (2, 0) };
        let error = Body::Icmp(kind, code, [0, 0, 5, 0], quote);
        let mut bytes = Packet::new(family.at(Remote), family.at(Host), error).bytes();
        let check = if family == V4 { 22 } else { 42 };
        bytes[check] ^= 0x55;
        let protocol = if family == V4 { 1 } else { 58 };
        let body = Body::Other(protocol, bytes[check - 2..].to_vec());
        talk.answerer.station.send(&Packet::new(family.at(Remote), family.at(Host), body))?;
        talk.answerer.send(ACK, (5001, 1001))?;
        let next = talk.opener.station.hear("anything", |packet| !packet.is_discovery())?;
        // Where it comes through, it is as wrong as it was.
        let harmless = next.quoted().is_none() || !next.faults.is_empty();
        ensure!(harmless, "it was made right: {next}");
        Ok(())
    });
}

#[test]
fn nobody_else_reaches_a_masqueraded_port() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let neighbour = site.station(Neighbour)?;
        let (inside, outside) = ((family.at(One), 20_718), (family.at(Remote), 20_718));
        one.send(&Packet::udp(inside, outside, b"ask"))?;
        let seen = remote.hear("the question", |packet| packet.reaches(outside))?;
        let shown = (seen.from, seen.ports().unwrap_or_default().0);
        neighbour.send(&Packet::udp((family.at(Neighbour), 20_718), shown, b"stranger"))?;
        remote.send(&Packet::udp((outside.0, 20_719), shown, b"another port"))?;
        remote.send(&Packet::udp(outside, shown, b"answer"))?;
        let first = one.hear("the answer", |packet| !packet.is_discovery())?;
        Ok(first.to_string())
    });
}

//! ICMP errors: who gets them, from whom, and about which packet, to the last checksum.

mod every;
mod mtu;

use crate::{
    oracle::{Outcome, differs, same, same_for},
    site::{Family, Host, One, PUBLISHED_RAW, Remote, Site, V4, V6},
    station::Station,
    wire::{ACK, Body, Packet, RST, SYN},
};
use anyhow::Result;
use std::net::IpAddr;

/// The next ICMP error that arrives there, as text.
fn error_at(station: &Station) -> Outcome {
    Ok(station.hear("the error", |packet| packet.quoted().is_some())?.to_string())
}

/// A published port of a station's: the host's end, and the container's.
fn published(family: Family, number: u16) -> ((IpAddr, u16), (IpAddr, u16)) {
    let inner = (family.at(One), PUBLISHED_RAW.1 + number);
    ((family.at(Host), PUBLISHED_RAW.0 + number), inner)
}

/// A client outside that asks a published port, which has heard it.
fn asked(
    site: &Site,
    family: Family,
    client: (IpAddr, u16),
    number: u16,
) -> Result<(Station, Station)> {
    let (one, remote) = (site.station(One)?, site.station(Remote)?);
    let (outer, inner) = published(family, number);
    remote.send(&Packet::udp(client, outer, b"ask"))?;
    one.hear("the question", |packet| packet.reaches(inner))?;
    Ok((one, remote))
}

#[test]
fn a_closed_udp_port_outside_is_unreachable() {
    same(|site, family| {
        let one = site.station(One)?;
        one.send(&Packet::udp((family.at(One), 20_200), (family.at(Remote), 9200), b"ask"))?;
        error_at(&one)
    });
}

#[test]
fn a_program_learns_that_the_port_outside_is_closed() {
    same(|site, family| {
        let client = site.udp(One, family, 40_201)?;
        client.connect((family.at(Remote), 9201))?;
        client.send(b"ask")?;
        let refused = client.recv(&mut [0; 9]).err().map(|error| error.to_string());
        Ok(format!("{refused:?}"))
    });
}

#[test]
fn a_hop_outside_says_that_time_is_exceeded() {
    same(|site, family| {
        let one = site.station(One)?;
        let (from, to) = ((family.at(One), 20_202), (family.at(Remote), 9202));
        let syn = Packet::tcp(from, to, SYN, (1000, 0));
        let echo = Packet::echo(from.0, to.0, true, 4202, b"hello");
        let tell = |packet: Packet| -> Outcome {
            one.send(&packet.hops(2))?;
            error_at(&one)
        };
        let errors = [tell(Packet::udp(from, to, b"ask"))?, tell(syn)?, tell(echo)?];
        Ok(errors.join("; "))
    });
}

#[test]
fn the_host_itself_says_that_time_is_exceeded_towards_the_inside() {
    same(|site, family| {
        let one = site.station(One)?;
        let (from, to) = ((family.at(One), 20_203), (family.at(Remote), 9203));
        one.send(&Packet::udp(from, to, b"ask").hops(1))?;
        error_at(&one)
    });
}

#[test]
fn a_moved_port_is_put_back_inside_the_error() {
    same(|site, family| {
        let other = site.udp(crate::site::Two, family, 20_204)?;
        let server = site.udp(Remote, family, 9204)?;
        other.send_to(b"ask", (family.at(Remote), 9204))?;
        server.recv_from(&mut [0; 9])?;
        let one = site.station(One)?;
        let (from, to) = ((family.at(One), 20_204), (family.at(Remote), 9204));
        one.send(&Packet::udp(from, to, b"ask").hops(2))?;
        error_at(&one)
    });
}

#[test]
fn a_time_exceeded_on_the_way_of_an_answer_reaches_the_container() {
    same(|site, family| {
        let client = (family.at(Remote), 20_207);
        let (one, _remote) = asked(site, family, client, 7)?;
        one.send(&Packet::udp(published(family, 7).1, client, b"answer").hops(2))?;
        error_at(&one)
    });
}

#[test]
fn a_client_that_went_away_is_told_to_the_container() {
    same(|site, family| {
        // Its own port is one that the kernel answers about.
        let client = (family.at(Remote), 41_209);
        let (one, _remote) = asked(site, family, client, 9)?;
        one.send(&Packet::udp(published(family, 9).1, client, b"answer"))?;
        error_at(&one)
    });
}

#[test]
fn time_exceeded_before_a_published_port_is_told_to_the_client() {
    let told = |family: Family, quoted: u16| {
        let (kind, host, remote) =
            (if family == V4 { 11 } else { 3 }, family.at(Host), family.at(Remote));
        let ports = (20_210, published(family, 10).0.1);
        format!(
            "{host} > {remote} icmp {kind}/0 mtu 0 about \
             [{remote} port {} > {host} port {} udp {quoted}]",
            ports.0, ports.1
        )
    };
    differs(
        &[V4, V6],
        |site, family| {
            let remote = site.station(Remote)?;
            let (outer, _) = published(family, 10);
            // One hop to the router, and none left for the host's own way to the container.
            remote.send(&Packet::udp((family.at(Remote), 20_210), outer, &[7; 100]).hops(2))?;
            error_at(&remote)
        },
        // netd quotes no more than a TCP header's length.
        |family| (told(family, 100), told(family, 12)),
    );
}

#[test]
fn an_error_that_quotes_eight_bytes_comes_through() {
    same_for(&[V4], |site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (from, to) = ((family.at(One), 20_215), (family.at(Remote), 20_215));
        let mut told = Vec::new();
        let tcp = Packet::tcp(from, to, SYN, (1000, 0));
        for packet in [Packet::udp(from, to, b"a question of some length"), tcp] {
            one.send(&packet)?;
            let seen = remote.hear("the question", |packet| packet.reaches(to))?;
            let quoted = Body::Icmp(3, 1, [0; 4], seen.bytes()[..28].to_vec());
            remote.send(&Packet::new(to.0, seen.from, quoted))?;
            told.push(error_at(&one)?);
        }
        Ok(told.join("; "))
    });
}

#[test]
fn an_error_that_quotes_options_comes_through() {
    same_for(&[V4], |site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (from, to) = ((family.at(One), 20_222), (family.at(Remote), 20_222));
        let mut packet = Packet::udp(from, to, b"ask");
        packet.options = vec![1, 1, 1, 0];
        one.send(&packet)?;
        let seen = remote.hear("the question", |packet| packet.reaches(to))?;
        remote.send(&Packet::new(to.0, seen.from, Body::Icmp(3, 1, [0; 4], seen.bytes())))?;
        error_at(&one)
    });
}

/// RFC 4884: what follows the quoted packet is an extension, which is not the packet's.
#[test]
fn an_error_with_extensions_comes_through() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (from, to) = ((family.at(One), 20_223), (family.at(Remote), 20_223));
        one.send(&Packet::udp(from, to, b"ask"))?;
        let seen = remote.hear("the question", |packet| packet.reaches(to))?;
        let mut quote = seen.bytes();
        quote.resize(128, 0);
        quote.extend([0x20, 0, 0xdf, 0xff]);
        // The quote's length, in words of four bytes, or of eight.
        let (kind, length) = if family == V4 { (11, [0, 32, 0, 0]) } else { (3, [16, 0, 0, 0]) };
        remote.send(&Packet::new(to.0, seen.from, Body::Icmp(kind, 0, length, quote)))?;
        error_at(&one)
    });
}

#[test]
fn an_error_about_the_first_piece_of_a_datagram_comes_through() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (from, to) = ((family.at(One), 20_216), (family.at(Remote), 20_216));
        for piece in Packet::udp(from, to, &[7; 2000]).pieces(1400, 216) {
            one.send(&piece)?;
        }
        let first = |packet: &Packet| packet.reaches(to) && packet.fragment == Some((0, true));
        let seen = remote.hear("the first piece", first)?;
        let (kind, code) = if family == V4 { (11, 1) } else { (3, 1) };
        let quoted = Body::Icmp(kind, code, [0; 4], seen.bytes()[..100].to_vec());
        remote.send(&Packet::new(to.0, seen.from, quoted))?;
        let error = one.hear("the error", |packet| packet.quoted().is_some())?;
        let inner = error.quoted().map(|inner| (inner.from, inner.to));
        Ok(format!("{:?} of {inner:?}, faults: {:?}", error.from, error.faults))
    });
}

#[test]
fn an_error_about_an_echo_comes_through_and_one_about_its_answer() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        one.send(&Packet::echo(family.at(One), family.at(Remote), true, 4217, b"hello"))?;
        let request = |p: &Packet| p.to == family.at(Remote) && p.quoted().is_none();
        let seen = remote.hear("the request", |p| request(p) && !p.is_discovery())?;
        let kind = if family == V4 { 11 } else { 3 };
        remote.send(&Packet::new(
            family.at(Remote),
            seen.from,
            Body::Icmp(kind, 0, [0; 4], seen.bytes()),
        ))?;
        error_at(&one)
    });
}

#[test]
fn an_error_does_not_end_a_flow() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (from, to) = ((family.at(One), 20_218), (family.at(Remote), 20_218));
        one.send(&Packet::tcp(from, to, SYN, (1000, 0)))?;
        let seen = remote.hear("the SYN", |packet| packet.reaches(to))?;
        let back = (seen.from, seen.ports().unwrap_or_default().0);
        remote.send(&Packet::tcp(to, back, SYN | ACK, (5000, 1001)))?;
        one.hear("the answer", |packet| packet.reaches(from))?;
        one.send(&Packet::tcp(from, to, ACK, (1001, 5001)))?;
        let segment = remote.hear("the third", |packet| packet.reaches(to))?;
        let (kind, code) = if family == V4 { (3, 3) } else { (1, 4) };
        let error = Body::Icmp(kind, code, [0; 4], segment.bytes());
        remote.send(&Packet::new(to.0, back.0, error))?;
        let told = error_at(&one)?;
        remote.send(&Packet::tcp(to, back, ACK, (5001, 1001)))?;
        let goes_on = one.hear("the next segment", |packet| packet.reaches(from))?;
        one.send(&Packet::tcp(from, to, RST, (1001, 0)))?;
        Ok(format!("{told}; {goes_on}"))
    });
}

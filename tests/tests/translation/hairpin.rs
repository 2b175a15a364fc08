//! Containers that come to a container by its published port, on an address of the host's.

use crate::{
    oracle::{differs, same},
    site::{Family, Host, NETWORKS, One, Other, PUBLISHED, PUBLISHED_RAW, Site, Two, V4, V6, Who},
    wire::{ACK, Packet, SYN},
};
use anyhow::Result;
use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr},
};

/// A connection and a datagram from a container to a published port of the container one, by that
/// address; who came, as the server sees it.
fn called(site: &Site, family: Family, from: Who, by: IpAddr, number: u16) -> Result<String> {
    let (outer, inner) = ((by, PUBLISHED.0 + number), PUBLISHED.1 + number);
    let server = site.listen(One, family, inner)?;
    let mut client = site.connect(from, 43_000 + number, outer)?;
    let (mut accepted, stream) = server.accept()?;
    client.write_all(b"ask")?;
    accepted.set_read_timeout(Some(crate::station::PATIENCE))?;
    accepted.read_exact(&mut [0; 3])?;
    accepted.write_all(b"answer")?;
    client.read_exact(&mut [0; 6])?;
    let (client, server) =
        (site.udp(from, family, 43_000 + number)?, site.udp(One, family, inner)?);
    client.send_to(b"ask", outer)?;
    let (_, seen) = server.recv_from(&mut [0; 9])?;
    server.send_to(b"answer", seen)?;
    let (_, answered) = client.recv_from(&mut [0; 9])?;
    anyhow::ensure!(answered == SocketAddr::from(outer), "answered by {answered}");
    let other = if stream == seen { String::new() } else { format!(", by UDP {seen}") };
    Ok(format!("seen as {stream}{other}"))
}

fn gateway(family: Family, network: usize) -> IpAddr {
    NETWORKS[network].3[usize::from(family == V6)].parse().unwrap()
}

#[test]
fn a_neighbour_in_the_network_is_seen_as_itself() {
    same(|site, family| called(site, family, Two, family.at(Host), 14));
}

#[test]
fn a_container_sees_itself_as_its_gateway() {
    same(|site, family| called(site, family, One, family.at(Host), 15));
}

#[test]
fn a_container_of_another_network_keeps_its_address() {
    let seen = |address| format!("seen as {}", SocketAddr::new(address, 43_016));
    differs(
        &[V4, V6],
        |site, family| called(site, family, Other, family.at(Host), 16),
        |family| (seen(gateway(family, 0)), seen(family.at(Other))),
    );
}

#[test]
fn the_gateway_is_an_address_of_the_host_s() {
    same(|site, family| called(site, family, Two, gateway(family, 0), 17));
}

#[test]
fn the_gateway_of_another_network_is_one_too() {
    let seen = |address| format!("seen as {}", SocketAddr::new(address, 43_018));
    differs(
        &[V4, V6],
        |site, family| called(site, family, Other, gateway(family, 1), 18),
        |family| (seen(gateway(family, 0)), seen(family.at(Other))),
    );
}

#[test]
fn nobody_listens_behind_the_port() {
    same(|site, family| {
        let mut told = Vec::new();
        for who in [One, Two, Other] {
            let outer = (family.at(Host), PUBLISHED.0 + 19);
            let refused = site.connect(who, 0, outer).err().map(|error| error.to_string());
            let client = site.udp(who, family, 0)?;
            client.connect(outer)?;
            client.send(b"ask")?;
            let unreachable = client.recv(&mut [0; 9]).err().map(|error| error.to_string());
            told.push(format!("{refused:?} {unreachable:?}"));
        }
        Ok(told.join("; "))
    });
}

#[test]
fn a_datagram_in_pieces_arrives() {
    same(|site, family| {
        let (outer, inner) = ((family.at(Host), PUBLISHED.0 + 20), PUBLISHED.1 + 20);
        let (two, server) = (site.station(Two)?, site.udp(One, family, inner)?);
        let whole = Packet::udp((family.at(Two), 20_420), outer, &[7; 4000]);
        for piece in whole.pieces(1400, 420) {
            two.send(&piece)?;
        }
        let (length, seen) = server.recv_from(&mut [0; 5000])?;
        Ok(format!("{length} bytes from {seen}"))
    });
}

#[test]
fn its_segments_have_right_checksums() {
    same(|site, family| {
        let (one, two) = (site.station(One)?, site.station(Two)?);
        let outer = (family.at(Host), PUBLISHED_RAW.0 + 21);
        let inner = (family.at(One), PUBLISHED_RAW.1 + 21);
        let client = (family.at(Two), 20_421);
        two.send(&Packet::tcp(client, outer, SYN, (1000, 0)))?;
        let asked = one.hear("the SYN", |packet| packet.reaches(inner))?;
        one.send(&Packet::tcp(inner, client, SYN | ACK, (5000, 1001)))?;
        let answered = two.hear("the answer", |packet| packet.reaches(client))?;
        Ok(format!("{asked}; {answered}"))
    });
}

#[test]
fn a_packet_within_the_network_counts_a_hop() {
    differs(
        &[V4, V6],
        |site, family| {
            let (one, two) = (site.station(One)?, site.station(Two)?);
            let outer = (family.at(Host), PUBLISHED_RAW.0 + 22);
            let inner = (family.at(One), PUBLISHED_RAW.1 + 22);
            two.send(&Packet::udp((family.at(Two), 20_422), outer, b"ask"))?;
            let asked = one.hear("the question", |packet| packet.reaches(inner))?;
            Ok(format!("{} hops are left", asked.hops))
        },
        |_| ("64 hops are left".into(), "63 hops are left".into()),
    );
}

#[test]
fn two_clients_with_one_port_behind_one_address_are_told_apart() {
    same(|site, family| {
        let (outer, inner) = ((family.at(Host), PUBLISHED.0 + 22), PUBLISHED.1 + 22);
        let server = site.udp(One, family, inner)?;
        let clients = [site.udp(One, family, 43_022)?, site.udp(Two, family, 43_022)?];
        for client in &clients {
            client.send_to(b"ask", outer)?;
            let (_, seen) = server.recv_from(&mut [0; 9])?;
            server.send_to(seen.to_string().as_bytes(), seen)?;
        }
        let mut told = Vec::new();
        for client in &clients {
            let mut text = [0; 99];
            let (length, _) = client.recv_from(&mut text)?;
            told.push(String::from_utf8_lossy(&text[..length]).into_owned());
        }
        Ok(told.join(", "))
    });
}

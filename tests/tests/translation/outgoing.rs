//! What containers open to the outside: masquerade.

use crate::{
    oracle::{Outcome, same, same_for},
    site::{Family, Neighbour, One, Remote, Site, Two, V4, V6, Who},
    wire::Packet,
};
use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, UdpSocket},
};

/// Sends a datagram and waits for its echo; who sent the first, as the server sees it.
fn echoed(client: &UdpSocket, server: &UdpSocket, to: (IpAddr, u16)) -> anyhow::Result<SocketAddr> {
    client.send_to(b"ask", to)?;
    let (_, seen) = server.recv_from(&mut [0; 99])?;
    server.send_to(b"answer", seen)?;
    let (_, from) = client.recv_from(&mut [0; 99])?;
    anyhow::ensure!(from == SocketAddr::from(to), "the answer comes from {from}");
    Ok(seen)
}

#[test]
fn a_tcp_connection_keeps_its_port() {
    same(|site, family| {
        let server = site.listen(Remote, family, 9001)?;
        let mut client = site.connect(One, 40_001, (family.at(Remote), 9001))?;
        let (mut accepted, seen) = server.accept()?;
        client.write_all(b"ask")?;
        accepted.read_exact(&mut [0; 3])?;
        accepted.write_all(b"answer")?;
        client.read_exact(&mut [0; 6])?;
        Ok(format!("seen as {seen}"))
    });
}

#[test]
fn a_udp_flow_keeps_its_port() {
    same(|site, family| {
        let (client, server) = (site.udp(One, family, 40_002)?, site.udp(Remote, family, 9002)?);
        let seen = echoed(&client, &server, (family.at(Remote), 9002))?;
        Ok(format!("seen as {seen}"))
    });
}

#[test]
fn an_echo_keeps_its_identifier() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        one.send(&Packet::echo(family.at(One), family.at(Remote), true, 4003, b"hello"))?;
        let asked =
            remote.hear("the request", |p| p.to == family.at(Remote) && !p.is_discovery())?;
        let answered = one.hear("the answer", |p| p.to == family.at(One) && !p.is_discovery())?;
        Ok(format!("{asked}; {answered}"))
    });
}

#[test]
fn two_containers_with_one_port_are_told_apart() {
    same(|site, family| {
        let server = site.udp(Remote, family, 9004)?;
        let clients = [site.udp(One, family, 40_004)?, site.udp(Two, family, 40_004)?];
        let to = (family.at(Remote), 9004);
        let [first, second] =
            [echoed(&clients[0], &server, to)?, echoed(&clients[1], &server, to)?];
        let class = if second.port() >= 1024 { "1024 and above" } else { "below 1024" };
        let moved = first.port() != second.port();
        // Both go on as they began.
        let again = [echoed(&clients[0], &server, to)?, echoed(&clients[1], &server, to)?];
        let steady = again == [first, second];
        Ok(format!("{first}; another port of {}: {moved}, {class}; steady: {steady}", second.ip()))
    });
}

#[test]
fn two_containers_with_one_low_port_stay_among_the_low() {
    same(|site, family| {
        let server = site.udp(Remote, family, 9005)?;
        let to = (family.at(Remote), 9005);
        let clients = [site.udp(One, family, 700)?, site.udp(Two, family, 700)?];
        let [first, second] =
            [echoed(&clients[0], &server, to)?, echoed(&clients[1], &server, to)?];
        let class = if (512..1024).contains(&second.port()) { "512 to 1023" } else { "elsewhere" };
        Ok(format!("{first}; another: {}, {class}", first.port() != second.port()))
    });
}

#[test]
fn one_port_serves_two_destinations() {
    same(|site, family| {
        let client = site.udp(One, family, 40_006)?;
        let seen = [Remote, Neighbour].map(|who| {
            let server = site.udp(who, family, 9006)?;
            echoed(&client, &server, (family.at(who), 9006))
        });
        let [remote, neighbour] = seen;
        Ok(format!("{} {}", remote?, neighbour?))
    });
}

#[test]
fn a_closed_tcp_port_refuses() {
    same(|site, family| {
        let refused = site.connect(One, 0, (family.at(Remote), 9007)).err();
        Ok(format!("{:?}", refused.map(|error| error.to_string())))
    });
}

#[test]
fn a_datagram_without_checksum_stays_without() {
    same_for(&[V4], |site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let mut packet = Packet::udp((family.at(One), 20_008), (family.at(Remote), 20_008), b"x");
        packet.unchecked();
        one.send(&packet)?;
        let heard = remote.hear("it", |p| p.reaches((family.at(Remote), 20_008)))?;
        Ok(heard.to_string())
    });
}

#[test]
fn ipv4_options_are_kept() {
    same_for(&[V4], |site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let mut packet = Packet::udp((family.at(One), 20_009), (family.at(Remote), 20_009), b"x");
        packet.options = vec![1, 1, 1, 0];
        one.send(&packet)?;
        let heard = remote.hear("it", |p| p.reaches((family.at(Remote), 20_009)))?;
        Ok(format!("{heard} with {:?}", heard.options))
    });
}

/// A datagram in pieces, in order; what the program at the other end gets.
fn in_pieces(site: &Site, family: Family, from: Who, own: u16, to: (IpAddr, u16)) -> Outcome {
    let (one, server) = (site.station(from)?, site.udp(Remote, family, to.1)?);
    let whole = Packet::udp((family.at(from), own), to, &[7; 4000]);
    for piece in whole.pieces(1400, own) {
        one.send(&piece)?;
    }
    let (length, seen) = server.recv_from(&mut [0; 5000])?;
    Ok(format!("{length} bytes from {seen}"))
}

#[test]
fn a_datagram_in_pieces_arrives() {
    same(|site, family| in_pieces(site, family, One, 20_010, (family.at(Remote), 9010)));
}

#[test]
fn a_datagram_in_pieces_of_another_port_arrives() {
    same(|site, family| {
        let (first, server) = (site.udp(Two, family, 20_011)?, site.udp(Remote, family, 9011)?);
        // It takes the port before.
        first.send_to(b"x", (family.at(Remote), 9011))?;
        server.recv_from(&mut [0; 99])?;
        drop(server);
        let told = in_pieces(site, family, One, 20_011, (family.at(Remote), 9011))?;
        let port = |text: &str| text.rsplit(':').next().unwrap_or_default().to_owned();
        Ok(format!("{}; port {}", told.len() > 20, port(&told) != "20011"))
    });
}

#[test]
fn an_answer_in_pieces_arrives() {
    same(|site, family| {
        let (client, server) = (site.udp(One, family, 40_012)?, site.udp(Remote, family, 9012)?);
        client.send_to(b"ask", (family.at(Remote), 9012))?;
        let (_, seen) = server.recv_from(&mut [0; 99])?;
        server.send_to(&[5; 4000], seen)?;
        let (length, from) = client.recv_from(&mut [0; 5000])?;
        Ok(format!("{length} bytes from {from}"))
    });
}

#[test]
fn a_long_echo_in_pieces_is_answered() {
    same(|site, family| {
        let version = if family == V6 { "-6" } else { "-4" };
        let ping = format!("ping {version} -c 1 -W 2 -s 4000 {}", family.at(Remote));
        let output = site.shell(One, &ping)?;
        Ok(format!("answered: {}", output.status.success()))
    });
}

//! Where netd differs from the kernel's NAT on purpose, and other corners.

use crate::{
    oracle::{Outcome, differs, same, same_for},
    site::{Family, Host, One, PUBLISHED, PUBLISHED_RAW, Remote, Site, V4, V6},
    station::Station,
    wire::{ACK, Body, Packet, SYN},
};
use anyhow::Result;
use std::net::SocketAddr;

const BOTH: [Family; 2] = [V4, V6];

/// What the remote machine gets of a container's packet, before it gets a datagram sent later.
fn what_leaves(site: &Site, family: Family, packet: &Packet) -> Outcome {
    let (one, remote) = (site.station(One)?, site.station(Remote)?);
    one.send(packet)?;
    let left = before_a_mark(family, &one, &remote)?;
    Ok(left.map_or_else(|| "nothing leaves".into(), |packet| packet.to_string()))
}

/// The first packet that came to the remote machine from a container before the mark that the
/// container sends now.
fn before_a_mark(family: Family, one: &Station, remote: &Station) -> Result<Option<Packet>> {
    let mark = (family.at(Remote), 20_499);
    one.send(&Packet::udp((family.at(One), 20_499), mark, b"mark"))?;
    let ours = |packet: &Packet| packet.to == family.at(Remote) && !packet.is_discovery();
    let first = remote.hear("the mark", ours)?;
    Ok((!first.reaches(mark)).then_some(first))
}

#[test]
fn an_answer_to_nothing_does_not_leave() {
    differs(
        &BOTH,
        |site, family| {
            let (from, to) = ((family.at(One), 20_401), (family.at(Remote), 20_401));
            what_leaves(site, family, &Packet::tcp(from, to, SYN | ACK, (1000, 1)))
        },
        |family| {
            // It leaks, with the container's own address.
            let (from, to) = (family.at(One), family.at(Remote));
            let leak = format!("{from} port 20401 > {to} port 20401 tcp SYN ACK");
            (leak, "nothing leaves".into())
        },
    );
}

#[test]
fn an_echo_s_answer_to_nothing_does_not_leave() {
    differs(
        &BOTH,
        |site, family| {
            let (from, to) = (family.at(One), family.at(Remote));
            what_leaves(site, family, &Packet::echo(from, to, false, 4402, b"hello"))
        },
        |family| {
            let (from, to) = (family.at(One), family.at(Remote));
            let kind = if family == V4 { 0 } else { 129 };
            (format!("{from} > {to} icmp {kind}/0 id 4402"), "nothing leaves".into())
        },
    );
}

#[test]
fn a_protocol_without_ports_does_not_leave() {
    differs(
        &BOTH,
        |site, family| {
            let body = Body::Other(253, vec![0; 16]);
            what_leaves(site, family, &Packet::new(family.at(One), family.at(Remote), body))
        },
        |family| {
            let (host, remote) = (family.at(Host), family.at(Remote));
            let left = format!("{host} port 0 > {remote} port 0 protocol 253");
            (left, "nothing leaves".into())
        },
    );
}

#[test]
fn a_port_of_a_socket_of_the_host_s_is_not_taken() {
    differs(
        &BOTH,
        |site, family| {
            let _service = site.udp(Host, family, 30_404)?;
            taken(site, family, 30_404, 9404)
        },
        |_| ("kept".into(), "another one".into()),
    );
}

#[test]
fn a_published_port_is_not_taken() {
    differs(
        &BOTH,
        |site, family| taken(site, family, PUBLISHED_RAW.0, 9405),
        |_| ("kept".into(), "another one".into()),
    );
}

/// Whether a container's flow leaves by its own port.
fn taken(site: &Site, family: Family, port: u16, to: u16) -> Outcome {
    let (client, server) = (site.udp(One, family, port)?, site.udp(Remote, family, to)?);
    client.send_to(b"ask", (family.at(Remote), to))?;
    let (_, seen) = server.recv_from(&mut [0; 9])?;
    server.send_to(b"answer", seen)?;
    client.recv_from(&mut [0; 9])?;
    anyhow::ensure!(seen.ip() == family.at(Host), "it leaves as {seen}");
    Ok(if seen.port() == port { "kept" } else { "another one" }.into())
}

#[test]
fn pieces_out_of_order_are_lost() {
    differs(
        &BOTH,
        |site, family| {
            let (one, server) = (site.station(One)?, site.udp(Remote, family, 9406)?);
            let to = (family.at(Remote), 9406);
            let whole = Packet::udp((family.at(One), 20_406), to, &[7; 2000]);
            for piece in whole.pieces(1400, 406).iter().rev() {
                one.send(piece)?;
            }
            one.send(&Packet::udp((family.at(One), 20_406), to, b"mark"))?;
            let (length, _) = server.recv_from(&mut [0; 5000])?;
            Ok(format!("{length} bytes"))
        },
        |_| ("2000 bytes".into(), "4 bytes".into()),
    );
}

#[test]
fn destination_options_are_kept() {
    same_for(&[V6], |site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let packet = Packet::udp((family.at(One), 20_407), (family.at(Remote), 20_407), b"x");
        one.send(&packet.with_destination_options())?;
        let heard = remote.hear("it", |p| p.to == family.at(Remote) && !p.is_discovery())?;
        let Body::Other(60, bytes) = &heard.body else { anyhow::bail!("{heard}") };
        Ok(format!("{heard}, {:?}", &bytes[..12]))
    });
}

#[test]
fn traffic_class_and_flow_label_are_kept() {
    same(|site, family| {
        let server = site.udp(Remote, family, 9408)?;
        let client = site.udp(One, family, 40_408)?;
        let socket = socket2::SockRef::from(&client);
        if family == V4 {
            socket.set_tos_v4(0xb9)?
        } else {
            socket.set_tclass_v6(0xb9)?
        }
        let remote = site.station(Remote)?;
        client.send_to(b"ask", (family.at(Remote), 9408))?;
        let heard = remote.hear("it", |packet| packet.reaches((family.at(Remote), 9408)))?;
        server.recv_from(&mut [0; 9])?;
        Ok(format!("class {:#x}, hops {}", heard.class, heard.hops))
    });
}

#[test]
fn hops_count_once_in_each_direction() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let outer = (family.at(Host), PUBLISHED_RAW.0 + 9);
        let inner = (family.at(One), PUBLISHED_RAW.1 + 9);
        let client = (family.at(Remote), 20_409);
        remote.send(&Packet::udp(client, outer, b"ask"))?;
        let asked = one.hear("the question", |packet| packet.reaches(inner))?;
        one.send(&Packet::udp(inner, client, b"answer"))?;
        let answered = remote.hear("the answer", |packet| packet.reaches(client))?;
        Ok(format!("{} in, {} out", asked.hops, answered.hops))
    });
}

#[test]
fn a_published_port_by_a_process_of_the_host_s() {
    same(|site, family| {
        let (outer, inner) = ((family.at(Host), PUBLISHED.0 + 23), PUBLISHED.1 + 23);
        let (client, server) = (site.udp(Host, family, 0)?, site.udp(One, family, inner)?);
        client.connect(outer)?;
        client.send(b"ask")?;
        let (_, seen) = server.recv_from(&mut [0; 9])?;
        server.send_to(b"answer", seen)?;
        let (_, from) = client.recv_from(&mut [0; 9])?;
        anyhow::ensure!(seen.port() == client.local_addr()?.port(), "seen as {seen}");
        Ok(format!("answered by {}", SocketAddr::new(from.ip(), from.port())))
    });
}

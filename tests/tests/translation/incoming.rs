//! What the outside opens through published ports.

use crate::{
    oracle::{Outcome, differs, same, same_for},
    site::{Family, Host, One, PUBLISHED, PUBLISHED_RAW, Remote, Site, Two, V4, V6},
    wire::Packet,
};
use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr},
};

/// A published port by its number: the host's end, and the container's port.
fn published(family: Family, number: u16) -> ((IpAddr, u16), u16) {
    ((family.at(Host), PUBLISHED.0 + number), PUBLISHED.1 + number)
}

/// As [`published`], of a station's.
fn published_raw(family: Family, number: u16) -> ((IpAddr, u16), (IpAddr, u16)) {
    let inner = (family.at(One), PUBLISHED_RAW.1 + number);
    ((family.at(Host), PUBLISHED_RAW.0 + number), inner)
}

#[test]
fn a_tcp_server_sees_its_client() {
    same(|site, family| {
        let (outer, inner) = published(family, 0);
        let server = site.listen(One, family, inner)?;
        let mut client = site.connect(Remote, 41_000, outer)?;
        let (mut accepted, seen) = server.accept()?;
        client.write_all(b"ask")?;
        accepted.read_exact(&mut [0; 3])?;
        accepted.write_all(b"answer")?;
        client.read_exact(&mut [0; 6])?;
        Ok(format!("seen as {seen}"))
    });
}

#[test]
fn a_udp_server_sees_its_client_and_answers_from_the_published_port() {
    same(|site, family| {
        let (outer, inner) = published(family, 1);
        let (client, server) = (site.udp(Remote, family, 41_001)?, site.udp(One, family, inner)?);
        client.send_to(b"ask", outer)?;
        let (_, seen) = server.recv_from(&mut [0; 99])?;
        server.send_to(b"answer", seen)?;
        let (_, from) = client.recv_from(&mut [0; 99])?;
        Ok(format!("seen as {seen}, answered by {from}"))
    });
}

#[test]
fn an_echo_is_the_host_s_to_answer() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        remote.send(&Packet::echo(family.at(Remote), family.at(Host), true, 4102, b"hello"))?;
        let answer =
            remote.hear("the answer", |p| p.to == family.at(Remote) && !p.is_discovery())?;
        let inside = one.heard(|p| p.to == family.at(One) && !p.is_discovery())?;
        Ok(format!("{answer}; inside: {}", inside.len()))
    });
}

#[test]
fn a_closed_port_behind_a_published_one_refuses() {
    same(|site, family| {
        let refused = site.connect(Remote, 0, published(family, 3).0).err();
        Ok(format!("{:?}", refused.map(|error| error.to_string())))
    });
}

#[test]
fn a_closed_udp_port_behind_a_published_one_is_unreachable() {
    same(|site, family| {
        let (remote, (outer, _)) = (site.station(Remote)?, published(family, 4));
        remote.send(&Packet::udp((family.at(Remote), 20_104), outer, b"ask"))?;
        let error = remote.hear("the error", |p| p.quoted().is_some())?;
        Ok(error.to_string())
    });
}

#[test]
fn a_port_that_nobody_published_is_the_host_s() {
    same(|site, family| {
        let remote = site.station(Remote)?;
        let closed = (family.at(Host), 7999);
        remote.send(&Packet::udp((family.at(Remote), 20_105), closed, b"ask"))?;
        let error = remote.hear("the error", |p| p.quoted().is_some())?;
        let refused = site.connect(Remote, 0, closed).err();
        Ok(format!("{error}; {:?}", refused.map(|error| error.to_string())))
    });
}

#[test]
fn a_datagram_in_pieces_arrives_at_a_published_port() {
    same(|site, family| {
        let (outer, inner) = published(family, 6);
        let (remote, server) = (site.station(Remote)?, site.udp(One, family, inner)?);
        let whole = Packet::udp((family.at(Remote), 20_106), outer, &[7; 4000]);
        for piece in whole.pieces(1400, 106) {
            remote.send(&piece)?;
        }
        let (length, seen) = server.recv_from(&mut [0; 5000])?;
        Ok(format!("{length} bytes from {seen}"))
    });
}

#[test]
fn an_answer_in_pieces_leaves_a_published_port() {
    same(|site, family| {
        let (outer, inner) = published(family, 7);
        let (client, server) = (site.udp(Remote, family, 41_007)?, site.udp(One, family, inner)?);
        client.send_to(b"ask", outer)?;
        let (_, seen) = server.recv_from(&mut [0; 99])?;
        server.send_to(&[5; 4000], seen)?;
        let (length, from) = client.recv_from(&mut [0; 5000])?;
        Ok(format!("{length} bytes from {from}"))
    });
}

#[test]
fn a_datagram_without_checksum_arrives_without() {
    same_for(&[V4], |site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (outer, inner) = published_raw(family, 8);
        let mut packet = Packet::udp((family.at(Remote), 20_108), outer, b"x");
        packet.unchecked();
        remote.send(&packet)?;
        Ok(one.hear("it", |p| p.reaches(inner))?.to_string())
    });
}

#[test]
fn ipv4_options_arrive() {
    same_for(&[V4], |site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (outer, inner) = published_raw(family, 9);
        let mut packet = Packet::udp((family.at(Remote), 20_109), outer, b"x");
        packet.options = vec![1, 1, 1, 0];
        remote.send(&packet)?;
        let heard = one.hear("it", |p| p.reaches(inner))?;
        Ok(format!("{heard} with {:?}", heard.options))
    });
}

/// A service that answers from a port of its own for each client, as TFTP does.
fn answered_from_another_port(site: &Site, family: Family) -> Outcome {
    let (outer, inner) = published(family, 10);
    let (client, server) = (site.udp(Remote, family, 41_010)?, site.udp(One, family, inner)?);
    let other = site.udp(One, family, 42_010)?;
    client.send_to(b"read", outer)?;
    let (_, seen) = server.recv_from(&mut [0; 99])?;
    other.send_to(b"block", seen)?;
    let (_, from) = client.recv_from(&mut [0; 99])?;
    // What comes back goes to that port.
    client.send_to(b"thanks", from)?;
    let (_, back) = other.recv_from(&mut [0; 99])?;
    Ok(format!("seen as {seen}, answered by {from}, thanked by {back}"))
}

#[test]
fn a_published_service_may_answer_from_another_port() {
    same(answered_from_another_port);
}

#[test]
fn a_masqueraded_client_hears_no_other_port_than_it_asked() {
    same(|site, family| {
        let (client, server) = (site.udp(One, family, 40_011)?, site.udp(Remote, family, 9111)?);
        let other = site.udp(Remote, family, 42_011)?;
        client.send_to(b"read", (family.at(Remote), 9111))?;
        let (_, seen) = server.recv_from(&mut [0; 99])?;
        other.send_to(b"block", seen)?;
        server.send_to(b"later", seen)?;
        let mut first = [0; 5];
        let (_, from) = client.recv_from(&mut first)?;
        Ok(format!("seen as {seen}, {} from {from}", String::from_utf8_lossy(&first)))
    });
}

/// A host that publishes a port of `one`, then of `two`, while a client goes on from its port.
fn replaced(site: &Site, family: Family) -> Outcome {
    let (outer, inner) = ((family.at(Host), 8300), 9300);
    let port = (outer.1, inner, "udp");
    let client = site.udp(Remote, family, 41_012)?;
    let servers = [site.udp(One, family, inner)?, site.udp(Two, family, inner)?];
    let reached = |publisher: usize| -> anyhow::Result<String> {
        client.send_to(b"ask", outer)?;
        let at = |who: usize| servers[who].recv_from(&mut [0; 99]).is_ok();
        let (new, old) = (publisher, 1 - publisher);
        servers[old].set_nonblocking(true)?;
        servers[new].set_nonblocking(false)?;
        Ok((if at(new) {
            "the new one"
        } else if at(old) {
            "the old one"
        } else {
            "nobody"
        })
        .into())
    };
    site.publish("one", "two", port)?;
    let first = reached(0)?;
    site.publish("two", "one", port)?;
    let second = reached(1)?;
    site.unpublish("two", port)?;
    Ok(format!("{first}, then {second}"))
}

#[test]
fn a_udp_client_that_goes_on_reaches_the_container_that_has_the_port_now() {
    differs(&[V4, V6], replaced, |_| {
        ("the new one, then the old one".into(), "the new one, then the new one".into())
    });
}

#[test]
fn every_address_of_the_host_is_answered_by_itself() {
    same(|site, family| {
        let second: IpAddr = if family == V4 { "198.51.100.3" } else { "2001:db8:1::3" }.parse()?;
        let length = if family == V4 { 24 } else { 64 };
        let change = |verb| format!("ip address {verb} {second}/{length} dev eth0");
        site.must(Host, &change("add"))?;
        if family == V6 {
            // Another one stays the one that the host prefers.
            site.must(Host, &format!("{} preferred_lft 0", change("change")))?;
        }
        let (outer, inner) = published(family, 13);
        let server = site.udp(One, family, inner)?;
        let client = site.udp(Remote, family, 41_013)?;
        let reached = netd_tests::host::wait(crate::station::PATIENCE, || {
            client.send_to(b"ask", (second, outer.1)).is_ok()
                && server.set_read_timeout(Some(std::time::Duration::from_millis(200))).is_ok()
                && server.recv_from(&mut [0; 99]).is_ok_and(|(_, seen)| {
                    seen == SocketAddr::from((family.at(Remote), 41_013))
                        && server.send_to(b"answer", seen).is_ok()
                })
        });
        let from = client.recv_from(&mut [0; 99]).map(|(_, from)| from.to_string());
        site.must(Host, &change("del"))?;
        Ok(format!("reached: {reached}, answered by {from:?}"))
    });
}

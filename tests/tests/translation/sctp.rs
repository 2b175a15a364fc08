//! SCTP, chunk by chunk: this kernel need not have sockets of it.

use crate::{
    oracle::same,
    site::{Host, One, Remote, Two},
    wire::Packet,
};

/// INIT (1) or INIT ACK (2), with a tag (RFC 9260 3.3.2, 3.3.3).
fn init(kind: u8, tag: u32) -> Vec<u8> {
    let mut chunk = vec![kind, 0, 0, 20];
    chunk.extend(tag.to_be_bytes());
    chunk.extend([0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
    chunk
}

/// COOKIE ECHO (10) or COOKIE ACK (11).
fn cookie(kind: u8) -> Vec<u8> {
    vec![kind, 0, 0, 4]
}

#[test]
fn an_association_opens_outwards() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (from, to) = ((family.at(One), 20_601), (family.at(Remote), 20_601));
        let mut told = Vec::new();
        one.send(&Packet::sctp(from, to, 0, &init(1, 11)))?;
        let seen = remote.hear("the INIT", |packet| packet.reaches(to))?;
        let back = (seen.from, seen.ports().unwrap_or_default().0);
        told.push(seen);
        remote.send(&Packet::sctp(to, back, 11, &init(2, 22)))?;
        told.push(one.hear("its answer", |packet| packet.reaches(from))?);
        one.send(&Packet::sctp(from, to, 22, &cookie(10)))?;
        told.push(remote.hear("the cookie", |packet| packet.reaches(to))?);
        remote.send(&Packet::sctp(to, back, 11, &cookie(11)))?;
        told.push(one.hear("the end of it", |packet| packet.reaches(from))?);
        Ok(told.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    });
}

#[test]
fn two_containers_with_one_port_are_told_apart() {
    same(|site, family| {
        let remote = site.station(Remote)?;
        let to = (family.at(Remote), 20_602);
        let mut ports = Vec::new();
        let mut faults = Vec::new();
        for who in [One, Two] {
            let (station, from) = (site.station(who)?, (family.at(who), 20_602));
            station.send(&Packet::sctp(from, to, 0, &init(1, 11)))?;
            let seen = remote.hear("the INIT", |packet| packet.reaches(to))?;
            let back = (seen.from, seen.ports().unwrap_or_default().0);
            remote.send(&Packet::sctp(to, back, 11, &init(2, 22)))?;
            let answer = station.hear("its answer", |packet| packet.reaches(from))?;
            ports.push(back.1);
            faults.extend([seen.faults, answer.faults].concat());
        }
        Ok(format!("{}, moved: {}, faults: {faults:?}", ports[0], ports[0] != ports[1]))
    });
}

#[test]
fn an_association_opens_by_a_published_port() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let port = (8303, 20_603, "sctp");
        site.publish("one", "two", port)?;
        let (client, outer) = ((family.at(Remote), 20_603), (family.at(Host), port.0));
        let inner = (family.at(One), port.1);
        remote.send(&Packet::sctp(client, outer, 0, &init(1, 11)))?;
        let asked = one.hear("the INIT", |packet| packet.reaches(inner))?;
        one.send(&Packet::sctp(inner, client, 11, &init(2, 22)))?;
        let answered = remote.hear("its answer", |packet| packet.reaches(client))?;
        remote.send(&Packet::sctp(client, outer, 22, &cookie(10)))?;
        let echoed = one.hear("the cookie", |packet| packet.reaches(inner))?;
        site.unpublish("one", port)?;
        Ok(format!("{asked}; {answered}; {echoed}"))
    });
}

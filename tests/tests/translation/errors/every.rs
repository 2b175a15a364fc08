//! Every kind of error that there is, about every kind of flow.

use super::{asked, published};
use crate::{
    oracle::{Outcome, same},
    site::{Family, One, Remote, V4},
    station::Station,
    wire::{Body, Packet},
};

/// Errors of every kind that a router may send about a masqueraded flow.
#[test]
fn every_error_about_a_masqueraded_flow_comes_through() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (from, to) = ((family.at(One), 20_211), (family.at(Remote), 20_211));
        one.send(&Packet::udp(from, to, b"a question of some length"))?;
        let seen = remote.hear("the question", |packet| packet.reaches(to))?;
        all_errors(family, &seen, &remote, &one)
    });
}

/// And those about the answers of a published port.
#[test]
fn every_error_about_an_answer_comes_through() {
    same(|site, family| {
        let client = (family.at(Remote), 20_212);
        let (one, remote) = asked(site, family, client, 12)?;
        one.send(&Packet::udp(published(family, 12).1, client, b"an answer of some length"))?;
        let seen = remote.hear("the answer", |packet| packet.reaches(client))?;
        all_errors(family, &seen, &remote, &one)
    });
}

/// And those that a container sends about a client's packets.
#[test]
fn every_error_of_a_container_comes_through() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (outer, inner) = published(family, 13);
        remote.send(&Packet::udp((family.at(Remote), 20_213), outer, b"a question"))?;
        let seen = one.hear("the question", |packet| packet.reaches(inner))?;
        all_errors(family, &seen, &one, &remote)
    });
}

/// And those that a container sends about the answers it gets.
#[test]
fn every_error_of_a_masqueraded_container_comes_through() {
    same(|site, family| {
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (from, to) = ((family.at(One), 20_214), (family.at(Remote), 20_214));
        one.send(&Packet::udp(from, to, b"ask"))?;
        let asked = remote.hear("the question", |packet| packet.reaches(to))?;
        let back = (asked.from, asked.ports().unwrap_or_default().0);
        remote.send(&Packet::udp(to, back, b"answer"))?;
        let seen = one.hear("the answer", |packet| packet.reaches(from))?;
        all_errors(family, &seen, &one, &remote)
    });
}

/// Sends every error about a packet back to its sender; what arrives.
fn all_errors(family: Family, about: &Packet, from: &Station, to: &Station) -> Outcome {
    let kinds: &[(u8, u8)] = if family == V4 {
        &[(3, 0), (3, 1), (3, 2), (3, 3), (3, 9), (3, 10), (3, 13), (11, 0), (11, 1), (12, 0)]
    } else {
        &[(1, 0), (1, 1), (1, 3), (1, 4), (1, 5), (3, 0), (3, 1), (4, 0), (4, 1)]
    };
    let mut told = Vec::new();
    for (kind, code) in kinds {
        let error = Body::Icmp(*kind, *code, [0; 4], about.bytes());
        from.send(&Packet::new(about.to, about.from, error))?;
        let right = |packet: &Packet| {
            packet.quoted().is_some()
                && matches!(packet.body, Body::Icmp(k, c, ..) if (k, c) == (*kind, *code))
        };
        told.push(to.hear(&format!("error {kind}/{code}"), right)?.to_string());
    }
    Ok(told.join("; "))
}

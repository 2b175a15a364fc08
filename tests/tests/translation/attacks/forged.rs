//! Answers and errors that nobody asked for.

use super::BOTH;
use crate::{
    handshake::Talk,
    oracle::{same, with_netd},
    site::{Host, Neighbour, One, Remote, V4},
    wire::{ACK, Body, Packet},
};
use anyhow::ensure;
use std::net::IpAddr;

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

//! What packets carry.

use super::{
    build::{Ip, seal},
    meetings::Meeting,
    pools,
    random::Random,
};
use netd_common::{
    abi::Window,
    address::Address,
    flow::End,
    parse::{ICMP, ICMPV6, SCTP, TCP, UDP},
};

/// A transport's bytes, checksum included.
pub(super) fn body(meeting: &Meeting, random: &mut Random) -> Vec<u8> {
    let ports = (meeting.from.port, meeting.to.port);
    let mut bytes = match meeting.protocol {
        TCP => tcp(meeting, random),
        UDP => udp(ports),
        SCTP => sctp(ports, random),
        _ => echo(meeting, random),
    };
    bytes.extend(payload(random));
    if meeting.protocol == UDP {
        let length = (bytes.len() as u16).to_be_bytes();
        bytes[4..6].copy_from_slice(&length);
        if random.chance(if meeting.from.address.is_v4() { 10 } else { 2 }) {
            return bytes;
        }
    }
    seal(&mut bytes, meeting.protocol, &meeting.from.address, &meeting.to.address);
    bytes
}

fn payload(random: &mut Random) -> Vec<u8> {
    let length = match random.below(100) {
        0 => 1_380 + random.below(200),
        1..40 => random.below(40),
        _ => 0,
    };
    vec![random.byte(); length]
}

fn tcp(meeting: &Meeting, random: &mut Random) -> Vec<u8> {
    let options = tcp_options(random);
    let mut tcp = Vec::with_capacity(20 + options.len());
    tcp.extend(meeting.from.port);
    tcp.extend(meeting.to.port);
    let (seq, ack) = numbers(meeting, random);
    tcp.extend(seq.to_be_bytes());
    tcp.extend(ack.to_be_bytes());
    let flags = match random.below(20) {
        0..6 => 0x02,
        6..9 => 0x12,
        9..13 => 0x10,
        13..15 => 0x18,
        15..17 => 0x11,
        17 => 0x04,
        18 => 0x14,
        _ => random.byte(),
    };
    tcp.extend([((20 + options.len()) * 4) as u8, flags]);
    tcp.extend(random.pick(&[0xffff_u16, 1, 0, 502]).to_be_bytes());
    tcp.extend([0, 0, 0, 0]);
    tcp.extend(options);
    tcp
}

/// Sequence and acknowledgement number: near what the flow waits for, where it is a flow's.
fn numbers(meeting: &Meeting, random: &mut Random) -> (u32, u32) {
    let Some(flow) = &meeting.flow else {
        return (pools::sequence(random), pools::sequence(random));
    };
    // Which end waits for what depends on who opened it: either way comes.
    let (first, second) =
        if random.chance(50) { (flow.answerer, flow.opener) } else { (flow.opener, flow.answerer) };
    (near(first, random), near(second, random))
}

/// A number at or about the edges of a window.
fn near(window: Window, random: &mut Random) -> u32 {
    let edge = random.pick(&[window.next, window.end]);
    edge.wrapping_add(random.pick(&[0, 0, 0, 1, u32::MAX, 100, 70_000, 0x8000_0000]))
}

/// MSS, window scale, SACK permitted, timestamps, NOP, end; or nonsense of a right length.
fn tcp_options(random: &mut Random) -> Vec<u8> {
    let mss = random.pick(&[1_460_u16, 536, 9_000, 65_495]).to_be_bytes();
    let scale = random.pick(&[0, 7, 14, 15, 255]);
    let mut options = match random.below(10) {
        0..5 => return Vec::new(),
        5 => vec![2, 4, mss[0], mss[1]],
        6 => vec![2, 4, mss[0], mss[1], 1, 3, 3, scale, 4, 2],
        7 => vec![1, 3, 3, scale, 2, 4, mss[0], mss[1], 0],
        8 => vec![1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 3, 3, scale, 1, 2, 4, mss[0], mss[1]],
        _ => (0..1 + random.below(40)).map(|_| random.pick(&[0, 1, 2, 3, 4, 8, 255])).collect(),
    };
    options.resize(options.len().next_multiple_of(4).min(40), 0);
    options
}

fn udp((from, to): ([u8; 2], [u8; 2])) -> Vec<u8> {
    vec![from[0], from[1], to[0], to[1], 0, 8, 0, 0]
}

fn sctp((from, to): ([u8; 2], [u8; 2]), random: &mut Random) -> Vec<u8> {
    let mut sctp = vec![from[0], from[1], to[0], to[1]];
    sctp.extend(random.word().to_be_bytes());
    sctp.extend([0; 4]);
    // INIT, INIT ACK, DATA, ABORT, SHUTDOWN, COOKIE ECHO, or any chunk.
    let other = random.byte();
    let chunk = random.pick(&[1, 2, 0, 6, 7, 10, 14, other]);
    sctp.extend([chunk, 0, 0, 8, 0, 0, 0, 1]);
    sctp
}

/// An echo, or any other message.
fn echo(meeting: &Meeting, random: &mut Random) -> Vec<u8> {
    let v6 = meeting.protocol == ICMPV6;
    let (kind, id) = match (random.below(20), v6) {
        (0..9, false) => (8, meeting.from.port),
        (0..9, true) => (128, meeting.from.port),
        (9..18, false) => (0, meeting.to.port),
        (9..18, true) => (129, meeting.to.port),
        _ => (random.byte(), meeting.from.port),
    };
    vec![kind, 0, 0, 0, id[0], id[1], 0, 1]
}

/// An ICMP error about `quoted`, an IP packet that went from `to` elsewhere.
pub(super) fn error(
    quoted: &[u8],
    from: &Address,
    to: &Address,
    random: &mut Random,
) -> (u8, Vec<u8>) {
    let v4 = from.is_v4();
    let kind = if v4 { random.pick(&[3, 3, 3, 11, 12, 4, 5]) } else { random.pick(&[1, 2, 3, 4]) };
    let code = if kind == 3 && v4 { random.pick(&[0, 1, 3, 4, 4, 9, 13, 15]) } else { 0 };
    let header = if v4 { 20 } else { 40 };
    let kept = match random.below(10) {
        0..4 => quoted.len(),
        4..8 => header + 8,
        8 => header + random.below(24),
        _ => random.below(header),
    };
    let mut message = vec![kind, code, 0, 0, 0, 0];
    message.extend(random.pick(&[0_u16, 68, 576, 1_280, 1_400]).to_be_bytes());
    message.extend(&quoted[..kept.min(quoted.len())]);
    let protocol = pools::icmp(v4);
    seal(&mut message, protocol, from, to);
    (protocol, message)
}

/// A router solicitation, a neighbour's question or claim, a listener's report.
pub(super) fn discovery(from: &End, random: &mut Random, mac: [u8; 6]) -> (Ip, Vec<u8>) {
    let kind = random.pick(&[133, 134, 135, 136, 137, 130, 131, 143]);
    let target = if random.chance(60) { from.address } else { pools::odd(random, false) };
    let mut message = vec![kind, 0, 0, 0, 0, 0, 0, 0];
    message.extend(target.v6_bytes());
    if random.chance(70) {
        message.extend([random.pick(&[1, 2, 14]), random.pick(&[1, 1, 1, 2])]);
        let mac = if random.chance(80) { mac } else { [2, 0, 0, 0, 9, 9] };
        message.extend(mac);
    }
    let source = if random.chance(20) { Address::UNSPECIFIED } else { from.address };
    let to = if random.chance(50) { pools::odd(random, false) } else { from.address };
    let mut ip = Ip::new(source, to);
    ip.hops = random.pick(&[255, 255, 255, 64, 1]);
    seal(&mut message, ICMPV6, &source, &to);
    (ip, message)
}

/// ARP from a container: its own, or somebody else's claim.
pub(super) fn arp(own: [u8; 4], mac: [u8; 6], random: &mut Random) -> Vec<u8> {
    let sender = if random.chance(70) { own } else { random.pick(&[[0; 4], [172, 18, 0, 1]]) };
    let hardware = if random.chance(85) { mac } else { [2, 0, 0, 0, 9, 9] };
    let mut arp = vec![0, 1, 8, 0, 6, 4, 0, random.pick(&[1, 2, 8])];
    arp.extend(hardware);
    arp.extend(sender);
    arp.extend([0; 6]);
    arp.extend([172, 18, 0, 3]);
    arp
}

/// The protocol number is ICMP of either family.
pub(super) const fn is_icmp(protocol: u8) -> bool {
    matches!(protocol, ICMP | ICMPV6)
}

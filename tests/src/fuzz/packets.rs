//! The grammar of random packets: mostly such as meet something in the tables.

use super::{
    bodies,
    build::Ip,
    meetings::{self, Meeting},
    mutate, pools,
    random::Random,
    recent::Recent,
};
use crate::{bytes, cases::Hook, world::World};
use netd_common::abi::{Flow, FlowKey};

/// A packet and where a program meets it.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where.
    pub hook: Hook,
    /// The frame.
    pub packet: Vec<u8>,
}

/// What random packets are about: the tables at the beginning of a batch, and what came out lately.
pub(super) struct Subject<'a> {
    pub(super) world: &'a World,
    pub(super) flows: &'a [(FlowKey, Flow)],
    pub(super) recent: &'a Recent,
}

/// The next packet: one that the kernel takes.
pub(super) fn next(subject: &Subject, random: &mut Random) -> Step {
    loop {
        let mut step = fresh(subject, random);
        if random.chance(15) {
            mutate::spoil(&mut step.packet, random);
        }
        if bytes::kernel_takes(&step.packet) && step.packet.len() < MAX_LENGTH {
            return step;
        }
    }
}

fn fresh(subject: &Subject, random: &mut Random) -> Step {
    if random.chance(40)
        && let Some(step) = subject.recent.follow(random)
    {
        return step;
    }
    let mut meeting = match subject.flows {
        [] => meetings::of_anybody(subject.world, random),
        _ if random.chance(45) => meetings::of_anybody(subject.world, random),
        flows => {
            let (key, flow) = &flows[random.below(flows.len())];
            meetings::of_flow(key, flow, random)
        }
    };
    if meeting.from.address.is_v4() != meeting.to.address.is_v4() {
        // A publication of another family: no packet can say so.
        meeting.to = meeting.from;
    }
    if random.chance(2) {
        meeting.macs.0 = [2, 0, 0, 0, 9, 9];
    }
    if random.chance(2) {
        let (everybody, some) = ([0xff; 6], [0x33, 0x33, 0, 0, 0, 1]);
        let (bridges, another) = ([1, 0x80, 0xc2, 0, 0, random.byte() & 31], [2, 0, 0, 0, 9, 9]);
        meeting.macs.1 = random.pick(&[everybody, some, bridges, another]);
    }
    frame(&meeting, random)
}

fn frame(meeting: &Meeting, random: &mut Random) -> Step {
    let v4 = meeting.from.address.is_v4();
    let (ether_type, packet) = match random.below(40) {
        0 => ([0x08, 0x06], bodies::arp(meeting.from.address.v4_bytes(), meeting.macs.0, random)),
        1 if !v4 => {
            let (ip, message) = bodies::discovery(&meeting.from, random, meeting.macs.0);
            ([0x86, 0xdd], ip.packet(pools::icmp(false), &message))
        }
        2 if random.chance(20) => {
            (random.pick(&[[0x81, 0], [0x88, 0xa8], [0x88, 0xcc], [0, 46]]), vec![0; 46])
        }
        3..7 => (ether_type(v4), error(meeting, random)),
        _ => (ether_type(v4), ip(meeting, random)),
    };
    let mut frame = Vec::with_capacity(14 + packet.len());
    frame.extend(meeting.macs.1);
    frame.extend(meeting.macs.0);
    frame.extend(ether_type);
    frame.extend(packet);
    Step { hook: meeting.hook, packet: frame }
}

fn ether_type(v4: bool) -> [u8; 2] {
    if v4 { [0x08, 0x00] } else { [0x86, 0xdd] }
}

fn ip(meeting: &Meeting, random: &mut Random) -> Vec<u8> {
    let ip = header(meeting, random);
    if random.chance(1) {
        // GRE, ESP, IP in IP, or any other protocol.
        let any = random.byte();
        let other = random.pick(&[47, 50, 4, any]);
        return ip.packet(other, &[0; 32]);
    }
    let body = bodies::body(meeting, random);
    match ip.fragment {
        // A later part of a datagram has no header.
        Some((1.., _)) => ip.packet(meeting.protocol, &[0x55; 32]),
        Some(_) if random.chance(10) => ip.packet(meeting.protocol, &body[..random.below(8)]),
        _ => ip.packet(meeting.protocol, &body),
    }
}

fn header(meeting: &Meeting, random: &mut Random) -> Ip {
    let mut ip = Ip::new(meeting.from.address, meeting.to.address);
    if random.chance(10) {
        ip.hops = random.pick(&[0, 1, 2, 255]);
    }
    if random.chance(10) {
        ip.service = random.byte();
    }
    ip.whole = random.chance(50);
    if random.chance(8) {
        ip.id = random.below(4) as u16;
        ip.fragment = Some((random.pick(&[0, 0, 0, 1, 3, 185, 0x1fff]), random.chance(70)));
    }
    if random.chance(6) {
        if meeting.from.address.is_v4() {
            ip.options = options(random);
        } else {
            ip.extensions = extensions(random);
        }
    }
    ip
}

/// NOP, record route, loose and strict source route, timestamp, router alert, or nonsense.
fn options(random: &mut Random) -> Vec<u8> {
    let mut options = match random.below(6) {
        0 => vec![1, 1, 1, 0],
        1 => vec![7, 7, 4, 0, 0, 0, 0, 0],
        2 => vec![random.pick(&[131, 137]), 7, 4, 203, 0, 113, 9, 0],
        3 => vec![148, 4, 0, 0],
        4 => vec![68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        _ => (0..1 + random.below(40)).map(|_| random.byte()).collect(),
    };
    options.resize(options.len().next_multiple_of(4).min(40), 0);
    options
}

/// Hop-by-hop, destination options, routing, authentication: one to three, or too many.
fn extensions(random: &mut Random) -> Vec<(u8, Vec<u8>)> {
    let count = if random.chance(5) { 9 } else { 1 + random.below(3) };
    let mut chain = Vec::new();
    for _ in 0..count {
        let kind = random.pick(&[0, 60, 60, 60, 43, 51, 135]);
        let length = if random.chance(5) { 30 } else { random.below(3) };
        let mut bytes = vec![0; 8 + length * 8];
        bytes[1] = length as u8;
        bytes[2..4].copy_from_slice(&[1, (4 + length * 8).min(255) as u8]);
        chain.push((kind, bytes));
    }
    chain
}

/// An ICMP error on the way that the meeting's packets go, about one that went the other way.
fn error(meeting: &Meeting, random: &mut Random) -> Vec<u8> {
    let (from, to) = (meeting.from.address, meeting.to.address);
    let other = Meeting { from: meeting.to, to: meeting.from, flow: None, ..meeting.clone() };
    let mut quoted = header(&other, random);
    quoted.hops = random.pick(&[63, 1, 0]);
    if bodies::is_icmp(other.protocol) || random.chance(90) {
        quoted.fragment = None;
    }
    let quoted = quoted.packet(other.protocol, &bodies::body(&other, random));
    let teller =
        if random.chance(50) { from } else { pools::remote(random, meeting.from.address.is_v4()) };
    let (protocol, message) = bodies::error(&quoted, &teller, &to, random);
    let mut outer = header(meeting, random);
    outer.source = teller;
    outer.packet(protocol, &message)
}

/// `BPF_PROG_TEST_RUN` takes frames that fit a page with what the kernel puts around them.
const MAX_LENGTH: usize = 3_500;

//! Errors that netd sends itself, because it leads packets past the kernel: hops used up, and packets
//! that are longer than a container's device takes (RFC 1812 4.3.2.4, RFC 1191, RFC 8201, RFC 4787
//! REQ-13).

use super::family::{Family, called, families, handed, led, telling, told};
use super::{Case, Hook, World, end, enter, from_outside, publish, record};
use crate::frame::{Body, Chunk, Frame, Segment, echo};
use crate::world::{A, ROUTER_MAC, UPLINK_MAC};
use netd_common::abi::{Flow, FlowKey};
use netd_common::conntrack::State;
use netd_common::flow::{masqueraded_flow, published_flow};
use netd_common::verdict::{DropReason, IcmpError, Verdict};

pub(super) fn cases() -> Vec<Case> {
    let parts = |family| [too_long(family), last_hop(family)].concat();
    families().into_iter().flat_map(parts).collect()
}

/// The largest packet that the container takes.
const MTU: u16 = 1400;

/// A packet into container A, of a flow seconds ago.
struct Packet {
    what: String,
    before: Frame,
    after: Frame,
    verdict: Verdict,
    flow: (FlowKey, Flow),
    world: World,
}

/// Packets of every transport, `length` bytes from the IP header on: to a published port, and back
/// to who opened the flow.
fn packets(family: Family, length: u16) -> Vec<Packet> {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let behind = usize::from(length) - if family.v4 { 20 } else { 40 };
    let (icmp, _, reply) = family.echo();
    let body = |protocol, from: u16, to: u16| {
        let payload = |header: usize| vec![7; behind - header];
        match protocol {
            6 => Body::Segment(Segment::new((from, to), 0x10).payload(&payload(20))),
            17 => Body::Udp(from, to, payload(8)),
            132 => Body::Sctp(Chunk::new((from, to), 0)),
            _ => {
                let mut rest = echo(to);
                rest.resize(behind - 4, 7);
                Body::Icmp(reply, 0, rest)
            }
        }
    };
    let mut all = Vec::new();
    for (protocol, word) in [(6, "TCP"), (17, "UDP")] {
        let mut world = World::standard();
        publish(&mut world, end(family.any, 8080), protocol, A, 80);
        let key = published_flow(end(far, 5000), end(inner, 80), protocol);
        let flow = Flow { mtu: MTU, ..called(&world, end(host, 8080), State::Established) };
        all.push(Packet {
            what: format!("{word} to a published port"),
            before: from_outside(far, host, body(protocol, 5000, 8080)),
            after: from_outside(far, inner, body(protocol, 5000, 80)),
            verdict: led(A, None, Some(end(inner, 80))),
            flow: (key, flow),
            world,
        });
    }
    for (protocol, word, port) in [(6, "TCP", 443), (17, "UDP", 443), (icmp, "an echo", 0)] {
        let world = World::standard();
        let key = masqueraded_flow(end(far, port), end(host, 4000), protocol);
        let flow = Flow { mtu: MTU, ..record(&world, A, end(inner, 4000), State::Established, 0) };
        all.push(Packet {
            what: format!("{word} back to a container"),
            before: from_outside(far, host, body(protocol, port, 4000)),
            after: from_outside(far, inner, body(protocol, port, 4000)),
            verdict: led(A, None, Some(end(inner, 4000))),
            flow: (key, flow),
            world,
        });
    }
    all
}

impl Packet {
    fn row(&self, family: Family, name: &str, packet: &Frame, verdict: Verdict) -> Case {
        let name = format!("{} {}: {name}", family.word(), self.what);
        Case::new(name, Hook::UplinkIn, packet.bytes(), verdict)
            .world(|w| {
                *w = self.world.clone();
                enter(w, self.flow.0, self.flow.1);
            })
            .flows(&[(self.flow.0, State::Established)])
    }
}

/// To who sent the frame, by the uplink.
const BACK: ([u8; 6], [u8; 6]) = (UPLINK_MAC, ROUTER_MAC);

fn too_long(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    let (kind, code) = family.too_big();
    let told = told(IcmpError::TooBig(MTU), family.host, DropReason::TooBig);
    for packet in packets(family, MTU + 1) {
        let whole = packet.before.clone().whole();
        rows.push(
            packet
                .row(family, "the sender of one that is too long is told the length", &whole, told)
                .out(telling(&whole, family.host, (kind, code, MTU.into()), BACK)),
        );
        if family.v4 {
            let name = "one that may be cut is the container's kernel's to take";
            rows.push(
                packet
                    .row(family, name, &packet.before, packet.verdict)
                    .out(handed(packet.after.clone(), A)),
            );
        }
    }
    for packet in packets(family, MTU) {
        let (before, after) = (packet.before.clone().whole(), packet.after.clone().whole());
        let name = "one of just the length is delivered";
        rows.push(packet.row(family, name, &before, packet.verdict).out(handed(after, A)));
    }
    for packet in packets(family, 4 * MTU / 3) {
        let later = packet.before.clone().whole().split(8 * 175).1;
        let name = format!(
            "{} {}: a later fragment is not judged before its first",
            family.word(),
            packet.what
        );
        rows.push(
            Case::new(name, Hook::UplinkIn, later, Verdict::Pass)
                .world(|w| {
                    *w = packet.world.clone();
                    enter(w, packet.flow.0, packet.flow.1);
                })
                .still(),
        );
    }
    rows
}

fn last_hop(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    let kind = if family.v4 { 11 } else { 3 };
    let exceeded = told(IcmpError::TimeExceeded, family.host, DropReason::HopLimit);
    for packet in packets(family, 84) {
        for (hops, name) in [
            (1, "the sender of one at its last hop is told"),
            (0, "so is the sender of one without any"),
        ] {
            let last = packet.before.clone().hops(hops);
            rows.push(packet.row(family, name, &last, exceeded).out(telling(
                &last,
                family.host,
                (kind, 0, 0),
                BACK,
            )));
        }
        let (before, after) = (packet.before.clone().hops(2), packet.after.clone().hops(2));
        let name = "one hop before the last it is delivered";
        rows.push(packet.row(family, name, &before, packet.verdict).out(handed(after, A)));
        let options: &[u8] = if family.v4 { &[1, 1, 1, 0] } else { &[0xff, 0, 1, 4, 0, 0, 0, 0] };
        let options: Vec<u8> =
            options.iter().map(|b| if *b == 0xff { packet.flow.0.protocol } else { *b }).collect();
        let last = packet.before.clone().hops(1).extra(60, &options);
        rows.push(packet.row(family, "options are quoted as well", &last, exceeded).out(telling(
            &last,
            family.host,
            (kind, 0, 0),
            BACK,
        )));
    }
    rows
}

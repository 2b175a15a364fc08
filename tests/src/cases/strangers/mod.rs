//! What comes from somebody else than it says, and what comes to somebody else than it seems: each
//! row is a way by which strangers got into a flow, or a flow lost its packets to them.

mod errors;
mod inside;

use super::family::{Family, LEAVING, families, handed, led};
use super::talk::{Talk, Who};
use super::{Case, Hook, end, enter, from, from_outside, leaving, publish, translated};
use crate::frame::{Body, Frame, Segment, echo};
use crate::world::{A, B, Container, G, ip};
use Who::{Answerer, Opener};
use netd_common::conntrack::State;
use netd_common::flow::{masqueraded_flow, published_flow};
use netd_common::verdict::{DropReason, Verdict};
use std::net::IpAddr;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

pub(super) fn cases() -> Vec<Case> {
    let parts = |family| {
        [
            errors::cases(family),
            inside::cases(family),
            handshakes(family),
            pings(family),
            published_meanwhile(family),
            sockets(family),
            too_long(family),
        ]
    };
    let both = families().into_iter().flat_map(parts).flatten();
    both.chain(unmasqueraded()).collect()
}

fn row(family: Family, name: &str, hook: Hook, packet: &[u8], verdict: Verdict) -> Case {
    let name = format!("strangers by {}: {name}", family.word());
    Case::new(name, hook, packet.to_vec(), verdict)
}

fn body(protocol: u8, from: u16, to: u16, flags: u8) -> Body {
    match protocol {
        17 => Body::Udp(from, to, vec![1, 2, 3]),
        _ => Body::Tcp(from, to, flags, vec![1, 2, 3]),
    }
}

/// A container's call of port 8080 of a host address, which leads to A's port 80.
fn call(client: Container, at: IpAddr, protocol: u8, flags: u8) -> Frame {
    from(client, client.gateway_mac(), at, body(protocol, 5000, 8080, flags))
}

/// That call was made, and answered.
fn called(case: Case, family: Family, client: Container, at: IpAddr, protocol: u8) -> Case {
    let own = client.number == A.number;
    let known = if own { family.gateway(A) } else { family.of(client) };
    let answer = from(A, A.gateway_mac(), known, body(protocol, 80, 5000, SYN | ACK));
    case.world(|w| publish(w, end(family.any, 8080), protocol, A, 80))
        .after(Hook::ContainerOut(client), &call(client, at, protocol, SYN).bytes())
        .after(Hook::ContainerOut(A), &answer.bytes())
}

fn segment(flags: u8, sequence: u32, acknowledgement: u32) -> Segment {
    Segment::new((0, 0), flags).at(sequence, acknowledgement).window(500)
}

/// Who has not seen the other end's first packet neither answers nor confirms it.
fn handshakes(family: Family) -> Vec<Case> {
    let (far, open, answered) = (0x7000_0000, State::Unreplied, State::Answered);
    let mut rows = Vec::new();
    for masqueraded in [true, false] {
        let closed = Talk::new("with a window of 0", family, masqueraded)
            .says(Opener, "the SYN offers nothing", segment(SYN, 1000, 0).window(0), open)
            .says(Answerer, "it is answered", segment(SYN | ACK, 9000, 1001), answered)
            .says_in_vain(Opener, "a blind ACK does not establish", segment(ACK, 1001, far))
            .says_in_vain(Opener, "nor does one of 0", segment(ACK, 1001, 0))
            .says_in_vain(Opener, "nor of what is behind", segment(ACK, 1001, 9000))
            .says(Opener, "the right one does", segment(ACK, 1001, 9001), State::Established);
        let forged = Talk::new("answered by who does not see it", family, masqueraded)
            .says(Opener, "the SYN opens", segment(SYN, 1000, 0), open)
            .says_in_vain(Answerer, "a blind ACK is no answer", segment(ACK, 9001, far))
            .says_in_vain(Answerer, "nor is a blind SYN-ACK", segment(SYN | ACK, 9000, far))
            .says_in_vain(Answerer, "nor the SYN's own number", segment(SYN | ACK, 9000, 1000))
            .says_in_vain(Answerer, "nor a segment without flags", segment(0, 9001, 1001))
            .says(Answerer, "the real one is", segment(SYN | ACK, 9000, 1001), answered)
            .says(Opener, "and is confirmed", segment(ACK, 1001, 9001), State::Established);
        rows.extend([closed.rows(), forged.rows()].concat());
    }
    rows
}

/// GHSA-c66w-hq56-4q97: with the identifier 0 a request looks like a reply.
fn pings(family: Family) -> Vec<Case> {
    let (protocol, request, reply) = family.echo();
    let (inner, far, host) = (family.of(A), family.far, family.host);
    let message = |kind| Body::Icmp(kind, 0, echo(0));
    let ping = leaving(inner, far, message(request)).bytes();
    let asked = from_outside(far, host, message(request)).bytes();
    let answer = leaving(inner, far, message(reply)).bytes();
    let answered = from_outside(far, host, message(reply)).bytes();
    let no_flow = Verdict::Drop(DropReason::NoFlow);
    let key = masqueraded_flow(end(far, 0), end(host, 0), protocol);
    vec![
        row(
            family,
            "a request with id 0 is no reply to one",
            Hook::UplinkIn,
            &asked,
            Verdict::Pass,
        )
        .after(LEAVING, &ping)
        .still(),
        row(family, "a reply with id 0 is no request", LEAVING, &answer, no_flow)
            .after(LEAVING, &ping)
            .still(),
        row(family, "a reply with id 0 opens nothing", LEAVING, &answer, no_flow).still(),
        row(
            family,
            "a reply with id 0 is who asked's",
            Hook::UplinkIn,
            &answered,
            led(A, None, Some(end(inner, 0))),
        )
        .after(LEAVING, &ping)
        .out(handed(from_outside(far, inner, message(reply)), A))
        .flows(&[(key, State::Established)]),
    ]
}

/// A container's flow left by a port that was published afterwards, towards another container.
fn published_meanwhile(family: Family) -> Vec<Case> {
    let (inner, far, host) = (family.of(A), family.far, family.host);
    let mut rows = Vec::new();
    for (protocol, word, state) in [(6, "TCP", State::Answered), (17, "UDP", State::Established)] {
        let own = masqueraded_flow(end(far, 443), end(host, 4000), protocol);
        let opening = leaving(inner, far, body(protocol, 4000, 443, SYN)).bytes();
        let case = |name: &str, packet: Vec<u8>, verdict| {
            row(family, &format!("{word} {name}"), Hook::UplinkIn, &packet, verdict)
                .after(LEAVING, &opening)
                .world(|w| publish(w, end(family.any, 4000), protocol, B, 80))
        };
        let answer = |to, port| from_outside(far, to, body(protocol, 443, port, SYN | ACK));
        let to = led(A, None, Some(end(inner, 4000)));
        rows.push(
            case("by a port published meanwhile answers who asked", answer(host, 4000).bytes(), to)
                .out(handed(answer(inner, 4000), A))
                .flows(&[(own, state)]),
        );
        let other = |to, port| from_outside(far, to, body(protocol, 444, port, SYN));
        let key = published_flow(end(far, 444), end(family.of(B), 80), protocol);
        let to = led(B, None, Some(end(family.of(B), 80)));
        rows.push(
            case("of another client gets where the port leads", other(host, 4000).bytes(), to)
                .out(handed(other(family.of(B), 80), B))
                .flows(&[(own, State::Unreplied), (key, State::Unreplied)]),
        );
    }
    rows
}

/// A port that the kernel gave a socket of the host's before it was published.
fn sockets(family: Family) -> Vec<Case> {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let packet = from_outside(far, host, body(17, 5000, 8080, 0));
    let key = published_flow(end(far, 5000), end(inner, 80), 17);
    let case = |name: &str, port: u16, address: IpAddr, verdict| {
        row(family, name, Hook::UplinkIn, &packet.bytes(), verdict).world(|w| {
            publish(w, end(family.any, 8080), 17, A, 80);
            w.sockets.insert((address.into(), port.to_be_bytes(), 17));
        })
    };
    let to = led(A, None, Some(end(inner, 80)));
    let out = handed(from_outside(far, inner, body(17, 5000, 80, 0)), A);
    vec![
        case("UDP to a socket of the host's is the host's", 8080, host, Verdict::Pass).still(),
        case("UDP to a socket on all addresses is too", 8080, family.any, Verdict::Pass).still(),
        case("UDP beside a socket gets where its port leads", 8081, host, to)
            .out(out.clone())
            .flows(&[(key, State::Unreplied)]),
        case("UDP of a flow that was there before the socket goes on", 8080, host, to)
            .world(|w| {
                let flow = super::family::called(w, end(host, 8080), State::Established);
                enter(w, key, flow);
            })
            .out(out)
            .flows(&[(key, State::Established)]),
    ]
}

/// Too long for a device that is no uplink: the kernel would send it there in fragments.
fn too_long(family: Family) -> Vec<Case> {
    let around = Verdict::Drop(DropReason::UnknownDevice);
    let mut rows = Vec::new();
    for (what, whole) in [("that may be cut", false), ("that may not be cut", true)] {
        let long = from(A, A.gateway_mac(), family.far, Body::Udp(5000, 53, vec![7; 1500]));
        let packet = Frame { whole, ..long }.bytes();
        let case = |name: &str, verdict| {
            let name = format!("a packet {what}, {name}");
            row(family, &name, Hook::ContainerOut(A), &packet, verdict)
        };
        rows.push(
            case("too long for a device that is no uplink, does not leave", around)
                .world(|w| w.uplinks.clear())
                .still(),
        );
        rows.push(case("too long for an uplink, is the host's", Verdict::Pass).still());
    }
    rows
}

/// Where a container keeps its address, the host's sockets are in nobody's way.
fn unmasqueraded() -> Vec<Case> {
    let (family, far) = (families()[0], families()[0].far);
    let mut rows = Vec::new();
    for (protocol, word) in [(6, "TCP"), (17, "UDP")] {
        let packet = leaving(G.v4(), far, body(protocol, 4000, 443, SYN)).bytes();
        let own = end(G.v4(), 4000);
        let name = format!("{word} without masquerade keeps a port that a host's socket has too");
        rows.push(
            row(family, &name, Hook::UplinkOut(G.ifindex()), &packet, translated(own))
                .world(|w| {
                    w.sockets.insert((ip("0.0.0.0").into(), own.port, protocol));
                })
                .flows(&[(masqueraded_flow(end(far, 443), own, protocol), State::Unreplied)]),
        );
    }
    rows
}

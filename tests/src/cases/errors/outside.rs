//! Errors from outside, and errors of containers that go there.

use super::{FAR, Message, Shape, Way, unreachable};
use crate::cases::family::{Family, LEAVING, both, by_port, called, led};
use crate::cases::{Case, Hook, World, end, enter, publish, record, translated};
use crate::world::{A, ROUTER_MAC, UPLINK_MAC};
use netd_common::abi::Flow;
use netd_common::conntrack::State;
use netd_common::flow::{masqueraded_flow, moved, published_flow};
use netd_common::verdict::Verdict;
use std::net::IpAddr;

pub(super) fn cases(family: Family) -> Vec<Case> {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let masqueraded = |w: &mut World, protocol| opened(w, family, protocol, 4000);
    let displaced = |w: &mut World, protocol| opened(w, family, protocol, 6000);
    let published = |w: &mut World, protocol| reached(w, family, protocol, 5000);
    let known = |w: &mut World, protocol| reached(w, family, protocol, 5001);
    let mut rows = Vec::new();
    for (who, from) in [("of a router", family.router), ("of the other end", far)] {
        let about = |what: &str| format!("{who} about {what}");
        let came = |quoted| Message { from, to: host, quoted };
        let got = |quoted| Message { from, to: inner, quoted };
        let to = |port| led(A, None, Some(end(inner, port)));
        rows.extend(from_outside(
            family,
            &about("what a container sent"),
            (came(((host, 4000), (far, FAR))), got(((inner, 4000), (far, FAR)))),
            to(4000),
            &masqueraded,
        ));
        rows.extend(from_outside(
            family,
            &about("what a container sent by another port"),
            (came(((host, 6000), (far, FAR))), got(((inner, 4000), (far, FAR)))),
            to(4000),
            &displaced,
        ));
        rows.extend(from_outside(
            family,
            &about("what a published port answered"),
            (came(((host, 8080), (far, 5000))), got(((inner, 80), (far, 5000)))),
            to(80),
            &published,
        ));
        let ends = led(A, Some(end(far, 5001)), Some(end(inner, 80)));
        rows.extend(from_outside(
            family,
            &about("what a published port answered a client by another port"),
            (came(((host, 8080), (far, 5000))), got(((inner, 80), (far, 5001)))),
            ends,
            &known,
        ));
    }
    rows.extend(containers(family));
    rows
}

/// The container's own, about what it got.
fn containers(family: Family) -> Vec<Case> {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let masqueraded = |w: &mut World, protocol| opened(w, family, protocol, 4000);
    let displaced = |w: &mut World, protocol| opened(w, family, protocol, 6000);
    let published = |w: &mut World, protocol| reached(w, family, protocol, 5000);
    let known = |w: &mut World, protocol| reached(w, family, protocol, 5001);
    let sent = |quoted| Message { from: inner, to: far, quoted };
    let left = |quoted| Message { from: host, to: far, quoted };
    [
        to_outside(
            family,
            "of a container about an answer",
            (sent(((far, FAR), (inner, 4000))), left(((far, FAR), (host, 4000)))),
            translated(end(host, 4000)),
            &masqueraded,
        ),
        to_outside(
            family,
            "of a container about an answer to another port",
            (sent(((far, FAR), (inner, 4000))), left(((far, FAR), (host, 6000)))),
            translated(end(host, 6000)),
            &displaced,
        ),
        to_outside(
            family,
            "of a container about a client's packet",
            (sent(((far, 5000), (inner, 80))), left(((far, 5000), (host, 8080)))),
            translated(end(host, 8080)),
            &published,
        ),
        to_outside(
            family,
            "of a container about a packet of a client by another port",
            (sent(((far, 5001), (inner, 80))), left(((far, 5000), (host, 8080)))),
            both(end(host, 8080), end(far, 5000)),
            &known,
        ),
    ]
    .concat()
}

/// Echoes are never published, so an error about one quotes a request, whose far end has no port.
fn is_echo_published(way: &Way<'_>) -> bool {
    way.about.contains("published") || way.about.contains("client")
}

fn rows(way: &Way<'_>) -> Vec<Case> {
    let mut rows = way.rows();
    if is_echo_published(way) {
        rows.retain(|case| !case.name.ends_with("an echo"));
    }
    rows.extend(optioned(way));
    rows.push(cut_short(way));
    rows.push(wrong(way));
    rows
}

fn from_outside(
    family: Family,
    about: &str,
    (before, after): (Message, Message),
    verdict: Verdict,
    flow: &dyn Fn(&mut World, u8),
) -> Vec<Case> {
    let macs = ((ROUTER_MAC, UPLINK_MAC), (A.gateway_mac(), A.mac()));
    let hook = Hook::UplinkIn;
    rows(&Way { family, about, hook, macs, hops: 1, before, after, verdict, flow })
}

fn to_outside(
    family: Family,
    about: &str,
    (before, after): (Message, Message),
    verdict: Verdict,
    flow: &dyn Fn(&mut World, u8),
) -> Vec<Case> {
    let macs = ((UPLINK_MAC, ROUTER_MAC), (UPLINK_MAC, ROUTER_MAC));
    rows(&Way { family, about, hook: LEAVING, macs, hops: 0, before, after, verdict, flow })
}

/// The message itself has IP options, or extension headers.
fn optioned(way: &Way<'_>) -> Option<Case> {
    let options: &[u8] = if way.family.v4 { &[1, 1, 1, 0] } else { &[58, 0, 1, 4, 0, 0, 0, 0] };
    let (packet, out) = way.frames(unreachable(way.family), Shape::Udp);
    let (packet, out) = (packet.extra(60, options), out.extra(60, options));
    Some(way.case("behind options of its own", Shape::Udp, packet.bytes(), out.bytes()))
}

/// Four bytes are enough to tell the ports.
fn cut_short(way: &Way<'_>) -> Case {
    let cut = |message: Message| {
        let mut quoted = Shape::Ports.quoted(way.family, message.quoted.0, message.quoted.1);
        quoted.truncate(quoted.len() - 4);
        let kind = unreachable(way.family);
        crate::frame::error(kind.0, kind.1, 0, &quoted)
    };
    let (packet, out) = way.frames(unreachable(way.family), Shape::Ports);
    let packet = crate::frame::Frame { body: cut(way.before), ..packet };
    let out = crate::frame::Frame { body: cut(way.after), ..out };
    way.case("that quotes ports alone", Shape::Ports, packet.bytes(), out.bytes())
}

/// RFC 5508 REQ-3a: the receiver must still see it.
fn wrong(way: &Way<'_>) -> Case {
    let (packet, out) = way.frames(unreachable(way.family), Shape::Header);
    let spoilt = |mut bytes: Vec<u8>| {
        if let Some(last) = bytes.last_mut() {
            *last ^= 0x55;
        }
        bytes
    };
    let (packet, out) = (spoilt(packet.bytes()), spoilt(out.bytes()));
    way.case("whose checksum is wrong stays wrong", Shape::Header, packet, out)
}

/// A flow of the container's from port 4000, seconds ago, by the host's `port`.
fn opened(world: &mut World, family: Family, protocol: u8, port: u16) {
    let inner = family.of(A);
    let to = if protocol == family.echo().0 { 0 } else { FAR };
    let key = masqueraded_flow(end(family.far, to), end(family.host, port), protocol);
    let flow = record(world, A, end(inner, 4000), State::Established, 5);
    enter(world, key, flow);
    if port != 4000 {
        let name = moved(end(family.far, to), end(inner, 4000), protocol);
        let flow = record(world, A, end(family.host, port), State::Established, 5);
        enter(world, name, flow);
    }
}

/// A flow to the published port 8080 of a client at port 5000, whom the container knows by `port`.
fn reached(world: &mut World, family: Family, protocol: u8, port: u16) {
    publish(world, end(family.any, 8080), protocol, A, 80);
    let key = published_flow(end(family.far, 5000), end(family.of(A), 80), protocol);
    let flow = called(world, end(family.host, 8080), State::Established);
    if port == 5000 {
        enter(world, key, flow);
        return;
    }
    let client: IpAddr = family.far;
    let own = Flow { client: client.into(), client_port: 5000_u16.to_be_bytes(), ..flow };
    enter(world, by_port(key, port), own);
    let name = moved(end(family.host, 8080), end(client, 5000), protocol);
    enter(world, name, Flow { peer: client.into(), peer_port: port.to_be_bytes(), ..flow });
}

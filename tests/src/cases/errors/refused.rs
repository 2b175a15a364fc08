//! Errors that are about no translated packet, or can't be told to be.

use super::{Message, Place, Shape, unreachable};
use crate::cases::family::{Family, LEAVING, called};
use crate::cases::{Case, Hook, World, end, enter, from, from_outside, leaving, publish, record};
use crate::frame::{Body, Frame, error};
use crate::world::{A, C, F, ip};
use netd_common::conntrack::State;
use netd_common::flow::{masqueraded_flow, published_flow};
use netd_common::verdict::{DropReason, Verdict};

pub(super) fn cases(family: Family) -> Vec<Case> {
    [nobodys(family), between(family), unreadable(family), elsewhere(family)].concat()
}

fn row(
    family: Family,
    name: impl AsRef<str>,
    hook: Hook,
    packet: &Frame,
    verdict: Verdict,
) -> Case {
    let name = format!("ICMP error of {}: {}", family.word(), name.as_ref());
    Case::new(name, hook, packet.bytes(), verdict).world(|w| flows(w, family)).still()
}

/// A flow that A opened, and one by its published port.
fn flows(world: &mut World, family: Family) {
    publish(world, end(family.any, 8080), 6, A, 80);
    let key = masqueraded_flow(end(family.far, 443), end(family.host, 4000), 6);
    let flow = record(world, A, end(family.of(A), 4000), State::Established, 5);
    enter(world, key, flow);
    let key = published_flow(end(family.far, 5000), end(family.of(A), 80), 6);
    let flow = called(world, end(family.host, 8080), State::Established);
    enter(world, key, flow);
    world.hairpins.insert(A.number);
    let key = masqueraded_flow(end(family.far, 443), end(family.host, 4500), 6);
    let flow = record(world, C, end(family.of(C), 4500), State::Established, 5);
    enter(world, key, flow);
    let key = published_flow(end(family.of(C), 5000), end(family.of(A), 80), 6);
    let flow = called(world, end(family.gateway(A), 8080), State::Established);
    enter(world, key, flow);
}

fn about(family: Family, quoted: ((std::net::IpAddr, u16), (std::net::IpAddr, u16))) -> Body {
    let (kind, code) = unreachable(family);
    error(kind, code, 0, &Shape::Ports.quoted(family, quoted.0, quoted.1))
}

/// RFC 5508 REQ-4, REQ-5: nobody's packet.
fn nobodys(family: Family) -> Vec<Case> {
    let (far, host, inner, router) = (family.far, family.host, family.of(A), family.router);
    let mut rows = Vec::new();
    for (what, quoted) in [
        ("another port of the host's", ((host, 4001), (far, 443))),
        ("another port of the other end", ((host, 4000), (far, 444))),
        ("another client's port", ((host, 8080), (far, 5001))),
        ("another host", ((router, 4000), (far, 443))),
        ("its own sender", ((far, 443), (host, 4000))),
    ] {
        let packet = from_outside(router, host, about(family, quoted));
        let name = format!("from outside about {what} is the host's");
        rows.push(row(family, name, Hook::UplinkIn, &packet, Verdict::Pass));
    }
    let beside = if family.v4 { ip("198.51.100.3") } else { ip("2001:db8:1::3") };
    let packet = from_outside(router, beside, about(family, ((host, 4000), (far, 443))));
    let name = "from outside to another address than the quoted packet's is not touched";
    rows.push(row(family, name, Hook::UplinkIn, &packet, Verdict::Pass));
    let refused = Verdict::Drop(DropReason::NoFlow);
    for (what, to, quoted) in [
        ("another port of its own", far, ((far, 443), (inner, 4001))),
        ("another port of the other end", far, ((far, 444), (inner, 4000))),
        ("another client's port", far, ((far, 5001), (inner, 80))),
        ("somebody else's packet", far, ((far, 443), (family.of(C), 4500))),
        ("a third end's packet", router, ((far, 443), (inner, 4000))),
    ] {
        let packet = leaving(inner, to, about(family, quoted));
        rows.push(row(
            family,
            format!("of a container about {what} is refused"),
            LEAVING,
            &packet,
            refused,
        ));
    }
    rows
}

/// The same between containers.
fn between(family: Family) -> Vec<Case> {
    let (host, inner) = (family.host, family.of(A));
    let mut rows = Vec::new();
    let called =
        from(C, C.gateway_mac(), host, about(family, ((host, 8080), (family.of(C), 5000))));
    rows.push(row(
        family,
        "of a container about an answer that it never got is the host's",
        Hook::ContainerOut(C),
        &called,
        Verdict::Pass,
    ));
    let quoted = ((family.gateway(A), 8080), (family.of(C), 5000));
    let beside = from(C, C.gateway_mac(), host, about(family, quoted));
    rows.push(row(
        family,
        "of a container to another address than the quoted packet's is the host's",
        Hook::ContainerOut(C),
        &beside,
        Verdict::Pass,
    ));
    let guessed =
        from(A, A.gateway_mac(), family.of(C), about(family, ((family.of(C), 5001), (inner, 80))));
    rows.push(row(
        family,
        "of a container about another network's packet that it never got is isolated",
        Hook::ContainerOut(A),
        &guessed,
        Verdict::Drop(DropReason::Isolated),
    ));
    rows
}

/// What does not tell the ports is not translated: to guess them would be worse (cilium #48174).
fn unreadable(family: Family) -> Vec<Case> {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let (kind, code) = unreachable(family);
    let whole = |from, to| Shape::Ports.quoted(family, from, to);
    let later = |from: (std::net::IpAddr, u16), to: (std::net::IpAddr, u16)| {
        let transport =
            Shape::Ports.quoted(family, from, to).split_off(if family.v4 { 20 } else { 40 });
        let frame = Frame::new(([0; 6], [0; 6]), from.0, to.0, Body::Raw(6, transport));
        Frame { fragment: (1, false), ..frame }.quoted(8)
    };
    let cut = |from, to, left: usize| {
        let mut quoted = whole(from, to);
        quoted.truncate(quoted.len() - 8 + left);
        quoted
    };
    let headless = |from, to| whole(from, to)[..12].to_vec();
    let mut rows = Vec::new();
    let outer = ((host, 4000), (far, 443));
    let inside = ((far, 443), (inner, 4000));
    for (what, came, sent) in [
        ("a later fragment", later(outer.0, outer.1), later(inside.0, inside.1)),
        ("three bytes of TCP", cut(outer.0, outer.1, 3), cut(inside.0, inside.1, 3)),
        ("no transport", cut(outer.0, outer.1, 0), cut(inside.0, inside.1, 0)),
        ("half an IP header", headless(outer.0, outer.1), headless(inside.0, inside.1)),
        ("nothing", Vec::new(), Vec::new()),
    ] {
        let packet = from_outside(family.router, host, error(kind, code, 0, &came));
        let name = format!("from outside that quotes {what} is the host's");
        rows.push(row(family, name, Hook::UplinkIn, &packet, Verdict::Pass));
        let packet = leaving(inner, far, error(kind, code, 0, &sent));
        let name = format!("of a container that quotes {what} is refused");
        rows.push(row(family, name, LEAVING, &packet, Verdict::Drop(DropReason::Protocol)));
    }
    rows.extend(padded(family, (outer, inside)));
    let redirect = if family.v4 { 5 } else { 137 };
    let body = || error(redirect, 0, 0, &whole(outer.0, outer.1));
    let packet = from_outside(family.router, host, body());
    rows.push(row(family, "a redirect is the host's", Hook::UplinkIn, &packet, Verdict::Pass));
    rows
}

/// What follows the packet's own end is the link's: it is no part of the quotation, and neither the
/// error's checksum nor its receiver takes it for one.
fn padded(family: Family, (outer, inside): ((Place, Place), (Place, Place))) -> Vec<Case> {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let (kind, code) = unreachable(family);
    let mut rows = Vec::new();
    let header = if family.v4 { 20 } else { 40 };
    for (what, kept) in [("its IP header", header), ("three bytes of its TCP", header + 3)] {
        let mut add = |name: &str, hook, packet: &Frame, rest: &[u8], verdict| {
            let name = format!("{name} that ends behind {what}, in a longer frame");
            let mut case = row(family, name, hook, packet, verdict);
            case.packet.extend(rest);
            case.out.clone_from(&case.packet);
            rows.push(case);
        };
        let halves = |(from, to)| {
            let mut quoted = Shape::Ports.quoted(family, from, to);
            let rest = quoted.split_off(kept);
            (error(kind, code, 0, &quoted), rest)
        };
        let (body, rest) = halves(outer);
        let packet = from_outside(family.router, host, body);
        add("from outside about a packet", Hook::UplinkIn, &packet, &rest, Verdict::Pass);
        let (body, rest) = halves(inside);
        let packet = leaving(inner, far, body);
        let refused = Verdict::Drop(DropReason::Protocol);
        add("of a container about a packet", LEAVING, &packet, &rest, refused);
    }
    rows
}

fn elsewhere(family: Family) -> Vec<Case> {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let quoted = ((host, 4000), (far, 443));
    let last = from_outside(family.router, host, about(family, quoted)).hops(1);
    let direct = from_outside(family.router, inner, about(family, ((inner, 4000), (far, 443))));
    let internal = leaving(family.of(F), far, about(family, ((far, 443), (family.of(F), 4000))));
    let dropped = Verdict::Drop;
    let message = Message { from: family.router, to: host, quoted };
    let long = message
        .frame(
            (crate::world::ROUTER_MAC, crate::world::UPLINK_MAC),
            family,
            unreachable(family),
            Shape::Header,
        )
        .whole();
    let mut small = row(
        family,
        "nobody is told that an error is too long",
        Hook::UplinkIn,
        &long,
        dropped(DropReason::TooBig),
    );
    small.world.flows.values_mut().for_each(|flow| flow.mtu = 60);
    vec![
        row(
            family,
            "nobody is told that an error is at its last hop",
            Hook::UplinkIn,
            &last,
            dropped(DropReason::HopLimit),
        ),
        row(
            family,
            "a container's own address is not reached by one",
            Hook::UplinkIn,
            &direct,
            dropped(DropReason::Unsolicited),
        ),
        row(
            family,
            "one of an internal network does not leave",
            LEAVING,
            &internal,
            dropped(DropReason::Internal),
        ),
        small,
    ]
}

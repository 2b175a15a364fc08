//! ICMP errors of those who have no part in the flow.

use super::{ACK, SYN, body, called, row};
use crate::cases::family::{Family, LEAVING, handed, led};
use crate::cases::{Case, Hook, end, from, from_outside, leaving};
use crate::frame::{Body, Frame, error};
use crate::world::{A, B, C, D};
use netd_common::verdict::{DropReason, Verdict};
use std::net::IpAddr;

pub(super) fn cases(family: Family) -> Vec<Case> {
    [between(family), by_a_wire(family)].concat()
}

type Place = (IpAddr, u16);

/// An error that says that nobody listens, about a packet between these ends.
fn unreachable(family: Family, protocol: u8, (source, to): (Place, Place)) -> Body {
    let quoted = Frame::new(([0; 6], [0; 6]), source.0, to.0, body(protocol, source.1, to.1, ACK));
    let (kind, code) = if family.v4 { (3, 3) } else { (1, 4) };
    error(kind, code, 0, &quoted.quoted(20))
}

/// Only the two ends of a flow by a published port have errors to tell each other.
fn between(family: Family) -> Vec<Case> {
    let (client, inner, host) = (family.of(C), family.of(A), family.host);
    let isolated = Verdict::Drop(DropReason::Isolated);
    let no_flow = Verdict::Drop(DropReason::NoFlow);
    let mut rows = Vec::new();
    for (protocol, word) in [(6, "TCP"), (17, "UDP")] {
        let about_call = || unreachable(family, protocol, ((client, 5000), (inner, 80)));
        let about_answer = || unreachable(family, protocol, ((host, 8080), (client, 5000)));
        let case = |name: &str, hook, packet: &Frame, verdict| {
            let name = format!("{name} ({word})");
            called(row(family, &name, hook, &packet.bytes(), verdict), family, C, host, protocol)
        };
        for (who, third) in [("of the called one's network", B), ("of another network", D)] {
            let hook = Hook::ContainerOut(third);
            let sent = |to, body| from(third, third.gateway_mac(), to, body);
            let name = format!("an error of a third container {who} about a call is isolated");
            rows.push(case(&name, hook, &sent(client, about_call()), isolated).still());
            let name = format!("an error of a third container {who} about an answer is the host's");
            rows.push(case(&name, hook, &sent(host, about_answer()), Verdict::Pass).still());
            let name = format!("an error of a third container {who} about a call does not leave");
            let out = leaving(family.of(third), client, about_call());
            rows.push(case(&name, Hook::UplinkOut(third.ifindex()), &out, no_flow).still());
        }
        let own = from(A, A.gateway_mac(), client, about_call());
        let quoted = ((client, 5000), (host, 8080));
        let told = Frame {
            addresses: (host, client),
            body: unreachable(family, protocol, quoted),
            ..own.clone()
        };
        let back = led(C, Some(end(host, 8080)), None);
        let name = "the same error of the called one is its client's";
        rows.push(case(name, Hook::ContainerOut(A), &own, back).out(handed(told, C)).still());
    }
    rows
}

/// No error comes in by a wire from a container.
fn by_a_wire(family: Family) -> Vec<Case> {
    let (far, host, client) = (family.far, family.host, family.of(C));
    let spoofed = Verdict::Drop(DropReason::SpoofedAddress);
    let mut rows = Vec::new();
    for (protocol, word) in [(6, "TCP"), (17, "UDP")] {
        let quoted = ((host, 8080), (client, 5000));
        let packet = from_outside(client, host, unreachable(family, protocol, quoted)).bytes();
        let name = format!("an error in a client's name about an answer ({word})");
        let case = row(family, &name, Hook::UplinkIn, &packet, spoofed);
        rows.push(called(case, family, C, host, protocol).still());
        let quoted = ((host, 4000), (far, 443));
        let packet = from_outside(family.of(B), host, unreachable(family, protocol, quoted));
        let name = format!("an error in a container's name about what left the host ({word})");
        rows.push(
            row(family, &name, Hook::UplinkIn, &packet.bytes(), spoofed)
                .after(LEAVING, &leaving(family.of(A), far, body(protocol, 4000, 443, SYN)).bytes())
                .still(),
        );
    }
    rows
}

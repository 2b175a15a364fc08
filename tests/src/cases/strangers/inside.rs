//! What a container may call itself towards a published port, nobody on a wire may.

use super::{ACK, SYN, body, called, row};
use crate::cases::family::Family;
use crate::cases::{Case, Hook, end, from, from_outside, publish};
use crate::frame::Body;
use crate::world::{A, B, C};
use netd_common::verdict::{DropReason, Verdict};

pub(super) fn cases(family: Family) -> Vec<Case> {
    [sources(family), fragments(family), displaced(family)].concat()
}

/// Every name that a caller has.
fn sources(family: Family) -> Vec<Case> {
    let spoofed = Verdict::Drop(DropReason::SpoofedAddress);
    let mut rows = Vec::new();
    for (who, client, source) in [
        ("a client of another network", C, family.of(C)),
        ("a client of the same network", B, family.of(B)),
        ("a container that called itself", A, family.of(A)),
        ("the gateway that such a one is known as", A, family.gateway(A)),
    ] {
        for at in [family.host, family.gateway(A)] {
            for (protocol, flags, word) in [(6, SYN, "TCP's SYN"), (6, ACK, "TCP"), (17, 0, "UDP")]
            {
                // Outside of any flow it is the host's to reset, or nobody's.
                if flags == ACK && client.number == A.number {
                    continue;
                }
                let packet = from_outside(source, at, body(protocol, 5000, 8080, flags)).bytes();
                let name = format!("{word} by a wire to {at} in the name of {who} is no call");
                let case = row(family, &name, Hook::UplinkIn, &packet, spoofed);
                rows.push(called(case, family, client, at, protocol).still());
            }
        }
    }
    rows
}

/// The same in fragments.
fn fragments(family: Family) -> Vec<Case> {
    let spoofed = Verdict::Drop(DropReason::SpoofedAddress);
    let long = || Body::Udp(5000, 8080, vec![7; 61]);
    let first = from(C, C.gateway_mac(), family.host, long()).split(32).0;
    let forged = from_outside(family.of(C), family.host, long()).split(32);
    let case = |name, packet: &[u8]| {
        row(family, name, Hook::UplinkIn, packet, spoofed)
            .world(|w| publish(w, end(family.any, 8080), 17, A, 80))
            .after(Hook::ContainerOut(C), &first)
            .still()
    };
    vec![
        case("a first fragment by a wire in a client's name is no call", &forged.0),
        case("a later fragment by a wire does not follow a client's first", &forged.1),
    ]
}

/// The same where the client is known by another port, as its own leads there by another host port.
fn displaced(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    for (protocol, word) in [(6, "TCP"), (17, "UDP")] {
        let again = body(protocol, 5000, 9090, SYN);
        let second = from(C, C.gateway_mac(), family.host, again.clone()).bytes();
        let forged = from_outside(family.of(C), family.host, again).bytes();
        let name = format!("{word} by a wire in the name of a client by another port is no call");
        let spoofed = Verdict::Drop(DropReason::SpoofedAddress);
        let case = row(family, &name, Hook::UplinkIn, &forged, spoofed)
            .world(|w| publish(w, end(family.any, 9090), protocol, A, 80));
        let case = called(case, family, C, family.host, protocol);
        rows.push(case.after(Hook::ContainerOut(C), &second).still());
    }
    rows
}

//! Errors of containers about what they got from containers, or themselves, by a published port.

use super::{Message, Way};
use crate::cases::family::{Family, called, led};
use crate::cases::{Case, Hook, World, end, enter, publish};
use crate::world::{A, B, C, Container};
use netd_common::abi::Flow;
use netd_common::conntrack::State;
use netd_common::flow::published_flow;

pub(super) fn cases(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    for (who, client) in
        [("of the same network", B), ("of another network", C), ("that is itself", A)]
    {
        for at in [family.host, family.gateway(A)] {
            rows.extend(about_call(family, who, client, at));
            rows.extend(about_answer(family, who, client, at));
        }
    }
    rows.retain(|case| !case.name.ends_with("an echo"));
    rows
}

/// A's client, as A knows it, by port 5000.
fn known(family: Family, client: Container) -> std::net::IpAddr {
    if client.number == A.number { family.gateway(A) } else { family.of(client) }
}

/// A tells its client about the client's packet.
fn about_call(family: Family, who: &str, client: Container, at: std::net::IpAddr) -> Vec<Case> {
    let (own, known, inner) = (family.of(client), known(family, client), family.of(A));
    let way = Way {
        family,
        about: &format!("about the packet to {at} of a client {who}"),
        hook: Hook::ContainerOut(A),
        macs: ((A.mac(), A.gateway_mac()), (client.gateway_mac(), client.mac())),
        hops: 1,
        before: Message { from: inner, to: known, quoted: ((known, 5000), (inner, 80)) },
        after: Message { from: at, to: own, quoted: ((own, 5000), (at, 8080)) },
        verdict: led(client, Some(end(at, 8080)), (own != known).then_some(end(own, 5000))),
        flow: &|w, protocol| flow(w, family, client, (at, protocol)),
    };
    way.rows()
}

/// A client tells A about A's answer.
fn about_answer(family: Family, who: &str, client: Container, at: std::net::IpAddr) -> Vec<Case> {
    let (own, known, inner) = (family.of(client), known(family, client), family.of(A));
    let way = Way {
        family,
        about: &format!("about the answer of {at} to a client {who}"),
        hook: Hook::ContainerOut(client),
        macs: ((client.mac(), client.gateway_mac()), (A.gateway_mac(), A.mac())),
        hops: 1,
        before: Message { from: own, to: at, quoted: ((at, 8080), (own, 5000)) },
        after: Message { from: known, to: inner, quoted: ((inner, 80), (known, 5000)) },
        verdict: led(A, (own != known).then_some(end(known, 5000)), Some(end(inner, 80))),
        flow: &|w, protocol| flow(w, family, client, (at, protocol)),
    };
    way.rows()
}

fn flow(
    world: &mut World,
    family: Family,
    client: Container,
    (at, protocol): (std::net::IpAddr, u8),
) {
    publish(world, end(family.any, 8080), protocol, A, 80);
    world.hairpins.insert(A.number);
    let (own, known) = (family.of(client), known(family, client));
    let key = published_flow(end(known, 5000), end(family.of(A), 80), protocol);
    let flow = called(world, end(at, 8080), State::Established);
    let port = 5000_u16.to_be_bytes();
    let own = Flow { client: own.into(), client_port: port, ..flow };
    enter(world, key, if client.number == A.number { own } else { flow });
}

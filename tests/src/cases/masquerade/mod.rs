//! The host's end that a container's flow gets: which address, which port, and what it costs a SYN
//! (RFC 4787 REQ-1 to REQ-3, RFC 5508 REQ-8).

mod contents;

use super::family::{Family, LEAVING, families, handed, led, telling, tried};
use super::{
    Case, Hook, Table, World, end, enter, from_outside, leaving, publish, record, translated,
};
use crate::frame::{Body, Frame, Segment, echo};
use crate::world::{A, B, UPLINK, ip};
use netd_common::abi::{Flow, FlowKey, MSS_OF_ROUTE, UPLINK_SOURCES};
use netd_common::address::Address;
use netd_common::conntrack::State;
use netd_common::flow::{End, masqueraded_flow, moved};
use netd_common::verdict::{Answer, Back, DropReason, IcmpError, Translation, Verdict};
use std::net::IpAddr;

pub(super) fn cases() -> Vec<Case> {
    let parts = |family| {
        [
            addresses(family),
            taken(family),
            classes(family),
            shared(family),
            displaced(family),
            disbelieved(family),
            exhausted(family),
            contents::cases(family),
        ]
    };
    families().into_iter().flat_map(parts).flatten().collect()
}

const SYN: u8 = 0x02;

fn row(family: Family, name: impl AsRef<str>, packet: &Frame, verdict: Verdict) -> Case {
    let name = format!("masquerade of {}: {}", family.word(), name.as_ref());
    Case::new(name, LEAVING, packet.bytes(), verdict)
}

fn syn(from: u16) -> Body {
    Body::Tcp(from, 443, SYN, Vec::new())
}

fn udp(from: u16) -> Body {
    Body::Udp(from, 443, vec![1, 2, 3])
}

fn key(family: Family, host: End, protocol: u8) -> FlowKey {
    masqueraded_flow(end(family.far, 443), host, protocol)
}

/// What says at which host's end A's flow from `port` is.
fn name_of(family: Family, port: u16, protocol: u8) -> FlowKey {
    moved(end(family.far, 443), end(family.of(A), port), protocol)
}

/// A SYN of A's that leaves from `host`.
fn opens(family: Family, name: &str, host: IpAddr) -> Case {
    let packet = leaving(family.of(A), family.far, syn(4000));
    row(family, name, &packet, translated(end(host, 4000)))
        .out(leaving(host, family.far, syn(4000)).bytes())
        .flows(&[(key(family, end(host, 4000), 6), State::Unreplied)])
}

fn addresses(family: Family) -> Vec<Case> {
    let (network, route, wider) = if family.v4 {
        (ip("198.51.100.77"), ip("198.51.100.88"), ip("198.51.100.99"))
    } else {
        (ip("2001:db8:1::77"), ip("2001:db8:1::88"), ip("2001:db8:1::99"))
    };
    let far = Address::from(family.far);
    let own = |w: &mut World| {
        let chosen = w.networks.get_mut(&A.network).unwrap();
        *(if family.v4 { &mut chosen.host4 } else { &mut chosen.host6 }) = network.into();
    };
    let by_route = move |w: &mut World, flags| {
        w.uplinks.get_mut(&UPLINK).unwrap().flags = flags;
        let everything = if family.v4 { 96 } else { 0 };
        w.sources.insert((UPLINK, everything, family.any.into()), wider.into());
        w.sources.insert((UPLINK, 128, far), route.into());
        w.sources.insert((UPLINK + 1, 128, far), network.into());
    };
    let other = if family.v4 { ip("203.0.113.10") } else { ip("2001:db8:9::10") };
    let elsewhere = leaving(family.of(A), other, syn(4000));
    vec![
        opens(family, "a network may have an address of its own", network).world(own),
        opens(family, "the route's source wins over the uplink's", route)
            .world(|w| by_route(w, UPLINK_SOURCES)),
        opens(family, "the network's wins over the route's", network).world(|w| {
            own(w);
            by_route(w, UPLINK_SOURCES);
        }),
        opens(family, "routes are not asked where none has a source", family.host)
            .world(|w| by_route(w, 0)),
        row(family, "another route has another source", &elsewhere, translated(end(wider, 4000)))
            .world(|w| by_route(w, UPLINK_SOURCES))
            .out(leaving(wider, other, syn(4000)).bytes())
            .flows(&[(masqueraded_flow(end(other, 443), end(wider, 4000), 6), State::Unreplied)]),
    ]
}

/// A packet of A's that leaves from the `nth` port that is tried.
fn takes(family: Family, name: &str, (protocol, from): (u8, u16), nth: u32) -> Case {
    let body = |port| if protocol == 6 { syn(port) } else { udp(port) };
    let port = tried(end(family.of(A), from), end(family.far, 443), nth);
    let host = end(family.host, port);
    let packet = leaving(family.of(A), family.far, body(from));
    let mut flows = vec![(key(family, host, protocol), State::Unreplied)];
    if port != from {
        flows.push((name_of(family, from, protocol), State::Unreplied));
    }
    row(family, name, &packet, translated(host))
        .out(leaving(family.host, family.far, body(port)).bytes())
        .flows(&flows)
}

/// Another container's flow from the host's `port`.
fn occupy(world: &mut World, family: Family, port: u16, protocol: u8) -> (FlowKey, State) {
    let key = key(family, end(family.host, port), protocol);
    let other = record(world, B, end(family.of(B), 999), State::Established, 0);
    enter(world, key, other);
    (key, State::Established)
}

fn taken(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    for (protocol, what) in [(6, "TCP"), (17, "UDP")] {
        let place = |address: IpAddr| (address.into(), 4000_u16.to_be_bytes(), protocol);
        let name = |rest: &str| format!("{what} {rest}");
        let own = (protocol, 4000);
        rows.extend([
            takes(family, &name("never leaves from a socket of the host's"), own, 1)
                .world(|w| w.sockets.extend([place(family.host)])),
            takes(family, &name("never leaves from a socket on all addresses"), own, 1)
                .world(|w| w.sockets.extend([place(family.any)])),
            takes(family, &name("never leaves from a port published on the address"), own, 1)
                .world(|w| publish(w, end(family.host, 4000), protocol, B, 80)),
            takes(family, &name("never leaves from a published range"), own, 1)
                .world(|w| super::publish_range(w, end(family.any, 3990), 20, protocol, (B, 80))),
            takes(family, &name("may leave from a port published on another address"), own, 0)
                .world(|w| publish(w, end(family.router, 4000), protocol, B, 80)),
        ]);
        let other = if protocol == 6 { 17 } else { 6 };
        rows.push(
            takes(family, &name("may leave from another protocol's port"), own, 0)
                .world(|w| publish(w, end(family.any, 4000), other, B, 80)),
        );
    }
    rows
}

/// RFC 4787 REQ-3a.
fn classes(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    for (own, class) in [(300, 1..=511), (511, 1..=511), (512, 512..=1023), (1023, 512..=1023)] {
        let port = tried(end(family.of(A), own), end(family.far, 443), 1);
        assert!(class.contains(&port), "{own} and {port} are not of one class");
        let name = format!("port {own} is replaced by one of its class");
        let mut case = takes(family, &name, (6, own), 1);
        let other = occupy(&mut case.world, family, own, 6);
        case.flows.push(other);
        rows.push(case);
    }
    let mut third = takes(family, "what is taken as well is not shared either", (6, 4000), 2);
    let second = tried(end(family.of(A), 4000), end(family.far, 443), 1);
    for port in [4000, second] {
        let other = occupy(&mut third.world, family, port, 6);
        third.flows.push(other);
    }
    rows.push(third);
    rows
}

/// One host port serves any number of remote ends.
fn shared(family: Family) -> Vec<Case> {
    let other = if family.v4 { ip("203.0.113.10") } else { ip("2001:db8:9::10") };
    let mut case = takes(family, "one port serves several remote ends", (6, 4000), 0);
    let elsewhere = masqueraded_flow(end(other, 443), end(family.host, 4000), 6);
    let flow = record(&case.world, B, end(family.of(B), 4000), State::Established, 0);
    enter(&mut case.world, elsewhere, flow);
    case.flows.push((elsewhere, State::Established));
    vec![case]
}

/// A flow that got another port than the container's own.
fn displaced(family: Family) -> Vec<Case> {
    let (inner, far, host) = (family.of(A), family.far, family.host);
    let port = tried(end(inner, 4000), end(far, 443), 1);
    let body = |from, flags| Body::Tcp(from, 443, flags, vec![5; 3]);
    let first = leaving(inner, far, body(4000, SYN)).bytes();
    let next = leaving(inner, far, body(4000, 0x10));
    let answer = |to, flags| from_outside(far, host, Body::Tcp(443, to, flags, Vec::new()));
    let back = from_outside(far, inner, Body::Tcp(443, 4000, 0x12, Vec::new()));
    let (own, named) = (key(family, end(host, port), 6), name_of(family, 4000, 6));
    let other = |w: &mut World| occupy(w, family, 4000, 6).0;
    let others = (key(family, end(host, 4000), 6), State::Established);
    let answered = answer(port, 0x12).bytes();
    vec![
        row(family, "a displaced flow keeps its port", &next, translated(end(host, port)))
            .world(|w| _ = other(w))
            .after(LEAVING, &first)
            .out(leaving(host, far, body(port, 0x10)).bytes())
            .flows(&[others, (own, State::Unreplied), (named, State::Unreplied)]),
        Case::new(
            format!("masquerade of {}: its answers find the container's port", family.word()),
            Hook::UplinkIn,
            answered.clone(),
            led(A, None, Some(end(inner, 4000))),
        )
        .world(|w| _ = other(w))
        .after(LEAVING, &first)
        .out(handed(back, A))
        // The name lives as long as the flow, in whatever state.
        .flows(&[others, (own, State::Answered), (named, State::Established)]),
        row(family, "it is established with its name", &next, translated(end(host, port)))
            .world(|w| _ = other(w))
            .after(LEAVING, &first)
            .after(Hook::UplinkIn, &answered)
            .out(leaving(host, far, body(port, 0x10)).bytes())
            .flows(&[others, (own, State::Established), (named, State::Established)])
            .place(own, Table::Established)
            .place(named, Table::Established),
    ]
}

/// What says where a flow is counts only where the flow agrees.
fn disbelieved(family: Family) -> Vec<Case> {
    let second = tried(end(family.of(A), 4000), end(family.far, 443), 1);
    let mut rows = Vec::new();
    for (what, address) in [("another's flow", family.host), ("another address", family.router)] {
        let name = format!("a name that leads to {what} is not believed");
        let mut case = takes(family, &name, (6, 4000), 1);
        let world = &mut case.world;
        let own = occupy(world, family, 4000, 6);
        let others = occupy(world, family, 7000, 6);
        let wrong = record(world, A, end(address, 7000), State::Established, 0);
        enter(world, name_of(family, 4000, 6), wrong);
        case.flows.extend([own, others]);
        assert_ne!(second, 7000);
        rows.push(case);
    }
    rows
}

fn exhausted(family: Family) -> Vec<Case> {
    let packet = leaving(family.of(A), family.far, syn(4000));
    let full = |w: &mut World| {
        for nth in 0..128 {
            let port = tried(end(family.of(A), 4000), end(family.far, 443), nth);
            occupy(w, family, port, 6);
        }
    };
    let gateway = family.gateway(A);
    let told = Verdict::Answer(Answer {
        error: IcmpError::Prohibited,
        source: gateway.into(),
        back: Back::Container(A.ifindex(), A.gateway_mac(), A.mac()),
        reason: DropReason::PortsExhausted,
    });
    let (kind, code) = if family.v4 { (3, 13) } else { (1, 1) };
    let out = telling(&packet, gateway, (kind, code, 0), (A.gateway_mac(), A.mac()));
    let refused = Verdict::Drop(DropReason::PortsExhausted);
    let nobody = |w: &mut World| {
        let network = w.networks.get_mut(&A.network).unwrap();
        (network.gateway4, network.gateway6) = (Address::UNSPECIFIED, Address::UNSPECIFIED);
    };
    let mut last = takes(family, "the last of all tries is taken", (6, 4000), 127);
    for nth in 0..127 {
        let port = tried(end(family.of(A), 4000), end(family.far, 443), nth);
        let other = occupy(&mut last.world, family, port, 6);
        last.flows.push(other);
    }
    vec![
        last,
        row(family, "a container is told that no port is left", &packet, told)
            .world(full)
            .out(out)
            .still(),
        row(family, "without a gateway nobody can tell it", &packet, refused)
            .world(|w| {
                full(w);
                nobody(w);
            })
            .still(),
    ]
}

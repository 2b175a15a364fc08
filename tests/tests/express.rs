//! The case table of the uplink once more, through uplink_xdp: it either does what `uplink_in` does,
//! or passes the packet on with nothing changed.

#![allow(clippy::unwrap_used, reason = "a helper that fails ends the test that uses it")]

use netd_common::{
    abi::{Flow, FlowKey, Published},
    express,
    flow::{End, published_port},
    parse::Headers,
    pipeline, rewrite,
    verdict::{DropReason, Orders, Ruling, Verdict},
};
use netd_tests::{
    bytes,
    cases::{self, Case, Hook},
    frame::{Body, Frame},
    kernel::{Kernel, Written},
    ns::is_root,
    world::{A, HOST4, HOST6, ROUTER_MAC, UPLINK, UPLINK_MAC, World, ip},
};
use std::collections::BTreeMap;

/// What became of a packet: the verdict, its bytes, the tables.
type Outcome = (Verdict, Vec<u8>, World);

fn by_xdp(case: &Case) -> Outcome {
    let (mut packet, mut world) = (case.packet.clone(), case.world.clone());
    let (headers, orders) = (&mut { Headers::EMPTY }, &mut { Orders::NONE });
    let inspected = express::inspect(&packet[..], &world, UPLINK, &UPLINK_MAC, headers);
    let ruling =
        inspected.unwrap_or_else(|| pipeline::from_uplink(&mut world, headers, false, orders));
    let verdict = match ruling {
        Ruling::Deliver => {
            rewrite::deliver(&mut packet[..], headers, &orders.delivery).unwrap();
            Verdict::Deliver(orders.delivery)
        }
        Ruling::Drop(reason) => Verdict::Drop(reason),
        _ => Verdict::Pass,
    };
    (verdict, packet, world)
}

fn rows() -> impl Iterator<Item = Case> {
    cases::all().into_iter().filter(|case| matches!(case.hook, Hook::UplinkIn))
}

/// Packets for a published port and for an open flow that XDP must leave alone, and why.
fn not_plain() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, frame) in shapes() {
        let mut world = World::standard();
        publish(&mut world);
        let name = format!("{what} is passed on");
        let (packet, hook, verdict) = (frame.clone(), Hook::UplinkIn, Verdict::Pass);
        let (out, flows, places) = (frame, Vec::new(), Vec::new());
        cases.push(Case { name, hook, world, packet, verdict, out, flows, places, still: false });
    }
    cases
}

fn shapes() -> Vec<(&'static str, Vec<u8>)> {
    let to = |body| Frame::new((ROUTER_MAC, UPLINK_MAC), ip("203.0.113.9"), ip(HOST4), body);
    let v6 = |body| Frame::new((ROUTER_MAC, UPLINK_MAC), ip("2001:db8:9::9"), ip(HOST6), body);
    let udp = |length| Body::Udp(5000, 8080, vec![7; length]);
    let small = udp(20);
    let mut tagged = to(small.clone()).bytes();
    tagged.splice(12..12, [0x81, 0x00, 0x00, 0x07]);
    let other_mac = (ROUTER_MAC, [2, 0, 0, 0, 0xee, 9]);
    let with = |frame: Frame, extra| Frame { extra: Some(extra), ..frame };
    let destination = vec![17, 0, 1, 4, 0, 0, 0, 0];
    vec![
        ("a frame for another machine", Frame { macs: other_mac, ..to(small.clone()) }.bytes()),
        ("a tagged frame", tagged),
        ("a packet with IPv4 options", with(to(small.clone()), (0, vec![1; 4])).bytes()),
        ("a first fragment", Frame { fragment: (0, true), ..to(small.clone()) }.bytes()),
        ("a later fragment", Frame { fragment: (2, false), ..to(small.clone()) }.bytes()),
        ("a packet with IPv6 options", with(v6(small.clone()), (60, destination)).bytes()),
        ("a packet at its last hop", to(small).hops(1).bytes()),
        ("a packet larger than the container takes", to(udp(1473)).bytes()),
        ("an IPv6 packet larger than the container takes", v6(udp(1453)).bytes()),
        ("another protocol", to(Body::Raw(47, vec![0; 8])).bytes()),
        ("an ICMP error", to(Body::Icmp(3, 1, vec![0; 32])).bytes()),
    ]
}

/// Port 8080 of every host address and protocol leads to A.
fn publish(world: &mut World) {
    for (host, inner) in [("0.0.0.0", A.v4()), ("::", A.v6())] {
        for protocol in [6, 17, 132] {
            let host = End { address: ip(host).into(), port: 8080_u16.to_be_bytes() };
            let published = Published {
                address: inner.into(),
                network: A.network,
                container: A.number,
                slot: 50,
                port: host.port,
                first: host.port,
                ..Published::default()
            };
            world.published.insert(published_port(host, protocol), published);
        }
    }
}

#[test]
fn what_is_not_plain_is_passed_untouched() {
    for case in not_plain() {
        let before = (Verdict::Pass, case.packet.clone(), case.world.clone());
        assert!(by_xdp(&case) == before, "{}", case.name);
    }
}

#[test]
fn the_largest_packet_that_a_container_takes_is_delivered() {
    let mut world = World::standard();
    publish(&mut world);
    let body = Body::Udp(5000, 8080, vec![7; 1472]);
    let packet = Frame::new((ROUTER_MAC, UPLINK_MAC), ip("203.0.113.9"), ip(HOST4), body).bytes();
    let (verdict, out, flows) = (Verdict::Pass, packet.clone(), Vec::new());
    let name = "the largest".to_owned();
    let (hook, places) = (Hook::UplinkIn, Vec::new());
    let case = Case { name, hook, world, packet, verdict, out, flows, places, still: false };
    assert!(matches!(by_xdp(&case).0, Verdict::Deliver(_)));
}

/// Rows that XDP has to decide itself, by a part of their names.
const HANDLED: [&str; 17] = [
    "published on all addresses is delivered",
    "published on one address is delivered",
    "UDP to a published port of",
    "a packet of an open flow is delivered",
    "the opener's ACK establishes",
    "an RST that is not exact is translated",
    "the most specific host address wins",
    "establishes and is delivered",
    "a further answer to",
    "an echo reply to",
    "is not reached by TCP",
    "is not reached by UDP",
    "is not reached by an echo",
    "as a source is forged",
    "as a source to the host is forged",
    "is not reached by a wire",
    "nothing comes from",
];

#[test]
fn xdp_decides_as_uplink_in_or_leaves_it_to_it() {
    let mut wrong = Vec::new();
    for case in rows().chain(not_plain()) {
        let alone = bytes::run(&case);
        let (verdict, packet, world) = by_xdp(&case);
        if verdict != Verdict::Pass {
            if (verdict, packet, world) != alone {
                wrong.push(format!("{}: {verdict:?}, not {:?}", case.name, alone.0));
            }
            continue;
        }
        // What is passed: the same bytes, the same tables but for dead records, the same in the end.
        let same = packet == case.packet && (world == case.world || lost_dead(&case, &world));
        let behind = bytes::run(&Case { world, ..case.clone() });
        if !same || behind != alone {
            wrong.push(format!("{}: passed, and changed", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} rows differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Nothing but records that `uplink_in` removes as well is gone.
fn lost_dead(case: &Case, after: &World) -> bool {
    let alone = bytes::run(case).2;
    let before = &case.world;
    let gone = before.flows.keys().chain(before.unreplied.keys());
    let mut gone =
        gone.filter(|k| !after.flows.contains_key(k) && !after.unreplied.contains_key(k));
    let kept = |flows: &BTreeMap<FlowKey, Flow>, old: &BTreeMap<FlowKey, Flow>| {
        flows.iter().all(|(key, flow)| old.get(key) == Some(flow))
    };
    kept(&after.flows, &before.flows)
        && kept(&after.unreplied, &before.unreplied)
        && gone.all(|k| !alone.flows.contains_key(k) && !alone.unreplied.contains_key(k))
}

#[test]
fn xdp_decides_the_plain_rows_itself() {
    let mut passed = Vec::new();
    for part in HANDLED {
        let mut named = rows().filter(|case| case.name.contains(part)).peekable();
        assert!(named.peek().is_some(), "no row is called {part:?}");
        let up = named.filter(|case| by_xdp(case).0 == Verdict::Pass);
        passed.extend(up.map(|case| case.name));
    }
    assert!(passed.is_empty(), "passed on: {passed:#?}");
}

#[test]
fn xdp_holds_in_the_kernel_as_on_bytes() {
    if !is_root() {
        return;
    }
    let mut kernel = Kernel::new().unwrap();
    let mut wrong = Vec::new();
    for case in rows().chain(not_plain()) {
        let (verdict, packet, world) = by_xdp(&case);
        let outcome = kernel.run_xdp(&case).unwrap();
        let written = Written::of(&world);
        if (outcome.action, outcome.reason) != action(verdict) {
            let got = (outcome.action, outcome.reason);
            wrong.push(format!("{}: {got:?}, not {verdict:?}", case.name));
        } else if outcome.out != packet {
            wrong.push(format!("{}: bytes\n  {:02x?}\n  {packet:02x?}", case.name, outcome.out));
        } else if outcome.written != written {
            wrong.push(format!("{}: {}", case.name, outcome.written.difference(&written)));
        }
    }
    assert!(wrong.is_empty(), "{} rows fail:\n{}", wrong.len(), wrong.join("\n"));
}

/// `XDP_PASS`, `XDP_DROP` or `XDP_REDIRECT`.
fn action(verdict: Verdict) -> (u32, Option<DropReason>) {
    match verdict {
        Verdict::Drop(reason) => (1, Some(reason)),
        Verdict::Deliver(_) => (4, None),
        _ => (2, None),
    }
}

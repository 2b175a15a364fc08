//! Calls that lead nowhere, that can't go on, and what only looks like one.

use super::*;
use crate::cases::family::{telling, told};
use crate::world::ip;
use netd_common::verdict::{Delivery, DropReason, IcmpError};

pub(super) fn cases(family: Family) -> Vec<Case> {
    [nowhere(family), clients(family), told_off(family), not_hairpins(family)].concat()
}

/// A container's TCP to a host address, that leads to A where it is led at all.
fn call(family: Family, from: Container, at: IpAddr) -> Call {
    Call { family, protocol: 6, from, to: A, at }
}

/// A call that changes nothing.
fn lost(call: &Call, name: impl AsRef<str>, flags: u8, verdict: Verdict) -> Case {
    row(call.family, name, call.from, call.call(flags).bytes(), verdict)
        .world(|w| call.setup(w))
        .still()
}

fn nowhere(family: Family) -> Vec<Case> {
    let outside = call(family, C, family.host);
    let internal = Verdict::Drop(DropReason::Internal);
    let unknown = Verdict::Drop(DropReason::NoEndpoint);
    let own = call(family, F, family.gateway(F));
    let gone = (A.network, family.of(A).into());
    let mut without = lost(&outside, "a container that is gone gets nothing", SYN, unknown);
    without.world.endpoints.remove(&gone);
    let mut rows = vec![
        lost(
            &call(family, F, family.host),
            "an internal network gets through no published port",
            SYN,
            internal,
        ),
        lost(&own, "nor by its own gateway, which is the host's", SYN, Verdict::Pass),
        lost(&outside, "a call without a SYN is the host's to reset", 0x10, Verdict::Pass),
        without,
    ];
    let loopback = if family.v4 { ip("127.0.0.1") } else { ip("::1") };
    for (what, address) in [("its address", loopback), ("all addresses", family.any)] {
        let packet = call(family, C, loopback).call(SYN).bytes();
        let name = format!("{loopback} is no way to a port published on {what}");
        rows.push(
            row(family, name, C, packet, Verdict::Drop(DropReason::Martian))
                .world(|w| publish(w, end(address, 8080), 6, A, 80))
                .still(),
        );
    }
    if !family.v4 {
        let addresses = (C.link_local(), family.host);
        let packet = Frame { addresses, ..outside.call(SYN) }.bytes();
        rows.push(
            row(family, "a link-local client is the host's", C, packet, Verdict::Pass)
                .world(|w| outside.setup(w))
                .still(),
        );
    }
    rows
}

fn clients(family: Family) -> Vec<Case> {
    let call = call(family, C, family.host);
    let listed = |number: u32| {
        move |w: &mut World| {
            publish(w, end(family.any, 8080), 6, A, 80);
            w.published.values_mut().for_each(|p| p.clients = 7);
            w.clients.insert((number, 128, family.of(C).into()));
        }
    };
    let packet = call.call(SYN).bytes();
    let refused = Verdict::Drop(DropReason::NotAClient);
    vec![
        row(family, "a client that is not listed is refused", C, packet.clone(), refused)
            .world(listed(8))
            .still(),
        row(family, "a client that is listed is led there", C, packet, call.to_inner())
            .world(listed(7))
            .out(handed(call.call_inside(SYN), A))
            .flows(&[(call.key(), State::Unreplied)]),
    ]
}

/// The client is told what it is told from outside as well.
fn told_off(family: Family) -> Vec<Case> {
    let call = Call { family, protocol: 17, from: C, to: A, at: family.host };
    let macs = (C.gateway_mac(), C.mac());
    let last = call.call(0).hops(1);
    let kind = if family.v4 { 11 } else { 3 };
    let exceeded = told(IcmpError::TimeExceeded, family.host, DropReason::HopLimit);
    let long = Frame { body: Body::Udp(5000, 8080, vec![0; 1300]), ..call.call(0) }.whole();
    let (kind_big, code) = family.too_big();
    let flows = [(call.key(), State::Unreplied)];
    vec![
        row(family, "the sender of a packet at its last hop is told", C, last.bytes(), exceeded)
            .world(|w| call.setup(w))
            .out(telling(&last, family.host, (kind, 0, 0), macs))
            .flows(&flows),
        row(
            family,
            "the sender of a packet that is too long is told",
            C,
            long.bytes(),
            told(IcmpError::TooBig(1280), family.host, DropReason::TooBig),
        )
        .world(|w| {
            call.setup(w);
            w.networks.get_mut(&A.network).unwrap().mtu = 1280;
        })
        .out(telling(&long, family.host, (kind_big, code, 1280), macs))
        .flows(&flows),
    ]
}

/// What only looks like one.
fn not_hairpins(family: Family) -> Vec<Case> {
    let noted = |w: &mut World| {
        publish(w, end(family.any, 8080), 6, A, 80);
        w.hairpins.extend([A.number, D.number]);
    };
    let tcp = |from, to, flags| Body::Tcp(from, to, flags, Vec::new());
    let ping = Body::Icmp(family.echo().1, 0, echo(80));
    let near = from(A, B.mac(), family.of(B), tcp(80, 5000, 0x12));
    let delivery = Delivery { ifindex: B.ifindex(), mac: B.mac(), routed: None };
    let apart = from(D, E.mac(), family.of(E), tcp(80, 5000, 0x12)).bytes();
    let other = from(A, A.gateway_mac(), family.of(C), tcp(80, 5000, 0x12)).bytes();
    let gateway = from(A, A.gateway_mac(), family.gateway(A), tcp(80, 5000, 0x12)).bytes();
    let pinged = from(C, C.gateway_mac(), family.host, ping).bytes();
    let closed = from(C, C.gateway_mac(), family.host, tcp(5000, 8081, SYN)).bytes();
    let isolated = Verdict::Drop(DropReason::Isolated);
    let kept = Verdict::Drop(DropReason::IccOff);
    vec![
        row(
            family,
            "what answers nothing stays on its network",
            A,
            near.bytes(),
            Verdict::Deliver(delivery),
        )
        .world(noted)
        .still(),
        row(family, "what answers nothing stays apart with icc=false", D, apart, kept)
            .world(noted)
            .still(),
        row(family, "what answers nothing stays isolated", A, other, isolated).world(noted).still(),
        row(family, "what answers nothing is the gateway's", A, gateway, Verdict::Pass)
            .world(noted)
            .still(),
        row(family, "a ping of the host is the host's", C, pinged, Verdict::Pass)
            .world(noted)
            .still(),
        row(family, "a port that nobody published is the host's", C, closed, Verdict::Pass)
            .world(noted)
            .still(),
    ]
}

//! What no wire may send.

use super::*;
use crate::{
    frame::arp,
    world::{ROUTER_MAC, UPLINK_MAC},
};

pub(super) fn on_every_address() -> Vec<Case> {
    let mut rows = Vec::new();
    for (client, host, inner) in ends() {
        let v4 = host.is_ipv4();
        for body in [
            tcp(5000, 80, SYN),
            Body::Udp(1, 2, vec![3]),
            Body::Icmp(if v4 { 8 } else { 128 }, 0, echo(1)),
        ] {
            let what = body.word();
            let direct = from_outside(client, inner, body).bytes();
            rows.push(dropped(
                format!("a container's own address {inner} is not reached by {what}"),
                direct,
                DropReason::Unsolicited,
            ));
        }
        let gateway = if v4 { A.gateway4() } else { A.gateway6() };
        let direct = from_outside(client, gateway, tcp(5000, 22, SYN)).bytes();
        rows.push(dropped(
            format!("a gateway {gateway} is not reached"),
            direct,
            DropReason::Unsolicited,
        ));
        let forged = from_outside(inner, host, tcp(5000, 8080, SYN)).bytes();
        rows.push(
            dropped(
                format!("a container's address {inner} as a source is forged"),
                forged.clone(),
                DropReason::SpoofedAddress,
            )
            .world(|w| publish(w, end(wildcard(host), 8080), 6, A, 80)),
        );
        rows.push(dropped(
            format!("{inner} as a source to the host is forged"),
            forged,
            DropReason::SpoofedAddress,
        ));
        let loopback = if v4 { ip("127.0.0.1") } else { ip("::1") };
        let trick = from_outside(client, loopback, tcp(5000, 8000, SYN)).bytes();
        rows.push(
            dropped(
                format!("a port published on {loopback} is not reached by a wire"),
                trick,
                DropReason::Martian,
            )
            .world(|w| publish(w, end(loopback, 8000), 6, A, 80)),
        );
    }
    rows
}

pub(super) fn impossible_sources() -> Vec<Case> {
    let mut rows = Vec::new();
    for (_, host, _) in ends() {
        let own = from_outside(host, host, tcp(8080, 8080, SYN)).bytes();
        rows.push(
            dropped(
                format!("the host's own {host} as a source is forged"),
                own,
                DropReason::SpoofedAddress,
            )
            .world(|w| publish(w, end(wildcard(host), 8080), 6, A, 80)),
        );
    }
    for (source, host) in [
        ("0.0.0.0", HOST4),
        ("224.0.0.9", HOST4),
        ("255.255.255.255", HOST4),
        ("::", HOST6),
        ("ff02::9", HOST6),
    ] {
        let host = ip(host);
        let packet = from_outside(ip(source), host, Body::Udp(5000, 8080, vec![1])).bytes();
        rows.push(
            dropped(format!("nothing comes from {source}"), packet, DropReason::Martian)
                .world(|w| publish(w, end(wildcard(host), 8080), 17, A, 80)),
        );
    }
    // An answer could not find its way back: the address means another neighbour on each link.
    let near = from_outside(ip("fe80::7"), ip(HOST6), tcp(5000, 8080, SYN)).bytes();
    rows.push(
        row("a link-local client is the host's", near, Verdict::Pass)
            .world(|w| publish(w, end(ip("::"), 8080), 6, A, 80)),
    );
    rows
}

pub(super) fn at_the_last_hop() -> Vec<Case> {
    let mut rows = Vec::new();
    for (client, host, inner) in ends() {
        let last = from_outside(client, host, tcp(5000, 8080, SYN)).hops(1);
        let key = published_flow(end(client, 5000), end(inner, 80), 6);
        let kind = if host.is_ipv4() { 11 } else { 3 };
        rows.push(
            row(
                format!("the sender of a packet to {host} at its last hop is told"),
                last.bytes(),
                told(IcmpError::TimeExceeded, host, DropReason::HopLimit),
            )
            .world(|w| publish(w, end(wildcard(host), 8080), 6, A, 80))
            .out(telling(&last, host, (kind, 0, 0), (UPLINK_MAC, ROUTER_MAC)))
            .flows(&[(key, State::Unreplied)]),
        );
    }
    rows
}

pub(super) fn others() -> Vec<Case> {
    let router = (ROUTER_MAC, [198, 51, 100, 1]);
    let question = arp((ROUTER_MAC, [0xff; 6]), 1, router, [198, 51, 100, 2]);
    let mut broken = from_outside(ip("203.0.113.9"), ip(HOST4), tcp(1, 2, SYN)).bytes();
    broken[14] = 0x44;
    let group = from_outside(ip("203.0.113.9"), ip("224.0.0.1"), Body::Udp(1, 2, vec![3])).bytes();
    vec![
        row("ARP is the host's", question, Verdict::Pass),
        row("a malformed packet is the host's to refuse", broken, Verdict::Pass),
        row("multicast is the host's", group, Verdict::Pass),
    ]
}

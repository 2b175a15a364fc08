//! What leaves by a wire: masquerade, and the answers of published ports (DESIGN 3.3 rule 5).

use super::family::tried;
use super::{
    Case, Hook, PUBLISHED_SLOT, end, enter, leaving, masqueraded_flow, publish, published_flow,
    record, translated,
};
use crate::frame::{Body, echo};
use crate::world::{A, B, F, G, HOST4, HOST6, UPLINK, World, ip};
use netd_common::abi::Flow;
use netd_common::conntrack::State;
use netd_common::flow::moved;
use netd_common::verdict::{DropReason, Verdict};
use std::net::IpAddr;

pub(super) fn cases() -> Vec<Case> {
    [opened(), followed(), collisions(), published_answers(), refused()]
        .into_iter()
        .flatten()
        .collect()
}

fn row(name: impl Into<String>, packet: Vec<u8>, verdict: Verdict) -> Case {
    let name = format!("out by a wire: {}", name.into());
    Case::new(name, Hook::UplinkOut(A.ifindex()), packet, verdict)
}

fn dropped(name: impl Into<String>, packet: Vec<u8>, reason: DropReason) -> Case {
    row(name, packet, Verdict::Drop(reason))
}

fn ends() -> [(IpAddr, IpAddr, IpAddr); 2] {
    [(A.v4(), ip(HOST4), ip("203.0.113.9")), (A.v6(), ip(HOST6), ip("2001:db8:9::9"))]
}

fn syn(from: u16, to: u16) -> Body {
    Body::Tcp(from, to, 0x02, Vec::new())
}

fn opened() -> Vec<Case> {
    let mut rows = Vec::new();
    for (inner, host, server) in ends() {
        let v4 = inner.is_ipv4();
        let (icmp, request) = if v4 { (1, 8) } else { (58, 128) };
        let bodies = [
            (6, 4000, 443, syn(4000, 443)),
            (17, 4000, 53, Body::Udp(4000, 53, vec![1, 2, 3])),
            (icmp, 99, 0, Body::Icmp(request, 0, echo(99))),
        ];
        for (protocol, from, to, body) in bodies {
            let key = masqueraded_flow(end(server, to), end(host, from), protocol);
            let packet = leaving(inner, server, body.clone()).bytes();
            rows.push(
                row(
                    format!("protocol {protocol} of {inner} gets the host's address"),
                    packet,
                    translated(end(host, from)),
                )
                .out(leaving(host, server, body).bytes())
                .flows(&[(key, State::Unreplied)]),
            );
        }
    }
    let zero = Body::Udp(4000, 53, vec![1, 2, 3]);
    let unchecked = |from: IpAddr| {
        let mut packet = leaving(from, ip("203.0.113.9"), zero.clone()).bytes();
        packet[40..42].copy_from_slice(&[0, 0]);
        packet
    };
    let key = masqueraded_flow(end(ip("203.0.113.9"), 53), end(ip(HOST4), 4000), 17);
    rows.push(
        row(
            "a UDP checksum of zero stays zero",
            unchecked(A.v4()),
            translated(end(ip(HOST4), 4000)),
        )
        .out(unchecked(ip(HOST4)))
        .flows(&[(key, State::Unreplied)]),
    );
    let routed = leaving(G.v4(), ip("203.0.113.9"), syn(4000, 443)).bytes();
    let key = masqueraded_flow(end(ip("203.0.113.9"), 443), end(G.v4(), 4000), 6);
    rows.push(
        row(
            "a network without masquerade keeps its address and remembers the flow",
            routed,
            translated(end(G.v4(), 4000)),
        )
        .flows(&[(key, State::Unreplied)]),
    );
    rows
}

fn followed() -> Vec<Case> {
    let mut rows = Vec::new();
    for (inner, host, server) in ends() {
        let key = masqueraded_flow(end(server, 443), end(host, 4000), 6);
        let body = Body::Tcp(4000, 443, 0x10, vec![5; 3]);
        let packet = leaving(inner, server, body.clone()).bytes();
        let out = leaving(host, server, body).bytes();
        let flow = |w: &mut World, state, age| {
            let record = record(w, A, end(inner, 4000), state, age);
            enter(w, key, record);
        };
        rows.push(
            row(
                format!("a packet of {inner}'s open flow is translated"),
                packet.clone(),
                translated(end(host, 4000)),
            )
            .world(|w| flow(w, State::Established, 0))
            .out(out.clone())
            .flows(&[(key, State::Established)]),
        );
        rows.push(
            row(
                format!("a packet of {inner}'s refreshes an ageing flow"),
                packet,
                translated(end(host, 4000)),
            )
            .world(|w| flow(w, State::Closing, 200))
            .out(out)
            .flows(&[(key, State::Closing)]),
        );
    }
    rows
}

fn collisions() -> Vec<Case> {
    let mut rows = Vec::new();
    for (inner, host, server) in ends() {
        let own = masqueraded_flow(end(server, 443), end(host, 4000), 6);
        let packet = leaving(inner, server, syn(4000, 443)).bytes();
        let other = tried(end(inner, 4000), end(server, 443), 1);
        let second = masqueraded_flow(end(server, 443), end(host, other), 6);
        let name = moved(end(server, 443), end(inner, 4000), 6);
        let out = leaving(host, server, syn(other, 443)).bytes();
        let took = |name: &str| {
            let name = format!("{name} ({host})");
            row(name, packet.clone(), translated(end(host, other))).out(out.clone())
        };
        let opened = (second, State::Unreplied);
        rows.push(
            took("a port that another container has for this server is not shared")
                .world(|w| {
                    let record = record(w, B, end(inner, 4001), State::Established, 0);
                    enter(w, own, record);
                })
                .flows(&[(own, State::Established), opened, (name, State::Unreplied)]),
        );
        rows.push(
            took("a published port is never a source port")
                .world(|w| publish(w, end(wildcard(host), 4000), 6, B, 80))
                .flows(&[opened, (name, State::Unreplied)]),
        );
        rows.push(
            took("a flow keeps its port when its own becomes free")
                .world(|w| {
                    let flow = record(w, A, end(inner, 4000), State::Established, 0);
                    enter(w, second, flow);
                    enter(w, name, record(w, A, end(host, other), State::Established, 0));
                })
                .flows(&[(second, State::Established), (name, State::Established)]),
        );
    }
    rows
}

fn wildcard(host: IpAddr) -> IpAddr {
    if host.is_ipv4() { ip("0.0.0.0") } else { ip("::") }
}

fn published_answers() -> Vec<Case> {
    let mut rows = Vec::new();
    for (inner, host, client) in ends() {
        let key = published_flow(end(client, 5000), end(inner, 80), 6);
        let answer = |from: IpAddr, port, flags| {
            leaving(from, client, Body::Tcp(port, 5000, flags, Vec::new())).bytes()
        };
        let flow = |w: &mut World, state| {
            publish(w, end(wildcard(host), 8080), 6, A, 80);
            let record = Flow { slot: PUBLISHED_SLOT, ..record(w, A, end(host, 8080), state, 0) };
            enter(w, key, record);
        };
        let from = translated(end(host, 8080));
        rows.push(
            row(
                format!("the first answer of {inner}'s published port is its host port's"),
                answer(inner, 80, 0x12),
                from,
            )
            .world(|w| flow(w, State::Unreplied))
            .out(answer(host, 8080, 0x12))
            .flows(&[(key, State::Answered)]),
        );
        rows.push(
            row(
                format!("a refusal of {inner}'s published port does not establish"),
                answer(inner, 80, 0x14),
                from,
            )
            .world(|w| flow(w, State::Unreplied))
            .out(answer(host, 8080, 0x14))
            .flows(&[(key, State::Unreplied)]),
        );
        rows.push(
            row(format!("a FIN of {inner}'s published port closes"), answer(inner, 80, 0x11), from)
                .world(|w| flow(w, State::Established))
                .out(answer(host, 8080, 0x11))
                .flows(&[(key, State::Closing)]),
        );
    }
    rows
}

fn refused() -> Vec<Case> {
    let mut rows = Vec::new();
    let server = ip("203.0.113.9");
    let mut fragment = leaving(A.v4(), server, Body::Raw(17, vec![9; 32]));
    fragment.fragment = (8, false);
    rows.push(dropped("a fragment of a flow is refused", fragment.bytes(), DropReason::Fragment));
    let gre = leaving(A.v4(), server, Body::Raw(47, vec![1; 16])).bytes();
    rows.push(dropped("a protocol without ports is refused", gre, DropReason::Protocol));
    let reset = leaving(A.v4(), server, Body::Tcp(4000, 443, 0x04, Vec::new())).bytes();
    rows.push(dropped("an RST opens nothing", reset, DropReason::NoFlow));
    let reply = leaving(A.v4(), server, Body::Icmp(0, 0, echo(9))).bytes();
    rows.push(dropped("an echo reply opens nothing", reply, DropReason::NoFlow));
    let internal = leaving(F.v4(), server, syn(1, 2)).bytes();
    rows.push(dropped("an internal network does not leave", internal, DropReason::Internal));
    let plain = leaving(A.v4(), server, syn(4000, 443)).bytes();
    rows.push(
        dropped(
            "an uplink without an address masquerades nothing",
            plain.clone(),
            DropReason::NoSource,
        )
        .world(|w| {
            w.uplinks.values_mut().for_each(|u| u.ipv4 = netd_common::address::Address::UNSPECIFIED)
        }),
    );
    rows.push(
        dropped(
            "an uplink that is not known masquerades nothing",
            plain.clone(),
            DropReason::UnknownDevice,
        )
        .world(|w| w.uplinks.clear()),
    );
    let forged = leaving(ip("192.0.2.1"), server, syn(1, 2)).bytes();
    rows.push(dropped(
        "a container's packet with a foreign source does not leave",
        forged.clone(),
        DropReason::SpoofedAddress,
    ));
    let host = Case {
        hook: Hook::UplinkOut(0),
        ..row("what the host sends is its own", plain, Verdict::Pass)
    };
    rows.push(host);
    let stacked = leaving(ip(HOST4), server, syn(1, 2)).bytes();
    rows.push(row("what another device masqueraded before is not touched", stacked, Verdict::Pass));
    let question =
        crate::frame::arp(([2; 6], [0xff; 6]), 1, ([2; 6], [198, 51, 100, 2]), [198, 51, 100, 1]);
    rows.push(row("what is not IP is none of a container's", question, Verdict::Pass));
    let passing = row("what the host routes for others is not touched", forged, Verdict::Pass);
    rows.push(Case { hook: Hook::UplinkOut(UPLINK), ..passing });
    rows
}

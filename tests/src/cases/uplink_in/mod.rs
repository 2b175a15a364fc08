//! What comes in by a wire: published ports, answers, and everything that is refused
//! (DESIGN 3.3 rule 6).

mod answers;
mod flooded;
mod refused;

use super::family::{led, telling, told, tried};
use super::{
    Case, Hook, PUBLISHED_SLOT, delivered, end, enter, from_outside, masqueraded_flow, publish,
    published_flow, record,
};
use crate::frame::{Body, echo};
use crate::world::{A, B, Container, HOST4, HOST6, World, ip};
use netd_common::abi::{Flow, FlowKey, Window};
use netd_common::conntrack::State;
use netd_common::flow::{End, moved};
use netd_common::verdict::{DropReason, IcmpError, Verdict};
use std::net::IpAddr;

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const RST: u8 = 0x04;

pub(super) fn cases() -> Vec<Case> {
    let parts = [
        published(),
        displaced(),
        not_published(),
        answers::cases(),
        flooded::cases(),
        refused::on_every_address(),
        refused::impossible_sources(),
        refused::at_the_last_hop(),
        refused::others(),
    ];
    parts.into_iter().flatten().collect()
}

fn row(name: impl Into<String>, packet: Vec<u8>, verdict: Verdict) -> Case {
    Case::new(format!("by a wire: {}", name.into()), Hook::UplinkIn, packet, verdict)
}

fn dropped(name: impl Into<String>, packet: Vec<u8>, reason: DropReason) -> Case {
    row(name, packet, Verdict::Drop(reason))
}

fn tcp(from: u16, to: u16, flags: u8) -> Body {
    Body::Tcp(from, to, flags, Vec::new())
}

fn ends() -> [(IpAddr, IpAddr, IpAddr); 2] {
    [(ip("203.0.113.9"), ip(HOST4), A.v4()), (ip("2001:db8:9::9"), ip(HOST6), A.v6())]
}

fn wildcard(host: IpAddr) -> IpAddr {
    if host.is_ipv4() { ip("0.0.0.0") } else { ip("::") }
}

/// The packet as the container gets it.
fn arrived(client: IpAddr, container: Container, to: IpAddr, body: Body) -> Vec<u8> {
    let macs = (container.gateway_mac(), container.mac());
    crate::frame::Frame::new(macs, client, to, body).hops(63).bytes()
}

fn published() -> Vec<Case> {
    let mut rows = Vec::new();
    for (client, host, inner) in ends() {
        let key = published_flow(end(client, 5000), end(inner, 80), 6);
        let out = arrived(client, A, inner, tcp(5000, 80, SYN));
        for (how, address) in [("all addresses", wildcard(host)), ("one address", host)] {
            let name = format!("a SYN to a port of {host} published on {how} is delivered");
            let packet = from_outside(client, host, tcp(5000, 8080, SYN)).bytes();
            rows.push(
                row(name, packet, delivered(A, end(inner, 80)))
                    .world(|w| publish(w, end(address, 8080), 6, A, 80))
                    .out(out.clone())
                    .flows(&[(key, State::Unreplied)]),
            );
        }
        let packet = from_outside(client, host, Body::Udp(5000, 53, vec![1, 2, 3])).bytes();
        let key = published_flow(end(client, 5000), end(inner, 5353), 17);
        rows.push(
            row(
                format!("UDP to a published port of {host} is delivered"),
                packet,
                delivered(A, end(inner, 5353)),
            )
            .world(|w| publish(w, end(wildcard(host), 53), 17, A, 5353))
            .out(arrived(client, A, inner, Body::Udp(5000, 5353, vec![1, 2, 3])))
            .flows(&[(key, State::Unreplied)]),
        );
        rows.extend(established(client, host, inner));
    }
    rows.push(most_specific_wins());
    rows
}

fn established(client: IpAddr, host: IpAddr, inner: IpAddr) -> Vec<Case> {
    let key = published_flow(end(client, 5000), end(inner, 80), 6);
    let packet = |flags| from_outside(client, host, tcp(5000, 8080, flags)).bytes();
    let flow = |w: &World, peer: End, state, age| Flow {
        slot: PUBLISHED_SLOT,
        ..record(w, A, peer, state, age)
    };
    let setup = |w: &mut World, state, age| {
        publish(w, end(wildcard(host), 8080), 6, A, 80);
        let record = flow(w, end(host, 8080), state, age);
        enter(w, key, record);
    };
    let to = delivered(A, end(inner, 80));
    let out = |flags| arrived(client, A, inner, tcp(5000, 80, flags));
    let name = |what: &str| format!("{what} ({host})");
    vec![
        row(name("a packet of an open flow is delivered"), packet(ACK), to)
            .world(|w| setup(w, State::Established, 0))
            .out(out(ACK))
            .flows(&[(key, State::Established)]),
        row(name("the opener's ACK establishes"), packet(ACK), to)
            .world(|w| setup(w, State::Answered, 0))
            .out(out(ACK))
            .flows(&[(key, State::Established)]),
        row(name("an RST that is not exact is translated and ends nothing"), packet(RST), to)
            .world(|w| {
                publish(w, end(wildcard(host), 8080), 6, A, 80);
                let record = flow(w, end(host, 8080), State::Established, 0);
                let answerer = Window { next: 0, end: 1000 };
                enter(w, key, Flow { answerer, ..record });
            })
            .out(out(RST))
            .flows(&[(key, State::Doubted)]),
        row(name("an expired flow is opened anew by a SYN"), packet(SYN), to)
            .world(|w| setup(w, State::Unreplied, 400))
            .out(out(SYN))
            .flows(&[(key, State::Unreplied)]),
        row(
            name("a flow of an older generation is the host's to reset"),
            packet(ACK),
            Verdict::Pass,
        )
        .world(|w| {
            setup(w, State::Established, 0);
            w.generations.insert(PUBLISHED_SLOT, 1);
        }),
        row(
            name("a packet without a flow or a SYN is the host's to reset"),
            packet(ACK),
            Verdict::Pass,
        )
        .world(|w| publish(w, end(wildcard(host), 8080), 6, A, 80)),
    ]
}

/// One client port by two host ports to one container port: the answers must differ.
fn displaced() -> Vec<Case> {
    let mut rows = Vec::new();
    for (client, host, inner) in ends() {
        let key = published_flow(end(client, 5000), end(inner, 80), 6);
        let port = tried(end(client, 5000), end(host, 8080), 1);
        let second = FlowKey { remote_port: port.to_be_bytes(), ..key };
        let name = moved(end(host, 8080), end(client, 5000), 6);
        let packet = from_outside(client, host, tcp(5000, 8080, SYN)).bytes();
        rows.push(
            row(
                format!("the client port of another host port of {host} gets another one"),
                packet,
                led(A, Some(end(client, port)), Some(end(inner, 80))),
            )
            .world(|w| {
                publish(w, end(wildcard(host), 8080), 6, A, 80);
                let record = record(w, A, end(host, 9090), State::Established, 0);
                enter(w, key, Flow { slot: PUBLISHED_SLOT, ..record });
            })
            .out(arrived(client, A, inner, tcp(port, 80, SYN)))
            .flows(&[
                (key, State::Established),
                (second, State::Unreplied),
                (name, State::Unreplied),
            ]),
        );
    }
    rows
}

fn most_specific_wins() -> Case {
    let (client, host) = (ip("203.0.113.9"), ip(HOST4));
    let packet = from_outside(client, host, tcp(5000, 8080, SYN)).bytes();
    let key = published_flow(end(client, 5000), end(B.v4(), 81), 6);
    row("the most specific host address wins", packet, delivered(B, end(B.v4(), 81)))
        .world(|w| {
            publish(w, end(ip("0.0.0.0"), 8080), 6, A, 80);
            publish(w, end(host, 8080), 6, B, 81);
        })
        .out(arrived(client, B, B.v4(), tcp(5000, 81, SYN)))
        .flows(&[(key, State::Unreplied)])
}

fn not_published() -> Vec<Case> {
    let mut rows = Vec::new();
    for (client, host, _) in ends() {
        let open = |w: &mut World| publish(w, end(wildcard(host), 8080), 6, A, 80);
        let other_port = from_outside(client, host, tcp(5000, 8081, SYN)).bytes();
        rows.push(
            row(
                format!("a port of {host} that nobody published is the host's"),
                other_port,
                Verdict::Pass,
            )
            .world(open),
        );
        let udp = from_outside(client, host, Body::Udp(5000, 8080, vec![1])).bytes();
        rows.push(
            row(format!("another protocol to {host} is the host's"), udp, Verdict::Pass)
                .world(open),
        );
        let through = if host.is_ipv4() { ip("203.0.113.200") } else { ip("2001:db8:9::200") };
        let passing = from_outside(client, through, tcp(5000, 8080, SYN)).bytes();
        rows.push(
            row(
                format!("only the host's own addresses are published, not {through}"),
                passing,
                Verdict::Pass,
            )
            .world(open),
        );
        let echo_request = Body::Icmp(if host.is_ipv4() { 8 } else { 128 }, 0, echo(5));
        let ping = from_outside(client, host, echo_request).bytes();
        rows.push(row(format!("a ping of {host} is the host's"), ping, Verdict::Pass).world(open));
    }
    let v6_to_v4 = from_outside(ip("2001:db8:9::9"), ip(HOST6), tcp(5000, 8080, SYN)).bytes();
    rows.push(
        row("IPv6 to a container without it is the host's to refuse", v6_to_v4, Verdict::Pass)
            .world(|w| {
                publish(w, end(ip("0.0.0.0"), 8080), 6, A, 80);
                let v4 = w.published.values().next().copied().unwrap();
                w.published.clear();
                w.published.insert(netd_common::flow::published_port(end(ip("::"), 8080), 6), v4);
            }),
    );
    rows
}

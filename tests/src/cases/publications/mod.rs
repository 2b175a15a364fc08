//! Where a published port leads: ranges, the most specific of several publications, lists of clients,
//! and several host ports that lead to one port of a container.

mod second_port;

use super::family::{
    Family, LEAVING, both, by_port, called, families, handed, led, pair, ready, tried,
};
use super::{
    Case, Hook, Table, World, end, enter, from_outside, leaving, publish, publish_range, translated,
};
use crate::frame::Body;
use crate::world::{A, ip};
use netd_common::abi::FlowKey;
use netd_common::address::Address;
use netd_common::conntrack::State;
use netd_common::flow::{End, moved, published_flow};
use netd_common::verdict::{DropReason, Verdict};
use std::net::IpAddr;

pub(super) fn cases() -> Vec<Case> {
    let parts = |family| {
        [
            ranges(family),
            specific(family),
            loopback(family),
            clients(family),
            gone(family),
            second_port::cases(family),
        ]
    };
    families().into_iter().flat_map(parts).flatten().collect()
}

const SYN: u8 = 0x02;
const PROTOCOLS: [(u8, &str); 2] = [(6, "TCP"), (17, "UDP")];

fn row(family: Family, name: impl AsRef<str>, packet: Vec<u8>, verdict: Verdict) -> Case {
    let name = format!("published by {}: {}", family.word(), name.as_ref());
    Case::new(name, Hook::UplinkIn, packet, verdict)
}

fn body(protocol: u8, from: u16, to: u16) -> Body {
    match protocol {
        17 => Body::Udp(from, to, vec![1, 2, 3]),
        _ => Body::Tcp(from, to, SYN, Vec::new()),
    }
}

/// What a client of the host's `port` is led to: container A's `inner`.
fn leads(family: Family, name: impl AsRef<str>, protocol: u8, port: u16, inner: u16) -> Case {
    let packet = from_outside(family.far, family.host, body(protocol, 5000, port)).bytes();
    let to = end(family.of(A), inner);
    let out = from_outside(family.far, family.of(A), body(protocol, 5000, inner));
    row(family, name, packet, led(A, None, Some(to)))
        .out(handed(out, A))
        .flows(&[(published_flow(end(family.far, 5000), to, protocol), State::Unreplied)])
}

/// What no publication leads anywhere.
fn stays(family: Family, name: impl AsRef<str>, protocol: u8, port: u16) -> Case {
    let packet = from_outside(family.far, family.host, body(protocol, 5000, port)).bytes();
    row(family, name, packet, Verdict::Pass)
}

fn ranges(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    for (protocol, what) in PROTOCOLS {
        for (how, address) in [("all addresses", family.any), ("one address", family.host)] {
            // Not aligned at either end, so that it takes prefixes of many lengths.
            let range = |w: &mut World| {
                publish_range(w, end(address, 8003), 98, protocol, (A, 103));
            };
            let name = |rest: &str| format!("{what} {rest} of a range on {how}");
            for (which, port) in
                [("the first port", 8003), ("a middle port", 8064), ("the last port", 8100)]
            {
                let inner = port - 7900;
                let name = name(&format!("{which} leads as far into it,"));
                rows.push(leads(family, name, protocol, port, inner).world(range));
            }
            for (which, port) in [("the port before", 8002), ("the port behind", 8101)] {
                let name = name(&format!("{which} the end"));
                rows.push(stays(family, name, protocol, port).world(range).still());
            }
        }
        let whole = |w: &mut World| publish_range(w, end(family.any, 1), 65_535, protocol, (A, 1));
        let name = format!("{what} of a range of every port keeps its port");
        rows.push(leads(family, name, protocol, 65_535, 65_535).world(whole));
    }
    rows
}

/// One address wins over all of them, then one port over a range.
fn specific(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    for (protocol, what) in PROTOCOLS {
        type Way<'a> = &'a dyn Fn(&mut World);
        let ways: [(&str, u16, Way<'_>); 4] = [
            ("a range on all addresses is all there is", 180, &|w| {
                publish_range(w, end(family.any, 8000), 100, protocol, (A, 100));
            }),
            ("a port on all addresses wins over the range", 90, &|w| {
                publish(w, end(family.any, 8080), protocol, A, 90);
            }),
            ("a range on the address wins over both", 280, &|w| {
                publish_range(w, end(family.host, 8000), 100, protocol, (A, 200));
            }),
            ("a port on the address wins over all", 91, &|w| {
                publish(w, end(family.host, 8080), protocol, A, 91);
            }),
        ];
        for (nth, (name, inner, _)) in ways.iter().enumerate() {
            let name = format!("{what}: {name}");
            rows.push(
                leads(family, name, protocol, 8080, *inner)
                    .world(|w| ways[..=nth].iter().for_each(|(.., publish)| publish(w))),
            );
        }
        let other = if family.v4 { ip("198.51.100.3") } else { ip("2001:db8:1::3") };
        rows.push(
            stays(family, format!("{what}: another address's port is the host's"), protocol, 8080)
                .world(|w| publish(w, end(other, 8080), protocol, A, 80))
                .still(),
        );
    }
    rows
}

/// A port that only the host itself may reach.
fn loopback(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    let own = if family.v4 { ip("127.0.0.1") } else { ip("::1") };
    for (protocol, what) in PROTOCOLS {
        let local = |w: &mut World| publish(w, end(own, 8080), protocol, A, 80);
        let name = format!("{what} to a port published on {own} is the host's to refuse");
        rows.push(stays(family, name, protocol, 8080).world(local).still());
        let range = |w: &mut World| publish_range(w, end(own, 8000), 100, protocol, (A, 80));
        let name = format!("{what} to a range published on {own} is the host's to refuse");
        rows.push(stays(family, name, protocol, 8080).world(range).still());
        let trick = from_outside(family.far, own, body(protocol, 5000, 8080)).bytes();
        rows.push(
            row(
                family,
                format!("{what} to {own} is refused, whatever is published on all addresses"),
                trick,
                Verdict::Drop(DropReason::Martian),
            )
            .world(|w| publish(w, end(family.any, 8080), protocol, A, 80))
            .still(),
        );
    }
    rows
}

fn clients(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    let near = if family.v4 { (96 + 24, ip("203.0.113.0")) } else { (48, ip("2001:db8:9::")) };
    let exact = (128, family.far);
    let others = if family.v4 { (32, ip("2001:db8::")) } else { (96, ip("0.0.0.0")) };
    let list = |w: &mut World, number: u32, entries: &[(u32, IpAddr)]| {
        let entry = |(length, prefix): &(u32, IpAddr)| (number, *length, Address::from(*prefix));
        w.clients.extend(entries.iter().map(entry));
    };
    for (protocol, what) in PROTOCOLS {
        let limited = |w: &mut World| {
            publish(w, end(family.any, 8080), protocol, A, 80);
            publish_range(w, end(family.any, 9000), 100, protocol, (A, 100));
            w.published.values_mut().chain(w.ranges.values_mut()).for_each(|p| p.clients = 7);
        };
        let admitted = |name: &str, entries: &[(u32, IpAddr)]| {
            leads(family, format!("{what}: {name}"), protocol, 8080, 80).world(|w| {
                limited(w);
                list(w, 7, entries);
            })
        };
        rows.push(admitted("a client of a listed network is admitted", &[near]));
        rows.push(admitted("a client with a listed address is admitted", &[exact, others]));
        let refused = |name: &str, port, number, entries: &[(u32, IpAddr)]| {
            let packet = from_outside(family.far, family.host, body(protocol, 5000, port)).bytes();
            let verdict = Verdict::Drop(DropReason::NotAClient);
            row(family, format!("{what}: {name}"), packet, verdict)
                .world(|w| {
                    limited(w);
                    list(w, number, entries);
                })
                .still()
        };
        let router = (128, family.router);
        rows.extend([
            refused("a client that is not listed is refused", 8080, 7, &[router]),
            refused("a range's too", 9000, 7, &[router]),
            refused("a list of the other family admits nobody", 8080, 7, &[others]),
            refused("another list admits nobody", 8080, 8, &[near, exact]),
            refused("an empty list admits nobody", 8080, 7, &[]),
        ]);
    }
    rows
}

/// What a publication leads to may be gone already.
fn gone(family: Family) -> Vec<Case> {
    let packet = from_outside(family.far, family.host, body(6, 5000, 8080)).bytes();
    let refused = |name: &str, reason| {
        row(family, name, packet.clone(), Verdict::Drop(reason))
            .world(|w| publish(w, end(family.any, 8080), 6, A, 80))
    };
    let endpoint = (A.network, family.of(A).into());
    vec![
        refused("a container that is gone gets nothing", DropReason::NoEndpoint)
            .world(|w| _ = w.endpoints.remove(&endpoint))
            .still(),
        refused("a network that is gone gets nothing", DropReason::UnknownNetwork)
            .world(|w| _ = w.networks.remove(&A.network))
            .still(),
    ]
}

//! Where a published port leads: ranges, the most specific of several publications, lists of clients,
//! and several host ports that lead to one port of a container.

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
            second_port(family),
            second_port_answers(family),
            crowded_out(family),
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

/// Two host ports that lead to one port of A's, and what a client that comes by the second from the
/// same port gets.
struct Second {
    family: Family,
    protocol: u8,
    /// Its port as A knows it.
    port: u16,
    /// The flows by the first and the second.
    keys: (FlowKey, FlowKey),
    name: FlowKey,
}

impl Second {
    fn new(family: Family, protocol: u8) -> Self {
        let (client, host) = (end(family.far, 5000), end(family.host, 9090));
        let port = tried(client, host, 1);
        let first = published_flow(client, end(family.of(A), 80), protocol);
        let keys = (first, by_port(first, port));
        Self { family, protocol, port, keys, name: moved(host, client, protocol) }
    }

    fn setup(&self, world: &mut World) {
        publish(world, end(self.family.any, 8080), self.protocol, A, 80);
        publish(world, end(self.family.any, 9090), self.protocol, A, 80);
        let flow = called(world, end(self.family.host, 8080), State::Established);
        enter(world, self.keys.0, ready(flow));
    }

    /// A client's packet.
    fn call(&self, flags: u8) -> Vec<u8> {
        from_outside(self.family.far, self.family.host, self.body(5000, 9090, flags)).bytes()
    }

    /// As A gets it.
    fn call_inside(&self, flags: u8) -> Vec<u8> {
        let body = self.body(self.port, 80, flags);
        handed(from_outside(self.family.far, self.family.of(A), body), A)
    }

    fn body(&self, from: u16, to: u16, flags: u8) -> Body {
        match self.protocol {
            17 => Body::Udp(from, to, vec![1, 2, 3]),
            _ => Body::Tcp(from, to, flags, vec![1, 2, 3]),
        }
    }

    fn inside(&self) -> Verdict {
        let (client, inner) = pair((self.family.far, self.port), (self.family.of(A), 80));
        led(A, Some(client), Some(inner))
    }
}

fn second_port(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    for (protocol, what) in PROTOCOLS {
        let second = Second::new(family, protocol);
        let (first_key, key) = second.keys;
        let flows =
            |state, named| [(first_key, State::Established), (key, state), (second.name, named)];
        let name = format!("{what} from the same port by another host port is known by another");
        rows.push(
            row(family, name, second.call(SYN), second.inside())
                .world(|w| second.setup(w))
                .out(second.call_inside(SYN))
                .flows(&flows(State::Unreplied, State::Unreplied)),
        );
        let name = format!("{what} goes on by the port that it is known by");
        rows.push(
            row(family, name, second.call(SYN), second.inside())
                .world(|w| second.setup(w))
                .after(Hook::UplinkIn, &second.call(SYN))
                .out(second.call_inside(SYN))
                .flows(&flows(State::Unreplied, State::Unreplied)),
        );
    }
    rows
}

fn second_port_answers(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    let (inner, far, host) = (family.of(A), family.far, family.host);
    for (protocol, what) in PROTOCOLS {
        let second = Second::new(family, protocol);
        let (first_key, key) = second.keys;
        let answered = if protocol == 6 { State::Answered } else { State::Established };
        let packet = leaving(inner, far, second.body(80, second.port, 0x12)).bytes();
        let ends = both(end(host, 9090), end(far, 5000));
        let name = format!("published by {}: {what}'s answers to it get", family.word());
        let out = leaving(host, far, second.body(9090, 5000, 0x12)).bytes();
        rows.push(
            Case::new(format!("{name} the client's own port back"), LEAVING, packet.clone(), ends)
                .world(|w| second.setup(w))
                .after(Hook::UplinkIn, &second.call(SYN))
                .out(out)
                .flows(&[
                    (first_key, State::Established),
                    (key, answered),
                    (second.name, State::Established),
                ]),
        );
        let first = leaving(inner, far, second.body(80, 5000, 0x10)).bytes();
        let own = translated(end(host, 8080));
        rows.push(
            Case::new(
                format!("{name} the first host port where that was meant"),
                LEAVING,
                first,
                own,
            )
            .world(|w| second.setup(w))
            .after(Hook::UplinkIn, &second.call(SYN))
            .out(leaving(host, far, second.body(8080, 5000, 0x10)).bytes())
            .flows(&[
                (first_key, State::Established),
                (key, State::Unreplied),
                (second.name, State::Unreplied),
            ]),
        );
        if protocol != 6 {
            continue;
        }
        let confirmed = second.call(0x10);
        rows.push(
            row(
                family,
                "TCP by both ports is established with its name",
                confirmed,
                second.inside(),
            )
            .world(|w| second.setup(w))
            .after(Hook::UplinkIn, &second.call(SYN))
            .after(LEAVING, &packet)
            .out(second.call_inside(0x10))
            .flows(&[
                (first_key, State::Established),
                (key, State::Established),
                (second.name, State::Established),
            ])
            .place(key, Table::Established)
            .place(second.name, Table::Established),
        );
    }
    rows
}

/// No port is left that a client could be known by.
fn crowded_out(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    let client = end(family.far, 5000);
    for (protocol, what) in PROTOCOLS {
        let second = Second::new(family, protocol);
        let full = |w: &mut World, last: u32| {
            second.setup(w);
            for nth in 1..=last {
                let port = tried(client, end(family.host, 9090), nth);
                let other: End = end(family.host, 7000 + nth as u16);
                let flow = called(w, other, State::Established);
                enter(w, by_port(second.keys.0, port), ready(flow));
            }
        };
        let name = format!("{what} is refused where 31 other ports are taken as well");
        let refused = Verdict::Drop(DropReason::PortsExhausted);
        rows.push(row(family, name, second.call(SYN), refused).world(|w| full(w, 31)).still());
    }
    rows
}

//! Several host ports that lead to one port of a container: a client that comes by two of them from one
//! port must be two to the container.

use super::*;
use netd_common::abi::Flow;

pub(super) fn cases(family: Family) -> Vec<Case> {
    [calls(family), answers(family), own_port(family), crowded_out(family)].concat()
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

fn calls(family: Family) -> Vec<Case> {
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

fn answers(family: Family) -> Vec<Case> {
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
        if protocol == 6 {
            rows.push(established(&second, &packet));
        }
    }
    rows
}

/// The opener's ACK, after A's answer.
fn established(second: &Second, answer: &[u8]) -> Case {
    let name = "TCP by both ports is established with its name";
    let (first, key) = second.keys;
    let each = [first, key, second.name].map(|key| (key, State::Established));
    row(second.family, name, second.call(0x10), second.inside())
        .world(|w| second.setup(w))
        .after(Hook::UplinkIn, &second.call(SYN))
        .after(LEAVING, answer)
        .out(second.call_inside(0x10))
        .flows(&each)
        .place(key, Table::Established)
        .place(second.name, Table::Established)
}

/// The client comes by that port itself: it is not given to another of its connections.
fn own_port(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    for (protocol, what) in PROTOCOLS {
        let mut second = Second::new(family, protocol);
        let client = end(family.far, 5000);
        let by_itself = second.keys.1;
        second.port = tried(client, end(family.host, 9090), 2);
        second.keys.1 = by_port(second.keys.0, second.port);
        let name = format!("{what} of one client is never known by a port that it has itself");
        let by_name = second.name;
        rows.push(
            row(family, name, second.call(SYN), second.inside())
                .world(|w| {
                    second.setup(w);
                    let flow = called(w, end(family.host, 9090), State::Established);
                    enter(w, by_itself, ready(flow));
                    // Also not where a name says so.
                    let named =
                        Flow { peer: by_itself.remote, peer_port: by_itself.remote_port, ..flow };
                    enter(w, by_name, named);
                })
                .out(second.call_inside(SYN))
                .flows(&[
                    (second.keys.0, State::Established),
                    (by_itself, State::Established),
                    (second.keys.1, State::Unreplied),
                    (second.name, State::Unreplied),
                ]),
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

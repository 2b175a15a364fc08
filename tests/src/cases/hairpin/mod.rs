//! Containers that come to a container by its published port: from the same network, another one, or
//! to themselves; there and back (RFC 4787 REQ-9, RFC 5382 REQ-8).

mod refused;

use super::family::{Family, families, handed, led, tried};
use super::{
    Case, Hook, PUBLISHED_SLOT, Table, World, end, enter, from, publish, publish_range, record,
};
use crate::frame::{Body, Frame, echo};
use crate::world::{A, B, C, Container, D, E, F};
use netd_common::abi::{Flow, FlowKey};
use netd_common::conntrack::State;
use netd_common::flow::{End, moved, published_flow};
use netd_common::verdict::Verdict;
use std::{collections::BTreeSet, net::IpAddr};

pub(super) fn cases() -> Vec<Case> {
    let parts = |family| {
        [
            everywhere(family),
            by_range(family),
            displaced(family),
            fragmented(family),
            refused::cases(family),
        ]
    };
    families().into_iter().flat_map(parts).flatten().collect()
}

const SYN: u8 = 0x02;

fn row(
    family: Family,
    name: impl AsRef<str>,
    sender: Container,
    packet: Vec<u8>,
    verdict: Verdict,
) -> Case {
    let name = format!("hairpin by {}: {}", family.word(), name.as_ref());
    Case::new(name, Hook::ContainerOut(sender), packet, verdict)
}

/// A container that calls port 8080 of a host address, which leads to port 80 of another.
struct Call {
    family: Family,
    protocol: u8,
    from: Container,
    to: Container,
    at: IpAddr,
}

impl Call {
    fn setup(&self, world: &mut World) {
        publish(world, end(self.family.any, 8080), self.protocol, self.to, 80);
    }

    fn is_own(&self) -> bool {
        self.from.number == self.to.number
    }

    /// The client as the other end knows it.
    fn client(&self) -> End {
        let family = self.family;
        end(if self.is_own() { family.gateway(self.to) } else { family.of(self.from) }, 5000)
    }

    fn inner(&self) -> End {
        end(self.family.of(self.to), 80)
    }

    fn key(&self) -> FlowKey {
        published_flow(self.client(), self.inner(), self.protocol)
    }

    fn body(&self, from: u16, to: u16, flags: u8) -> Body {
        match self.protocol {
            17 => Body::Udp(from, to, vec![1, 2, 3]),
            _ => Body::Tcp(from, to, flags, vec![1, 2, 3]),
        }
    }

    /// The call and its answer, each as it is sent.
    fn call(&self, flags: u8) -> Frame {
        from(self.from, self.from.gateway_mac(), self.at, self.body(5000, 8080, flags))
    }

    fn answer(&self, flags: u8) -> Frame {
        let to = IpAddr::from(self.client().address);
        from(self.to, self.to.gateway_mac(), to, self.body(80, 5000, flags))
    }

    /// The call and its answer, each as it arrives.
    fn call_inside(&self, flags: u8) -> Frame {
        let (client, inner) = (self.client().address.into(), self.inner().address.into());
        Frame { addresses: (client, inner), body: self.body(5000, 80, flags), ..self.call(flags) }
    }

    fn answer_inside(&self, flags: u8) -> Frame {
        let addresses = (self.at, self.family.of(self.from));
        Frame { addresses, body: self.body(8080, 5000, flags), ..self.answer(flags) }
    }

    fn to_inner(&self) -> Verdict {
        led(self.to, self.is_own().then_some(self.client()), Some(self.inner()))
    }

    fn to_client(&self) -> Verdict {
        let own = self.is_own().then_some(end(self.family.of(self.from), 5000));
        led(self.from, Some(end(self.at, 8080)), own)
    }

    /// The packets that establish it.
    fn rows(&self, name: &str) -> Vec<Case> {
        let (there, back) = (Hook::ContainerOut(self.from), Hook::ContainerOut(self.to));
        let answered = if self.protocol == 6 { State::Answered } else { State::Established };
        let case = |what: &str, sender, packet: &Frame, verdict, state, (frame, to)| {
            row(self.family, format!("{name}{what}"), sender, packet.bytes(), verdict)
                .world(|w| self.setup(w))
                .out(handed(frame, to))
                .flows(&[(self.key(), state)])
        };
        let (call, answer) = (self.call(SYN).bytes(), self.answer(0x12).bytes());
        let inside = (self.call_inside(SYN), self.to);
        let first = case(
            " is led there",
            self.from,
            &self.call(SYN),
            self.to_inner(),
            State::Unreplied,
            inside,
        );
        let inside = (self.answer_inside(0x12), self.from);
        let second = case(
            ", the answer comes back",
            self.to,
            &self.answer(0x12),
            self.to_client(),
            answered,
            inside,
        )
        .after(there, &call);
        let inside = (self.call_inside(0x10), self.to);
        let third = case(
            " goes on",
            self.from,
            &self.call(0x10),
            self.to_inner(),
            State::Established,
            inside,
        )
        .after(there, &call)
        .after(back, &answer)
        .place(self.key(), Table::Established);
        vec![first.place(self.key(), Table::Unreplied), second, third]
    }
}

/// Every client, by every address of the host's.
fn everywhere(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    for (protocol, what) in [(6, "TCP"), (17, "UDP")] {
        for (who, from, to) in [
            ("of the same network", B, A),
            ("of another network", C, A),
            ("to itself", A, A),
            ("of a network with icc=false", D, E),
            ("to itself with icc=false", D, D),
            ("from icc=false to another network", D, A),
        ] {
            let hosts = [family.host, family.gateway(from), family.gateway(to), family.gateway(F)];
            for at in BTreeSet::from(hosts) {
                let call = Call { family, protocol, from, to, at };
                rows.extend(call.rows(&format!("{what} {who} at {at}")));
            }
        }
    }
    rows
}

fn by_range(family: Family) -> Vec<Case> {
    let packet = from(C, C.gateway_mac(), family.host, Body::Udp(5000, 8042, vec![1]));
    let inner = end(family.of(A), 142);
    let addresses = (family.of(C), family.of(A));
    let out = Frame { addresses, body: Body::Udp(5000, 142, vec![1]), ..packet.clone() };
    vec![
        row(family, "a range leads there", C, packet.bytes(), led(A, None, Some(inner)))
            .world(|w| publish_range(w, end(family.host, 8000), 100, 17, (A, 100)))
            .out(handed(out, A))
            .flows(&[(published_flow(end(family.of(C), 5000), inner, 17), State::Unreplied)]),
    ]
}

/// The same client's port by two host ports.
fn displaced(family: Family) -> Vec<Case> {
    let call = Call { family, protocol: 6, from: C, to: A, at: family.host };
    let client = end(family.of(C), 5000);
    let port = tried(client, end(family.host, 8080), 1);
    let known = end(family.of(C), port);
    let (key, first) = (published_flow(known, call.inner(), 6), call.key());
    let name = moved(end(family.host, 8080), client, 6);
    let setup = |w: &mut World| {
        call.setup(w);
        let flow = record(w, A, end(family.host, 9090), State::Established, 0);
        enter(w, first, Flow { slot: PUBLISHED_SLOT, ..flow });
    };
    let inside = Frame { body: call.body(port, 80, SYN), ..call.call_inside(SYN) };
    let answer = from(A, A.gateway_mac(), family.of(C), call.body(80, port, 0x12));
    let flows = |state, named| [(first, State::Established), (key, state), (name, named)];
    let back = led(C, Some(end(family.host, 8080)), Some(client));
    let sent = call.call(SYN).bytes();
    vec![
        row(
            family,
            "the same port by another host port is known by another",
            C,
            sent.clone(),
            led(A, Some(known), Some(call.inner())),
        )
        .world(setup)
        .out(handed(inside, A))
        .flows(&flows(State::Unreplied, State::Unreplied)),
        row(family, "its answers get the client's own port back", A, answer.bytes(), back)
            .world(setup)
            .after(Hook::ContainerOut(C), &sent)
            .out(handed(call.answer_inside(0x12), C))
            .flows(&flows(State::Answered, State::Established)),
    ]
}

/// Later fragments follow the first, both ways.
fn fragmented(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    for (who, from, to) in [("of another network", C, A), ("to itself", A, A)] {
        let call = Call { family, protocol: 17, from, to, at: family.host };
        let long = |frame: Frame, ports: (u16, u16)| Frame {
            body: Body::Udp(ports.0, ports.1, vec![7; 61]),
            ..frame
        };
        let part = |frame: Frame, target: Container| {
            let hops = frame.hops - 1;
            let macs = (target.gateway_mac(), target.mac());
            Frame { macs, ..frame }.hops(hops).split(32)
        };
        let sent = long(call.call(0), (5000, 8080)).split(32);
        let got = part(long(call.call_inside(0), (5000, 80)), to);
        let back = long(call.answer(0), (80, 5000)).split(32);
        let returned = part(long(call.answer_inside(0), (8080, 5000)), from);
        let (there, answers) = (Hook::ContainerOut(from), Hook::ContainerOut(to));
        let case = |what: &str, sender, packet: &[u8], verdict, out: &[u8], state| {
            row(
                family,
                format!("{what} fragment {who} is led on"),
                sender,
                packet.to_vec(),
                verdict,
            )
            .world(|w| call.setup(w))
            .out(out.to_vec())
            .flows(&[(call.key(), state)])
        };
        let (inner, client) = (call.to_inner(), call.to_client());
        rows.extend([
            case("the first", from, &sent.0, inner, &got.0, State::Unreplied),
            case("a later", from, &sent.1, inner, &got.1, State::Unreplied).after(there, &sent.0),
            case("an answer's first", to, &back.0, client, &returned.0, State::Established)
                .after(there, &sent.0),
            case("an answer's later", to, &back.1, client, &returned.1, State::Established)
                .after(there, &sent.0)
                .after(answers, &back.0),
        ]);
    }
    rows
}

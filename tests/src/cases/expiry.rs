//! How long flows live, whose they are, and where new ones go when a network opens too many
//! (RFC 4787 REQ-5, RFC 5382 REQ-5, RFC 5508 REQ-2; reclaim without an agent).

use super::family::{Family, LEAVING, families, handed, led};
use super::{Case, Hook, Table, World, end, enter, from_outside, leaving, record, translated};
use crate::frame::{Body, Chunk, echo};
use crate::world::A;
use State::{Answered, Closing, Doubted, Established, Reset, Unreplied};
use netd_common::abi::{FlowKey, Timeouts, Usage};
use netd_common::conntrack::State;
use netd_common::flow::{masqueraded_flow, moved};
use netd_common::verdict::Verdict;

pub(super) fn cases() -> Vec<Case> {
    let parts = |family| {
        [lives(family), generations(family), shares(family), established_share(family)].concat()
    };
    families().into_iter().flat_map(parts).collect()
}

/// Short times, no two alike.
const TIMES: Timeouts = Timeouts {
    tcp_established: 90,
    tcp_transitory: 40,
    tcp_reset: 10,
    udp_one_way: 30,
    udp_query: 15,
    udp: 60,
    icmp: 20,
    sctp_opening: 25,
    sctp: 80,
    ..Timeouts::DEFAULT
};

/// A flow of container A's from port 4000.
#[derive(Clone, Copy)]
struct Kind {
    family: Family,
    protocol: u8,
    port: u16,
}

impl Kind {
    fn key(self) -> FlowKey {
        masqueraded_flow(
            end(self.family.far, self.port),
            end(self.family.host, 4000),
            self.protocol,
        )
    }

    /// The container's next packet.
    fn body(self, inner: u16) -> Body {
        match self.protocol {
            6 => Body::Tcp(inner, self.port, 0x10, Vec::new()),
            17 => Body::Udp(inner, self.port, vec![1]),
            132 => Body::Sctp(Chunk::new((inner, self.port), 0)),
            _ => Body::Icmp(self.family.echo().1, 0, echo(inner)),
        }
    }

    /// What comes back.
    fn answer(self, outer: u16) -> Body {
        match self.protocol {
            6 => Body::Tcp(self.port, outer, 0x10, Vec::new()),
            17 => Body::Udp(self.port, outer, vec![1]),
            132 => Body::Sctp(Chunk::new((self.port, outer), 0)),
            _ => Body::Icmp(self.family.echo().2, 0, echo(outer)),
        }
    }

    fn enter(self, world: &mut World, state: State, age: u64) {
        world.config.timeouts = TIMES;
        let flow = record(world, A, end(self.family.of(A), 4000), state, age);
        enter(world, self.key(), flow);
    }

    /// The container sends another packet.
    fn sends(self, name: String) -> Case {
        let (inner, host, far) = (self.family.of(A), self.family.host, self.family.far);
        let packet = leaving(inner, far, self.body(4000)).bytes();
        Case::new(name, LEAVING, packet, translated(end(host, 4000)))
            .out(leaving(host, far, self.body(4000)).bytes())
    }

    /// The other end answers.
    fn gets(self, name: String) -> Case {
        let (inner, host, far) = (self.family.of(A), self.family.host, self.family.far);
        let packet = from_outside(far, host, self.answer(4000)).bytes();
        Case::new(name, Hook::UplinkIn, packet, led(A, None, Some(end(inner, 4000))))
            .out(handed(from_outside(far, inner, self.answer(4000)), A))
    }
}

/// Every state of every protocol: seconds, and the state that the container's next packet leaves.
fn lives(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    let icmp = family.echo().0;
    for (protocol, what, port, state, seconds, then) in [
        (6, "unreplied TCP", 443, Unreplied, 40, Unreplied),
        (6, "half-open TCP", 443, Answered, 40, Established),
        (6, "established TCP", 443, Established, 90, Established),
        (6, "closing TCP", 443, Closing, 40, Closing),
        (6, "reset TCP", 443, Reset, 10, Established),
        (6, "doubted TCP", 443, Doubted, 40, Established),
        (17, "unreplied UDP", 443, Unreplied, 30, Unreplied),
        (17, "an unreplied DNS query", 53, Unreplied, 15, Unreplied),
        (17, "UDP", 443, Established, 60, Established),
        (17, "DNS", 53, Established, 60, Established),
        (132, "unreplied SCTP", 443, Unreplied, 25, Unreplied),
        (132, "SCTP", 443, Established, 80, Established),
        (132, "closing SCTP", 443, Closing, 25, Closing),
        (icmp, "an unreplied echo", 0, Unreplied, 20, Unreplied),
        (icmp, "an echo", 0, Established, 20, Established),
    ] {
        let kind = Kind { family, protocol, port };
        let name = |rest: &str| format!("{} {what}: {rest}", family.word());
        rows.push(
            kind.sends(name(&format!("after {} seconds it is known", seconds - 1)))
                .world(|w| kind.enter(w, state, seconds - 1))
                .flows(&[(kind.key(), then)]),
        );
        rows.push(
            kind.sends(name(&format!("after {} seconds it is opened anew", seconds + 1)))
                .world(|w| kind.enter(w, state, seconds + 1))
                .flows(&[(kind.key(), Unreplied)])
                .place(kind.key(), Table::Unreplied),
        );
        rows.push(lost(kind, name("what comes back after its time is the host's"), |w| {
            kind.enter(w, state, seconds + 1);
        }));
    }
    rows
}

/// What comes back to no flow, and removes what was left of it.
fn lost(kind: Kind, name: String, setup: impl FnOnce(&mut World)) -> Case {
    let packet = from_outside(kind.family.far, kind.family.host, kind.answer(4000)).bytes();
    Case::new(name, Hook::UplinkIn, packet, Verdict::Pass).world(setup)
}

/// A container that is gone takes its flows with it, and no other's.
fn generations(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    for (protocol, what) in [(6, "TCP"), (17, "UDP"), (132, "SCTP"), (family.echo().0, "an echo")] {
        let port = if protocol == family.echo().0 { 0 } else { 443 };
        let kind = Kind { family, protocol, port };
        let name = |rest: &str| format!("{} {what} of a container: {rest}", family.word());
        rows.push(
            kind.sends(name("a newer generation opens it anew"))
                .world(|w| {
                    kind.enter(w, Established, 0);
                    w.generations.insert(A.slot(), 1);
                })
                .flows(&[(kind.key(), Unreplied)]),
        );
        rows.push(lost(kind, name("what comes back to an older generation is the host's"), |w| {
            kind.enter(w, Established, 0);
            w.generations.insert(A.slot(), 1);
        }));
        rows.push(
            kind.gets(name("another's generation is none of its"))
                .world(|w| {
                    kind.enter(w, Established, 0);
                    w.generations.insert(A.slot() + 1, 1);
                })
                .flows(&[(kind.key(), Established)]),
        );
    }
    rows
}

/// What a network has opened in this window, has seen answered, and has established.
fn used(world: &mut World, opened: u32, answered: u32, established: u32) {
    world.config.unreplied_share = 10;
    world.config.established_share = 100;
    let usage = Usage { window: world.now, opened, answered, established, pad: 0 };
    world.usage.insert(A.network, usage);
}

fn shares(family: Family) -> Vec<Case> {
    let kind = Kind { family, protocol: 17, port: 443 };
    let key = kind.key();
    let name = |rest: &str| format!("{} shares: {rest}", family.word());
    let opens = |what: &str| kind.sends(name(what)).flows(&[(key, Unreplied)]);
    let first = leaving(family.of(A), family.far, kind.body(4000)).bytes();
    vec![
        opens("what a network may open is not crowded")
            .world(|w| used(w, 9, 0, 0))
            .place(key, Table::Unreplied),
        opens("what it opens beyond is crowded")
            .world(|w| used(w, 10, 0, 0))
            .place(key, Table::Crowded),
        opens("what was answered does not count")
            .world(|w| used(w, 500, 491, 0))
            .place(key, Table::Unreplied),
        opens("another network's does not count")
            .world(|w| {
                used(w, 10, 0, 0);
                let usage = w.usage.remove(&A.network).unwrap_or_default();
                w.usage.insert(A.network + 1, usage);
            })
            .place(key, Table::Unreplied),
        opens("an older window does not count")
            .world(|w| {
                used(w, 10, 0, 0);
                let seconds = u64::from(w.config.timeouts.window);
                super::family::wait(w, seconds + 1);
            })
            .place(key, Table::Unreplied),
        kind.sends(name("a crowded flow goes on where it is"))
            .world(|w| used(w, 10, 0, 0))
            .after(LEAVING, &first)
            .flows(&[(key, Unreplied)])
            .place(key, Table::Crowded),
    ]
}

fn established_share(family: Family) -> Vec<Case> {
    let kind = Kind { family, protocol: 17, port: 443 };
    let key = kind.key();
    let name = |rest: &str| format!("{} shares: {rest}", family.word());
    let answered = |what: &str| kind.gets(name(what)).flows(&[(key, Established)]);
    let first = leaving(family.of(A), family.far, kind.body(4000)).bytes();
    let crowded = |w: &mut World| {
        let flow = record(w, A, end(family.of(A), 4000), Unreplied, 0);
        w.crowded.insert(key, flow);
    };
    vec![
        answered("a crowded flow is established as any")
            .world(crowded)
            .place(key, Table::Established),
        answered("what a network may have established is never pushed out")
            .world(|w| {
                kind.enter(w, Unreplied, 0);
                used(w, 0, 0, 99);
            })
            .place(key, Table::Established),
        answered("what it has beyond stays among the new")
            .world(|w| {
                kind.enter(w, Unreplied, 0);
                used(w, 0, 0, 100);
            })
            .place(key, Table::Unreplied),
        answered("one that expires makes room")
            .world(|w| {
                kind.enter(w, Established, 61);
                used(w, 0, 0, 100);
            })
            .after(LEAVING, &first)
            .place(key, Table::Established),
        named(family),
    ]
}

/// The name of a moved flow is no flow: it does not count, nor is it counted out.
fn named(family: Family) -> Case {
    let kind = Kind { family, protocol: 17, port: 443 };
    let name = moved(end(family.far, 443), end(family.of(A), 4000), 17);
    let first = leaving(family.of(A), family.far, kind.body(4000)).bytes();
    kind.gets(format!("{} shares: a name that expires makes none", family.word()))
        .world(|w| {
            kind.enter(w, Unreplied, 31);
            let flow = record(w, A, end(family.host, 7000), Established, 61);
            enter(w, name, flow);
            used(w, 0, 0, 100);
        })
        .after(LEAVING, &first)
        .flows(&[(kind.key(), Established)])
        .place(kind.key(), Table::Unreplied)
}

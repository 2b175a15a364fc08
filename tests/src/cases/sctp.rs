//! SCTP: its ports change its checksum, which covers no addresses (RFC 9260 6.8), and only an INIT
//! opens an association from outside.

use super::family::{Family, LEAVING, called, families, handed, led, tried, wait};
use super::{
    Case, Hook, Table, World, end, enter, from_outside, leaving, publish, record, translated,
};
use crate::frame::{Body, Chunk};
use crate::world::{A, B};
use netd_common::abi::FlowKey;
use netd_common::conntrack::State;
use netd_common::flow::{masqueraded_flow, moved, published_flow};
use netd_common::verdict::Verdict;

pub(super) fn cases() -> Vec<Case> {
    let parts =
        |family| [published(family), states(family), masqueraded(family), displaced(family)];
    families().into_iter().flat_map(parts).flatten().collect()
}

const DATA: u8 = 0;
const INIT: u8 = 1;
const INIT_ACK: u8 = 2;
const ABORT: u8 = 6;
const COOKIE_ECHO: u8 = 10;
const OVER: u8 = 14;

fn row(
    family: Family,
    name: impl AsRef<str>,
    hook: Hook,
    packet: Vec<u8>,
    verdict: Verdict,
) -> Case {
    let name = format!("SCTP over {}: {}", family.word(), name.as_ref());
    Case::new(name, hook, packet, verdict)
}

fn chunk(from: u16, to: u16, kind: u8, checked: bool) -> Body {
    let chunk = Chunk::new((from, to), kind);
    Body::Sctp(if checked { chunk } else { chunk.unchecked() })
}

fn published(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let key = |port| published_flow(end(far, 5000), end(inner, port), 132);
    for (what, checked) in [("its checksum", true), ("a checksum still to be made", false)] {
        for (how, port) in [("the same port", 8080), ("another port", 80)] {
            let packet = from_outside(far, host, chunk(5000, 8080, INIT, checked)).bytes();
            let out = from_outside(far, inner, chunk(5000, port, INIT, checked));
            let name = format!("an INIT with {what} to {how} is delivered");
            rows.push(
                row(family, name, Hook::UplinkIn, packet, led(A, None, Some(end(inner, port))))
                    .world(|w| publish(w, end(family.any, 8080), 132, A, port))
                    .out(handed(out, A))
                    .flows(&[(key(port), State::Unreplied)]),
            );
            let answer = leaving(inner, far, chunk(port, 5000, INIT_ACK, checked)).bytes();
            let name = format!("the answer with {what} from {how} is the host port's");
            rows.push(
                row(family, name, LEAVING, answer, translated(end(host, 8080)))
                    .world(|w| {
                        publish(w, end(family.any, 8080), 132, A, port);
                        let flow = called(w, end(host, 8080), State::Unreplied);
                        enter(w, key(port), flow);
                    })
                    .out(leaving(host, far, chunk(8080, 5000, INIT_ACK, checked)).bytes())
                    .flows(&[(key(port), State::Established)])
                    .place(key(port), Table::Established),
            );
        }
    }
    for (what, kind) in [("DATA", DATA), ("INIT ACK", INIT_ACK), ("COOKIE ECHO", COOKIE_ECHO)] {
        let packet = from_outside(far, host, chunk(5000, 8080, kind, true)).bytes();
        let name = format!("{what} without an association is the host's to refuse");
        rows.push(
            row(family, name, Hook::UplinkIn, packet, Verdict::Pass)
                .world(|w| publish(w, end(family.any, 8080), 132, A, 80))
                .still(),
        );
    }
    rows
}

/// What becomes of an association by a published port.
fn states(family: Family) -> Vec<Case> {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let key = published_flow(end(far, 5000), end(inner, 80), 132);
    let follows = |name: &str, kind, before, after| {
        let packet = from_outside(far, host, chunk(5000, 8080, kind, true)).bytes();
        let out = from_outside(far, inner, chunk(5000, 80, kind, true));
        row(family, name, Hook::UplinkIn, packet, led(A, None, Some(end(inner, 80))))
            .world(|w: &mut World| {
                publish(w, end(family.any, 8080), 132, A, 80);
                let flow = called(w, end(host, 8080), before);
                enter(w, key, flow);
            })
            .out(handed(out, A))
            .flows(&[(key, after)])
    };
    vec![
        follows("DATA goes on", DATA, State::Established, State::Established),
        follows("an ABORT closes", ABORT, State::Established, State::Closing),
        follows("the end of the shutdown closes", OVER, State::Established, State::Closing),
        follows("late DATA passes and opens nothing", DATA, State::Closing, State::Closing),
        follows("an INIT opens anew", INIT, State::Closing, State::Established),
        follows("an INIT comes again", INIT, State::Unreplied, State::Unreplied),
        follows("an ABORT without an answer is none", ABORT, State::Unreplied, State::Unreplied),
    ]
}

fn masqueraded(family: Family) -> Vec<Case> {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let key = masqueraded_flow(end(far, 443), end(host, 4000), 132);
    let init = |from| leaving(from, far, chunk(4000, 443, INIT, true)).bytes();
    let answer = |kind| from_outside(far, host, chunk(443, 4000, kind, true)).bytes();
    let back = |kind| handed(from_outside(far, inner, chunk(443, 4000, kind, true)), A);
    let opened = |w: &mut World| {
        let flow = record(w, A, end(inner, 4000), State::Unreplied, 0);
        enter(w, key, flow);
    };
    let to = led(A, None, Some(end(inner, 4000)));
    vec![
        row(
            family,
            "an INIT leaves from the host",
            LEAVING,
            init(inner),
            translated(end(host, 4000)),
        )
        .out(init(host))
        .flows(&[(key, State::Unreplied)]),
        row(family, "its answer comes back", Hook::UplinkIn, answer(INIT_ACK), to)
            .world(opened)
            .out(back(INIT_ACK))
            .flows(&[(key, State::Established)])
            .place(key, Table::Established),
        row(family, "its refusal establishes nothing", Hook::UplinkIn, answer(ABORT), to)
            .world(opened)
            .out(back(ABORT))
            .flows(&[(key, State::Unreplied)])
            .place(key, Table::Unreplied),
    ]
}

/// Another container has the port: another one changes the checksum as well.
struct Displaced {
    family: Family,
    port: u16,
}

impl Displaced {
    fn others(&self) -> FlowKey {
        masqueraded_flow(end(self.family.far, 443), end(self.family.host, 4000), 132)
    }

    fn setup(&self, world: &mut World) {
        let flow = record(world, B, end(self.family.of(B), 4000), State::Established, 0);
        enter(world, self.others(), flow);
    }

    fn sent(&self, kind: u8) -> Vec<u8> {
        leaving(self.family.of(A), self.family.far, chunk(4000, 443, kind, true)).bytes()
    }

    fn left(&self, kind: u8) -> Vec<u8> {
        leaving(self.family.host, self.family.far, chunk(self.port, 443, kind, true)).bytes()
    }

    fn answer(&self) -> Vec<u8> {
        let body = chunk(443, self.port, INIT_ACK, true);
        from_outside(self.family.far, self.family.host, body).bytes()
    }

    /// All flows, where the container's and its name are in this state.
    fn flows(&self, state: State) -> [(FlowKey, State); 3] {
        let Family { far, host, .. } = self.family;
        let own = masqueraded_flow(end(far, 443), end(host, self.port), 132);
        let name = moved(end(far, 443), end(self.family.of(A), 4000), 132);
        [(self.others(), State::Established), (own, state), (name, state)]
    }
}

fn displaced(family: Family) -> Vec<Case> {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let port = tried(end(inner, 4000), end(far, 443), 1);
    let way = Displaced { family, port };
    let back = from_outside(far, inner, chunk(443, 4000, INIT_ACK, true));
    let from = translated(end(host, port));
    let to = led(A, None, Some(end(inner, 4000)));
    let stray = from_outside(family.router, host, chunk(443, port, DATA, true)).bytes();
    vec![
        row(family, "another port is taken", LEAVING, way.sent(INIT), from)
            .world(|w| way.setup(w))
            .out(way.left(INIT))
            .flows(&way.flows(State::Unreplied)),
        row(family, "answers to it come back", Hook::UplinkIn, way.answer(), to)
            .world(|w| way.setup(w))
            .after(LEAVING, &way.sent(INIT))
            .out(handed(back, A))
            .flows(&way.flows(State::Established)),
        // The name of an association must not die before it: the container would get another port.
        row(family, "the port is kept through a long silence", LEAVING, way.sent(DATA), from)
            .world(|w| way.setup(w))
            .after(LEAVING, &way.sent(INIT))
            .after(Hook::UplinkIn, &way.answer())
            .world(|w| wait(w, 300))
            .out(way.left(DATA))
            .flows(&way.flows(State::Established)),
        row(family, "DATA of another end is the host's", Hook::UplinkIn, stray, Verdict::Pass)
            .world(|w| way.setup(w))
            .after(LEAVING, &way.sent(INIT))
            .still(),
    ]
}

//! SCTP: its ports change its checksum, which covers no addresses (RFC 9260 6.8), and only an INIT
//! opens an association from outside.

use super::family::{Family, LEAVING, called, families, handed, led, tried};
use super::{
    Case, Hook, Table, World, end, enter, from_outside, leaving, publish, record, translated,
};
use crate::frame::{Body, Chunk};
use crate::world::{A, B};
use netd_common::conntrack::State;
use netd_common::flow::{masqueraded_flow, moved, published_flow};
use netd_common::verdict::{DropReason, Verdict};

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

/// Another container has the port: both ports of the checksum's sum may change.
fn displaced(family: Family) -> Vec<Case> {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let port = tried(end(inner, 4000), end(far, 443), 1);
    let others = masqueraded_flow(end(far, 443), end(host, 4000), 132);
    let own = masqueraded_flow(end(far, 443), end(host, port), 132);
    let name = moved(end(far, 443), end(inner, 4000), 132);
    let other = |w: &mut World| {
        let flow = record(w, B, end(family.of(B), 4000), State::Established, 0);
        enter(w, others, flow);
    };
    let sent = |from, port, kind| leaving(from, far, chunk(port, 443, kind, true)).bytes();
    let answer = from_outside(far, host, chunk(443, port, INIT_ACK, true)).bytes();
    let back = from_outside(far, inner, chunk(443, 4000, INIT_ACK, true));
    let both = |state, named| [(others, State::Established), (own, state), (name, named)];
    vec![
        row(
            family,
            "another port is taken",
            LEAVING,
            sent(inner, 4000, INIT),
            translated(end(host, port)),
        )
        .world(other)
        .out(sent(host, port, INIT))
        .flows(&both(State::Unreplied, State::Unreplied)),
        row(
            family,
            "answers to it come back",
            Hook::UplinkIn,
            answer.clone(),
            led(A, None, Some(end(inner, 4000))),
        )
        .world(other)
        .after(LEAVING, &sent(inner, 4000, INIT))
        .out(handed(back, A))
        .flows(&both(State::Established, State::Established)),
        // The name of an association must not die before it: the container would get another port.
        row(
            family,
            "the port is kept through a long silence",
            LEAVING,
            sent(inner, 4000, DATA),
            translated(end(host, port)),
        )
        .world(other)
        .after(LEAVING, &sent(inner, 4000, INIT))
        .after(Hook::UplinkIn, &answer)
        .world(|w| super::family::wait(w, 300))
        .out(sent(host, port, DATA))
        .flows(&both(State::Established, State::Established)),
        row(
            family,
            "no INIT is opened by DATA of another end",
            Hook::UplinkIn,
            from_outside(family.router, host, chunk(443, port, DATA, true)).bytes(),
            Verdict::Pass,
        )
        .world(other)
        .after(LEAVING, &sent(inner, 4000, INIT))
        .flows(&both(State::Unreplied, State::Unreplied)),
        row(
            family,
            "nothing leaves an uplink without an address",
            LEAVING,
            sent(inner, 4000, INIT),
            Verdict::Drop(DropReason::NoSource),
        )
        .world(|w| {
            w.uplinks.values_mut().for_each(|u| {
                let none = netd_common::address::Address::UNSPECIFIED;
                (u.ipv4, u.ipv6) = (none, none);
            })
        })
        .still(),
    ]
}

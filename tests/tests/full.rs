//! A table of established flows that is full, while no agent lives.

#![allow(clippy::unwrap_used, reason = "a helper that fails ends the test that uses it")]

use netd_common::{
    abi::{Flow, FlowKey, Usage},
    conntrack::State,
};
use netd_tests::{
    bytes,
    cases::{self, Case},
    kernel::{Kernel, Written},
    ns::is_root,
};

const ROOM: u32 = 64;
/// A container's first answer.
const CASE: &str = "IPv4 shares: a crowded flow is established as any";

/// The case among as many flows as there is room for, so many seconds old.
fn among(age: u64) -> (Case, FlowKey) {
    let mut case = cases::all().into_iter().find(|case| case.name == CASE).unwrap();
    let world = &mut case.world;
    let (key, flow) = world.crowded.first_key_value().map(|(k, f)| (*k, *f)).unwrap();
    let old = Flow {
        last_seen: world.now.saturating_sub(age * 1_000_000_000),
        state: State::Established as u8,
        ..flow
    };
    for nth in 0..ROOM {
        let port = u16::to_be_bytes(50_000 + nth as u16);
        world.flows.insert(FlowKey { local_port: port, ..key }, old);
    }
    world.config.established_share = 1_000;
    world.usage.insert(flow.network, Usage { established: ROOM, ..Usage::default() });
    (case, key)
}

fn run(age: u64) -> (Written, FlowKey) {
    let (case, key) = among(age);
    let outcome = Kernel::with_room(Some(ROOM)).unwrap().run(&case).unwrap();
    assert_eq!((outcome.action, outcome.reason), bytes::action(case.verdict));
    assert_eq!(outcome.out, case.out);
    (outcome.written, key)
}

#[test]
fn flows_that_ended_give_way_to_a_new_one() {
    if !is_root() {
        return;
    }
    let (written, key) = run(100_000);
    assert_eq!(written.flows.keys().collect::<Vec<_>>(), [&key], "only it is left");
    let established: Vec<_> = written.usage.values().map(|usage| usage.established).collect();
    assert_eq!(established, [1], "the others are counted out");
}

#[test]
fn flows_that_live_never_give_way() {
    if !is_root() {
        return;
    }
    let (written, key) = run(1);
    assert_eq!(written.flows.len() as u32, ROOM);
    assert!(!written.flows.contains_key(&key));
    assert!(written.crowded.contains_key(&key), "it goes on where it was");
}

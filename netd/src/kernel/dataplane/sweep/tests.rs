//! Who is dead, and when.

use super::*;
use netd_common::abi::FLOW_MOVED;
use netd_common::{
    abi::{FLOW_MAPPING, FLOW_PUBLISHED},
    parse::{TCP, UDP},
};

const NOW: u64 = 1_000_000 * SECOND;

fn key(kind: u8, protocol: u8) -> FlowKey {
    FlowKey { kind, protocol, local: Address::v4([192, 0, 2, 1]), ..FlowKey::default() }
}

fn flow(state: State, idle: u64) -> Flow {
    let peer = Address::v4([172, 18, 0, 2]);
    Flow { state: state as u8, last_seen: NOW - idle * SECOND, peer, ..Flow::default() }
}

fn is_expired(timeouts: Timeouts, key: &FlowKey, flow: &Flow) -> bool {
    Judge { now: NOW, timeouts }.is_expired(key, flow)
}

#[test]
fn established_tcp_lives_as_long_as_configured() {
    let timeouts = Timeouts { tcp_established: 8_000, ..Timeouts::DEFAULT };
    let key = key(FLOW_PUBLISHED, TCP);
    assert!(!is_expired(timeouts, &key, &flow(State::Established, 8_000)));
    assert!(is_expired(timeouts, &key, &flow(State::Established, 8_001)));
    assert!(is_expired(timeouts, &key, &flow(State::Answered, 7_000)), "a half-open one");
}

#[test]
fn a_note_about_a_flow_lives_as_long_as_the_flow() {
    for kind in [FLOW_MOVED, FLOW_MAPPING, FLOW_MAPPED] {
        let key = key(kind, UDP);
        assert!(!is_expired(Timeouts::DEFAULT, &key, &flow(State::Established, 300)));
        assert!(is_expired(Timeouts::DEFAULT, &key, &flow(State::Established, 301)));
    }
    let key = key(FLOW_MOVED, TCP);
    assert!(!is_expired(Timeouts::DEFAULT, &key, &flow(State::Established, 400_000)));
}

#[test]
fn a_flow_seen_after_the_sweep_began_is_alive() {
    let flow = Flow { last_seen: NOW + 5 * SECOND, ..flow(State::Established, 0) };
    assert!(!is_expired(Timeouts::DEFAULT, &key(FLOW_MASQUERADED, TCP), &flow));
}

#[test]
fn each_kind_tells_the_host_s_end() {
    let flow = flow(State::Established, 0);
    for kind in [FLOW_MASQUERADED, FLOW_MAPPED] {
        let key = key(kind, UDP);
        assert_eq!(host_end(&key, &flow), &key.local);
    }
    for kind in [FLOW_PUBLISHED, FLOW_MOVED, FLOW_MAPPING] {
        assert_eq!(host_end(&key(kind, UDP), &flow), &flow.peer);
    }
}

#[test]
fn rfc5382_req5_idle_tcp_gives_way_above_four_fifths_but_never_before_two_hours() {
    let shortened = |flows| under_pressure(&Timeouts::DEFAULT, flows, 100_000);
    assert_eq!(shortened(0), 432_000);
    assert_eq!(shortened(80_000), 432_000);
    assert!((7_440..432_000).contains(&shortened(87_500)));
    assert_eq!(shortened(95_000), 7_440);
    assert_eq!(shortened(100_000), 7_440);
    assert!((80_000..100_000).all(|flows| shortened(flows + 1) <= shortened(flows)));
    let short = Timeouts { tcp_established: 600, ..Timeouts::DEFAULT };
    assert_eq!(under_pressure(&short, 100_000, 100_000), 600, "nobody asked for more");
}

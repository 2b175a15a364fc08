//! How a flow's state follows its packets, and how long it lives without one.

use crate::abi::{Flow, FlowKey, SCALE_UNKNOWN, Timeouts, Window};
use crate::parse::{ICMP, ICMPV6, Parsed, SCTP, TCP, UDP};
use crate::tcp;

/// How far a flow has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// Opened; nothing came back yet.
    Unreplied = 1,
    /// Packets went both ways.
    Established = 2,
    /// A FIN, or SCTP's end of it; it may still carry data.
    Closing = 3,
    /// TCP's opener has not confirmed the answer yet: half open, so short-lived.
    Answered = 4,
    /// A reset that its receiver must have taken.
    Reset = 5,
    /// A reset that its receiver may have taken, or has challenged (RFC 5961 3.2).
    Doubted = 6,
}

impl State {
    /// The state with this number; unknown ones count as the shortest-lived.
    #[inline(always)]
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            2 => Self::Established,
            3 => Self::Closing,
            4 => Self::Answered,
            5 => Self::Reset,
            6 => Self::Doubted,
            _ => Self::Unreplied,
        }
    }
}

/// Which way a packet goes, as seen from who opened the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the opener.
    Original,
    /// Back to it.
    Reply,
}

impl Direction {
    /// The other one.
    #[inline(always)]
    #[must_use]
    pub const fn back(self) -> Self {
        match self {
            Self::Original => Self::Reply,
            Self::Reply => Self::Original,
        }
    }
}

/// What a packet changes in its flow's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The state afterwards.
    pub state: State,
    /// The record's time is to be written.
    pub touch: bool,
    /// What the packet's sender is ready for, where that changed.
    pub sender: Option<Window>,
    /// What the other end is ready for, where only this packet tells.
    pub receiver: Option<Window>,
    /// The window scale of the sender's SYN.
    pub scale: Option<u8>,
}

impl Step {
    /// Nothing but maybe the time.
    pub(crate) const fn stay(state: State, touch: bool) -> Self {
        Self { state, touch, sender: None, receiver: None, scale: None }
    }
}

/// What a packet of a flow changes in its record, `age` nanoseconds after the last one that did.
#[inline(always)]
#[must_use]
pub fn step(flow: &Flow, parsed: &Parsed, direction: Direction, age: u64) -> Step {
    if parsed.protocol == TCP {
        return tcp::step(flow, parsed, direction, age);
    }
    let before = State::from_number(flow.state);
    let over = parsed.protocol == SCTP && matches!(parsed.detail, SCTP_ABORT | SCTP_OVER);
    let opening = parsed.protocol == SCTP && parsed.detail == SCTP_INIT;
    let after = match (before, direction) {
        (State::Unreplied, Direction::Reply) if !over => State::Established,
        (State::Unreplied, _) => State::Unreplied,
        (_, _) if over => State::Closing,
        (State::Closing, Direction::Original) if opening => State::Established,
        (same, _) => same,
    };
    Step::stay(after, after as u8 != before as u8 || age >= REFRESH)
}

/// Nanoseconds that a flow lives without a packet.
#[inline(always)]
#[must_use]
pub const fn timeout(times: &Timeouts, state: State, key: &FlowKey) -> u64 {
    let query = is_dns(key.remote_port) || is_dns(key.local_port);
    let seconds = match (key.protocol, state) {
        (TCP, State::Established) => times.tcp_established,
        (TCP, State::Reset) => times.tcp_reset,
        (TCP, _) => times.tcp_transitory,
        (UDP, State::Unreplied) if query => times.udp_query,
        (UDP, State::Unreplied) => times.udp_one_way,
        (ICMP | ICMPV6, _) => times.icmp,
        (SCTP, State::Established) => times.sctp,
        (SCTP, _) => times.sctp_opening,
        (_, _) => times.udp,
    };
    seconds as u64 * SECOND
}

#[inline(always)]
const fn is_dns(port: [u8; 2]) -> bool {
    port[0] == 0 && port[1] == 53
}

/// A record's TCP fields, as its first packet has them.
#[inline(always)]
pub(crate) fn begin(flow: &mut Flow, parsed: &Parsed) {
    flow.state = State::Unreplied as u8;
    flow.scales = [SCALE_UNKNOWN; 2];
    flow.opener = Window { next: 0, end: 0 };
    flow.answerer = Window { next: 0, end: 0 };
    (flow.inside, flow.rest) = (0, [0; 2]);
    if parsed.protocol == TCP {
        flow.opener = tcp::opening(parsed);
        flow.answerer = tcp::awaited(parsed);
        flow.scales[0] = parsed.scale;
    }
}

/// A record is written for its time alone when it is this much older, so that a busy flow dirties
/// one cache line a second and not one per packet.
pub const REFRESH: u64 = SECOND;

const SECOND: u64 = 1_000_000_000;
/// SCTP chunk types (RFC 9260 3.2).
pub(crate) const SCTP_INIT: u8 = 1;
const SCTP_ABORT: u8 = 6;
const SCTP_OVER: u8 = 14;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::flow::{End, masqueraded_flow};
    use Direction::{Original, Reply};

    const TIMES: Timeouts = Timeouts::DEFAULT;

    fn key(protocol: u8, port: u8) -> FlowKey {
        let end = |port| End { address: Address::v4([192, 0, 2, 1]), port };
        masqueraded_flow(end([0, port]), end([0x9c, 0x40]), protocol)
    }

    fn other(state: State, protocol: u8, detail: u8, direction: Direction) -> State {
        let flow = Flow { state: state as u8, ..Flow::default() };
        step(&flow, &Parsed { protocol, detail, ..Parsed::EMPTY }, direction, 0).state
    }

    #[test]
    fn requests_alone_never_establish_and_one_answer_does() {
        assert_eq!(other(State::Unreplied, UDP, 0, Original), State::Unreplied);
        assert_eq!(other(State::Unreplied, UDP, 0, Reply), State::Established);
        assert_eq!(other(State::Unreplied, ICMP, 0, Reply), State::Established);
    }

    #[test]
    fn sctp_opens_with_an_answer_and_ends_with_an_abort() {
        assert_eq!(other(State::Unreplied, SCTP, 2, Reply), State::Established);
        assert_eq!(other(State::Unreplied, SCTP, SCTP_ABORT, Reply), State::Unreplied);
        assert_eq!(other(State::Established, SCTP, SCTP_OVER, Reply), State::Closing);
        assert_eq!(other(State::Closing, SCTP, SCTP_INIT, Original), State::Established);
    }

    #[test]
    fn rfc5382_req5_rfc4787_req5_rfc5508_req2_floors_hold() {
        let tcp = |state| timeout(&TIMES, state, &key(TCP, 80));
        assert!(tcp(State::Established) >= 7_440 * SECOND);
        for state in [State::Unreplied, State::Answered, State::Closing, State::Doubted] {
            assert_eq!(tcp(state), 240 * SECOND);
        }
        assert_eq!(tcp(State::Reset), 10 * SECOND);
        assert_eq!(timeout(&TIMES, State::Unreplied, &key(UDP, 99)), 120 * SECOND);
        assert_eq!(timeout(&TIMES, State::Unreplied, &key(UDP, 53)), 30 * SECOND);
        assert_eq!(timeout(&TIMES, State::Established, &key(UDP, 53)), 300 * SECOND);
        assert_eq!(timeout(&TIMES, State::Established, &key(ICMP, 0)), 60 * SECOND);
    }

    #[test]
    fn a_busy_flow_is_written_once_a_second() {
        let flow = Flow { state: State::Established as u8, ..Flow::default() };
        let udp = Parsed { protocol: UDP, ..Parsed::EMPTY };
        assert!(!step(&flow, &udp, Original, REFRESH - 1).touch);
        assert!(step(&flow, &udp, Original, REFRESH).touch);
    }
}

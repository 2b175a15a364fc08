//! How a flow's state follows its packets, and how long it lives without one.

use crate::parse::{ICMP, ICMPV6, TCP, TCP_FIN, TCP_RST, TCP_SYN, UDP};

/// How far a flow has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// Opened; nothing came back yet.
    Unreplied = 1,
    /// Packets went both ways.
    Established = 2,
    /// TCP saw a FIN or RST; it may still carry data.
    Closing = 3,
    /// TCP's opener has not confirmed the answer yet: half open, so short-lived.
    Answered = 4,
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

/// The state after a packet. An RST never ends a flow, it only shortens its life (RFC 7857 2.2):
/// whoever forges one can't cut a connection.
#[inline(always)]
#[must_use]
pub const fn step(state: State, direction: Direction, protocol: u8, tcp_flags: u8) -> State {
    let tcp = protocol == TCP;
    let opening = tcp && tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST) == TCP_SYN;
    let reset = tcp && tcp_flags & TCP_RST != 0;
    let ending = tcp && tcp_flags & (TCP_FIN | TCP_RST) != 0;
    match (state, direction) {
        (State::Unreplied, Direction::Reply) if !reset => {
            if tcp {
                State::Answered
            } else {
                State::Established
            }
        }
        (State::Unreplied, _) => State::Unreplied,
        (State::Closing, Direction::Original) if opening => State::Answered,
        (_, _) if ending => State::Closing,
        (State::Answered, Direction::Original) if !opening => State::Established,
        (same, _) => same,
    }
}

/// Nanoseconds that a flow lives without a packet (RFC 4787 REQ-5, 5382 REQ-5, 5508 REQ-2; five
/// days for established TCP as in Linux).
#[inline(always)]
#[must_use]
pub const fn timeout(state: State, protocol: u8) -> u64 {
    let seconds = match (protocol, state) {
        (TCP, State::Established) => 432_000,
        (TCP, _) => 240,
        (UDP, State::Unreplied) => 120,
        (ICMP | ICMPV6, _) => 60,
        (_, _) => 300,
    };
    seconds * SECOND
}

/// A record is written for its time alone when it is this much older, so that a busy flow dirties
/// one cache line a second and not one per packet.
pub const REFRESH: u64 = SECOND;

const SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::TCP_ACK;
    use Direction::{Original, Reply};

    #[test]
    fn a_handshake_establishes_and_a_fin_closes() {
        let syn = step(State::Unreplied, Original, TCP, TCP_SYN);
        assert_eq!(syn, State::Unreplied);
        let answer = step(syn, Reply, TCP, TCP_SYN | TCP_ACK);
        assert_eq!(answer, State::Answered);
        assert_eq!(step(answer, Original, TCP, TCP_SYN), State::Answered, "a repeated SYN");
        let open = step(answer, Original, TCP, TCP_ACK);
        assert_eq!(open, State::Established);
        assert_eq!(step(open, Original, TCP, TCP_FIN | TCP_ACK), State::Closing);
    }

    #[test]
    fn rfc7857_rst_shortens_but_does_not_end() {
        let closing = step(State::Established, Reply, TCP, TCP_RST);
        assert_eq!(closing, State::Closing);
        assert_eq!(timeout(closing, TCP), 240 * SECOND);
    }

    #[test]
    fn a_refused_connection_stays_among_the_unreplied() {
        assert_eq!(step(State::Unreplied, Reply, TCP, TCP_RST | TCP_ACK), State::Unreplied);
    }

    #[test]
    fn a_new_syn_reopens_a_closing_flow() {
        assert_eq!(step(State::Closing, Original, TCP, TCP_SYN), State::Answered);
        assert_eq!(step(State::Closing, Reply, TCP, TCP_SYN | TCP_ACK), State::Closing);
    }

    #[test]
    fn a_half_open_connection_is_forgotten_within_minutes() {
        assert!(timeout(State::Answered, TCP) <= 240 * SECOND);
        assert!(timeout(State::Established, TCP) >= 7_440 * SECOND, "RFC 5382 REQ-5");
    }

    #[test]
    fn requests_alone_never_establish_and_one_answer_does() {
        let state = step(State::Unreplied, Original, UDP, 0);
        assert_eq!(state, State::Unreplied);
        assert_eq!(timeout(state, UDP), 120 * SECOND);
        assert_eq!(step(state, Reply, UDP, 0), State::Established);
    }
}

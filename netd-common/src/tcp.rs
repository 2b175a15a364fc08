//! TCP's states, and the windows that say which packets may change them: whoever does not see a
//! connection can neither cut it nor keep it half-open (RFC 5961, RFC 7857 2.2; the rules are those
//! of Linux's nf_conntrack_proto_tcp.c, kept to what a translator needs).

use crate::abi::{Flow, SCALE_UNKNOWN, Window};
use crate::conntrack::{Direction, REFRESH, State, Step};
use crate::parse::{Parsed, SCALE_NONE, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN};

/// What the opener of a connection is ready for, as far as its first packet tells: of a SYN only
/// the size is known until the answer's sequence number is.
#[inline(always)]
pub(crate) const fn opening(parsed: &Parsed) -> Window {
    if parsed.detail & TCP_ACK == 0 {
        let size = if parsed.window == 0 { 1 } else { parsed.window as u32 };
        return Window { next: 0, end: size };
    }
    let size = (parsed.window as u32) << LARGEST_SCALE;
    Window { next: parsed.acknowledgement, end: parsed.acknowledgement.wrapping_add(size) }
}

/// What the other end is to acknowledge of a SYN; unknown for everything else.
#[inline(always)]
pub(crate) const fn awaited(parsed: &Parsed) -> Window {
    if parsed.detail & (TCP_SYN | TCP_ACK) != TCP_SYN {
        return Window { next: 0, end: 0 };
    }
    let next = parsed.sequence.wrapping_add(1);
    Window { next, end: next }
}

/// As [`step`](crate::conntrack::step), for TCP.
#[inline(always)]
pub(crate) fn step(flow: &Flow, parsed: &Parsed, direction: Direction, age: u64) -> Step {
    let before = State::from_number(flow.state);
    let flags = parsed.detail & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);
    let (sender, receiver) = match direction {
        Direction::Original => (&flow.opener, &flow.answerer),
        Direction::Reply => (&flow.answerer, &flow.opener),
    };
    if flags & TCP_RST != 0 {
        return reset(before, parsed, receiver);
    }
    let first = flags == TCP_SYN && matches!(direction, Direction::Original);
    if first && reopens(before, parsed, receiver) {
        return reopened(parsed);
    }
    match (before, direction) {
        (State::Unreplied, Direction::Original) => Step {
            sender: if first { Some(opening(parsed)) } else { None },
            receiver: if first { Some(awaited(parsed)) } else { None },
            scale: if first { Some(parsed.scale) } else { None },
            ..Step::stay(before, age >= REFRESH)
        },
        (State::Unreplied, Direction::Reply) => answered(flow, parsed),
        _ => going_on(flow, parsed, before, direction, age, (sender, receiver)),
    }
}

/// A reset never ends a flow, it only shortens its life: at once to seconds where its receiver must
/// take it, and back to what it was where its receiver goes on.
#[inline(always)]
fn reset(before: State, parsed: &Parsed, receiver: &Window) -> Step {
    let ends = matches!(before, State::Unreplied | State::Reset) || !is_known(receiver);
    let distance = parsed.sequence.wrapping_sub(receiver.next);
    let after = if ends || distance > receiver.end.wrapping_sub(receiver.next) {
        before
    } else if distance == 0 {
        State::Reset
    } else if matches!(before, State::Closing) {
        before
    } else {
        State::Doubted
    };
    Step::stay(after, after as u8 != before as u8)
}

/// A SYN opens anew what has ended: after a reset always, else with a sequence number beyond the old
/// connection's (RFC 9293 3.6.1, RFC 6191). Where it was forged, the flow lives on as a half-open one,
/// as long as its opener sends.
#[inline(always)]
fn reopens(before: State, parsed: &Parsed, receiver: &Window) -> bool {
    match before {
        State::Reset => true,
        State::Closing | State::Doubted => {
            !is_known(receiver) || (parsed.sequence.wrapping_sub(receiver.next) as i32) > 0
        }
        _ => false,
    }
}

#[inline(always)]
fn reopened(parsed: &Parsed) -> Step {
    Step {
        state: State::Unreplied,
        touch: true,
        sender: Some(opening(parsed)),
        receiver: Some(awaited(parsed)),
        scale: Some(parsed.scale),
    }
}

/// The first packet back: now the opener's window has a place. Of a SYN that crosses the opener's
/// (simultaneous open, RFC 9293 3.5) the sender's own is not known yet.
#[inline(always)]
fn answered(flow: &Flow, parsed: &Parsed) -> Step {
    let syn = parsed.detail & TCP_SYN != 0;
    let from = parsed.sequence.wrapping_add(1);
    let size = if flow.opener.next == 0 { flow.opener.end } else { 0 };
    let acknowledges = parsed.detail & TCP_ACK != 0;
    let next = parsed.acknowledgement;
    // Who has not seen the SYN does not know what to acknowledge; data may be sent with one.
    let expected = flow.answerer.next;
    let guessed = is_known(&flow.answerer) && next.wrapping_sub(expected) > 0xffff;
    if (acknowledges && guessed) || !(acknowledges || syn) {
        return Step::stay(State::Unreplied, false);
    }
    Step {
        state: State::Answered,
        touch: true,
        sender: if acknowledges {
            Some(Window { next, end: next.wrapping_add(parsed.window.into()) })
        } else {
            None
        },
        receiver: if size != 0 {
            Some(Window { next: from, end: from.wrapping_add(size) })
        } else {
            None
        },
        scale: if syn { Some(parsed.scale) } else { None },
    }
}

#[inline(always)]
fn going_on(
    flow: &Flow,
    parsed: &Parsed,
    before: State,
    direction: Direction,
    age: u64,
    (sender, receiver): (&Window, &Window),
) -> Step {
    if is_known(receiver) && !fits(parsed.sequence, receiver) {
        return Step::stay(before, false);
    }
    let acknowledges = parsed.detail & TCP_ACK != 0;
    let confirms = matches!(before, State::Answered)
        && matches!(direction, Direction::Original)
        && acknowledges;
    let idle = age >= REFRESH;
    if confirms && (!is_known(sender) || !offered(parsed.acknowledgement, sender)) {
        return Step::stay(before, idle);
    }
    let revived = matches!(before, State::Reset | State::Doubted) && age >= 2 * REFRESH;
    let after = if parsed.detail & TCP_FIN != 0 {
        State::Closing
    } else if confirms || revived {
        State::Established
    } else {
        before
    };
    let waits = matches!(after, State::Reset | State::Doubted);
    let window = if acknowledges { moved(flow, parsed, direction, sender) } else { None };
    let syn = parsed.detail & TCP_SYN != 0 && matches!(before, State::Answered);
    Step {
        state: after,
        touch: after as u8 != before as u8 || (idle && !waits),
        sender: window,
        receiver: None,
        scale: if syn { Some(parsed.scale) } else { None },
    }
}

/// What the sender is ready for after this packet, where that is more than before.
#[inline(always)]
fn moved(flow: &Flow, parsed: &Parsed, direction: Direction, sender: &Window) -> Option<Window> {
    let scale = if parsed.detail & TCP_SYN != 0 { 0 } else { scale(flow, direction) };
    let next = parsed.acknowledgement;
    let end = next.wrapping_add(u32::from(parsed.window) << scale);
    if !is_known(sender) {
        return Some(Window { next, end });
    }
    let later = |new: u32, old: u32| if (new.wrapping_sub(old) as i32) > 0 { new } else { old };
    let new = Window { next: later(next, sender.next), end: later(end, sender.end) };
    (new.next != sender.next || new.end != sender.end).then_some(new)
}

/// By how many bits the sender's windows are shifted (RFC 7323 2.2): the widest while unknown.
#[inline(always)]
fn scale(flow: &Flow, sender: Direction) -> u32 {
    let [opener, answerer] = flow.scales;
    if opener == SCALE_UNKNOWN || answerer == SCALE_UNKNOWN {
        return LARGEST_SCALE;
    }
    if opener == SCALE_NONE || answerer == SCALE_NONE {
        return 0;
    }
    let own = if matches!(sender, Direction::Original) { opener } else { answerer };
    let own = own as u32;
    if own > LARGEST_SCALE { LARGEST_SCALE } else { own }
}

#[inline(always)]
const fn is_known(window: &Window) -> bool {
    window.next != 0 || window.end != 0
}

/// In what the receiver offered, or up to a window before it: a repetition.
#[inline(always)]
const fn fits(sequence: u32, receiver: &Window) -> bool {
    let size = receiver.end.wrapping_sub(receiver.next);
    let from = receiver.next.wrapping_sub(size).wrapping_sub(0xffff);
    sequence.wrapping_sub(from) <= receiver.end.wrapping_sub(from)
}

#[inline(always)]
const fn offered(number: u32, window: &Window) -> bool {
    number.wrapping_sub(window.next) <= window.end.wrapping_sub(window.next)
}

/// RFC 7323 2.3.
const LARGEST_SCALE: u32 = 14;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::Timeouts;
    use crate::conntrack::{begin, timeout};
    use crate::flow::{End, masqueraded_flow};
    use crate::parse::TCP;
    use Direction::{Original, Reply};

    const SECOND: u64 = 1_000_000_000;

    fn packet(flags: u8, sequence: u32, acknowledgement: u32) -> Parsed {
        let detail = flags;
        let scale = if flags & TCP_SYN != 0 { 7 } else { SCALE_NONE };
        Parsed {
            protocol: TCP,
            detail,
            sequence,
            acknowledgement,
            window: 500,
            scale,
            ..Parsed::EMPTY
        }
    }

    struct Play(Flow);

    impl Play {
        fn open(sequence: u32) -> Self {
            let mut flow = Flow::default();
            begin(&mut flow, &packet(TCP_SYN, sequence, 0));
            Self(flow)
        }

        fn established() -> Self {
            let mut play = Self::open(1000);
            assert_eq!(play.pass(Reply, TCP_SYN | TCP_ACK, 9000, 1001), State::Answered);
            assert_eq!(play.pass(Original, TCP_ACK, 1001, 9001), State::Established);
            play
        }

        fn pass(&mut self, way: Direction, flags: u8, sequence: u32, ack: u32) -> State {
            self.later(0, way, flags, sequence, ack)
        }

        fn later(&mut self, age: u64, way: Direction, flags: u8, seq: u32, ack: u32) -> State {
            let done = super::step(&self.0, &packet(flags, seq, ack), way, age);
            self.0.state = done.state as u8;
            let (sender, receiver, scale) = match way {
                Original => (&mut self.0.opener, &mut self.0.answerer, &mut self.0.scales[0]),
                Reply => (&mut self.0.answerer, &mut self.0.opener, &mut self.0.scales[1]),
            };
            *sender = done.sender.unwrap_or(*sender);
            *receiver = done.receiver.unwrap_or(*receiver);
            *scale = done.scale.unwrap_or(*scale);
            done.state
        }
    }

    #[test]
    fn a_handshake_establishes_and_a_fin_closes() {
        let mut play = Play::established();
        assert_eq!(play.0.scales, [7, 7]);
        assert_eq!(play.pass(Original, TCP_FIN | TCP_ACK, 1001, 9001), State::Closing);
        assert_eq!(play.pass(Reply, TCP_FIN | TCP_ACK, 9001, 1002), State::Closing);
    }

    #[test]
    fn a_repeated_syn_does_not_confirm() {
        let mut play = Play::open(1000);
        play.pass(Reply, TCP_SYN | TCP_ACK, 9000, 1001);
        assert_eq!(play.pass(Original, TCP_SYN, 1000, 0), State::Answered);
    }

    #[test]
    fn who_does_not_see_the_answer_cannot_confirm_it() {
        let mut play = Play::open(1000);
        play.pass(Reply, TCP_SYN | TCP_ACK, 9000, 1001);
        assert_eq!(play.pass(Original, TCP_ACK, 1001, 7_000_000), State::Answered);
        assert_eq!(play.pass(Original, TCP_ACK, 1001, 9001), State::Established);
    }

    #[test]
    fn rfc5382_req2_simultaneous_open_establishes() {
        let mut play = Play::open(1000);
        assert_eq!(play.pass(Reply, TCP_SYN, 9000, 0), State::Answered);
        assert_eq!(play.pass(Original, TCP_SYN | TCP_ACK, 1000, 9001), State::Established);
        assert_eq!(play.pass(Reply, TCP_SYN | TCP_ACK, 9000, 1001), State::Established);
        assert_eq!(play.pass(Reply, TCP_ACK, 9001, 1001), State::Established);
    }

    #[test]
    fn a_refused_connection_stays_among_the_unreplied() {
        assert_eq!(Play::open(1000).pass(Reply, TCP_RST | TCP_ACK, 0, 1001), State::Unreplied);
    }

    #[test]
    fn an_exact_reset_ends_soon_and_a_near_one_is_doubted() {
        assert_eq!(Play::established().pass(Reply, TCP_RST, 9001, 0), State::Reset);
        assert_eq!(Play::established().pass(Original, TCP_RST, 1001, 0), State::Reset);
        assert_eq!(Play::established().pass(Reply, TCP_RST, 9100, 0), State::Doubted);
    }

    #[test]
    fn redan_a_reset_outside_the_window_changes_nothing() {
        for sequence in [0, 1, 8999, 9001 + (500 << 14) + 1, 0x8000_0000, 0xffff_ffff] {
            let mut play = Play::established();
            assert_eq!(play.pass(Reply, TCP_RST, sequence, 0), State::Established, "{sequence}");
            assert_eq!(
                play.pass(Reply, TCP_FIN | TCP_ACK, sequence ^ 0x7000_0000, 1),
                State::Established
            );
        }
    }

    #[test]
    fn a_doubted_flow_revives_when_its_ends_go_on() {
        let mut play = Play::established();
        play.pass(Reply, TCP_RST, 9100, 0);
        assert_eq!(play.pass(Original, TCP_ACK, 1001, 9001), State::Doubted, "it was on its way");
        assert_eq!(play.later(3 * SECOND, Original, TCP_ACK, 1001, 9001), State::Established);
    }

    #[test]
    fn a_new_syn_reopens_what_has_ended_with_a_later_number() {
        let mut play = Play::established();
        play.pass(Original, TCP_FIN | TCP_ACK, 1001, 9001);
        play.pass(Reply, TCP_FIN | TCP_ACK, 9001, 1002);
        assert_eq!(play.pass(Original, TCP_SYN, 500, 0), State::Closing, "an old duplicate");
        assert_eq!(play.pass(Original, TCP_SYN, 70_000, 0), State::Unreplied);
        assert_eq!(play.pass(Reply, TCP_SYN | TCP_ACK, 5, 70_001), State::Answered);
        assert_eq!(play.pass(Original, TCP_ACK, 70_001, 6), State::Established);
    }

    #[test]
    fn data_moves_the_windows_and_wraps_around() {
        let mut play = Play::open(0xffff_ff00);
        play.pass(Reply, TCP_SYN | TCP_ACK, 0xffff_fff0, 0xffff_ff01);
        play.pass(Original, TCP_ACK, 0xffff_ff01, 0xffff_fff1);
        play.pass(Reply, TCP_ACK, 0xffff_fff1, 0x300);
        assert_eq!(play.0.answerer.next, 0x300);
        assert_eq!(play.pass(Original, TCP_RST, 0x300, 0), State::Reset);
    }

    #[test]
    fn a_half_open_connection_is_forgotten_within_minutes() {
        let end = End { address: crate::address::Address::UNSPECIFIED, port: [0; 2] };
        let key = masqueraded_flow(end, end, TCP);
        assert!(timeout(&Timeouts::DEFAULT, State::Answered, &key) <= 240 * SECOND);
    }
}

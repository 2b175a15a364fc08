//! TCP from its first packet to its last, as who opens it sees it, and as who would cut it
//! (RFC 5382, RFC 5961, RFC 7857).

use super::family::{Family, LEAVING, families};
use super::talk::{Talk, Who};
use super::{Case, Hook, Table, end, from_outside, leaving, publish};
use crate::frame::{Body, Segment};
use crate::world::A;
use Who::{Answerer, Opener};
use netd_common::conntrack::State;
use netd_common::verdict::{DropReason, Verdict};

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

pub(super) fn cases() -> Vec<Case> {
    let mut rows = Vec::new();
    for family in families() {
        for masqueraded in [true, false] {
            let talk = |name| Talk::new(name, family, masqueraded);
            rows.extend(from_begin_to_end(talk("from begin to end")));
            rows.extend(crossing(talk("both at once")));
            rows.extend(refused(talk("refused")));
            rows.extend(blind(talk("by who does not see it")));
            rows.extend(resets(&talk));
            rows.extend(reopened(&talk));
            rows.extend(scaled(talk("with scaled windows")));
        }
        rows.extend(picked_up(Talk::new("in the middle", family, true)));
        rows.extend(nobodys(family));
    }
    rows
}

fn segment(flags: u8, sequence: u32, acknowledgement: u32) -> Segment {
    Segment::new((0, 0), flags).at(sequence, acknowledgement).window(500)
}

/// A connection that both ends have confirmed: the opener's next byte is 1001, the other's 9001.
fn established(talk: Talk) -> Talk {
    talk.says(Opener, "the SYN opens", segment(SYN, 1000, 0), State::Unreplied)
        .says(Answerer, "the SYN is answered", segment(SYN | ACK, 9000, 1001), State::Answered)
        .says_into(
            Opener,
            "the answer is confirmed",
            segment(ACK, 1001, 9001),
            (State::Established, Table::Established),
        )
}

fn from_begin_to_end(talk: Talk) -> Vec<Case> {
    let data = |sequence, acknowledgement| segment(ACK, sequence, acknowledgement).payload(b"data");
    talk.says_into(
        Opener,
        "the SYN opens",
        segment(SYN, 1000, 0),
        (State::Unreplied, Table::Unreplied),
    )
    .says(Opener, "the SYN comes again", segment(SYN, 1000, 0), State::Unreplied)
    .says_into(
        Answerer,
        "the SYN is answered",
        segment(SYN | ACK, 9000, 1001),
        (State::Answered, Table::Unreplied),
    )
    .says(Opener, "the SYN comes late", segment(SYN, 1000, 0), State::Answered)
    .says(Answerer, "the answer comes again", segment(SYN | ACK, 9000, 1001), State::Answered)
    .says_into(
        Opener,
        "the answer is confirmed",
        segment(ACK, 1001, 9001),
        (State::Established, Table::Established),
    )
    .says(Opener, "data goes there", data(1001, 9001), State::Established)
    .says(Answerer, "data comes back", data(9001, 1005), State::Established)
    .says(Opener, "one end is done", segment(FIN | ACK, 1005, 9005), State::Closing)
    .says(Answerer, "the other still sends", data(9005, 1006), State::Closing)
    .says(Answerer, "the other is done", segment(FIN | ACK, 9009, 1006), State::Closing)
    .says_into(
        Opener,
        "the last ACK goes",
        segment(ACK, 1006, 9010),
        (State::Closing, Table::Established),
    )
    .rows()
}

/// RFC 5382 REQ-2: simultaneous open.
fn crossing(talk: Talk) -> Vec<Case> {
    talk.says(Opener, "the SYN opens", segment(SYN, 1000, 0), State::Unreplied)
        .says(Answerer, "another SYN crosses it", segment(SYN, 9000, 0), State::Answered)
        .says_into(
            Opener,
            "the crossing SYN is answered",
            segment(SYN | ACK, 1000, 9001),
            (State::Established, Table::Established),
        )
        .says(Answerer, "so is the first", segment(SYN | ACK, 9000, 1001), State::Established)
        .says(Opener, "data goes there", segment(ACK, 1001, 9001), State::Established)
        .says(Answerer, "an exact RST is an RST", segment(RST, 9001, 0), State::Reset)
        .rows()
}

fn refused(talk: Talk) -> Vec<Case> {
    talk.says(Opener, "the SYN opens", segment(SYN, 1000, 0), State::Unreplied)
        .says_into(
            Answerer,
            "an RST leaves it without an answer",
            segment(RST | ACK, 0, 1001),
            (State::Unreplied, Table::Unreplied),
        )
        .says(Opener, "another SYN goes on with it", segment(SYN, 5000, 0), State::Unreplied)
        .says(Answerer, "which is answered", segment(SYN | ACK, 9000, 5001), State::Answered)
        .rows()
}

/// Who does not see a connection neither establishes it nor keeps it nor cuts it.
fn blind(talk: Talk) -> Vec<Case> {
    let far = 0x7000_0000;
    talk.says(Opener, "the SYN opens", segment(SYN, 1000, 0), State::Unreplied)
        .says(Answerer, "the SYN is answered", segment(SYN | ACK, 9000, 1001), State::Answered)
        .says_in_vain(Opener, "a guessed ACK does not establish", segment(ACK, 1001, far))
        .says_in_vain(Opener, "a guessed sequence does not", segment(ACK, far, 9001))
        .says(Opener, "the answer is confirmed", segment(ACK, 1001, 9001), State::Established)
        .wait(5)
        .says_in_vain(Answerer, "guessed data keeps nothing alive", segment(ACK, far, 1001))
        .says_in_vain(Opener, "nor does the opener's", segment(ACK, far, 9001))
        .says_in_vain(Answerer, "a guessed FIN closes nothing", segment(FIN | ACK, far, 1001))
        .says_in_vain(Opener, "a guessed SYN reopens nothing", segment(SYN, far, 0))
        .rows()
}

/// RFC 5961 3.2, RFC 7857 2.2, and the attack ReDAN.
fn resets(talk: &dyn Fn(&'static str) -> Talk) -> Vec<Case> {
    let mut rows = Vec::new();
    for (who, own, by) in [
        (
            Opener,
            1001,
            ["reset by its opener", "nearly reset by its opener", "not reset by its opener"],
        ),
        (Answerer, 9001, ["reset", "nearly reset", "not reset"]),
    ] {
        let other = if who == Opener { Answerer } else { Opener };
        let (seq, ack) = if who == Opener { (9001, 1001) } else { (1001, 9001) };
        let exact = established(talk(by[0]))
            .says(who, "an exact RST ends it soon", segment(RST, own, 0), State::Reset)
            .says(other, "what was on its way passes", segment(ACK, seq, ack), State::Reset)
            .wait(3)
            .says(
                other,
                "an end that goes on revives it",
                segment(ACK, seq, ack),
                State::Established,
            );
        rows.extend(exact.rows());
        let near = established(talk(by[1]))
            .says(who, "an RST in the window is doubted", segment(RST, own + 99, 0), State::Doubted)
            .wait(3)
            .says_into(
                other,
                "an end that goes on revives it",
                segment(ACK, seq, ack),
                (State::Established, Table::Established),
            )
            .says(who, "an RST is doubted again", segment(RST, own + 99, 0), State::Doubted)
            .says(who, "until it is exact", segment(RST, own, 0), State::Reset);
        rows.extend(near.rows());
        let mut outside = established(talk(by[2]));
        for sequence in [0, own - 1, own + 501, own + 0x7fff_ffff, own + 0x8000_0000] {
            let what = format!("an RST at {sequence} outside the window changes nothing");
            outside = outside.says_in_vain(who, &what, segment(RST, sequence, 0));
        }
        rows.extend(outside.rows());
    }
    let closing = established(talk("reset while it closes"))
        .says(Opener, "one end is done", segment(FIN | ACK, 1001, 9001), State::Closing)
        .says_in_vain(Answerer, "an RST in the window leaves it so", segment(RST, 9100, 0))
        .says(Answerer, "an exact one resets", segment(RST, 9001, 0), State::Reset);
    rows.extend(closing.rows());
    rows
}

/// RFC 9293 3.6.1, RFC 6191: a new connection by the ports of one that has ended.
fn reopened(talk: &dyn Fn(&'static str) -> Talk) -> Vec<Case> {
    let again = |talk: Talk, sequence: u32| {
        talk.says(Opener, "a new SYN opens anew", segment(SYN, sequence, 0), State::Unreplied)
            .says(
                Answerer,
                "it is answered",
                segment(SYN | ACK, 40, sequence.wrapping_add(1)),
                State::Answered,
            )
            .says_into(
                Opener,
                "and confirmed",
                segment(ACK, sequence.wrapping_add(1), 41),
                (State::Established, Table::Established),
            )
            .rows()
    };
    let closed = established(talk("opened again"))
        .says(Opener, "one end is done", segment(FIN | ACK, 1001, 9001), State::Closing)
        .says(Answerer, "the other is done", segment(FIN | ACK, 9001, 1002), State::Closing)
        .says(Opener, "the last ACK goes", segment(ACK, 1002, 9002), State::Closing)
        .says_in_vain(Opener, "an old SYN does not open", segment(SYN, 500, 0))
        .says_in_vain(Opener, "the first SYN once more does not", segment(SYN, 1000, 0));
    let reset = established(talk("opened again after an RST")).says(
        Answerer,
        "an exact RST ends it",
        segment(RST, 9001, 0),
        State::Reset,
    );
    [again(closed, 1003), again(reset, 3)].concat()
}

/// RFC 7323: windows count by the scales that both SYNs announce.
fn scaled(talk: Talk) -> Vec<Case> {
    let option = |scale| [1, 3, 3, scale];
    talk.says(Opener, "the SYN opens", segment(SYN, 1000, 0).options(&option(4)), State::Unreplied)
        .says(
            Answerer,
            "the SYN is answered",
            segment(SYN | ACK, 9000, 1001).options(&option(2)),
            State::Answered,
        )
        .says(Opener, "the answer is confirmed", segment(ACK, 1001, 9001), State::Established)
        .says_in_vain(Answerer, "an RST beyond 16 windows is none", segment(RST, 17_002, 0))
        .says(Answerer, "an RST within them is doubted", segment(RST, 17_001, 0), State::Doubted)
        .rows()
}

/// A connection that was there before its flow: the container's next packet opens it.
fn picked_up(talk: Talk) -> Vec<Case> {
    talk.says(Opener, "data opens the flow", segment(ACK, 1001, 9001), State::Unreplied)
        .says(Answerer, "the other end goes on", segment(ACK, 9001, 1001), State::Answered)
        .says_into(
            Opener,
            "so does the first",
            segment(ACK, 1001, 9002),
            (State::Established, Table::Established),
        )
        .rows()
}

/// What belongs to no connection opens none.
fn nobodys(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    let word = family.word();
    for (what, flags) in [("SYN with ACK", SYN | ACK), ("RST", RST), ("RST with ACK", RST | ACK)] {
        let body = Body::Tcp(4000, 443, flags, Vec::new());
        let packet = leaving(family.of(A), family.far, body).bytes();
        let name = format!("out by a wire: an {word} {what} without a flow opens nothing");
        rows.push(Case::new(name, LEAVING, packet, Verdict::Drop(DropReason::NoFlow)));
    }
    for (what, flags) in [
        ("SYN with ACK", SYN | ACK),
        ("RST", RST),
        ("FIN", FIN | ACK),
        ("ACK", ACK),
        ("segment without flags", 0),
    ] {
        let body = Body::Tcp(443, 8080, flags, b"data".to_vec());
        let packet = from_outside(family.far, family.host, body).bytes();
        for published in [true, false] {
            let how = if published { "a published" } else { "no published" };
            let name = format!("by a wire: an {word} {what} to {how} port is the host's to reset");
            let row = Case::new(name, Hook::UplinkIn, packet.clone(), Verdict::Pass);
            let any = end(family.any, 8080);
            let setup = |case: Case| case.world(|w| publish(w, any, 6, A, 80));
            rows.push(if published { setup(row) } else { row }.still());
        }
    }
    rows
}

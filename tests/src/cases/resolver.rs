//! The way to netd's resolver, on a container's own lo.

use super::{Case, Hook};
use crate::frame::{Body, Frame};
use crate::world::ip;
use netd_common::flow::End;
use netd_common::resolver::{RESOLVER, RESOLVER_PORT};
use netd_common::verdict::{Translation, Verdict};

/// Where the packets of a container to itself come from.
const CLIENT: &str = "127.0.0.1";
const OWN: &str = "127.0.0.11";
const SYN: u8 = 2;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = led();
    cases.extend(left_alone());
    cases
}

/// What gets another port.
fn led() -> Vec<Case> {
    let inner = RESOLVER_PORT;
    let mut cases = vec![
        asked("a question by UDP", frame(CLIENT, OWN, udp(40_000, 53)), udp(40_000, inner)),
        asked("a question by TCP", frame(CLIENT, OWN, tcp(40_000, 53)), tcp(40_000, inner)),
        asked(
            "a question from another address of the container's",
            frame("172.18.0.2", OWN, udp(53, 53)),
            udp(53, inner),
        ),
        answered("an answer by UDP", frame(OWN, CLIENT, udp(inner, 40_000)), udp(53, 40_000)),
        answered("an answer by TCP", frame(OWN, CLIENT, tcp(inner, 40_000)), tcp(53, 40_000)),
        answered(
            "an answer to who asked from port 53",
            frame(OWN, OWN, udp(inner, 53)),
            udp(53, 53),
        ),
    ];
    let options = |frame: Frame| frame.extra(0, &[1, 1, 1, 0]);
    let question = options(frame(CLIENT, OWN, tcp(40_000, 53)));
    cases.push(asked("a question behind IPv4 options", question, tcp(40_000, inner)));
    let mut unchecked = frame(CLIENT, OWN, udp(40_000, 53)).bytes();
    unchecked[40..42].fill(0);
    let mut out = unchecked.clone();
    out[36..38].copy_from_slice(&inner.to_be_bytes());
    cases.push(
        row("a question without a checksum keeps none", unchecked, to(RESOLVER_PORT)).out(out),
    );
    let (question, out) = zero_checksum();
    cases.push(row("no checksum comes out as none", question, to(RESOLVER_PORT)).out(out));
    cases
}

/// What goes on as it is.
fn left_alone() -> Vec<Case> {
    let plain = [
        ("another port of 127.0.0.11", frame(CLIENT, OWN, udp(40_000, 54))),
        ("the resolver's own port", frame(CLIENT, OWN, udp(40_000, RESOLVER_PORT))),
        ("a DNS server of the container's own", frame(CLIENT, CLIENT, udp(40_000, 53))),
        ("a DNS server at 127.0.0.53", frame(CLIENT, "127.0.0.53", tcp(40_000, 53))),
        ("that server's answer", frame("127.0.0.53", CLIENT, tcp(53, 40_000))),
        ("a port of the same number elsewhere", frame(CLIENT, CLIENT, udp(RESOLVER_PORT, 9))),
        ("an echo to 127.0.0.11", frame(CLIENT, OWN, Body::Icmp(8, 0, crate::frame::echo(53)))),
        ("another transport", frame(CLIENT, OWN, Body::Raw(33, vec![0, 53, 0, 53, 0, 0, 0, 0]))),
        ("a packet without ports", frame(CLIENT, OWN, Body::Raw(17, vec![0, 53]))),
        ("IPv6", frame("::1", "::1", udp(40_000, 53))),
    ];
    let mut cases: Vec<Case> = plain
        .into_iter()
        .map(|(name, frame)| row(&format!("{name} is left alone"), frame.bytes(), Verdict::Pass))
        .collect();
    let (first, later) = frame(CLIENT, OWN, udp(40_000, 53)).split(8);
    cases.push(row("a first fragment is left alone", first, Verdict::Pass));
    cases.push(row("a later fragment is left alone", later, Verdict::Pass));
    let mut short = frame(CLIENT, OWN, udp(40_000, 53)).bytes();
    short[14] = 0x44;
    cases.push(row("a header shorter than its least is left alone", short, Verdict::Pass));
    cases
}

/// A question whose UDP checksum would come out as zero, and what becomes of it.
fn zero_checksum() -> (Vec<u8>, Vec<u8>) {
    let of = |port, filler: u16| {
        let body = Body::Udp(40_000, port, filler.to_be_bytes().to_vec());
        frame(CLIENT, OWN, body).bytes()
    };
    let is_zero = |filler: &u16| of(RESOLVER_PORT, *filler)[40..42] == [0xff; 2];
    let filler = (0..=u16::MAX).find(is_zero).unwrap();
    (of(53, filler), of(RESOLVER_PORT, filler))
}

fn asked(name: &str, frame: Frame, body: Body) -> Case {
    let out = Frame { body, ..frame.clone() }.bytes();
    row(&format!("{name} is led to the resolver"), frame.bytes(), to(RESOLVER_PORT)).out(out)
}

fn answered(name: &str, frame: Frame, body: Body) -> Case {
    let out = Frame { body, ..frame.clone() }.bytes();
    let source = Some(End { address: netd_common::address::Address::v4(RESOLVER), port: [0, 53] });
    let verdict = Verdict::Translate(Translation { source, ..Translation::NONE });
    row(&format!("{name} comes from port 53"), frame.bytes(), verdict).out(out)
}

fn to(port: u16) -> Verdict {
    let address = netd_common::address::Address::v4(RESOLVER);
    let destination = Some(End { address, port: port.to_be_bytes() });
    Verdict::Translate(Translation { destination, ..Translation::NONE })
}

fn row(name: &str, packet: Vec<u8>, verdict: Verdict) -> Case {
    Case::new(format!("on lo: {name}"), Hook::ResolverLo, packet, verdict)
}

/// A packet on lo, whose Ethernet addresses are zero.
fn frame(source: &str, to: &str, body: Body) -> Frame {
    Frame::new(([0; 6], [0; 6]), ip(source), ip(to), body)
}

fn udp(source: u16, to: u16) -> Body {
    Body::Udp(source, to, b"question".to_vec())
}

fn tcp(source: u16, to: u16) -> Body {
    Body::Tcp(source, to, SYN, Vec::new())
}

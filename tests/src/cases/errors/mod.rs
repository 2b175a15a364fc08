//! ICMP errors about translated packets: they go to whom the packet came from, and quote it as he
//! sent it (RFC 5508 REQ-3 to REQ-7). They change no flow (REQ-6).

mod between;
mod outside;
mod refused;

use super::family::{Family, families};
use super::{Case, Hook, World};
use crate::frame::{Body, Chunk, Frame, echo, error};
use netd_common::verdict::Verdict;
use std::net::IpAddr;

pub(super) fn cases() -> Vec<Case> {
    let parts =
        |family| [outside::cases(family), between::cases(family), refused::cases(family)].concat();
    families().into_iter().flat_map(parts).collect()
}

/// An end of the quoted packet.
type Place = (IpAddr, u16);

/// Source and destination of a frame.
type Macs = ([u8; 6], [u8; 6]);

/// The far end's port of a flow that a container opened.
const FAR: u16 = 443;

/// What a message quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// The eight bytes of TCP that RFC 792 asks for.
    Ports,
    /// All of TCP's header.
    Header,
    /// UDP, with its checksum.
    Udp,
    /// UDP without a checksum.
    Unchecked,
    /// Eight bytes of SCTP.
    Sctp,
    /// An echo request, or the reply to one.
    Echo,
    /// UDP behind IP options, or extension headers.
    Optioned,
}

impl Shape {
    const ALL: [(Self, &str); 7] = [
        (Self::Ports, "eight bytes of TCP"),
        (Self::Header, "a TCP header"),
        (Self::Udp, "UDP"),
        (Self::Unchecked, "UDP without a checksum"),
        (Self::Sctp, "SCTP"),
        (Self::Echo, "an echo"),
        (Self::Optioned, "options"),
    ];

    fn protocol(self, family: Family) -> u8 {
        match self {
            Self::Ports | Self::Header => 6,
            Self::Udp | Self::Unchecked | Self::Optioned => 17,
            Self::Sctp => 132,
            Self::Echo => family.echo().0,
        }
    }

    /// The packet's beginning. An echo has the near end's identifier.
    fn quoted(self, family: Family, from: Place, to: Place) -> Vec<u8> {
        let (ports, payload) = ((from.1, to.1), b"payload".to_vec());
        let (_, request, reply) = family.echo();
        let body = match self {
            Self::Ports | Self::Header => Body::Tcp(ports.0, ports.1, 0x18, payload),
            Self::Udp | Self::Unchecked | Self::Optioned => Body::Udp(ports.0, ports.1, payload),
            Self::Sctp => Body::Sctp(Chunk::new(ports, 0)),
            Self::Echo if from.1 != FAR => Body::Icmp(request, 0, echo(from.1)),
            Self::Echo => Body::Icmp(reply, 0, echo(to.1)),
        };
        let mut frame = Frame::new(([0; 6], [0; 6]), from.0, to.0, body).hops(3);
        if self == Self::Optioned {
            let options: &[u8] = if family.v4 { &[1, 1, 1, 0] } else { &[17, 0, 1, 4, 0, 0, 0, 0] };
            frame = frame.extra(60, options);
        }
        let mut quoted =
            frame.quoted(if self == Self::Ports || self == Self::Sctp { 8 } else { 20 });
        if self == Self::Unchecked {
            let check = quoted.len() - 9;
            quoted[check..check + 2].copy_from_slice(&[0; 2]);
        }
        quoted
    }
}

/// A message: from whom, to whom, and the ends of what it quotes.
#[derive(Clone, Copy)]
struct Message {
    from: IpAddr,
    to: IpAddr,
    quoted: (Place, Place),
}

impl Message {
    fn frame(self, macs: Macs, family: Family, kind: (u8, u8), shape: Shape) -> Frame {
        let quoted = shape.quoted(family, self.quoted.0, self.quoted.1);
        let word = if kind == family.too_big() { 1280 } else { 0 };
        Frame::new(macs, self.from, self.to, error(kind.0, kind.1, word, &quoted))
    }
}

/// Every type and code that is translated, with a word.
fn kinds(family: Family) -> Vec<(u8, u8)> {
    if family.v4 {
        let unreachable = (0..=15).map(|code| (3, code));
        return unreachable.chain([(4, 0), (11, 0), (11, 1), (12, 0), (12, 1)]).collect();
    }
    let unreachable = (0..=6).map(|code| (1, code));
    unreachable.chain([(2, 0), (3, 0), (3, 1), (4, 0), (4, 1), (4, 2)]).collect()
}

/// One that says that nobody listens at the port.
fn unreachable(family: Family) -> (u8, u8) {
    if family.v4 { (3, 3) } else { (1, 4) }
}

/// A way of a message through the host.
struct Way<'a> {
    family: Family,
    /// What it is about, in words.
    about: &'a str,
    hook: Hook,
    /// Between these Ethernet addresses, before and after, and so many hops less.
    macs: (Macs, Macs),
    hops: u8,
    before: Message,
    after: Message,
    verdict: Verdict,
    /// The flow that it is about, of this protocol.
    flow: &'a dyn Fn(&mut World, u8),
}

impl Way<'_> {
    /// Every type, and every shape.
    fn rows(&self) -> Vec<Case> {
        let kinds = kinds(self.family).into_iter().map(|kind| (kind, Shape::Ports, "TCP"));
        let usual = unreachable(self.family);
        let shapes = Shape::ALL.into_iter().skip(1).map(|(shape, what)| (usual, shape, what));
        kinds.chain(shapes).map(|(kind, shape, what)| self.row(kind, shape, what)).collect()
    }

    fn row(&self, kind: (u8, u8), shape: Shape, what: &str) -> Case {
        let (packet, out) = self.frames(kind, shape);
        self.case(
            &format!("{}.{} that quotes {what}", kind.0, kind.1),
            shape,
            packet.bytes(),
            out.bytes(),
        )
    }

    fn frames(&self, kind: (u8, u8), shape: Shape) -> (Frame, Frame) {
        let packet = self.before.frame(self.macs.0, self.family, kind, shape);
        let out = self.after.frame(self.macs.1, self.family, kind, shape);
        (packet, out.hops(64 - self.hops))
    }

    fn case(&self, what: &str, shape: Shape, packet: Vec<u8>, out: Vec<u8>) -> Case {
        let name = format!("ICMP error of {} {}: {what}", self.family.word(), self.about);
        Case::new(name, self.hook, packet, self.verdict)
            .world(|w| (self.flow)(w, shape.protocol(self.family)))
            .out(out)
            .still()
    }
}

//! The transport header: ports, flags, types.

use super::{
    ECHO_REPLY, ECHO_REPLY_V6, ECHO_REQUEST, ECHO_REQUEST_V6, Fragment, ICMP, ICMPV6, Parsed, SCTP,
    Skip, TCP, TCP_SYN, UDP, options,
};
use crate::packet::Packet;
use crate::wire::{Bytes, Header, IcmpHdr, SctpHdr, TcpHdr, UdpHdr};

/// How a transport header is read: directly, behind an IP header of the usual length, or by an
/// offset that options or extension headers decide.
pub(super) trait Reach {
    fn read<P: Packet + ?Sized, H: Header>(packet: &P, offset: usize) -> Option<H>;
}

/// Directly.
pub(super) struct Near;

impl Reach for Near {
    #[inline(always)]
    fn read<P: Packet + ?Sized, H: Header>(packet: &P, offset: usize) -> Option<H> {
        packet.header(offset)
    }
}

/// By an offset that other headers decide.
pub(super) struct Far;

impl Reach for Far {
    #[inline(always)]
    fn read<P: Packet + ?Sized, H: Header>(packet: &P, offset: usize) -> Option<H> {
        packet.far_header(offset)
    }
}

#[inline(never)]
pub(super) fn read_far<P: Packet + ?Sized>(packet: &P, parsed: &mut Parsed) -> Option<Skip> {
    read::<_, Far>(packet, parsed.l4.into(), parsed)
}

/// The IP packet ends before its transport header does: what follows is the link's padding, and not
/// the sender's.
#[inline(always)]
fn ends_before<P: Packet + ?Sized>(packet: &P, parsed: &Parsed) -> bool {
    let header = match parsed.protocol {
        TCP => TcpHdr::LEN,
        UDP => UdpHdr::LEN,
        ICMP | ICMPV6 => IcmpHdr::LEN,
        SCTP => SctpHdr::LEN,
        _ => 0,
    };
    let needed = usize::from(parsed.l4 - parsed.l3) + header;
    // A packet over 64 KiB (BIG TCP) does not say its length.
    usize::from(parsed.length) < needed && packet.length() <= 0xffff
}

/// Reads the ports; a later fragment and an unknown protocol have none.
#[inline(always)]
pub(super) fn read<P: Packet + ?Sized, R: Reach>(
    packet: &P,
    l4: usize,
    parsed: &mut Parsed,
) -> Option<Skip> {
    if matches!(parsed.fragment, Fragment::Later) {
        return None;
    }
    if ends_before(packet, parsed) {
        return Some(Skip::Malformed);
    }
    header::<P, R>(packet, l4, parsed)
}

#[inline(always)]
fn header<P: Packet + ?Sized, R: Reach>(
    packet: &P,
    l4: usize,
    parsed: &mut Parsed,
) -> Option<Skip> {
    match parsed.protocol {
        TCP => {
            let Some(tcp) = R::read::<P, TcpHdr>(packet, l4) else {
                return Some(Skip::Malformed);
            };
            read_tcp(packet, &tcp, parsed);
        }
        UDP => {
            let Some(udp) = R::read::<P, UdpHdr>(packet, l4) else {
                return Some(Skip::Malformed);
            };
            (parsed.source_port, parsed.destination_port) = (udp.src, udp.dst);
            if let Some(payload) = packet.segment() {
                parsed.length = parsed.l4 - parsed.l3 + UdpHdr::LEN as u16 + payload;
            }
        }
        ICMP | ICMPV6 => {
            let Some(icmp) = R::read::<P, IcmpHdr>(packet, l4) else {
                return Some(Skip::Malformed);
            };
            parsed.detail = icmp.kind;
            match (parsed.protocol, icmp.kind) {
                (ICMP, ECHO_REQUEST) | (ICMPV6, ECHO_REQUEST_V6) => parsed.source_port = icmp.id,
                (ICMP, ECHO_REPLY) | (ICMPV6, ECHO_REPLY_V6) => parsed.destination_port = icmp.id,
                _ => {}
            }
        }
        SCTP => {
            let Some(sctp) = R::read::<P, SctpHdr>(packet, l4) else {
                return Some(Skip::Malformed);
            };
            (parsed.source_port, parsed.destination_port) = (sctp.source, sctp.dest);
            if let Some(Bytes([kind, ..])) = packet.far_header::<Bytes<2>>(l4 + SctpHdr::LEN) {
                parsed.detail = kind;
            }
        }
        _ => {}
    }
    None
}

#[inline(always)]
fn read_tcp<P: Packet + ?Sized>(packet: &P, tcp: &TcpHdr, parsed: &mut Parsed) {
    (parsed.source_port, parsed.destination_port) = (tcp.source, tcp.dest);
    parsed.detail = tcp.flags;
    parsed.sequence = u32::from_be_bytes(tcp.seq);
    parsed.acknowledgement = u32::from_be_bytes(tcp.ack_seq);
    parsed.window = u16::from_be_bytes(tcp.window);
    let words = u32::from(tcp.offset >> 4);
    let there = u32::from(parsed.length.saturating_sub(parsed.l4 - parsed.l3)) / 4;
    if let Some(payload) = packet.segment() {
        parsed.length = parsed.l4 - parsed.l3 + words as u16 * 4 + payload;
    }
    if tcp.flags & TCP_SYN != 0 {
        // Behind the packet's end comes the link's padding.
        options::read(packet, parsed, if words < there { words } else { there });
    }
}

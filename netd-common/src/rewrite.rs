//! Where a translation touches a packet, and the plain-arithmetic way to do it: for packets whose
//! checksums are complete (XDP, tests). TC does the same edits through the kernel's helpers.

mod plain;
mod quoted;

pub use plain::one_hop_less;
pub use quoted::translate as translate_error;

use crate::address::Address;
use crate::answer::{self, PacketLength};
use crate::checksum;
use crate::crc;
use crate::flow::End;
use crate::packet::PacketMut;
use crate::parse::{Fragment, Headers, ICMP, ICMPV6, Parsed, SCTP, TCP, UDP};
use crate::verdict::{Answer, Delivery, Routed, Translation, Verdict};
use crate::wire::{Bytes, EthHdr, IcmpHdr, Ipv4Hdr, Ipv6Hdr, SctpHdr, TcpHdr, UdpHdr};
use core::mem::offset_of;

/// The end of a packet that is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who sent it.
    Source,
    /// Who is to get it.
    Destination,
}

/// The bytes that a new end touches, by offset from the packet's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The address field: 4 bytes in IPv4, 16 in IPv6.
    pub address_at: usize,
    /// What it holds now.
    pub old_address: Address,
    /// The port or identifier field.
    pub port_at: usize,
    /// What it holds now.
    pub old_port: [u8; 2],
    /// There is such a field, and the transport's checksum: not in later fragments.
    pub has_port: bool,
    /// The IPv4 header's checksum; none in IPv6.
    pub ip_check_at: Option<usize>,
    /// The transport's checksum.
    pub check_at: usize,
    /// The transport's checksum covers the addresses (not ICMPv4's, and not SCTP's).
    pub covers_addresses: bool,
    /// A transport checksum of zero means that there is none (UDP; over IPv6 for tunnels only,
    /// RFC 6935).
    pub optional_check: bool,
}

impl Edit {
    /// The edit that a new end on `side` means for a packet.
    #[inline(always)]
    #[must_use]
    pub const fn new(parsed: &Parsed, side: Side) -> Self {
        let source = matches!(side, Side::Source);
        let v4 = parsed.is_v4();
        let address = match (v4, source) {
            (true, true) => offset_of!(Ipv4Hdr, src_addr),
            (true, false) => offset_of!(Ipv4Hdr, dst_addr),
            (false, true) => offset_of!(Ipv6Hdr, src_addr),
            (false, false) => offset_of!(Ipv6Hdr, dst_addr),
        };
        // Every transport has its source port first and its destination port behind it.
        let (port, check) = match (parsed.protocol, source) {
            (TCP, true) => (offset_of!(TcpHdr, source), offset_of!(TcpHdr, check)),
            (TCP, false) => (offset_of!(TcpHdr, dest), offset_of!(TcpHdr, check)),
            (UDP, true) => (offset_of!(UdpHdr, src), offset_of!(UdpHdr, check)),
            (UDP, false) => (offset_of!(UdpHdr, dst), offset_of!(UdpHdr, check)),
            (SCTP, true) => (offset_of!(SctpHdr, source), offset_of!(SctpHdr, check)),
            (SCTP, false) => (offset_of!(SctpHdr, dest), offset_of!(SctpHdr, check)),
            _ => (offset_of!(IcmpHdr, id), offset_of!(IcmpHdr, check)),
        };
        let old_port = if source { parsed.source_port } else { parsed.destination_port };
        // An echo has one identifier: a request's stands for its source, a reply's for its
        // destination.
        let echo = matches!(parsed.protocol, ICMP | ICMPV6);
        let other = echo && parsed.is_echo_reply() == source;
        let (l3, l4) = (parsed.l3 as usize, parsed.l4 as usize);
        Self {
            address_at: l3 + address,
            old_address: if source { parsed.source } else { parsed.destination },
            port_at: l4 + port,
            old_port,
            has_port: !matches!(parsed.fragment, Fragment::Later) && !other,
            ip_check_at: if v4 { Some(l3 + offset_of!(Ipv4Hdr, check)) } else { None },
            check_at: l4 + check,
            covers_addresses: !matches!(parsed.fragment, Fragment::Later)
                && parsed.protocol != ICMP
                && parsed.protocol != SCTP,
            optional_check: parsed.protocol == UDP,
        }
    }
}

/// Does what `verdict` says to a packet whose checksums are complete. None where the packet is too
/// short for it, which a packet that was parsed is not.
pub fn apply<P: PacketLength + ?Sized>(
    packet: &mut P,
    headers: &Headers,
    verdict: &Verdict,
) -> Option<()> {
    match verdict {
        Verdict::Pass | Verdict::Drop(_) => Some(()),
        Verdict::Route(_) => hop(packet, &headers.parsed),
        Verdict::Translate(translation) => translate(packet, headers, translation),
        Verdict::Deliver(delivery) => deliver(packet, headers, delivery),
        Verdict::Answer(answer) => reply(packet, headers, answer),
    }
}

fn reply<P: PacketLength + ?Sized>(
    packet: &mut P,
    headers: &Headers,
    answer: &Answer,
) -> Option<()> {
    answer::write(packet, &headers.parsed, answer)
}

/// Leads a packet into a container, its checksums complete.
#[inline(always)]
pub fn deliver<P: PacketMut + ?Sized>(
    packet: &mut P,
    headers: &Headers,
    delivery: &Delivery,
) -> Option<()> {
    if let Some(Routed { mac, translation }) = &delivery.routed {
        translate(packet, headers, translation)?;
        hop(packet, &headers.parsed)?;
        packet.set_header(offset_of!(EthHdr, src), Bytes(*mac))?;
    }
    packet.set_header(offset_of!(EthHdr, dst), Bytes(delivery.mac))
}

/// One hop less (RFC 1812 5.3.1).
#[inline(always)]
pub fn hop<P: PacketMut + ?Sized>(packet: &mut P, parsed: &Parsed) -> Option<()> {
    if !parsed.is_v4() {
        let mut ip = packet.header::<Ipv6Hdr>(parsed.l3.into())?;
        ip.hop_limit = ip.hop_limit.wrapping_sub(1);
        return packet.set_header(parsed.l3.into(), ip);
    }
    let mut ip = packet.header::<Ipv4Hdr>(parsed.l3.into())?;
    one_hop_less(&mut ip);
    packet.set_header(parsed.l3.into(), ip)
}

/// Gives a packet its new ends.
#[inline(always)]
pub fn translate<P: PacketMut + ?Sized>(
    packet: &mut P,
    headers: &Headers,
    translation: &Translation,
) -> Option<()> {
    if headers.parsed.quotes {
        return translate_error(packet, headers, translation);
    }
    let parsed = &headers.parsed;
    if let Some(end) = &translation.source {
        replace(packet, parsed, Side::Source, end)?;
    }
    if let Some(end) = &translation.destination {
        replace(packet, parsed, Side::Destination, end)?;
    }
    if translation.mss != 0 && parsed.mss_at != 0 {
        let (old, new) = mss_words(parsed, translation.mss);
        let at = usize::from(parsed.l4) + offset_of!(TcpHdr, check);
        let Bytes(check) = packet.header::<Bytes<2>>(at)?;
        packet.set_header(at, Bytes(checksum::replace_u16(check, old, new)))?;
        packet.set_header(parsed.mss_at.into(), Bytes(translation.mss.to_be_bytes()))?;
    }
    Some(())
}

/// A SYN's largest segment before and after, as the checksum sees it: at an odd offset it lies
/// across two words, which sums like one with its bytes swapped.
#[inline(always)]
#[must_use]
pub const fn mss_words(parsed: &Parsed, mss: u16) -> ([u8; 2], [u8; 2]) {
    let odd = (parsed.mss_at - parsed.l4) & 1 != 0;
    let (old, new) = (parsed.mss, mss);
    if odd {
        return (old.swap_bytes().to_be_bytes(), new.swap_bytes().to_be_bytes());
    }
    (old.to_be_bytes(), new.to_be_bytes())
}

#[inline(always)]
fn replace<P: PacketMut + ?Sized>(
    packet: &mut P,
    parsed: &Parsed,
    side: Side,
    end: &End,
) -> Option<()> {
    let edit = Edit::new(parsed, side);
    let (old, new) = (edit.old_address.words(), end.address.words());
    // What stays leaves the checksums as they are, also in the form that arithmetic never gives.
    if old != new {
        if let Some(at) = edit.ip_check_at {
            let Bytes(check) = packet.header::<Bytes<2>>(at)?;
            packet.set_header(at, Bytes(checksum::replace(check, &old[3..], &new[3..])))?;
            packet.set_header(edit.address_at, Bytes(end.address.v4_bytes()))?;
        } else {
            packet.set_header(edit.address_at, Bytes(end.address.v6_bytes()))?;
        }
    }
    if parsed.protocol == SCTP {
        return if edit.has_port { sctp_port(packet, parsed, &edit, end.port) } else { Some(()) };
    }
    if !(edit.has_port || edit.covers_addresses) {
        return Some(());
    }
    if edit.has_port {
        packet.set_header(edit.port_at, Bytes(end.port))?;
    }
    let Bytes(mut check) = packet.far_header::<Bytes<2>>(edit.check_at)?;
    if edit.optional_check && check == [0; 2] {
        return Some(());
    }
    if edit.covers_addresses && old != new {
        check = checksum::replace(check, &old, &new);
    }
    if edit.has_port && edit.old_port != end.port {
        check = checksum::replace_u16(check, edit.old_port, end.port);
    }
    // A UDP checksum that comes out as zero is sent as its other form (RFC 768).
    if parsed.protocol == UDP && check == [0; 2] {
        check = [0xff; 2];
    }
    packet.set_header(edit.check_at, Bytes(check))
}

/// Gives an SCTP packet another port. Its checksum covers no addresses.
#[inline(never)]
pub fn sctp_port<P: PacketMut + ?Sized>(
    packet: &mut P,
    parsed: &Parsed,
    edit: &Edit,
    port: [u8; 2],
) -> Option<()> {
    if port == edit.old_port {
        return Some(());
    }
    let at = usize::from(parsed.l4);
    let Bytes(old) = packet.far_header::<Bytes<4>>(at)?;
    packet.set_header(edit.port_at, Bytes(port))?;
    let Bytes(new) = packet.far_header::<Bytes<4>>(at)?;
    let Bytes(check) = packet.far_header::<Bytes<4>>(edit.check_at)?;
    let behind = u32::from(parsed.l4 - parsed.l3);
    let length = u32::from(parsed.length).saturating_sub(behind);
    let words = (u32::from_ne_bytes(old), u32::from_ne_bytes(new));
    let check = u32::from_le_bytes(check);
    let multiply = |one, other| packet.multiply(one, other);
    let check = crc::replace(check, words.0, words.1, length, multiply);
    packet.set_header(edit.check_at, Bytes(check.to_le_bytes()))
}

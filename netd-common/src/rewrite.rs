//! Where a translation touches a packet, and the plain-arithmetic way to do it: for packets whose
//! checksums are complete (XDP, tests). TC does the same edits through the kernel's helpers.

use crate::address::Address;
use crate::checksum;
use crate::packet::PacketMut;
use crate::parse::{ICMP, ICMPV6, Parsed, TCP, UDP};
use crate::verdict::{Delivery, Rewrite, Routed, Side, Verdict};
use crate::wire::{Bytes, EthHdr, IcmpHdr, Ipv4Hdr, Ipv6Hdr, TcpHdr, UdpHdr};
use core::mem::offset_of;

/// The bytes that a [`Rewrite`] touches, by offset from the packet's start.
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
    /// The IPv4 header's checksum; none in IPv6.
    pub ip_check_at: Option<usize>,
    /// The transport's checksum.
    pub check_at: usize,
    /// The transport's checksum covers the addresses (all but ICMPv4).
    pub covers_addresses: bool,
    /// A transport checksum of zero means that there is none (UDP over IPv4).
    pub optional_check: bool,
}

impl Edit {
    /// The edit that `rewrite` means for a packet with a port ([`Parsed::has_ports`]).
    #[inline(always)]
    #[must_use]
    pub const fn new(parsed: &Parsed, rewrite: &Rewrite) -> Self {
        let source = matches!(rewrite.side, Side::Source);
        let v4 = parsed.is_v4();
        let address = match (v4, source) {
            (true, true) => offset_of!(Ipv4Hdr, src_addr),
            (true, false) => offset_of!(Ipv4Hdr, dst_addr),
            (false, true) => offset_of!(Ipv6Hdr, src_addr),
            (false, false) => offset_of!(Ipv6Hdr, dst_addr),
        };
        let (port, check) = match (parsed.protocol, source) {
            (TCP, true) => (offset_of!(TcpHdr, source), offset_of!(TcpHdr, check)),
            (TCP, false) => (offset_of!(TcpHdr, dest), offset_of!(TcpHdr, check)),
            (UDP, true) => (offset_of!(UdpHdr, src), offset_of!(UdpHdr, check)),
            (UDP, false) => (offset_of!(UdpHdr, dst), offset_of!(UdpHdr, check)),
            _ => (offset_of!(IcmpHdr, id), offset_of!(IcmpHdr, check)),
        };
        let old_port = match (parsed.protocol, source) {
            (ICMP | ICMPV6, _) => echo_id(parsed),
            (_, true) => parsed.source_port,
            (_, false) => parsed.destination_port,
        };
        let (l3, l4) = (parsed.l3 as usize, parsed.l4 as usize);
        Self {
            address_at: l3 + address,
            old_address: if source { parsed.source } else { parsed.destination },
            port_at: l4 + port,
            old_port,
            ip_check_at: if v4 { Some(l3 + offset_of!(Ipv4Hdr, check)) } else { None },
            check_at: l4 + check,
            covers_addresses: parsed.protocol != ICMP,
            optional_check: v4 && parsed.protocol == UDP,
        }
    }
}

/// A request's identifier stands in for its source port, a reply's for its destination port.
#[inline(always)]
const fn echo_id(parsed: &Parsed) -> [u8; 2] {
    let request = parsed.source_port[0] != 0 || parsed.source_port[1] != 0;
    if request { parsed.source_port } else { parsed.destination_port }
}

/// Does what `verdict` says to a packet whose checksums are complete. None where the packet is too
/// short for it, which a packet that was parsed is not.
pub fn apply<P: PacketMut + ?Sized>(
    packet: &mut P,
    parsed: &Parsed,
    verdict: &Verdict,
) -> Option<()> {
    match verdict {
        Verdict::Pass | Verdict::Drop(_) => Some(()),
        Verdict::Route(_) => hop(packet, parsed),
        Verdict::Translate(rewrite) => translate(packet, parsed, rewrite),
        Verdict::Deliver(delivery) => deliver(packet, parsed, delivery),
    }
}

fn deliver<P: PacketMut + ?Sized>(
    packet: &mut P,
    parsed: &Parsed,
    delivery: &Delivery,
) -> Option<()> {
    if let Some(Routed { mac, rewrite }) = &delivery.routed {
        translate(packet, parsed, rewrite)?;
        hop(packet, parsed)?;
        packet.set_header(offset_of!(EthHdr, src), Bytes(*mac))?;
    }
    packet.set_header(offset_of!(EthHdr, dst), Bytes(delivery.mac))
}

/// One hop less (RFC 1812 5.3.1).
fn hop<P: PacketMut + ?Sized>(packet: &mut P, parsed: &Parsed) -> Option<()> {
    if !parsed.is_v4() {
        let mut ip = packet.header::<Ipv6Hdr>(parsed.l3.into())?;
        ip.hop_limit = ip.hop_limit.wrapping_sub(1);
        return packet.set_header(parsed.l3.into(), ip);
    }
    let mut ip = packet.header::<Ipv4Hdr>(parsed.l3.into())?;
    let old = [ip.ttl, ip.proto];
    ip.ttl = ip.ttl.wrapping_sub(1);
    ip.check = checksum::replace_u16(ip.check, old, [ip.ttl, ip.proto]);
    packet.set_header(parsed.l3.into(), ip)
}

fn translate<P: PacketMut + ?Sized>(
    packet: &mut P,
    parsed: &Parsed,
    rewrite: &Rewrite,
) -> Option<()> {
    let edit = Edit::new(parsed, rewrite);
    let (old, new) = (edit.old_address.words(), rewrite.address.words());
    if let Some(at) = edit.ip_check_at {
        let Bytes(check) = packet.header::<Bytes<2>>(at)?;
        packet.set_header(at, Bytes(checksum::replace(check, &old[3..], &new[3..])))?;
        packet.set_header(edit.address_at, Bytes(rewrite.address.v4_bytes()))?;
    } else {
        packet.set_header(edit.address_at, Bytes(rewrite.address.v6_bytes()))?;
    }
    packet.set_header(edit.port_at, Bytes(rewrite.port))?;
    let Bytes(mut check) = packet.header::<Bytes<2>>(edit.check_at)?;
    if edit.optional_check && check == [0; 2] {
        return Some(());
    }
    if edit.covers_addresses {
        check = checksum::replace(check, &old, &new);
    }
    check = checksum::replace_u16(check, edit.old_port, rewrite.port);
    // A UDP checksum that comes out as zero is sent as its other form (RFC 768).
    if parsed.protocol == UDP && check == [0; 2] {
        check = [0xff; 2];
    }
    packet.set_header(edit.check_at, Bytes(check))
}

//! Packet bytes to a [`Parsed`]: a complete header stack, or the reason why there is none.

mod extensions;
mod options;
mod parsed;
mod quoted;
mod route;
mod transport;

pub use parsed::{Fragment, Headers, Parsed};

use crate::address::Address;
use crate::packet::Packet;
use crate::wire::{ETH_IPV4, ETH_IPV6, Ipv4Hdr, Ipv6Hdr};

/// IP protocol numbers (IANA).
pub const ICMP: u8 = 1;
/// Transmission Control Protocol.
pub const TCP: u8 = 6;
/// User Datagram Protocol.
pub const UDP: u8 = 17;
/// ICMP for IPv6.
pub const ICMPV6: u8 = 58;
/// Stream Control Transmission Protocol.
pub const SCTP: u8 = 132;

/// TCP flag bits.
pub const TCP_FIN: u8 = 0x01;
/// Opens a connection.
pub const TCP_SYN: u8 = 0x02;
/// Ends a connection at once.
pub const TCP_RST: u8 = 0x04;
/// The acknowledgement number counts.
pub const TCP_ACK: u8 = 0x10;

/// A SYN without a window scale option.
pub const SCALE_NONE: u8 = 254;

/// ICMPv4 echo reply.
pub const ECHO_REPLY: u8 = 0;
/// ICMPv4 echo request.
pub const ECHO_REQUEST: u8 = 8;
/// ICMPv6 echo request.
pub const ECHO_REQUEST_V6: u8 = 128;
/// ICMPv6 echo reply.
pub const ECHO_REPLY_V6: u8 = 129;

/// Why there is no [`Parsed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// Neither IPv4 nor IPv6.
    NotIp,
    /// Too short, or lengths that contradict each other.
    Malformed,
    /// IPv6 extension headers that can't be judged.
    ExtensionHeader,
    /// An IPv4 source route.
    SourceRoute,
}

/// Parses the IP packet behind `l3` bytes of link header, and the one that it quotes, into empty
/// [`Headers`].
#[inline(always)]
pub fn parse_headers<P: Packet + ?Sized>(
    packet: &P,
    ether_type: [u8; 2],
    l3: usize,
    headers: &mut Headers,
) -> Option<Skip> {
    let skip = parse_into(packet, ether_type, l3, &mut headers.parsed);
    if P::WINDING && skip.is_none() && quoted::is_error(&headers.parsed) {
        quoted::read(packet, headers);
    }
    skip
}

/// Parses the IP packet behind `l3` bytes of link header.
#[inline(always)]
pub fn parse<P: Packet + ?Sized>(
    packet: &P,
    ether_type: [u8; 2],
    l3: usize,
) -> Result<Parsed, Skip> {
    // Filled in place, so that no path carries a half-made value: the verifier refuses those.
    let mut parsed = Parsed::EMPTY;
    match parse_into(packet, ether_type, l3, &mut parsed) {
        None => Ok(parsed),
        Some(skip) => Err(skip),
    }
}

/// As [`parse`], into an empty [`Parsed`] that lies elsewhere than on the stack.
#[inline(always)]
pub fn parse_into<P: Packet + ?Sized>(
    packet: &P,
    ether_type: [u8; 2],
    l3: usize,
    parsed: &mut Parsed,
) -> Option<Skip> {
    match ether_type {
        ETH_IPV4 => parse_v4(packet, l3, parsed),
        ETH_IPV6 => parse_v6(packet, l3, parsed),
        _ => Some(Skip::NotIp),
    }
}

#[inline(always)]
fn parse_v4<P: Packet + ?Sized>(packet: &P, l3: usize, parsed: &mut Parsed) -> Option<Skip> {
    let Some(ip) = packet.header::<Ipv4Hdr>(l3) else {
        return Some(Skip::Malformed);
    };
    let header = usize::from(ip.vihl & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes(ip.tot_len));
    // A packet over 64 KiB (BIG TCP) has a total length of 0.
    let fits = total >= header && l3 + total <= packet.length();
    let big = total == 0 && packet.length() > 0xffff;
    if ip.vihl >> 4 != 4 || header < Ipv4Hdr::LEN || !(fits || big) {
        return Some(Skip::Malformed);
    }
    fill_v4(&ip, l3, parsed);
    if header == Ipv4Hdr::LEN {
        return transport::read::<_, transport::Near>(packet, l3 + Ipv4Hdr::LEN, parsed);
    }
    if !P::WINDING {
        return Some(Skip::Malformed);
    }
    match route::refuse(packet, parsed) {
        None => transport::read_far(packet, parsed),
        refused => refused,
    }
}

#[inline(always)]
fn fill_v4(ip: &Ipv4Hdr, l3: usize, parsed: &mut Parsed) {
    let frags = u16::from_be_bytes(ip.frags);
    parsed.fragment = match (frags & 0x1fff, frags & 0x2000) {
        (0, 0) => Fragment::Whole,
        (0, _) => Fragment::First,
        _ => Fragment::Later,
    };
    parsed.whole = frags & 0x4000 != 0;
    parsed.id = [ip.id[0], ip.id[1], 0, 0];
    parsed.source = Address::v4(ip.src_addr);
    parsed.destination = Address::v4(ip.dst_addr);
    parsed.l3 = l3 as u16;
    parsed.l4 = (l3 + usize::from(ip.vihl & 0x0f) * 4) as u16;
    parsed.protocol = ip.proto;
    parsed.ip_protocol = ip.proto;
    parsed.hops = ip.ttl;
    parsed.length = u16::from_be_bytes(ip.tot_len);
}

#[inline(always)]
fn parse_v6<P: Packet + ?Sized>(packet: &P, l3: usize, parsed: &mut Parsed) -> Option<Skip> {
    let Some(ip) = packet.header::<Ipv6Hdr>(l3) else {
        return Some(Skip::Malformed);
    };
    let payload = usize::from(u16::from_be_bytes(ip.payload_len));
    let fits = l3 + Ipv6Hdr::LEN + payload <= packet.length();
    if ip.vcf[0] >> 4 != 6 || !fits {
        return Some(Skip::Malformed);
    }
    fill_v6(&ip, l3, parsed);
    // An address in mapped form would be taken for IPv4 from here on.
    if parsed.source.is_v4() || parsed.destination.is_v4() {
        return Some(Skip::Malformed);
    }
    if !extensions::is_extension(ip.next_hdr) {
        return transport::read::<_, transport::Near>(packet, l3 + Ipv6Hdr::LEN, parsed);
    }
    if !P::WINDING {
        return Some(Skip::Malformed);
    }
    match extensions::walk(packet, parsed) {
        None => transport::read_far(packet, parsed),
        refused => refused,
    }
}

#[inline(always)]
fn fill_v6(ip: &Ipv6Hdr, l3: usize, parsed: &mut Parsed) {
    let payload = u16::from_be_bytes(ip.payload_len);
    parsed.source = Address::v6(ip.src_addr);
    parsed.destination = Address::v6(ip.dst_addr);
    parsed.l3 = l3 as u16;
    parsed.l4 = (l3 + Ipv6Hdr::LEN) as u16;
    parsed.protocol = ip.next_hdr;
    parsed.ip_protocol = ip.next_hdr;
    parsed.hops = ip.hop_limit;
    parsed.whole = true;
    parsed.length = payload.saturating_add(Ipv6Hdr::LEN as u16);
}

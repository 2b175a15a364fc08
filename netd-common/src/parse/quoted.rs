//! ICMP errors quote the beginning of the packet that caused them (RFC 792, RFC 4443 3).

use super::{ECHO_REPLY, ECHO_REPLY_V6, ECHO_REQUEST, ECHO_REQUEST_V6};
use super::{Fragment, Headers, ICMP, ICMPV6, Parsed, SCTP, TCP, UDP, extensions};
use crate::packet::Packet;
use crate::wire::{Bytes, Header, IcmpHdr, Ipv4Hdr, Ipv6Hdr};

/// Destination unreachable, source quench, time exceeded, parameter problem; in ICMPv6 every type
/// below 128. Redirects are for neighbours only and are not translated (RFC 5508 REQ-9).
#[inline(always)]
pub(super) const fn is_error(parsed: &Parsed) -> bool {
    if !matches!(parsed.fragment, Fragment::Whole) {
        return false;
    }
    match parsed.protocol {
        ICMP if parsed.is_v4() => matches!(parsed.detail, 3 | 4 | 11 | 12),
        ICMPV6 if !parsed.is_v4() => parsed.detail < 128,
        _ => false,
    }
}

/// Reads the quoted packet's headers: of its transport only what eight bytes have (RFC 792). What
/// can't be read leaves the error without a quotation.
#[inline(never)]
pub(super) fn read<P: Packet + ?Sized>(packet: &P, headers: &mut Headers) {
    headers.quoted = Parsed::EMPTY;
    let l3 = usize::from(headers.parsed.l4) + IcmpHdr::LEN;
    let read = if headers.parsed.is_v4() {
        ipv4(packet, l3, &mut headers.quoted)
    } else {
        ipv6(packet, l3, &mut headers.quoted)
    };
    headers.parsed.quotes =
        read && ports(packet, &mut headers.quoted) && ends_within(&headers.parsed, &headers.quoted);
}

/// What was read belongs to the error: behind its end comes the link's padding, which no checksum of
/// its covers.
#[inline(always)]
fn ends_within(parsed: &Parsed, quoted: &Parsed) -> bool {
    let transport = match quoted.protocol {
        ICMP | ICMPV6 => IcmpHdr::LEN,
        _ => PORTS,
    };
    usize::from(quoted.l4) + transport <= usize::from(parsed.l3) + usize::from(parsed.length)
}

/// Bytes of the two ports with which TCP, UDP and SCTP begin.
const PORTS: usize = 4;

#[inline(always)]
fn ipv4<P: Packet + ?Sized>(packet: &P, l3: usize, quoted: &mut Parsed) -> bool {
    let Some(ip) = packet.far_header::<Ipv4Hdr>(l3) else { return false };
    super::fill_v4(&ip, l3, quoted);
    ip.vihl >> 4 == 4 && ip.vihl & 0x0f >= 5
}

#[inline(always)]
fn ipv6<P: Packet + ?Sized>(packet: &P, l3: usize, quoted: &mut Parsed) -> bool {
    let Some(ip) = packet.far_header::<Ipv6Hdr>(l3) else { return false };
    super::fill_v6(&ip, l3, quoted);
    let mapped = quoted.source.is_v4() || quoted.destination.is_v4();
    let walked =
        !extensions::is_extension(ip.next_hdr) || extensions::walk(packet, quoted).is_none();
    ip.vcf[0] >> 4 == 6 && !mapped && walked
}

#[inline(always)]
fn ports<P: Packet + ?Sized>(packet: &P, quoted: &mut Parsed) -> bool {
    if matches!(quoted.fragment, Fragment::Later) {
        return false;
    }
    let l4 = usize::from(quoted.l4);
    match quoted.protocol {
        TCP | UDP | SCTP => {
            let Some(Bytes([a, b, c, d])) = packet.far_header::<Bytes<PORTS>>(l4) else {
                return false;
            };
            (quoted.source_port, quoted.destination_port) = ([a, b], [c, d]);
            true
        }
        ICMP | ICMPV6 => {
            let Some(icmp) = packet.far_header::<IcmpHdr>(l4) else { return false };
            quoted.detail = icmp.kind;
            match (quoted.protocol, icmp.kind) {
                (ICMP, ECHO_REQUEST) | (ICMPV6, ECHO_REQUEST_V6) => quoted.source_port = icmp.id,
                (ICMP, ECHO_REPLY) | (ICMPV6, ECHO_REPLY_V6) => quoted.destination_port = icmp.id,
                _ => return false,
            }
            true
        }
        _ => false,
    }
}

//! The way past IPv6 extension headers (RFC 8200 4).

use super::{Fragment, Parsed, Skip};
use crate::packet::Packet;
use crate::wire::{ExtensionHdr, FragmentHdr, Header, Ipv6Hdr};

/// Hop-by-hop, routing, fragment, authentication, destination options, mobility, HIP, shim6.
#[inline(always)]
pub(super) const fn is_extension(next: u8) -> bool {
    matches!(next, 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140)
}

/// Steps over at most eight headers of 512 bytes in all; hop-by-hop only first, no routing header
/// (RFC 5095), no authentication, mobility or other header that hides what follows. Says why it
/// can't: functions of their own return one byte, which BPF and its type format can express.
#[inline(never)]
pub(super) fn walk<P: Packet + ?Sized>(packet: &P, parsed: &mut Parsed) -> Option<Skip> {
    for position in 0..MAX_EXTENSIONS {
        let behind = usize::from(parsed.l4 - parsed.l3);
        if behind > Ipv6Hdr::LEN + MAX_EXTENSION_BYTES {
            return Some(Skip::ExtensionHeader);
        }
        match parsed.protocol {
            FRAGMENT => {
                let Some(header) = packet.far_header::<FragmentHdr>(parsed.l4.into()) else {
                    return Some(Skip::Malformed);
                };
                let offset = u16::from_be_bytes(header.offset);
                parsed.protocol = header.next;
                parsed.l4 += FragmentHdr::LEN as u16;
                parsed.id = header.id;
                if offset & 0xfff8 != 0 {
                    parsed.fragment = Fragment::Later;
                    return None;
                }
                if offset & 1 != 0 {
                    parsed.fragment = Fragment::First;
                }
            }
            HOP_BY_HOP if position > 0 => return Some(Skip::ExtensionHeader),
            HOP_BY_HOP | DESTINATION => {
                let Some(header) = packet.far_header::<ExtensionHdr>(parsed.l4.into()) else {
                    return Some(Skip::Malformed);
                };
                parsed.protocol = header.next;
                parsed.l4 += 8 + u16::from(header.length) * 8;
            }
            other if is_extension(other) => return Some(Skip::ExtensionHeader),
            _ => return None,
        }
    }
    Some(Skip::ExtensionHeader)
}

const HOP_BY_HOP: u8 = 0;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;
const MAX_EXTENSIONS: usize = 8;
const MAX_EXTENSION_BYTES: usize = 512;

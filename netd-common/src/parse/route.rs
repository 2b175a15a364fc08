//! IPv4 options (RFC 791 3.1): translation steps over them, but for those that choose a packet's way
//! (RFC 7126 4.3, 4.4).

use super::{Parsed, Skip};
use crate::packet::Packet;
use crate::wire::{Bytes, Ipv4Hdr};

/// Why the options of a packet whose header has some are refused; none where they are not.
#[inline(never)]
pub(super) fn refuse<P: Packet + ?Sized>(packet: &P, parsed: &Parsed) -> Option<Skip> {
    let mut at = usize::from(parsed.l3) + Ipv4Hdr::LEN;
    let end = usize::from(parsed.l4);
    for _ in 0..MAX_OPTIONS {
        if at >= end {
            return if at == end { None } else { Some(Skip::Malformed) };
        }
        let Some(Bytes([kind])) = packet.far_header::<Bytes<1>>(at) else {
            return Some(Skip::Malformed);
        };
        match kind {
            END => return None,
            NOTHING => at += 1,
            LOOSE_ROUTE | STRICT_ROUTE => return Some(Skip::SourceRoute),
            _ => {
                let Some(Bytes([length])) = packet.far_header::<Bytes<1>>(at + 1) else {
                    return Some(Skip::Malformed);
                };
                if length < 2 {
                    return Some(Skip::Malformed);
                }
                at += usize::from(length);
            }
        }
    }
    None
}

/// The header's length has four bits: 40 bytes at most.
const MAX_OPTIONS: u32 = 40;
const END: u8 = 0;
const NOTHING: u8 = 1;
const LOOSE_ROUTE: u8 = 131;
const STRICT_ROUTE: u8 = 137;

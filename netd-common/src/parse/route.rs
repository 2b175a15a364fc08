//! IPv4 options (RFC 791 3.1): translation steps over them, but for those that choose a packet's way
//! (RFC 7126 4.3, 4.4).

use super::{Parsed, Skip};
use crate::packet::Packet;
use crate::wire::{Bytes, Ipv4Hdr};

/// Why the options of a packet whose header has some are refused; none where they are not. Byte by
/// byte at offsets that grow evenly: the verifier would follow every option's length otherwise.
#[inline(never)]
pub(super) fn refuse<P: Packet + ?Sized>(packet: &P, parsed: &Parsed) -> Option<Skip> {
    let start = usize::from(parsed.l3) + Ipv4Hdr::LEN;
    let words = u32::from(parsed.l4 - parsed.l3) / 4;
    let mut reader = Reader { part: Part::Kind, left: 0 };
    for word in 0..MAX_WORDS {
        if word + 5 >= words {
            break;
        }
        let Some(Bytes(bytes)) = packet.far_header::<Bytes<4>>(start + word as usize * 4) else {
            return Some(Skip::Malformed);
        };
        for byte in bytes {
            reader.take(byte);
        }
        match reader.part {
            Part::End => return None,
            Part::Route => return Some(Skip::SourceRoute),
            Part::Broken => return Some(Skip::Malformed),
            Part::Kind | Part::Length | Part::Data => {}
        }
    }
    if matches!(reader.part, Part::Kind) { None } else { Some(Skip::Malformed) }
}

/// What the next byte is.
enum Part {
    Kind,
    Length,
    Data,
    /// Nothing any more: padding follows.
    End,
    /// Nothing any more: the sender chooses the way.
    Route,
    /// Nothing any more: an option has no length.
    Broken,
}

struct Reader {
    part: Part,
    /// Bytes of the option that are still to come.
    left: u8,
}

impl Reader {
    #[inline(always)]
    fn take(&mut self, byte: u8) {
        match self.part {
            Part::Kind => match byte {
                NOTHING => {}
                END => self.part = Part::End,
                LOOSE_ROUTE | STRICT_ROUTE => self.part = Part::Route,
                _ => self.part = Part::Length,
            },
            Part::Length if byte < 2 => self.part = Part::Broken,
            Part::Length => {
                self.left = byte - 2;
                self.part = if byte == 2 { Part::Kind } else { Part::Data };
            }
            Part::Data => {
                self.left -= 1;
                if self.left == 0 {
                    self.part = Part::Kind;
                }
            }
            Part::End | Part::Route | Part::Broken => {}
        }
    }
}

/// The header's length has four bits: 40 bytes at most.
const MAX_WORDS: u32 = 10;
const END: u8 = 0;
const NOTHING: u8 = 1;
const LOOSE_ROUTE: u8 = 131;
const STRICT_ROUTE: u8 = 137;

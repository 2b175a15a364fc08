//! The options of a SYN that translation needs (RFC 9293 3.2, RFC 7323 2.2).

use super::{Parsed, SCALE_NONE};
use crate::packet::Packet;
use crate::wire::{Bytes, Header, TcpHdr};

/// Reads the largest segment and the window scale of a SYN; `words` is its header's length in
/// 32-bit words. What is not there, or cut short, stays as it was.
#[inline(never)]
pub(super) fn read<P: Packet + ?Sized>(packet: &P, parsed: &mut Parsed, words: u32) {
    parsed.scale = SCALE_NONE;
    let start = usize::from(parsed.l4) + TcpHdr::LEN;
    let mut reader = Reader { kind: 0, left: 0, part: Part::Kind, value: 0 };
    for word in 0..MAX_WORDS {
        if word + 5 >= words {
            return;
        }
        let at = start + word as usize * 4;
        let Some(Bytes(bytes)) = packet.far_header::<Bytes<4>>(at) else { return };
        let bytes = u32::from_be_bytes(bytes);
        for place in 0..4 {
            let byte = (bytes >> (24 - place * 8)) as u8;
            reader.take(byte, (at + place as usize) as u16, parsed);
        }
    }
}

/// Ten words: the header's length has four bits, and the header itself five words.
const MAX_WORDS: u32 = 10;

enum Part {
    Kind,
    Length,
    Data,
    End,
}

struct Reader {
    kind: u8,
    left: u8,
    part: Part,
    value: u16,
}

impl Reader {
    #[inline(always)]
    fn take(&mut self, byte: u8, at: u16, parsed: &mut Parsed) {
        match self.part {
            Part::End => {}
            Part::Kind => match byte {
                0 => self.part = Part::End,
                1 => {}
                kind => {
                    self.kind = kind;
                    self.part = Part::Length;
                }
            },
            Part::Length if byte < 2 => self.part = Part::End,
            Part::Length => {
                self.left = byte - 2;
                self.value = 0;
                self.part = if byte == 2 { Part::Kind } else { Part::Data };
            }
            Part::Data => {
                self.value = self.value << 8 | u16::from(byte);
                self.left -= 1;
                if self.left == 0 {
                    self.part = Part::Kind;
                    self.finish(at, parsed);
                }
            }
        }
    }

    #[inline(always)]
    fn finish(&self, at: u16, parsed: &mut Parsed) {
        match self.kind {
            2 => {
                parsed.mss = self.value;
                parsed.mss_at = at - 1;
            }
            3 => parsed.scale = if self.value > 14 { 14 } else { self.value as u8 },
            _ => {}
        }
    }
}

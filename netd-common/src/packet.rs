//! The one way to reach packet bytes: implemented by the XDP and TC contexts and by `[u8]`.

use crate::crc;
use crate::wire::{self, Header};

/// A packet whose bytes can be read as headers, with every bound checked.
pub trait Packet {
    /// Its headers may have options or extension headers, and it may quote another packet. False where
    /// whoever asks has made sure that it does not.
    const WINDING: bool = true;

    /// Bytes in the whole packet, those that can't be read included.
    fn length(&self) -> usize;
    /// Bytes of payload in each segment that the packet is still to be cut into; none where it goes
    /// out as it is.
    fn segment(&self) -> Option<u16> {
        None
    }
    /// A copy of the header at `offset` bytes from the start; none where it does not fit.
    fn header<H: Header>(&self, offset: usize) -> Option<H>;
    /// As [`header`](Self::header), for offsets that other headers decide: slower, and easy on the
    /// verifier, which follows constant offsets best.
    fn far_header<H: Header>(&self, offset: usize) -> Option<H> {
        self.header(offset)
    }
}

/// A packet whose bytes can be edited in place. TC's are not: its helpers edit them, because only
/// they know what part of a checksum is still to be computed.
pub trait PacketMut: Packet {
    /// Writes `header` at `offset` bytes from the start; none where it does not fit.
    fn set_header<H: Header>(&mut self, offset: usize, header: H) -> Option<()>;
    /// [`crc::multiply`], or a function that does the same.
    fn multiply(&self, one: u32, other: u32) -> u32 {
        crc::multiply(one, other)
    }
}

impl Packet for [u8] {
    fn length(&self) -> usize {
        self.len()
    }
    fn header<H: Header>(&self, offset: usize) -> Option<H> {
        wire::read(self, offset)
    }
}

impl PacketMut for [u8] {
    fn set_header<H: Header>(&mut self, offset: usize, header: H) -> Option<()> {
        wire::write(self, offset, header)
    }
}

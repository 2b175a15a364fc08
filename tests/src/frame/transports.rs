//! The transports that cases look into: TCP with its numbers and options, SCTP with its checksum.

use netd_common::crc;

/// A TCP segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Source and destination port.
    pub ports: (u16, u16),
    /// CWR ECE URG ACK PSH RST SYN FIN.
    pub flags: u8,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// Window, unscaled.
    pub window: u16,
    /// Options, a multiple of four bytes.
    pub options: Vec<u8>,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Segment {
    /// A segment without numbers, with the largest window.
    #[must_use]
    pub fn new(ports: (u16, u16), flags: u8) -> Self {
        Self {
            ports,
            flags,
            sequence: 0,
            acknowledgement: 0,
            window: 0xffff,
            options: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// With this sequence and acknowledgement number.
    #[must_use]
    pub fn at(mut self, sequence: u32, acknowledgement: u32) -> Self {
        (self.sequence, self.acknowledgement) = (sequence, acknowledgement);
        self
    }

    /// With this window.
    #[must_use]
    pub fn window(mut self, window: u16) -> Self {
        self.window = window;
        self
    }

    /// With these options, a multiple of four bytes.
    #[must_use]
    pub fn options(mut self, options: &[u8]) -> Self {
        self.options = options.to_vec();
        self
    }

    /// With this payload.
    #[must_use]
    pub fn payload(mut self, payload: &[u8]) -> Self {
        self.payload = payload.to_vec();
        self
    }

    /// The bytes, with a checksum of zero.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut tcp = Vec::from(self.ports.0.to_be_bytes());
        tcp.extend(self.ports.1.to_be_bytes());
        tcp.extend(self.sequence.to_be_bytes());
        tcp.extend(self.acknowledgement.to_be_bytes());
        tcp.extend([((20 + self.options.len()) * 4) as u8, self.flags]);
        tcp.extend(self.window.to_be_bytes());
        tcp.extend([0; 4]);
        tcp.extend(&self.options);
        tcp.extend(&self.payload);
        tcp
    }
}

/// An SCTP packet with one chunk.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Source and destination port.
    pub ports: (u16, u16),
    /// The chunk's type: 0 DATA, 1 INIT, 2 INIT ACK, 6 ABORT, 14 SHUTDOWN COMPLETE.
    pub kind: u8,
    /// It has its checksum; else zero is in its place, which a device is to replace.
    pub checked: bool,
}

impl Chunk {
    /// A packet with its checksum.
    #[must_use]
    pub fn new(ports: (u16, u16), kind: u8) -> Self {
        Self { ports, kind, checked: true }
    }

    /// With zero in place of the checksum.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.checked = false;
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut sctp = Vec::from(self.ports.0.to_be_bytes());
        sctp.extend(self.ports.1.to_be_bytes());
        sctp.extend([0xca, 0xfe, 0xf0, 0x0d, 0, 0, 0, 0]);
        sctp.extend([self.kind, 0, 0, 12]);
        sctp.extend(b"contents");
        if self.checked {
            let check = crc::of(&sctp).to_le_bytes();
            sctp[8..12].copy_from_slice(&check);
        }
        sctp
    }
}

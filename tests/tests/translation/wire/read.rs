//! From bytes to a packet.

use super::{Body, Packet, SCTP, Tcp, crc32c, folded, pseudo, sum, word};
use std::net::IpAddr;

impl Packet {
    /// The packet that these bytes are, from the IP header on; none where they are no IP packet.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        Self::read(bytes, false)
    }

    pub(super) fn read(bytes: &[u8], quoted: bool) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::read_v4(bytes, quoted),
            6 => Self::read_v6(bytes, quoted),
            _ => None,
        }
    }

    fn read_v4(bytes: &[u8], quoted: bool) -> Option<Self> {
        let header = usize::from(bytes[0] & 15) * 4;
        let (head, length) = (bytes.get(..header)?, usize::from(word(bytes, 2)?));
        let address = |at: usize| -> Option<IpAddr> {
            let octets: [u8; 4] = head.get(at..at + 4)?.try_into().ok()?;
            Some(IpAddr::from(octets))
        };
        let flags = word(head, 6)?;
        let (offset, more) = ((flags & 0x1fff) * 8, flags & 0x2000 != 0);
        let mut packet = Self::new(address(12)?, address(16)?, Body::Other(head[9], Vec::new()));
        packet.hops = head[8];
        packet.class = head[1];
        packet.id = word(head, 4)?;
        packet.dont_fragment = flags & 0x4000 != 0;
        packet.fragment = (offset > 0 || more).then_some((offset, more));
        packet.options = head[20..].to_vec();
        if folded(sum(head)) != 0xffff {
            packet.faults.push("the IP header's checksum");
        }
        let end = length.min(bytes.len());
        packet.read_body(head[9], bytes.get(header..end)?, quoted, length > bytes.len());
        Some(packet)
    }

    fn read_v6(bytes: &[u8], quoted: bool) -> Option<Self> {
        let address = |at: usize| -> Option<IpAddr> {
            let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
            Some(IpAddr::from(octets))
        };
        let (mut protocol, mut at) = (*bytes.get(6)?, 40);
        let mut packet = Self::new(address(8)?, address(24)?, Body::Other(protocol, Vec::new()));
        packet.hops = bytes[7];
        packet.class = bytes[0] << 4 | bytes[1] >> 4;
        if protocol == 44 {
            let field = word(bytes, 42)?;
            packet.fragment = Some((field & 0xfff8, field & 1 != 0));
            packet.id = word(bytes, 46)?;
            (protocol, at) = (bytes[40], 48);
        }
        let length = 40 + usize::from(word(bytes, 4)?);
        let end = length.min(bytes.len());
        packet.read_body(protocol, bytes.get(at..end)?, quoted, length > bytes.len());
        Some(packet)
    }

    fn read_body(&mut self, protocol: u8, bytes: &[u8], quoted: bool, cut: bool) {
        if self.fragment.is_none() || (quoted && self.is_first()) {
            let unchecked = protocol == 17 && word(bytes, 6) == Some(0);
            let total = pseudo(self.from, self.to, protocol, bytes.len()) + sum(bytes);
            let whole = !cut && self.fragment.is_none();
            let known = matches!(protocol, 1 | 6 | 17 | 58);
            if whole && known && !unchecked && folded(total) != 0xffff {
                self.faults.push("the transport's checksum");
            }
        }
        if protocol == SCTP && !cut && self.fragment.is_none() && bytes.len() >= 12 {
            let cleared = [&bytes[..8], &[0; 4], &bytes[12..]].concat();
            if bytes[8..12] != crc32c(&cleared).to_le_bytes() {
                self.faults.push("the SCTP checksum");
            }
        }
        let body = if self.fragment.is_none() { read_transport(protocol, bytes) } else { None };
        self.body = body.unwrap_or_else(|| Body::Other(protocol, bytes.to_vec()));
    }
}

fn read_transport(protocol: u8, bytes: &[u8]) -> Option<Body> {
    let after = |at: usize| bytes.get(at..).unwrap_or_default().to_vec();
    let double =
        |at: usize| Some(u32::from(word(bytes, at)?) << 16 | u32::from(word(bytes, at + 2)?));
    match protocol {
        6 => Some(Body::Tcp(Tcp {
            ports: (word(bytes, 0)?, word(bytes, 2)?),
            sequence: double(4)?,
            // An ICMP error may quote no more than eight bytes.
            acknowledged: double(8).unwrap_or_default(),
            flags: bytes.get(13).copied().unwrap_or_default(),
            payload: after(usize::from(bytes.get(12).copied().unwrap_or(0x50) >> 4) * 4),
        })),
        17 => {
            let (from, to, check) = (word(bytes, 0)?, word(bytes, 2)?, word(bytes, 6)?);
            Some(Body::Udp(from, to, check != 0, after(8)))
        }
        1 | 58 => {
            let rest = bytes.get(4..8)?.try_into().ok()?;
            Some(Body::Icmp(bytes[0], bytes[1], rest, after(8)))
        }
        _ => None,
    }
}

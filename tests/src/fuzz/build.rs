//! Packets from their parts, with every length and checksum right.

use netd_common::{
    address::Address,
    checksum,
    parse::{ICMP, ICMPV6, SCTP, TCP, UDP},
};

/// Where a packet's IP header comes from.
#[derive(Clone, Debug)]
pub(super) struct Ip {
    pub(super) source: Address,
    pub(super) destination: Address,
    pub(super) hops: u8,
    /// Type of service, or the low byte of the traffic class.
    pub(super) service: u8,
    pub(super) id: u16,
    /// Don't fragment (IPv4).
    pub(super) whole: bool,
    /// Offset in units of 8 bytes, and more-fragments.
    pub(super) fragment: Option<(u16, bool)>,
    /// Options of IPv4, a multiple of four bytes.
    pub(super) options: Vec<u8>,
    /// Extension headers of IPv6: number and bytes, the first of which says what follows.
    pub(super) extensions: Vec<(u8, Vec<u8>)>,
}

impl Ip {
    /// A plain header.
    pub(super) fn new(source: Address, destination: Address) -> Self {
        Self {
            source,
            destination,
            hops: 64,
            service: 0,
            id: 0x1234,
            whole: false,
            fragment: None,
            options: Vec::new(),
            extensions: Vec::new(),
        }
    }

    /// The packet, from its IP header on.
    pub(super) fn packet(&self, protocol: u8, transport: &[u8]) -> Vec<u8> {
        if self.source.is_v4() {
            self.v4(protocol, transport)
        } else {
            self.v6(protocol, transport)
        }
    }

    fn v4(&self, protocol: u8, transport: &[u8]) -> Vec<u8> {
        let header = 20 + self.options.len();
        let mut ip = Vec::with_capacity(header + transport.len());
        ip.extend([0x40 | (header / 4) as u8, self.service]);
        ip.extend(((header + transport.len()) as u16).to_be_bytes());
        ip.extend(self.id.to_be_bytes());
        let (offset, more) = self.fragment.unwrap_or((0, false));
        let flags = u16::from(self.whole) << 14 | u16::from(more) << 13;
        ip.extend((flags | offset).to_be_bytes());
        ip.extend([self.hops, protocol, 0, 0]);
        ip.extend(self.source.v4_bytes());
        ip.extend(self.destination.v4_bytes());
        ip.extend(&self.options);
        let check = checksum::of(0, &ip);
        ip[10..12].copy_from_slice(&check);
        ip.extend(transport);
        ip
    }

    fn v6(&self, protocol: u8, transport: &[u8]) -> Vec<u8> {
        let mut chain = self.extensions.clone();
        if let Some((offset, more)) = self.fragment {
            let mut header = vec![0, 0];
            header.extend((offset << 3 | u16::from(more)).to_be_bytes());
            header.extend([0, 0]);
            header.extend(self.id.to_be_bytes());
            chain.push((44, header));
        }
        let behind: usize = chain.iter().map(|(_, bytes)| bytes.len()).sum();
        let mut ip = vec![0x60 | self.service >> 4, self.service << 4, 0, 0];
        ip.extend(((behind + transport.len()) as u16).to_be_bytes());
        ip.extend([chain.first().map_or(protocol, |(kind, _)| *kind), self.hops]);
        ip.extend(self.source.v6_bytes());
        ip.extend(self.destination.v6_bytes());
        for (place, (_, bytes)) in chain.iter().enumerate() {
            let at = ip.len();
            ip.extend(bytes);
            ip[at] = chain.get(place + 1).map_or(protocol, |(kind, _)| *kind);
        }
        ip.extend(transport);
        ip
    }
}

/// Puts a transport's checksum into its bytes, which hold zeros there.
pub(super) fn seal(bytes: &mut [u8], protocol: u8, source: &Address, destination: &Address) {
    let at = match protocol {
        TCP => 16,
        UDP => 6,
        ICMP | ICMPV6 => 2,
        SCTP => {
            let check = crc32c(bytes).to_le_bytes();
            bytes[8..12].copy_from_slice(&check);
            return;
        }
        _ => return,
    };
    let start =
        if protocol == ICMP { 0 } else { pseudo(protocol, bytes.len(), source, destination) };
    let mut check = checksum::of(start, bytes);
    if protocol == UDP && check == [0; 2] {
        check = [0xff; 2];
    }
    bytes[at..at + 2].copy_from_slice(&check);
}

/// The sum of a pseudo-header.
fn pseudo(protocol: u8, length: usize, source: &Address, destination: &Address) -> u64 {
    let ends = if source.is_v4() {
        checksum::sum(&source.v4_bytes()) + checksum::sum(&destination.v4_bytes())
    } else {
        checksum::sum(&source.v6_bytes()) + checksum::sum(&destination.v6_bytes())
    };
    ends + checksum::sum(&[0, protocol]) + checksum::sum(&(length as u32).to_be_bytes())
}

/// SCTP's checksum (RFC 9260 A) of bytes that hold zeros in its place.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc = crc >> 8 ^ TABLE[((crc ^ u32::from(*byte)) & 0xff) as usize];
    }
    !crc
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    #[test]
    fn rfc3720_crc32c_example() {
        assert_eq!(super::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(super::crc32c(b"123456789"), 0xe306_9283);
    }
}

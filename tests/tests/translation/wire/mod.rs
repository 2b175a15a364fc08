//! IP packets as the tests speak of them: made, read, and put into a line of text. It shares no
//! code with what it tests.

mod read;
mod write;

use std::{fmt, net::IpAddr};

/// An IPv4 or IPv6 packet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packet {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    pub(crate) hops: u8,
    /// Traffic class, type of service.
    pub(crate) class: u8,
    pub(crate) id: u16,
    pub(crate) dont_fragment: bool,
    /// Offset in bytes, and whether more follow.
    pub(crate) fragment: Option<(u16, bool)>,
    /// IPv4 options, a multiple of four bytes.
    pub(crate) options: Vec<u8>,
    pub(crate) body: Body,
    /// What is wrong with its checksums.
    pub(crate) faults: Vec<&'static str>,
}

/// What an IP packet carries; a piece of a datagram is `Other`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Body {
    Tcp(Tcp),
    /// Ports, whether it has a checksum, payload.
    Udp(u16, u16, bool, Vec<u8>),
    /// Type, code, the word that follows, payload.
    Icmp(u8, u8, [u8; 4], Vec<u8>),
    Other(u8, Vec<u8>),
}

/// A TCP segment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tcp {
    pub(crate) ports: (u16, u16),
    pub(crate) sequence: u32,
    pub(crate) acknowledged: u32,
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;

impl Packet {
    pub(crate) fn new(from: IpAddr, to: IpAddr, body: Body) -> Self {
        Self {
            from,
            to,
            hops: 64,
            class: 0,
            id: 7,
            dont_fragment: false,
            fragment: None,
            options: Vec::new(),
            body,
            faults: Vec::new(),
        }
    }

    pub(crate) fn udp(from: (IpAddr, u16), to: (IpAddr, u16), payload: &[u8]) -> Self {
        Self::new(from.0, to.0, Body::Udp(from.1, to.1, true, payload.to_vec()))
    }

    /// A segment with these flags, sequence and acknowledgement number.
    pub(crate) fn tcp(
        from: (IpAddr, u16),
        to: (IpAddr, u16),
        flags: u8,
        (sequence, acknowledged): (u32, u32),
    ) -> Self {
        let ports = (from.1, to.1);
        let tcp = Tcp { ports, sequence, acknowledged, flags, ..Tcp::default() };
        Self::new(from.0, to.0, Body::Tcp(tcp))
    }

    /// An echo request or its answer.
    pub(crate) fn echo(from: IpAddr, to: IpAddr, request: bool, id: u16, payload: &[u8]) -> Self {
        let kind = match (from.is_ipv4(), request) {
            (true, true) => 8,
            (true, false) => 0,
            (false, true) => 128,
            (false, false) => 129,
        };
        let [a, b] = id.to_be_bytes();
        Self::new(from, to, Body::Icmp(kind, 0, [a, b, 0, 1], payload.to_vec()))
    }

    /// An SCTP packet of one chunk.
    pub(crate) fn sctp(from: (IpAddr, u16), to: (IpAddr, u16), tag: u32, chunk: &[u8]) -> Self {
        let mut bytes = Vec::from(from.1.to_be_bytes());
        bytes.extend(to.1.to_be_bytes());
        bytes.extend(tag.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(chunk);
        let check = crc32c(&bytes);
        bytes[8..12].copy_from_slice(&check.to_le_bytes());
        Self::new(from.0, to.0, Body::Other(SCTP, bytes))
    }

    pub(crate) fn hops(mut self, hops: u8) -> Self {
        self.hops = hops;
        self
    }

    /// It may not be fragmented on its way (IPv4; IPv6 never is).
    pub(crate) fn whole(mut self) -> Self {
        self.dont_fragment = true;
        self
    }

    /// The datagram in pieces whose payload is at most `size` bytes, a multiple of eight.
    pub(crate) fn pieces(&self, size: usize, id: u16) -> Vec<Self> {
        let (protocol, bytes) = self.transport();
        let count = bytes.len().div_ceil(size);
        let piece = |(number, part): (usize, &[u8])| {
            let offset = u16::try_from(number * size).unwrap();
            let body = Body::Other(protocol, part.to_vec());
            let fragment = Some((offset, number + 1 < count));
            Self { id, fragment, body, ..self.clone() }
        };
        bytes.chunks(size).enumerate().map(piece).collect()
    }

    /// Behind a destination options header with padding in it (IPv6).
    pub(crate) fn with_destination_options(mut self) -> Self {
        let (protocol, bytes) = self.transport();
        let header = [&[protocol, 0, 1, 4, 0, 0, 0, 0], &bytes[..]].concat();
        self.body = Body::Other(60, header);
        self
    }

    /// Without a checksum (UDP over IPv4).
    pub(crate) fn unchecked(&mut self) {
        if let Body::Udp(_, _, checked, _) = &mut self.body {
            *checked = false;
        }
    }

    /// Neighbour and listener discovery, which are about at any time.
    pub(crate) fn is_discovery(&self) -> bool {
        let message = matches!(self.body, Body::Icmp(130..=143, ..) | Body::Other(0, _));
        self.from.is_ipv6() && message
    }

    pub(crate) fn as_tcp(&self) -> Option<&Tcp> {
        if let Body::Tcp(tcp) = &self.body { Some(tcp) } else { None }
    }

    /// Source and destination port; none where there are none.
    pub(crate) fn ports(&self) -> Option<(u16, u16)> {
        match &self.body {
            Body::Tcp(tcp) => Some(tcp.ports),
            Body::Udp(from, to, ..) => Some((*from, *to)),
            Body::Other(_, bytes) if self.is_first() => {
                Some((word(bytes, 0)?, word(bytes, 2)?)) // SCTP, or the head of a datagram
            }
            Body::Icmp(..) | Body::Other(..) => None,
        }
    }

    fn is_first(&self) -> bool {
        self.fragment.is_none_or(|(offset, _)| offset == 0)
    }

    /// Where it was sent to, by address and port.
    pub(crate) fn reaches(&self, end: (IpAddr, u16)) -> bool {
        self.to == end.0 && self.ports().is_some_and(|(_, to)| to == end.1)
    }

    /// The packet that an ICMP error is about, as far as it quotes it.
    pub(crate) fn quoted(&self) -> Option<Self> {
        let Body::Icmp(kind, _, _, payload) = &self.body else { return None };
        let error =
            if self.from.is_ipv4() { matches!(kind, 3 | 4 | 5 | 11 | 12) } else { *kind < 128 };
        if error { Self::read(payload, true) } else { None }
    }
}

/// `203.0.113.9:9 > 198.51.100.2:4000 tcp SYN ACK`, and what an ICMP error is about in brackets.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ports() {
            Some((from, to)) => write!(f, "{} port {from} > {} port {to}", self.from, self.to)?,
            None => write!(f, "{} > {}", self.from, self.to)?,
        }
        match &self.body {
            Body::Tcp(tcp) => write!(f, " tcp{}", flags(tcp.flags))?,
            Body::Udp(_, _, true, payload) => write!(f, " udp {}", payload.len())?,
            Body::Udp(_, _, false, payload) => write!(f, " udp {} unchecked", payload.len())?,
            Body::Icmp(kind, code, [a, b, c, d], _) => match self.quoted() {
                // Its word is the hop's MTU, or nothing.
                Some(inner) => {
                    let mtu = u16::from_be_bytes([*c, *d]);
                    write!(f, " icmp {kind}/{code} mtu {mtu} about [{inner}]")?;
                }
                None => write!(f, " icmp {kind}/{code} id {}", u16::from_be_bytes([*a, *b]))?,
            },
            Body::Other(protocol, _) => write!(f, " protocol {protocol}")?,
        }
        if let Some((offset, more)) = self.fragment {
            write!(f, " piece at {offset}{}", if more { " and more" } else { "" })?;
        }
        self.faults.iter().try_for_each(|fault| write!(f, " WRONG: {fault}"))
    }
}

fn flags(flags: u8) -> String {
    let names = [(SYN, " SYN"), (FIN, " FIN"), (RST, " RST"), (ACK, " ACK")];
    names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect()
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// RFC 1071: the sum of the 16-bit words, not folded.
fn sum(bytes: &[u8]) -> u64 {
    let pair = |pair: &[u8]| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0));
    bytes.chunks(2).map(pair).sum()
}

fn folded(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

fn pseudo(from: IpAddr, to: IpAddr, protocol: u8, length: usize) -> u64 {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    if protocol == 1 {
        return 0;
    }
    sum(&octets(from)) + sum(&octets(to)) + u64::from(protocol) + length as u64
}

const SCTP: u8 = 132;

/// RFC 9260 appendix A.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc: u32, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

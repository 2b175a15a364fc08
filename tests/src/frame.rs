//! Packets for tests: built with every length and checksum right, then spoiled where a case wants.

mod transports;

pub use transports::{Chunk, Segment};

use netd_common::checksum;
use std::net::IpAddr;

/// An Ethernet frame with an IP packet.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Source and destination Ethernet address.
    pub macs: ([u8; 6], [u8; 6]),
    /// Source and destination address; one family.
    pub addresses: (IpAddr, IpAddr),
    /// TTL or hop limit.
    pub hops: u8,
    /// Bytes between the IP header and the transport: IPv4 options, or IPv6 extension headers with
    /// the first one's number.
    pub extra: Option<(u8, Vec<u8>)>,
    /// Fragment offset in units of 8 bytes, and more-fragments.
    pub fragment: (u16, bool),
    /// Type of service (IPv4).
    pub service: u8,
    /// Identification.
    pub id: u16,
    /// Don't fragment (IPv4).
    pub whole: bool,
    /// What the packet carries.
    pub body: Body,
}

/// What an IP packet carries.
#[derive(Clone, Debug)]
pub enum Body {
    /// Ports, flags, payload.
    Tcp(u16, u16, u8, Vec<u8>),
    /// Ports, payload.
    Udp(u16, u16, Vec<u8>),
    /// Type, code, the rest of the message.
    Icmp(u8, u8, Vec<u8>),
    /// A TCP segment in full.
    Segment(Segment),
    /// An SCTP packet with one chunk.
    Sctp(Chunk),
    /// Protocol number, bytes.
    Raw(u8, Vec<u8>),
}

impl Body {
    /// The protocol in a word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Tcp(..) | Self::Segment(_) => "TCP",
            Self::Sctp(_) => "SCTP",
            Self::Udp(..) => "UDP",
            Self::Icmp(..) => "an echo",
            Self::Raw(..) => "another protocol",
        }
    }
}

impl Frame {
    /// A packet between two addresses, from and to these Ethernet addresses.
    #[must_use]
    pub fn new(macs: ([u8; 6], [u8; 6]), from: IpAddr, to: IpAddr, body: Body) -> Self {
        Self {
            macs,
            addresses: (from, to),
            hops: 64,
            extra: None,
            fragment: (0, false),
            service: 0,
            id: 0x1234,
            whole: false,
            body,
        }
    }

    /// With this TTL or hop limit.
    #[must_use]
    pub fn hops(mut self, hops: u8) -> Self {
        self.hops = hops;
        self
    }

    /// May not be fragmented on its way.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// With these bytes between the IP header and the transport, the first of which are a header of
    /// this number in IPv6.
    #[must_use]
    pub fn extra(mut self, first: u8, bytes: &[u8]) -> Self {
        self.extra = Some((first, bytes.to_vec()));
        self
    }

    /// The packet in two fragments, the first with `count` bytes of the transport.
    #[must_use]
    pub fn split(&self, count: usize) -> (Vec<u8>, Vec<u8>) {
        let (protocol, transport) = self.transport();
        let part = |fragment, bytes: &[u8]| {
            let body = Body::Raw(protocol, bytes.to_vec());
            Self { fragment, body, ..self.clone() }.bytes()
        };
        let behind = ((count / 8) as u16, false);
        (part((0, true), &transport[..count]), part(behind, &transport[count..]))
    }

    /// The packet as an ICMP error quotes it: all headers of IP, and `count` bytes behind them, or
    /// as many as there are.
    #[must_use]
    pub fn quoted(&self, count: usize) -> Vec<u8> {
        let packet = self.bytes();
        let behind = packet.len() - self.transport().1.len();
        packet[14..packet.len().min(behind + count)].to_vec()
    }

    /// The frame's bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        frame.extend(self.macs.1);
        frame.extend(self.macs.0);
        let (protocol, transport) = self.transport();
        match self.addresses {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                frame.extend([0x08, 0x00]);
                frame.extend(self.ipv4(from.octets(), to.octets(), protocol, transport.len()));
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                frame.extend([0x86, 0xdd]);
                frame.extend(self.ipv6(from.octets(), to.octets(), protocol, transport.len()));
            }
            _ => panic!("two families in one packet"),
        }
        frame.extend(transport);
        frame
    }

    fn ipv4(&self, from: [u8; 4], to: [u8; 4], protocol: u8, payload: usize) -> Vec<u8> {
        let options = self.extra.as_ref().map_or(&[][..], |(_, bytes)| bytes);
        let length = 20 + options.len();
        let mut ip = vec![0x40 | (length / 4) as u8, self.service];
        ip.extend(((length + payload) as u16).to_be_bytes());
        ip.extend(self.id.to_be_bytes());
        let flags = u16::from(self.whole) << 14 | u16::from(self.fragment.1) << 13;
        ip.extend((flags | self.fragment.0).to_be_bytes());
        ip.extend([self.hops, protocol, 0, 0]);
        ip.extend(from);
        ip.extend(to);
        ip.extend(options);
        let check = checksum::of(0, &ip);
        ip[10..12].copy_from_slice(&check);
        ip
    }

    fn ipv6(&self, from: [u8; 16], to: [u8; 16], protocol: u8, payload: usize) -> Vec<u8> {
        let part = self.fragment != (0, false);
        let behind = if part { FRAGMENT } else { protocol };
        let (first, mut extra) = match &self.extra {
            Some((first, bytes)) => (*first, bytes.clone()),
            None => (behind, Vec::new()),
        };
        if part {
            extra.extend([protocol, 0]);
            extra.extend((self.fragment.0 << 3 | u16::from(self.fragment.1)).to_be_bytes());
            extra.extend(u32::from(self.id).to_be_bytes());
        }
        let mut ip = vec![0x60, 0, 0, 0];
        ip.extend(((extra.len() + payload) as u16).to_be_bytes());
        ip.extend([first, self.hops]);
        ip.extend(from);
        ip.extend(to);
        ip.extend(extra);
        ip
    }

    /// The protocol number and the transport's bytes, checksum included.
    fn transport(&self) -> (u8, Vec<u8>) {
        match &self.body {
            Body::Tcp(from, to, flags, payload) => {
                let segment = Segment::new((*from, *to), *flags).at(1, 2);
                self.seal(6, segment.payload(payload).bytes(), 16)
            }
            Body::Segment(segment) => self.seal(6, segment.bytes(), 16),
            Body::Sctp(chunk) => (132, chunk.bytes()),
            Body::Udp(from, to, payload) => {
                let mut udp = Vec::from(from.to_be_bytes());
                udp.extend(to.to_be_bytes());
                udp.extend((8 + payload.len() as u16).to_be_bytes());
                udp.extend([0, 0]);
                udp.extend(payload);
                self.seal(17, udp, 6)
            }
            Body::Icmp(kind, code, rest) => {
                let mut icmp = vec![*kind, *code, 0, 0];
                icmp.extend(rest);
                let protocol = if self.addresses.0.is_ipv4() { 1 } else { 58 };
                self.seal(protocol, icmp, 2)
            }
            Body::Raw(protocol, bytes) => (*protocol, bytes.clone()),
        }
    }

    fn seal(&self, protocol: u8, mut bytes: Vec<u8>, at: usize) -> (u8, Vec<u8>) {
        let pseudo = if protocol == 1 { 0 } else { self.pseudo_header(protocol, bytes.len()) };
        let mut check = checksum::of(pseudo, &bytes);
        // Zero would mean that there is none (RFC 768).
        if protocol == 17 && check == [0; 2] {
            check = [0xff; 2];
        }
        bytes[at..at + 2].copy_from_slice(&check);
        (protocol, bytes)
    }

    fn pseudo_header(&self, protocol: u8, length: usize) -> u64 {
        let octets = |a: IpAddr| match a {
            IpAddr::V4(a) => a.octets().to_vec(),
            IpAddr::V6(a) => a.octets().to_vec(),
        };
        let numbers = [0, protocol];
        checksum::sum(&octets(self.addresses.0))
            + checksum::sum(&octets(self.addresses.1))
            + checksum::sum(&numbers)
            + checksum::sum(&(length as u16).to_be_bytes())
    }
}

/// The number of IPv6's fragment header.
const FRAGMENT: u8 = 44;

/// An ICMP error: type, code, the four bytes that depend on them, and what it quotes.
#[must_use]
pub fn error(kind: u8, code: u8, word: u32, quoted: &[u8]) -> Body {
    let mut rest = Vec::from(word.to_be_bytes());
    rest.extend(quoted);
    Body::Icmp(kind, code, rest)
}

/// An ARP message: operation, sender's and target's addresses.
#[must_use]
pub fn arp(
    macs: ([u8; 6], [u8; 6]),
    operation: u8,
    sender: ([u8; 6], [u8; 4]),
    target: [u8; 4],
) -> Vec<u8> {
    let mut frame = Vec::from(macs.1);
    frame.extend(macs.0);
    frame.extend([0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, operation]);
    frame.extend(sender.0);
    frame.extend(sender.1);
    frame.extend([0; 6]);
    frame.extend(target);
    frame
}

/// An echo's identifier, sequence number and payload.
#[must_use]
pub fn echo(id: u16) -> Vec<u8> {
    let mut rest = Vec::from(id.to_be_bytes());
    rest.extend([0, 1]);
    rest.extend(b"abcdefgh");
    rest
}

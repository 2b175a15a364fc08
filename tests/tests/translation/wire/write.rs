//! From a packet to its bytes.

use super::{Body, Packet, Tcp, folded, pseudo, sum};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

impl Packet {
    /// The packet's bytes, from the IP header on.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (protocol, body) = self.transport();
        match (self.from, self.to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => self.ipv4(from, to, protocol, &body),
            (IpAddr::V6(from), IpAddr::V6(to)) => self.ipv6(from, to, protocol, &body),
            _ => panic!("two families in one packet"),
        }
    }

    fn ipv4(&self, from: Ipv4Addr, to: Ipv4Addr, protocol: u8, body: &[u8]) -> Vec<u8> {
        let header = 20 + self.options.len();
        let (offset, more) = self.fragment.unwrap_or_default();
        let mut flags = offset / 8;
        flags |= if more { 0x2000 } else { 0 };
        flags |= if self.dont_fragment { 0x4000 } else { 0 };
        let mut ip = vec![0x40 | (header / 4) as u8, self.class];
        ip.extend(((header + body.len()) as u16).to_be_bytes());
        ip.extend(self.id.to_be_bytes());
        ip.extend(flags.to_be_bytes());
        ip.extend([self.hops, protocol, 0, 0]);
        ip.extend(from.octets());
        ip.extend(to.octets());
        ip.extend(&self.options);
        let check = !folded(sum(&ip));
        ip[10..12].copy_from_slice(&check.to_be_bytes());
        ip.extend(body);
        ip
    }

    fn ipv6(&self, from: Ipv6Addr, to: Ipv6Addr, protocol: u8, body: &[u8]) -> Vec<u8> {
        let mut extra = Vec::new();
        if let Some((offset, more)) = self.fragment {
            extra.extend([protocol, 0]);
            extra.extend((offset | u16::from(more)).to_be_bytes());
            extra.extend(u32::from(self.id).to_be_bytes());
        }
        let mut ip = vec![0x60 | self.class >> 4, self.class << 4, 0, 0];
        ip.extend(((extra.len() + body.len()) as u16).to_be_bytes());
        ip.extend([if self.fragment.is_some() { 44 } else { protocol }, self.hops]);
        ip.extend(from.octets());
        ip.extend(to.octets());
        ip.extend(extra);
        ip.extend(body);
        ip
    }

    /// The protocol's number and its bytes, checksum included.
    pub(super) fn transport(&self) -> (u8, Vec<u8>) {
        match &self.body {
            Body::Tcp(tcp) => self.sealed(6, tcp.bytes(), 16),
            Body::Udp(from, to, checked, payload) => {
                let mut udp = Vec::from(from.to_be_bytes());
                udp.extend(to.to_be_bytes());
                udp.extend((8 + payload.len() as u16).to_be_bytes());
                udp.extend([0, 0]);
                udp.extend(payload);
                if *checked { self.sealed(17, udp, 6) } else { (17, udp) }
            }
            Body::Icmp(kind, code, rest, payload) => {
                let mut icmp = vec![*kind, *code, 0, 0];
                icmp.extend(rest);
                icmp.extend(payload);
                self.sealed(if self.from.is_ipv4() { 1 } else { 58 }, icmp, 2)
            }
            Body::Other(protocol, bytes) => (*protocol, bytes.clone()),
        }
    }

    fn sealed(&self, protocol: u8, mut bytes: Vec<u8>, at: usize) -> (u8, Vec<u8>) {
        let total = pseudo(self.from, self.to, protocol, bytes.len()) + sum(&bytes);
        let check = match !folded(total) {
            0 if protocol == 17 => 0xffff,
            check => check,
        };
        bytes[at..at + 2].copy_from_slice(&check.to_be_bytes());
        (protocol, bytes)
    }
}

impl Tcp {
    fn bytes(&self) -> Vec<u8> {
        let mut tcp = Vec::from(self.ports.0.to_be_bytes());
        tcp.extend(self.ports.1.to_be_bytes());
        tcp.extend(self.sequence.to_be_bytes());
        tcp.extend(self.acknowledged.to_be_bytes());
        tcp.extend([0x50, self.flags, 0xfa, 0xf0, 0, 0, 0, 0]);
        tcp.extend(&self.payload);
        tcp
    }
}

//! ICMP errors that netd sends itself, where a packet that it leads past the kernel can't go on.

use crate::checksum;
use crate::packet::PacketMut;
use crate::parse::{ICMP, ICMPV6, Parsed};
use crate::verdict::{Answer, Back, IcmpError};
use crate::wire::{Bytes, EthHdr, Header, IcmpHdr, Ipv4Hdr, Ipv6Hdr};

/// How many errors a processor has sent in this second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// When the second began: nanoseconds of the coarse monotonic clock.
    pub since: u64,
    /// How many.
    pub count: u32,
}

/// One more error may be sent at `now`, where `limit` are allowed in a second, 0 for any number; it
/// is counted then (RFC 1812 4.3.2.8, RFC 4443 2.4 f). What path MTU discovery needs always may, as
/// with Linux: or a flood of other errors would stop everybody's large transfers.
#[inline(always)]
pub fn may_send(error: IcmpError, sent: &mut Sent, limit: u32, now: u64) -> bool {
    if matches!(error, IcmpError::TooBig(_)) {
        return true;
    }
    if now.saturating_sub(sent.since) >= SECOND {
        *sent = Sent { since: now, count: 0 };
    }
    if limit != 0 && sent.count >= limit {
        return false;
    }
    sent.count = sent.count.saturating_add(1);
    true
}

const SECOND: u64 = 1_000_000_000;

/// A packet whose length can be changed.
pub trait PacketLength: PacketMut {
    /// Cuts the packet to `length` bytes.
    fn cut(&mut self, length: usize) -> Option<()>;
    /// Makes room for `count` bytes behind the Ethernet header.
    fn widen(&mut self, count: usize) -> Option<()>;
}

/// Turns a packet into the ICMP error that answers it: quoted are its IP header, what follows up to
/// the transport, and that as far as it identifies a flow. None where the packet can't be changed.
#[inline(never)]
pub fn write<P: PacketLength + ?Sized>(
    packet: &mut P,
    parsed: &Parsed,
    answer: &Answer,
) -> Option<()> {
    let l3 = usize::from(parsed.l3);
    let quoted = quotation(packet.length() - l3, usize::from(parsed.l4 - parsed.l3));
    packet.cut(l3 + quoted)?;
    let v4 = parsed.is_v4();
    packet.widen(IcmpHdr::LEN + if v4 { Ipv4Hdr::LEN } else { Ipv6Hdr::LEN })?;
    link(packet, parsed, &answer.back)?;
    let message = (IcmpHdr::LEN + quoted) as u16;
    if v4 {
        ipv4(packet, parsed, answer, message)?
    } else {
        ipv6(packet, parsed, answer, message)?
    }
    let l4 = l3 + if v4 { Ipv4Hdr::LEN } else { Ipv6Hdr::LEN };
    let mut icmp = head(v4, answer);
    packet.set_header(l4, icmp)?;
    let mut sum = if v4 { 0 } else { pseudo(parsed, answer, message) };
    for word in 0..(MOST + IcmpHdr::LEN) / 4 {
        if word * 4 < usize::from(message) {
            let Bytes(bytes) = packet.far_header::<Bytes<4>>(l4 + word * 4)?;
            sum += u64::from(u32::from_ne_bytes(bytes));
        }
    }
    icmp.check = checksum::finish(sum);
    packet.set_header(l4, icmp)
}

/// How much is quoted: whole words, at least the eight bytes of RFC 792 where they are there, and
/// the header of a transport whose checksum is still to be computed.
#[inline(always)]
const fn quotation(there: usize, headers: usize) -> usize {
    let wanted = headers + 20;
    let wanted = if wanted > MOST { MOST } else { wanted };
    let quoted = if there < wanted { there } else { wanted };
    quoted & !3
}

/// The most that is quoted, in bytes.
const MOST: usize = 128;

#[inline(always)]
fn link<P: PacketMut + ?Sized>(packet: &mut P, parsed: &Parsed, back: &Back) -> Option<()> {
    if parsed.l3 == 0 {
        return Some(());
    }
    let mut eth = packet.header::<EthHdr>(0)?;
    match back {
        Back::Sender => (eth.src, eth.dst) = (eth.dst, eth.src),
        Back::Container(_, gateway, container) => (eth.src, eth.dst) = (*gateway, *container),
    }
    packet.set_header(0, eth)
}

#[inline(always)]
fn ipv4<P: PacketMut + ?Sized>(
    packet: &mut P,
    parsed: &Parsed,
    answer: &Answer,
    message: u16,
) -> Option<()> {
    let mut ip = Ipv4Hdr {
        vihl: 0x45,
        // Internetwork control (RFC 1812 4.3.2.5).
        tos: 0xc0,
        tot_len: (Ipv4Hdr::LEN as u16 + message).to_be_bytes(),
        id: [0; 2],
        // Never fragmented, so that it needs no identification (RFC 6864 4.1).
        frags: [0x40, 0],
        ttl: HOPS,
        proto: ICMP,
        check: [0; 2],
        src_addr: answer.source.v4_bytes(),
        dst_addr: parsed.source.v4_bytes(),
    };
    let words = |b: [u8; 4]| u64::from(u32::from_ne_bytes(b));
    let [a, b] = ip.tot_len;
    let sum = words([ip.vihl, ip.tos, a, b])
        + words([0, 0, ip.frags[0], ip.frags[1]])
        + words([ip.ttl, ip.proto, 0, 0])
        + words(ip.src_addr)
        + words(ip.dst_addr);
    ip.check = checksum::finish(sum);
    packet.set_header(parsed.l3.into(), ip)
}

#[inline(always)]
fn ipv6<P: PacketMut + ?Sized>(
    packet: &mut P,
    parsed: &Parsed,
    answer: &Answer,
    message: u16,
) -> Option<()> {
    let ip = Ipv6Hdr {
        vcf: [0x60, 0, 0, 0],
        payload_len: message.to_be_bytes(),
        next_hdr: ICMPV6,
        hop_limit: HOPS,
        src_addr: answer.source.v6_bytes(),
        dst_addr: parsed.source.v6_bytes(),
    };
    packet.set_header(parsed.l3.into(), ip)
}

#[inline(always)]
fn head(v4: bool, answer: &Answer) -> IcmpHdr {
    let (kind, code, mtu) = match (answer.error, v4) {
        (IcmpError::TimeExceeded, true) => (11, 0, 0),
        (IcmpError::TimeExceeded, false) => (3, 0, 0),
        (IcmpError::TooBig(mtu), true) => (3, 4, mtu),
        (IcmpError::TooBig(mtu), false) => (2, 0, mtu),
        (IcmpError::Prohibited, true) => (3, 13, 0),
        (IcmpError::Prohibited, false) => (1, 1, 0),
    };
    IcmpHdr { kind, code, check: [0; 2], id: [0; 2], sequence: mtu.to_be_bytes() }
}

/// RFC 8200 8.1.
#[inline(always)]
fn pseudo(parsed: &Parsed, answer: &Answer, message: u16) -> u64 {
    let mut sum = 0;
    for word in answer.source.words().into_iter().chain(parsed.source.words()) {
        sum += u64::from(word);
    }
    let [a, b] = message.to_be_bytes();
    sum + u64::from(u32::from_ne_bytes([0, 0, a, b]))
        + u64::from(u32::from_ne_bytes([0, 0, 0, ICMPV6]))
}

const HOPS: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc1812_4_3_2_8_errors_are_limited_by_the_second() {
        let mut sent = Sent::default();
        let times = |sent: &mut Sent, limit, now| {
            (0..9).filter(|_| may_send(IcmpError::TimeExceeded, sent, limit, now)).count()
        };
        assert_eq!(times(&mut sent, 4, 5 * SECOND), 4);
        assert_eq!(times(&mut sent, 4, 6 * SECOND - 1), 0);
        assert!(may_send(IcmpError::TooBig(1280), &mut sent, 4, 6 * SECOND - 1));
        assert_eq!(times(&mut sent, 4, 6 * SECOND), 4);
        assert_eq!(times(&mut sent, 0, 6 * SECOND), 9);
    }
}

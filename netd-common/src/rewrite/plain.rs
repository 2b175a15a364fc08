//! Plain packets, whose headers are edited in one piece: where each write takes a call of the kernel's,
//! as in TC, calls are most of what a translation costs.

use crate::checksum;
use crate::parse::{Fragment, Parsed, TCP, UDP};
use crate::verdict::{Delivery, Routed, Translation};
use crate::wire::{ETH_IPV4, EthHdr, EthIpv4Ends, Ipv4Ends, Ipv4Hdr};

impl Ipv4Ends {
    /// A packet has its ends in one piece: TCP or UDP right behind an IPv4 header without options.
    #[inline(always)]
    #[must_use]
    pub const fn are_of(parsed: &Parsed) -> bool {
        parsed.is_v4()
            && parsed.l4 as usize == parsed.l3 as usize + Ipv4Hdr::LEN
            && matches!(parsed.protocol, TCP | UDP)
            && matches!(parsed.fragment, Fragment::Whole)
    }

    /// The ends of a packet whose IP header is `ip`.
    #[inline(always)]
    #[must_use]
    pub const fn new(ip: Ipv4Hdr, parsed: &Parsed) -> Self {
        Self { ip, source: parsed.source_port, dest: parsed.destination_port }
    }

    /// Gives them what a translation says. The transport's checksum is not among them.
    #[inline(always)]
    pub fn translate(&mut self, to: &Translation) {
        if let Some(end) = &to.source {
            let new = end.address.v4_bytes();
            self.ip.check = moved(self.ip.check, self.ip.src_addr, new);
            (self.ip.src_addr, self.source) = (new, end.port);
        }
        if let Some(end) = &to.destination {
            let new = end.address.v4_bytes();
            self.ip.check = moved(self.ip.check, self.ip.dst_addr, new);
            (self.ip.dst_addr, self.dest) = (new, end.port);
        }
    }
}

impl EthIpv4Ends {
    /// The front of a packet with these ends on its way into a container, one hop on.
    #[inline(always)]
    #[must_use]
    pub fn routed(mut ends: Ipv4Ends, delivery: &Delivery, routed: &Routed) -> Self {
        one_hop_less(&mut ends.ip);
        Self { eth: EthHdr { dst: delivery.mac, src: routed.mac, ether_type: ETH_IPV4 }, ends }
    }
}

/// One hop less (RFC 1812 5.3.1).
#[inline(always)]
pub fn one_hop_less(ip: &mut Ipv4Hdr) {
    let old = [ip.ttl, ip.proto];
    ip.ttl = ip.ttl.wrapping_sub(1);
    ip.check = checksum::replace_u16(ip.check, old, [ip.ttl, ip.proto]);
}

/// What stays leaves the checksum as it is, also in the form that arithmetic never gives.
#[inline(always)]
fn moved(check: [u8; 2], old: [u8; 4], new: [u8; 4]) -> [u8; 2] {
    if old == new {
        return check;
    }
    checksum::replace(check, &[u32::from_ne_bytes(old)], &[u32::from_ne_bytes(new)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::flow::End;
    use crate::packet::{Packet as _, PacketMut as _};
    use crate::parse::{Headers, parse};
    use crate::rewrite::deliver;
    use crate::wire::Header as _;
    use proptest::prelude::*;

    fn end() -> impl Strategy<Value = Option<End>> {
        let end = |(address, port)| End { address: Address::v4(address), port };
        prop::option::of((any::<[u8; 4]>(), any::<[u8; 2]>()).prop_map(end))
    }

    /// A TCP or UDP packet.
    fn frame() -> impl Strategy<Value = [u8; 54]> {
        let fields = (any::<[u8; 54]>(), prop::sample::select(&[TCP, UDP][..]));
        fields.prop_map(|(mut bytes, protocol)| {
            bytes[12..18].copy_from_slice(&[8, 0, 0x45, 0, 0, 40]);
            bytes[20..22].copy_from_slice(&[0; 2]);
            bytes[23] = protocol;
            // No SYN, whose options would lie behind the end.
            bytes[47] = 0x10;
            bytes
        })
    }

    proptest! {
        #[test]
        fn one_write_is_the_same_as_many(
            bytes in frame(), source in end(), destination in end(), macs: [[u8; 6]; 2],
        ) {
            let parsed = parse(&bytes[..], ETH_IPV4, EthHdr::LEN).unwrap();
            prop_assert!(Ipv4Ends::are_of(&parsed));
            let translation = Translation { source, destination, mss: 0 };
            let routed = Routed { mac: macs[0], translation };
            let delivery = Delivery { ifindex: 1, mac: macs[1], routed: Some(routed) };

            let mut one = bytes;
            let ip = one[..].header::<Ipv4Hdr>(EthHdr::LEN).unwrap();
            let mut ends = Ipv4Ends::new(ip, &parsed);
            ends.translate(&translation);
            one[..].set_header(0, EthIpv4Ends::routed(ends, &delivery, &routed)).unwrap();

            let mut many = bytes;
            let headers = Headers { parsed, ..Headers::EMPTY };
            deliver(&mut many[..], &headers, &delivery).unwrap();
            prop_assert_eq!(&one[..EthIpv4Ends::LEN], &many[..EthIpv4Ends::LEN]);
        }
    }
}

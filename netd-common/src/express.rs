//! The hot part of what `uplink_in` does, for XDP: whole, plain packets of translated flows, and what
//! no wire may send. The steps are those of [`pipeline`]; what is not plain is passed on as it came,
//! so that `uplink_in` judges it as if XDP were not there. Only records that are dead may be gone by
//! then, which `uplink_in` would remove as well.

use crate::abi::Network;
use crate::flow::{masqueraded_flow, published_flow};
use crate::nat;
use crate::packet::Packet;
use crate::parse::{Headers, ICMP, ICMPV6, Parsed, TCP, UDP};
use crate::pipeline;
use crate::tables::Tables;
use crate::verdict::Ruling;
use crate::wire::{ETH_IPV4, ETH_IPV6, EthHdr, Header, IcmpHdr, Ipv4Hdr, Ipv6Hdr, TcpHdr, UdpHdr};

/// Judges a frame that enters by the uplink `ifindex`, whose own Ethernet address is `own`, by what
/// needs no flow. None where [`pipeline::from_uplink`] is to say the rest, by `headers`, which were
/// empty: its `Deliver` and `Drop` are XDP's own, and nothing else is to be expected.
#[inline(always)]
pub fn inspect<P: Packet + ?Sized, T: Tables>(
    packet: &P,
    tables: &T,
    ifindex: u32,
    own: &[u8; 6],
    headers: &mut Headers,
) -> Option<Ruling> {
    let Some(eth) = packet.header::<EthHdr>(0) else { return Some(Ruling::Pass) };
    if eth.dst != *own || !is_plain(packet, eth.ether_type) {
        return Some(Ruling::Pass);
    }
    if let Err(ruling) =
        pipeline::inspect_arriving(packet, tables, ifindex, eth.ether_type, false, headers)
    {
        return Some(ruling);
    }
    // An ICMP error would have to answer.
    let too_far = headers.parsed.hops <= 1 || !fits(tables, &headers.parsed);
    if too_far { Some(Ruling::Pass) } else { None }
}

/// IP without options or extension headers, not a fragment, and a transport header that can be read
/// and edited without looking further.
#[inline(always)]
fn is_plain<P: Packet + ?Sized>(packet: &P, ether_type: [u8; 2]) -> bool {
    match ether_type {
        ETH_IPV4 => {
            let Some(ip) = packet.header::<Ipv4Hdr>(EthHdr::LEN) else { return false };
            // Neither an offset nor more fragments.
            let whole = ip.frags[0] & 0x3f == 0 && ip.frags[1] == 0;
            ip.vihl == 0x45 && whole && carries(packet, ip.proto, ICMP, EthHdr::LEN + Ipv4Hdr::LEN)
        }
        ETH_IPV6 => {
            let Some(ip) = packet.header::<Ipv6Hdr>(EthHdr::LEN) else { return false };
            carries(packet, ip.next_hdr, ICMPV6, EthHdr::LEN + Ipv6Hdr::LEN)
        }
        _ => false,
    }
}

/// TCP, UDP or an echo at offset `l4`.
#[inline(always)]
fn carries<P: Packet + ?Sized>(packet: &P, protocol: u8, icmp: u8, l4: usize) -> bool {
    match protocol {
        TCP => packet.header::<TcpHdr>(l4).is_some(),
        UDP => packet.header::<UdpHdr>(l4).is_some(),
        _ if protocol == icmp => {
            packet.header::<IcmpHdr>(l4).is_some_and(|icmp| matches!(icmp.kind, 0 | 8 | 128 | 129))
        }
        _ => false,
    }
}

/// Whether a packet is not too long for whoever may be its container.
#[inline(never)]
fn fits<T: Tables>(tables: &T, parsed: &Parsed) -> bool {
    if parsed.length <= LEAST_MTU {
        return true;
    }
    let takes = |network: &Network| parsed.length <= network.mtu;
    if let Some(published) = nat::followed(tables, &parsed.to(), parsed.protocol) {
        let inner = published.inner(parsed.destination_port);
        let key = published_flow(parsed.from(), inner, parsed.protocol);
        return match tables.find(&key) {
            Some(place) => parsed.length <= tables.flow(place).mtu,
            None => tables.network(published.network).is_some_and(takes),
        };
    }
    let key = masqueraded_flow(parsed.from(), parsed.to(), parsed.protocol);
    tables.find(&key).is_none_or(|place| parsed.length <= tables.flow(place).mtu)
}

/// The smallest MTU that a network can have (RFC 791 3.2).
const LEAST_MTU: u16 = 68;

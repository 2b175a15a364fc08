//! The way to netd's resolver inside a container: 127.0.0.11 answers on the port of DNS, and
//! listens on another one, so that a container can run a DNS server of its own. Nothing but a port
//! ever changes, and nothing is dropped.

use crate::checksum;
use crate::packet::{Packet, PacketMut};
use crate::parse::{TCP, UDP};
use crate::rewrite::Side;
use crate::wire::{Bytes, ETH_IPV4, EthHdr, Header, Ipv4Hdr, TcpHdr, UdpHdr};
use core::mem::offset_of;

/// Where containers ask: Docker's address.
pub const RESOLVER: [u8; 4] = [127, 0, 0, 11];
/// The port at which netd's resolver listens there: above those that Linux picks by itself.
pub const RESOLVER_PORT: u16 = 61_053;

/// A port that becomes another one, on a packet's way through lo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swap {
    /// Whose port it is.
    pub side: Side,
    /// Its offset from the packet's start, bytes.
    pub port_at: usize,
    /// Its value now, in network order.
    pub old: [u8; 2],
    /// What it becomes, in network order.
    pub new: [u8; 2],
    /// The offset of the transport's checksum, bytes.
    pub check_at: usize,
    /// A transport checksum of zero means that there is none (RFC 768).
    pub optional_check: bool,
}

/// What a packet on lo needs; none where it goes on as it is. Its Ethernet header comes first.
#[inline(always)]
#[must_use]
pub fn swap<P: Packet + ?Sized>(packet: &P, ether_type: [u8; 2]) -> Option<Swap> {
    if ether_type != ETH_IPV4 {
        return None;
    }
    let ip = packet.header::<Ipv4Hdr>(EthHdr::LEN)?;
    let (asked, answers) = (ip.dst_addr == RESOLVER, ip.src_addr == RESOLVER);
    // Neither an offset nor more fragments: on lo no packet is too long for one piece.
    let whole = ip.frags[0] & 0x3f == 0 && ip.frags[1] == 0;
    if !(asked || answers) || !whole || ip.vihl >> 4 != 4 || usize::from(ip.vihl & 0x0f) < 5 {
        return None;
    }
    let check = match ip.proto {
        TCP => offset_of!(TcpHdr, check),
        UDP => offset_of!(UdpHdr, check),
        _ => return None,
    };
    // Both transports begin with the source port, and the other behind it.
    let l4 = EthHdr::LEN + usize::from(ip.vihl & 0x0f) * 4;
    let Bytes([from0, from1, to0, to1]) = packet.far_header::<Bytes<4>>(l4)?;
    let (inner, outer) = (RESOLVER_PORT.to_be_bytes(), DNS.to_be_bytes());
    let (side, port_at, old, new) = if answers && [from0, from1] == inner {
        (Side::Source, l4, inner, outer)
    } else if asked && [to0, to1] == outer {
        (Side::Destination, l4 + 2, outer, inner)
    } else {
        return None;
    };
    let optional_check = ip.proto == UDP;
    Some(Swap { side, port_at, old, new, check_at: l4 + check, optional_check })
}

/// Makes the change to a packet whose checksums are complete. None where the packet is too short.
pub fn apply<P: PacketMut + ?Sized>(packet: &mut P, swap: &Swap) -> Option<()> {
    let Bytes(check) = packet.header::<Bytes<2>>(swap.check_at)?;
    packet.set_header(swap.port_at, Bytes(swap.new))?;
    if swap.optional_check && check == [0; 2] {
        return Some(());
    }
    let check = match checksum::replace_u16(check, swap.old, swap.new) {
        [0, 0] if swap.optional_check => [0xff; 2],
        check => check,
    };
    packet.set_header(swap.check_at, Bytes(check))
}

/// The port of DNS (RFC 1035 4.2).
const DNS: u16 = 53;

//! Who a container may claim to be: Ethernet, ARP, IP and neighbour discovery (DESIGN 3.3 rule 1).

use crate::abi::{DEVICE_IPV6, Device, OwnedKey};
use crate::address::Address;
use crate::packet::Packet;
use crate::parse::{ICMPV6, Parsed, UDP};
use crate::tables::Tables;
use crate::verdict::DropReason;
use crate::wire::{
    ArpHdr, ETH_ARP, ETH_IPV4, ETH_IPV6, EthHdr, Header, IcmpHdr, Ipv6Hdr, LinkLayerOption,
    NeighbourTarget,
};

/// ICMPv6 neighbour discovery and listener discovery types (RFC 4861, 2710, 3810).
const ROUTER_SOLICITATION: u8 = 133;
const LISTENER_QUERY: u8 = 130;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;
const LISTENER_REPORT: u8 = 131;
const LISTENER_DONE: u8 = 132;
const LISTENER_REPORT_V2: u8 = 143;

/// Checks the frame's own header: it must come from the container's Ethernet address and hold
/// untagged IPv4, IPv6 (where the network has it) or ARP.
#[inline(always)]
pub fn frame(device: &Device, eth: &EthHdr) -> Result<(), DropReason> {
    if eth.src != device.mac {
        return Err(DropReason::SpoofedMac);
    }
    // 01:80:c2:00:00:00 to :0f never leave a link (IEEE 802.1D 7.12.6).
    if eth.dst[0] == 0x01
        && eth.dst[1] == 0x80
        && eth.dst[2] == 0xc2
        && eth.dst[3] == 0
        && eth.dst[4] == 0
        && eth.dst[5] < 0x10
    {
        return Err(DropReason::LinkControl);
    }
    match eth.ether_type {
        ETH_IPV4 | ETH_ARP => Ok(()),
        ETH_IPV6 if device.flags & DEVICE_IPV6 != 0 => Ok(()),
        ETH_IPV6 => Err(DropReason::Ipv6Off),
        [0x81, 0x00] | [0x88, 0xa8] => Err(DropReason::Vlan),
        _ => Err(DropReason::EtherType),
    }
}

/// Checks an ARP message (RFC 826): Ethernet and IPv4, and both sender fields the container's own.
/// A probe (RFC 5227) has no sender address yet.
#[inline(always)]
pub fn arp<P: Packet + ?Sized, T: Tables>(
    packet: &P,
    tables: &T,
    device: &Device,
) -> Result<(), DropReason> {
    let arp = packet.header::<ArpHdr>(EthHdr::LEN).ok_or(DropReason::Malformed)?;
    let ethernet = arp.htype == [0, 1] && arp.ptype == ETH_IPV4 && arp.hlen == 6 && arp.plen == 4;
    if !ethernet {
        return Err(DropReason::Malformed);
    }
    let sender = Address::v4(arp.spa);
    if arp.sha != device.mac || !(sender.is_unspecified() || owns(tables, device, &sender)) {
        return Err(DropReason::SpoofedArp);
    }
    Ok(())
}

/// Checks that an IP packet's source is the container's, on any of its interfaces.
#[inline(always)]
pub fn source<T: Tables>(tables: &T, device: &Device, parsed: &Parsed) -> Result<(), DropReason> {
    // `::` is who asks whether an address is free, or reports a listener (RFC 4862, 3810).
    let asks = parsed.source == Address::UNSPECIFIED
        && parsed.protocol == ICMPV6
        && parsed.destination.is_multicast();
    if asks || owns(tables, device, &parsed.source) {
        return Ok(());
    }
    Err(DropReason::SpoofedAddress)
}

/// Refuses what only routers and servers send, and claims to others' addresses.
#[inline(always)]
pub fn role<P: Packet + ?Sized, T: Tables>(
    packet: &P,
    tables: &T,
    device: &Device,
    parsed: &Parsed,
) -> Result<(), DropReason> {
    match (parsed.protocol, parsed.source_port, parsed.destination_port) {
        (UDP, [0, 67], [0, 68]) => return Err(DropReason::DhcpServer),
        (UDP, [2, 35], [2, 34]) => return Err(DropReason::DhcpServer),
        (ICMPV6, _, _) if !parsed.is_v4() => {}
        _ => return Ok(()),
    }
    match parsed.detail {
        ROUTER_SOLICITATION | ROUTER_ADVERTISEMENT | REDIRECT | LISTENER_QUERY => {
            Err(DropReason::RouterMessage)
        }
        NEIGHBOUR_SOLICITATION | NEIGHBOUR_ADVERTISEMENT => {
            neighbour(packet, tables, device, parsed)
        }
        _ => Ok(()),
    }
}

/// ICMPv6 messages that work only within a link and are part of having an address at all.
#[inline(always)]
#[must_use]
pub const fn is_neighbour_discovery(parsed: &Parsed) -> bool {
    parsed.protocol == ICMPV6
        && !parsed.is_v4()
        && matches!(
            parsed.detail,
            NEIGHBOUR_SOLICITATION
                | NEIGHBOUR_ADVERTISEMENT
                | LISTENER_REPORT
                | LISTENER_DONE
                | LISTENER_REPORT_V2
        )
}

/// An advertisement's target must be the container's; a link-layer option must hold its MAC. Both
/// come without extension headers or fragments (RFC 6980), so the option is where it must be.
#[inline(always)]
fn neighbour<P: Packet + ?Sized, T: Tables>(
    packet: &P,
    tables: &T,
    device: &Device,
    parsed: &Parsed,
) -> Result<(), DropReason> {
    let l4 = EthHdr::LEN + Ipv6Hdr::LEN;
    if usize::from(parsed.l4) != l4 || parsed.hops != 255 {
        return Err(DropReason::SpoofedNeighbour);
    }
    let target_at = l4 + IcmpHdr::LEN;
    let target = packet.header::<NeighbourTarget>(target_at).ok_or(DropReason::Malformed)?;
    let claims = parsed.detail == NEIGHBOUR_ADVERTISEMENT;
    if claims && !owns(tables, device, &Address::v6(target.address)) {
        return Err(DropReason::SpoofedNeighbour);
    }
    // A solicitation from `::` (duplicate address detection) may carry a nonce option instead.
    match packet.header::<LinkLayerOption>(target_at + NeighbourTarget::LEN) {
        Some(LinkLayerOption { kind: 1 | 2, length, mac }) if length != 1 || mac != device.mac => {
            Err(DropReason::SpoofedNeighbour)
        }
        _ => Ok(()),
    }
}

#[inline(always)]
fn owns<T: Tables>(tables: &T, device: &Device, address: &Address) -> bool {
    if address.is_unspecified() {
        return false;
    }
    *address == device.ipv4
        || *address == device.ipv6
        || tables.owns(&OwnedKey { address: *address, container: device.container, pad: 0 })
}

//! The order of the steps. A hook's first function reads the packet's headers and settles what needs
//! no more than them, the others decide where the packet goes, each what the one before it left
//! open. None edits.

mod leaving;

pub use leaving::{inspect_leaving, is_hosts, to_uplink};

use crate::abi::{DEVICE_NO_ICC, Uplink};
use crate::error;
use crate::forward;
use crate::hairpin;
use crate::nat;
use crate::packet::Packet;
use crate::parse::{self, Headers, Skip};
use crate::policy;
use crate::tables::Tables;
use crate::verdict::{DropReason, Orders, Ruling};
use crate::wire::{ETH_ARP, EthHdr, Header};

/// Who sent a packet: a container that is who it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its network.
    pub network: u32,
    /// Its number.
    pub container: u32,
    /// `DEVICE_*` bits of the veth that the packet came by.
    pub flags: u32,
    /// The frame is for everybody on the link.
    pub flooded: bool,
}

/// All that a container sends, as it enters the host by the veth `ifindex`; `tagged` says that the
/// frame carries a VLAN tag outside its bytes. An error is a ruling that needs no more; otherwise
/// the headers are in `headers`, which were empty.
#[inline(always)]
pub fn inspect_sent<P: Packet + ?Sized, T: Tables>(
    packet: &P,
    tables: &T,
    ifindex: u32,
    tagged: bool,
    headers: &mut Headers,
) -> Result<Sender, Ruling> {
    let device = tables.device(ifindex).ok_or(Ruling::Drop(DropReason::UnknownDevice))?;
    if tagged {
        return Err(Ruling::Drop(DropReason::Vlan));
    }
    let eth = packet.header::<EthHdr>(0).ok_or(Ruling::Drop(DropReason::Malformed))?;
    policy::frame(device, &eth).map_err(Ruling::Drop)?;
    if eth.ether_type == ETH_ARP {
        policy::arp(packet, tables, device).map_err(Ruling::Drop)?;
        return Err(Ruling::Pass);
    }
    if let Some(skip) = parse::parse_headers(packet, eth.ether_type, EthHdr::LEN, headers) {
        return Err(refused(skip));
    }
    let parsed = &headers.parsed;
    policy::source(tables, device, parsed).map_err(Ruling::Drop)?;
    policy::role(packet, tables, device, parsed).map_err(Ruling::Drop)?;
    if parsed.destination.is_multicast() {
        return Err(Ruling::Pass);
    }
    Ok(Sender {
        network: device.network,
        container: device.container,
        flags: device.flags,
        flooded: eth.dst[0] & 1 != 0,
    })
}

/// Where a container's ICMP error goes that is about what it got from a container, or from itself,
/// by a published port; none where it is about something else, and goes where any packet would.
#[inline(always)]
pub fn error_from_container<T: Tables>(
    tables: &mut T,
    headers: &Headers,
    orders: &mut Orders,
) -> Option<Ruling> {
    if headers.parsed.quotes { error::between(tables, headers, orders) } else { None }
}

/// Where a container's packet goes that is for another container of its network, and can be nothing
/// else: the way of most packets, so it comes first. None says nothing.
#[inline(always)]
pub fn to_neighbour<T: Tables>(
    tables: &T,
    sender: &Sender,
    headers: &Headers,
    orders: &mut Orders,
) -> Option<Ruling> {
    if is_special(tables, sender, headers) {
        return None;
    }
    forward::same_network(tables, sender, &headers.parsed, orders)
}

/// Only a container that others came to by a published port has answers to be looked for, and only
/// errors quote.
#[inline(always)]
fn is_special<T: Tables>(tables: &T, sender: &Sender, headers: &Headers) -> bool {
    headers.parsed.quotes || tables.is_hairpinned(sender.container)
}

/// A container's packet, [no neighbour's](to_neighbour) at first sight, that may answer another
/// container which came by a published port, or go to its own network in spite of that.
#[inline(always)]
pub fn answer_from_container<T: Tables>(
    tables: &mut T,
    sender: &Sender,
    headers: &Headers,
    orders: &mut Orders,
) -> Option<Ruling> {
    if !is_special(tables, sender, headers) {
        return None;
    }
    if !headers.parsed.quotes
        && let Some(ruling) = hairpin::answer(tables, &headers.parsed, orders)
    {
        return Some(ruling);
    }
    forward::same_network(tables, sender, &headers.parsed, orders)
}

/// Where a container's packet goes that is [no answer of that kind](answer_from_container); none
/// where it goes [to an address of the host's](to_host).
#[inline(always)]
pub fn from_container<T: Tables>(
    tables: &mut T,
    sender: &Sender,
    headers: &Headers,
    orders: &mut Orders,
) -> Option<Ruling> {
    // The subnet's own broadcast address: the bridge floods it, container_in lets it in.
    if sender.flooded && is_own_subnet(tables, sender, headers) {
        return Some(Ruling::Pass);
    }
    forward::elsewhere(tables, sender, headers, orders)
}

/// A container's packet to an address of the host's.
#[inline(always)]
pub fn to_host<T: Tables>(
    tables: &mut T,
    sender: &Sender,
    headers: &Headers,
    orders: &mut Orders,
) -> Ruling {
    forward::to_host(tables, sender, headers, orders)
}

#[inline(always)]
fn is_own_subnet<T: Tables>(tables: &T, sender: &Sender, headers: &Headers) -> bool {
    tables.subnet(&headers.parsed.destination) == Some(sender.network)
}

/// What the kernel is about to send into a container by the veth `ifindex`. `ingress` is the device
/// that the packet entered the host by, 0 where the host made it. The headers, which were empty, are
/// read only where they decide.
#[inline(always)]
pub fn to_container<P: Packet + ?Sized, T: Tables>(
    packet: &P,
    tables: &T,
    (ifindex, ingress): (u32, u32),
    headers: &mut Headers,
) -> Ruling {
    let Some(device) = tables.device(ifindex) else {
        return Ruling::Drop(DropReason::UnknownDevice);
    };
    // The host's own, or an error that netd sent back for what the container itself sent.
    if ingress == 0 || ingress == ifindex {
        return Ruling::Pass;
    }
    // Not from a container's veth: from a wire, or routed by the kernel from another bridge.
    let Some(sender) = tables.device(ingress) else {
        return Ruling::Drop(DropReason::Unsolicited);
    };
    if sender.network != device.network {
        return Ruling::Drop(DropReason::Isolated);
    }
    if device.flags & DEVICE_NO_ICC == 0 {
        return Ruling::Pass;
    }
    let Some(eth) = packet.header::<EthHdr>(0) else {
        return Ruling::Drop(DropReason::Malformed);
    };
    if eth.ether_type == ETH_ARP {
        return Ruling::Pass;
    }
    match parse::parse_into(packet, eth.ether_type, EthHdr::LEN, &mut headers.parsed) {
        None if policy::is_neighbour_discovery(&headers.parsed) => Ruling::Pass,
        _ => Ruling::Drop(DropReason::IccOff),
    }
}

/// What enters by the uplink `ifindex`; `ether_type` is the frame's protocol. `foreign` says that the
/// frame is for a VLAN device above this one, or for another machine. An error is a ruling that
/// needs no more; otherwise the headers are in `headers`, which were empty.
#[inline(always)]
pub fn inspect_arriving<P: Packet + ?Sized, T: Tables>(
    packet: &P,
    tables: &T,
    ifindex: u32,
    ether_type: [u8; 2],
    foreign: bool,
    headers: &mut Headers,
) -> Result<(), Ruling> {
    if foreign {
        return Err(Ruling::Pass);
    }
    let header = link_header(tables.uplink(ifindex));
    let skip = parse::parse_headers(packet, ether_type, header, headers);
    let parsed = &headers.parsed;
    // RFC 7126 4.3.1.5: nobody may choose a way round what is decided here.
    if let Some(Skip::SourceRoute) = skip {
        return Err(Ruling::Drop(DropReason::SourceRoute));
    }
    if skip.is_some() || parsed.destination.is_multicast() {
        return Err(Ruling::Pass);
    }
    // Nothing that only the host itself would use comes in by a wire, and nothing comes from a
    // group or from nobody (RFC 1122 3.2.1.3).
    let (from, to) = (&parsed.source, &parsed.destination);
    if from.is_loopback() || to.is_loopback() || from.is_multicast() || from.is_unspecified() {
        return Err(Ruling::Drop(DropReason::Martian));
    }
    Ok(())
}

/// Where an ICMP error from outside goes that is about what left the host translated; none where it
/// is about something else, and goes where any packet would.
#[inline(always)]
pub fn error_from_uplink<T: Tables>(
    tables: &mut T,
    headers: &Headers,
    orders: &mut Orders,
) -> Option<Ruling> {
    if headers.parsed.quotes { error::inbound(tables, headers, orders) } else { None }
}

/// Where a packet from outside goes that is no [error of that kind](error_from_uplink). What is
/// `flooded`, for everybody on the link, is forwarded nowhere (RFC 1812 5.3.4), nor answered by an
/// error (RFC 1122 3.2.2).
#[inline(always)]
pub fn from_uplink<T: Tables>(
    tables: &mut T,
    headers: &Headers,
    flooded: bool,
    orders: &mut Orders,
) -> Ruling {
    let parsed = &headers.parsed;
    if !parsed.quotes
        && !flooded
        && let Some(ruling) = nat::inbound(tables, parsed, orders)
    {
        return ruling;
    }
    if tables.subnet(&parsed.source).is_some() {
        return Ruling::Drop(DropReason::SpoofedAddress);
    }
    if tables.subnet(&parsed.destination).is_some() {
        return Ruling::Drop(DropReason::Unsolicited);
    }
    Ruling::Pass
}

/// Bytes before the IP header on this uplink: none on layer-3 devices.
#[inline(always)]
fn link_header(uplink: Option<&Uplink>) -> usize {
    match uplink {
        Some(uplink) if uplink.header == 0 => 0,
        _ => EthHdr::LEN,
    }
}

#[inline(always)]
const fn refused(skip: Skip) -> Ruling {
    Ruling::Drop(match skip {
        Skip::NotIp => DropReason::EtherType,
        Skip::Malformed => DropReason::Malformed,
        Skip::ExtensionHeader => DropReason::ExtensionHeader,
        Skip::SourceRoute => DropReason::SourceRoute,
    })
}

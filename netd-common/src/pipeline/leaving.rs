//! What leaves by an uplink.

use super::{link_header, refused};
use crate::nat::{self, Origin};
use crate::packet::Packet;
use crate::parse::{self, Headers, Skip};
use crate::tables::Tables;
use crate::verdict::{DropReason, Orders, Ruling};

/// What leaves by an uplink is the host's own, and goes as it is: it entered by no device.
#[inline(always)]
#[must_use]
pub const fn is_hosts(ingress: u32) -> bool {
    ingress == 0
}

/// What leaves by the uplink `ifindex` and is not [the host's own](is_hosts). `ingress` is the device
/// that the packet entered the host by. An error is a ruling that needs no more; otherwise the headers are
/// in `headers`, which were empty.
#[inline(always)]
pub fn inspect_leaving<P: Packet + ?Sized, T: Tables>(
    packet: &P,
    tables: &T,
    ifindex: u32,
    ingress: u32,
    ether_type: [u8; 2],
    headers: &mut Headers,
) -> Result<Origin, Ruling> {
    let uplink = tables.uplink(ifindex);
    let skip = parse::parse_headers(packet, ether_type, link_header(uplink), headers);
    let parsed = &headers.parsed;
    match skip {
        None => {}
        // No container's: the frames of a device that is stacked on this one.
        Some(Skip::NotIp) => return Err(Ruling::Pass),
        Some(skip) => return Err(stranger(tables, ingress, refused(skip))),
    }
    let Some(network) = tables.subnet(&parsed.source) else {
        // With the host's own source it was masqueraded on a device that is stacked on this one.
        if tables.is_local(&parsed.source) {
            return Err(Ruling::Pass);
        }
        return Err(stranger(tables, ingress, Ruling::Drop(DropReason::SpoofedAddress)));
    };
    if uplink.is_none() {
        return Err(Ruling::Drop(DropReason::UnknownDevice));
    }
    Ok(Origin { network, uplink: ifindex })
}

/// How a container's packet leaves.
#[inline(always)]
pub fn to_uplink<T: Tables>(
    tables: &mut T,
    headers: &Headers,
    origin: &Origin,
    orders: &mut Orders,
) -> Ruling {
    if headers.parsed.quotes {
        return nat::outbound_error(tables, headers, origin, orders);
    }
    nat::outbound(tables, &headers.parsed, origin, orders)
}

/// A packet without a container's address: a container's own is refused, any other is none of ours.
#[inline(always)]
fn stranger<T: Tables>(tables: &T, ingress: u32, refusal: Ruling) -> Ruling {
    if tables.device(ingress).is_some() { refusal } else { Ruling::Pass }
}

//! Where a container's packet goes: its own network, the host, another network, outside
//! (DESIGN 3.3 rules 2 to 5).

use crate::abi::{DEVICE_NO_ICC, Endpoint, EndpointKey, NETWORK_INTERNAL, Network};
use crate::hairpin;
use crate::parse::{Headers, Parsed};
use crate::pipeline::Sender;
use crate::tables::{Route, RouteQuery, Tables};
use crate::verdict::{Delivery, DropReason, Orders, Ruling};

/// To an address of the own network: straight into the container that has it.
#[inline(always)]
pub fn same_network<T: Tables>(
    tables: &T,
    sender: &Sender,
    parsed: &Parsed,
    orders: &mut Orders,
) -> Option<Ruling> {
    let key = EndpointKey { address: parsed.destination, network: sender.network, pad: 0 };
    let endpoint = tables.endpoint(&key)?;
    if sender.flags & DEVICE_NO_ICC != 0 {
        return Some(Ruling::Drop(DropReason::IccOff));
    }
    orders.delivery = delivery(endpoint);
    Some(Ruling::Deliver)
}

/// Anywhere else; none where it is an address of the host's.
#[inline(always)]
pub fn elsewhere<T: Tables>(
    tables: &T,
    sender: &Sender,
    headers: &Headers,
    orders: &mut Orders,
) -> Option<Ruling> {
    let parsed = &headers.parsed;
    let Some(network) = tables.network(sender.network) else {
        return Some(Ruling::Drop(DropReason::UnknownNetwork));
    };
    // Also another network's gateway is an address of the host's, that a port may be published on.
    if is_gateway(network, parsed) || tables.is_local(&parsed.destination) {
        return None;
    }
    if let Some(reason) = never_leaves(tables, sender.network, network.flags, parsed) {
        return Some(Ruling::Drop(reason));
    }
    Some(outside(tables, network.bridge, parsed, orders))
}

/// To an address of the host's: through a published port, or for the host itself, as far as the
/// network may.
#[inline(always)]
pub fn to_host<T: Tables>(
    tables: &mut T,
    sender: &Sender,
    headers: &Headers,
    orders: &mut Orders,
) -> Ruling {
    let parsed = &headers.parsed;
    let Some(network) = tables.network(sender.network) else {
        return Ruling::Drop(DropReason::UnknownNetwork);
    };
    let (flags, own) = (network.flags, is_gateway(network, parsed));
    if !parsed.quotes
        && let Some(ruling) = hairpin::call(tables, sender, flags, parsed, orders)
    {
        return ruling;
    }
    if own {
        return Ruling::Pass;
    }
    match never_leaves(tables, sender.network, flags, parsed) {
        Some(reason) => Ruling::Drop(reason),
        None => Ruling::Pass,
    }
}

/// An address of the own gateway.
#[inline(always)]
fn is_gateway(network: &Network, parsed: &Parsed) -> bool {
    let to = parsed.destination;
    to == network.gateway4 || to == network.gateway6 || to == network.link_local
}

/// Destinations that no container reaches: another network (isolation), nobody, a loopback
/// address, anything but the own gateway from an internal network.
#[inline(always)]
fn never_leaves<T: Tables>(
    tables: &T,
    network: u32,
    flags: u32,
    parsed: &Parsed,
) -> Option<DropReason> {
    let to = &parsed.destination;
    match tables.subnet(to) {
        Some(number) if number == network => return Some(DropReason::NoEndpoint),
        Some(_) => return Some(DropReason::Isolated),
        None => {}
    }
    if to.is_loopback() || to.is_unspecified() {
        return Some(DropReason::Martian);
    }
    if to.is_link_local_v6() {
        return Some(DropReason::NoEndpoint);
    }
    (flags & NETWORK_INTERNAL != 0).then_some(DropReason::Internal)
}

/// Out by an uplink, where its egress program masquerades. What the routing table can't send on
/// goes to the kernel, which answers with ICMP; so does a packet without hops left.
#[inline(always)]
fn outside<T: Tables>(tables: &T, bridge: u32, parsed: &Parsed, orders: &mut Orders) -> Ruling {
    let query = RouteQuery {
        ifindex: bridge,
        source: parsed.source,
        destination: parsed.destination,
        protocol: parsed.protocol,
        length: parsed.length,
    };
    match tables.route(&query) {
        Route::Via(_) if parsed.hops <= 1 => Ruling::Pass,
        // Only an uplink has the programs that masquerade and guard the way back.
        Route::Via(hop) if tables.uplink(hop.ifindex).is_none() => {
            Ruling::Drop(DropReason::UnknownDevice)
        }
        Route::Via(hop) => {
            orders.hop = hop;
            Ruling::Route
        }
        Route::TooLong(ifindex) if tables.uplink(ifindex).is_some() => Ruling::Pass,
        Route::TooLong(_) | Route::Around => Ruling::Drop(DropReason::UnknownDevice),
        Route::Stack => Ruling::Pass,
    }
}

#[inline(always)]
fn delivery(endpoint: &Endpoint) -> Delivery {
    Delivery { ifindex: endpoint.ifindex, mac: endpoint.mac, routed: None }
}

//! Containers that come to a container by its published port, on an address of the host's: from the
//! same network, another one, or from itself. The client keeps its address, but towards itself, where
//! it comes from the gateway (RFC 4787 REQ-9, RFC 5382 REQ-8).

use crate::abi::{EndpointKey, NETWORK_INTERNAL, Network, Published};
use crate::address::Address;
use crate::conntrack::Direction;
use crate::flow::{End, published_flow};
use crate::fragment;
use crate::nat::{ends, live, publication, route, stopped};
use crate::parse::{Fragment, Parsed};
use crate::pipeline::Sender;
use crate::publish::reach;
use crate::tables::Tables;
use crate::verdict::{DropReason, Orders, Ruling, Translation};

/// A container's packet to an address of the host's: through a published port, if there is one.
/// From an internal network, by a loopback address and for a link-local client none leads anywhere.
#[inline(always)]
pub(crate) fn call<T: Tables>(
    tables: &mut T,
    sender: &Sender,
    network_flags: u32,
    parsed: &Parsed,
    orders: &mut Orders,
) -> Option<Ruling> {
    // What is published on a loopback address is for the host's own processes, and a link-local
    // client could not be answered.
    let (from, to) = (&parsed.source, &parsed.destination);
    if network_flags & NETWORK_INTERNAL != 0 || to.is_loopback() || from.is_link_local_v6() {
        return None;
    }
    if matches!(parsed.fragment, Fragment::Later) {
        return fragment::inbound(tables, parsed, orders);
    }
    if !parsed.has_ports() {
        return None;
    }
    orders.published = *publication(tables, &parsed.to(), parsed.protocol)?;
    let published = &orders.published;
    if published.address.is_v4() != parsed.is_v4() {
        return None;
    }
    let container = published.container;
    let client = known_as(tables, sender, published, parsed)?;
    let inner = published.inner(parsed.destination_port);
    orders.key = published_flow(client, inner, parsed.protocol);
    let ruling = reach(tables, parsed, orders, false)?;
    if !matches!(ruling, Ruling::Drop(_)) {
        tables.note_hairpin(container);
    }
    Some(ruling)
}

/// A container's packet that may answer another container, or itself.
#[inline(never)]
pub(crate) fn answer<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    orders: &mut Orders,
) -> Option<Ruling> {
    if matches!(parsed.fragment, Fragment::Later) {
        let entry = fragment::find(tables, parsed)?;
        if matches!(fragment::direction(&entry), Direction::Original) {
            return None;
        }
        let place = live(tables, &entry.flow)?;
        orders.translation = Translation::NONE;
        ends(tables.flow(place), &entry.flow, Direction::Reply, &mut orders.translation);
        return back(tables, parsed, orders);
    }
    if !parsed.has_ports() {
        return None;
    }
    orders.key = published_flow(parsed.to(), parsed.from(), parsed.protocol);
    let place = live(tables, &orders.key)?;
    orders.translation = Translation::NONE;
    ends(tables.flow(place), &orders.key, Direction::Reply, &mut orders.translation);
    let ruling = back(tables, parsed, orders)?;
    if !tables.follow(place, &orders.key, parsed, Direction::Reply) {
        return Some(Ruling::Drop(DropReason::NoFlow));
    }
    if matches!(parsed.fragment, Fragment::First) {
        fragment::remember(tables, parsed, &orders.key, Direction::Reply);
    }
    Some(ruling)
}

/// Into the container that called, as `orders` translate; none where that was no container.
#[inline(never)]
pub(crate) fn back<T: Tables>(tables: &T, parsed: &Parsed, orders: &mut Orders) -> Option<Ruling> {
    let client = match orders.translation.destination {
        Some(end) => end.address,
        None => parsed.destination,
    };
    let number = tables.subnet(&client)?;
    let endpoint = tables.endpoint(&EndpointKey { address: client, network: number, pad: 0 })?;
    let network = tables.network(number)?;
    if let Some(ruling) = stopped(parsed, network.mtu, orders) {
        return Some(ruling);
    }
    route(orders, (endpoint.ifindex, endpoint.mac), network.mac);
    if let Some(routed) = &mut orders.delivery.routed {
        routed.translation.source = orders.translation.source;
        routed.translation.destination = orders.translation.destination;
    }
    Some(Ruling::Deliver)
}

/// What the container is to know the client by: itself as its gateway, everybody else as what they
/// are.
#[inline(always)]
fn known_as<T: Tables>(
    tables: &T,
    sender: &Sender,
    published: &Published,
    parsed: &Parsed,
) -> Option<End> {
    if published.container != sender.container {
        return Some(parsed.from());
    }
    let gateway = gateway(tables.network(published.network)?, parsed);
    if gateway.is_unspecified() {
        return None;
    }
    Some(End { address: gateway, port: parsed.source_port })
}

#[inline(always)]
pub(crate) const fn gateway(network: &Network, parsed: &Parsed) -> Address {
    if parsed.is_v4() { network.gateway4 } else { network.gateway6 }
}

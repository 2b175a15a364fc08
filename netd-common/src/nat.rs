//! Translated flows: finding them, following them, and where a host port leads
//! (DESIGN 3.3 rules 3, 5, 6 and 3.4). Opening one is in `publish` and `masquerade`.

mod follow;
mod publication;

pub(crate) use follow::{enter, live};
pub use follow::{follow, forget, is_alive, is_dead};
pub(crate) use publication::followed;
pub use publication::publication;

use crate::abi::{
    EndpointKey, FLOW_MASQUERADED, Flow, FlowKey, NETWORK_INTERNAL, Network, PORT_INNER,
};
use crate::address::Address;
use crate::conntrack::Direction;
use crate::error;
use crate::flow::{End, masqueraded_flow, published_flow};
use crate::fragment;
use crate::masquerade;
use crate::parse::{Fragment, Headers, ICMP, ICMPV6, Parsed};
use crate::publish;
use crate::tables::Tables;
use crate::verdict::{Answer, Back, DropReason, IcmpError, Orders, Routed, Ruling, Translation};

/// A packet from outside: to a published port, or back to a container that opened the flow.
/// None where it is neither.
#[inline(always)]
pub fn inbound<T: Tables>(tables: &mut T, parsed: &Parsed, orders: &mut Orders) -> Option<Ruling> {
    if matches!(parsed.fragment, Fragment::Later) {
        // What only containers are called comes in by no wire.
        if tables.subnet(&parsed.source).is_some() {
            return None;
        }
        return fragment::inbound(tables, parsed, orders);
    }
    if !parsed.has_ports() {
        return None;
    }
    if let Some(published) = followed(tables, &parsed.to(), parsed.protocol) {
        orders.published = *published;
        if let Some(ruling) = publish::inbound(tables, parsed, orders) {
            return Some(ruling);
        }
    }
    returning(tables, parsed, orders)
}

/// A packet of a flow that a container opened, back to it.
#[inline(always)]
fn returning<T: Tables>(tables: &mut T, parsed: &Parsed, orders: &mut Orders) -> Option<Ruling> {
    // A request with the identifier 0 would look like an answer (GHSA-c66w-hq56-4q97).
    if is_echo(parsed) && !parsed.is_echo_reply() {
        return None;
    }
    orders.key = masqueraded_flow(parsed.from(), parsed.to(), parsed.protocol);
    let place = tables.find(&orders.key)?;
    if !tables.follow(place, &orders.key, parsed, Direction::Reply) {
        return None;
    }
    Some(deliver(tables, place, parsed, Direction::Reply, orders))
}

/// Where a packet on its way out comes from, and what it leaves by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The container's network.
    pub network: u32,
    /// Interface index of the uplink.
    pub uplink: u32,
}

/// A packet on its way out from a container: the answer of a published port, or a flow of the
/// container's own, which gets a host address where the network masquerades.
#[inline(always)]
pub fn outbound<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    origin: &Origin,
    orders: &mut Orders,
) -> Ruling {
    let Some(network) = tables.network(origin.network) else {
        return Ruling::Drop(DropReason::UnknownNetwork);
    };
    if network.flags & NETWORK_INTERNAL != 0 {
        return Ruling::Drop(DropReason::Internal);
    }
    let mss = segment_limit(tables, network, parsed, origin.uplink);
    if matches!(parsed.fragment, Fragment::Later) {
        return fragment::outbound(tables, parsed, orders);
    }
    if !parsed.has_ports() {
        return Ruling::Drop(DropReason::Protocol);
    }
    orders.translation = Translation { mss, ..Translation::NONE };
    if answer(tables, parsed, &mut orders.translation) {
        return Ruling::Translate;
    }
    if parsed.is_echo_reply() {
        return Ruling::Drop(DropReason::NoFlow);
    }
    let mut host = End { address: Address::UNSPECIFIED, port: [0; 2] };
    masquerade::source(tables, parsed, origin, &mut host.address);
    if host.address.is_unspecified() {
        return Ruling::Drop(DropReason::NoSource);
    }
    match masquerade::port(tables, parsed, origin.network, &mut host) {
        None => {
            orders.translation.source = Some(host);
            Ruling::Translate
        }
        Some(DropReason::PortsExhausted) => exhausted(tables, parsed, origin.network, orders),
        Some(reason) => Ruling::Drop(reason),
    }
}

/// A container's ICMP error on its way out.
#[inline(always)]
pub fn outbound_error<T: Tables>(
    tables: &mut T,
    headers: &Headers,
    origin: &Origin,
    orders: &mut Orders,
) -> Ruling {
    match tables.network(origin.network) {
        None => Ruling::Drop(DropReason::UnknownNetwork),
        Some(network) if network.flags & NETWORK_INTERNAL != 0 => {
            Ruling::Drop(DropReason::Internal)
        }
        Some(_) => error::outbound(tables, headers, origin, orders),
    }
}

/// The largest segment that a SYN by this uplink may announce; 0 for any.
#[inline(always)]
fn segment_limit<T: Tables>(tables: &T, network: &Network, parsed: &Parsed, uplink: u32) -> u16 {
    if network.mss == 0 || parsed.mss == 0 {
        return 0;
    }
    let headers = if parsed.is_v4() { 40 } else { 60 };
    let fits = tables.uplink(uplink).map_or(0, |uplink| uplink.mtu.saturating_sub(headers));
    let limit = if network.mss < fits || fits == 0 { network.mss } else { fits };
    if u32::from(parsed.mss) > limit { limit as u16 } else { 0 }
}

/// No port is left for this remote end: the container is told (RFC 5508 REQ-8).
#[inline(never)]
fn exhausted<T: Tables>(tables: &T, parsed: &Parsed, number: u32, orders: &mut Orders) -> Ruling {
    let reason = DropReason::PortsExhausted;
    let owner = EndpointKey { address: parsed.source, network: number, pad: 0 };
    let (Some(endpoint), Some(network)) = (tables.endpoint(&owner), tables.network(number)) else {
        return Ruling::Drop(reason);
    };
    let source = if parsed.is_v4() { network.gateway4 } else { network.gateway6 };
    if source.is_unspecified() {
        return Ruling::Drop(reason);
    }
    let back = Back::Container(endpoint.ifindex, network.mac, endpoint.mac);
    orders.answer = Answer { error: IcmpError::Prohibited, source, back, reason };
    Ruling::Answer
}

/// Follows the answer of a published port, and gives the ends that its client knows. Nothing is
/// looked up where no publication leads to the port.
#[inline(never)]
fn answer<T: Tables>(tables: &mut T, parsed: &Parsed, translation: &mut Translation) -> bool {
    if tables.port_kinds(parsed.is_v4(), parsed.protocol, parsed.source_port) & PORT_INNER == 0 {
        return false;
    }
    let key = published_flow(parsed.to(), parsed.from(), parsed.protocol);
    let Some(place) = tables.find(&key) else {
        return false;
    };
    if !tables.follow(place, &key, parsed, Direction::Reply) {
        return false;
    }
    if matches!(parsed.fragment, Fragment::First) {
        fragment::remember(tables, parsed, &key, Direction::Reply);
    }
    ends(tables.flow(place), &key, Direction::Reply, translation);
    true
}

/// The ends that a packet of this flow and direction gets.
#[inline(always)]
pub(crate) fn ends(flow: &Flow, key: &FlowKey, direction: Direction, to: &mut Translation) {
    let published = key.kind != FLOW_MASQUERADED;
    match (published, direction) {
        (false, Direction::Original) => to.source = Some(key.local_end()),
        (false, Direction::Reply) => to.destination = Some(flow.peer_end()),
        (true, Direction::Original) => {
            to.destination = Some(key.local_end());
            if flow.client != Address::UNSPECIFIED {
                to.source = Some(key.remote_end());
            }
        }
        (true, Direction::Reply) => {
            to.source = Some(flow.peer_end());
            if flow.client != Address::UNSPECIFIED {
                to.destination = Some(End { address: flow.client, port: flow.client_port });
            }
        }
    }
}

/// Into the container that the flow of the orders' key belongs to, addressed to its own end.
#[inline(never)]
pub(crate) fn deliver<T: Tables>(
    tables: &mut T,
    place: T::Place,
    parsed: &Parsed,
    direction: Direction,
    orders: &mut Orders,
) -> Ruling {
    if matches!(parsed.fragment, Fragment::First) {
        fragment::remember(tables, parsed, &orders.key, direction);
    }
    let flow = tables.flow(place);
    if let Some(ruling) = stopped(parsed, flow.mtu, orders) {
        return ruling;
    }
    route(orders, (flow.ifindex, flow.mac), flow.gateway_mac);
    if let Some(routed) = &mut orders.delivery.routed {
        ends(flow, &orders.key, direction, &mut routed.translation);
    }
    Ruling::Deliver
}

/// Into the container behind a device, from its gateway; nothing is translated yet. Written where it
/// stays: a copy would be half empty on its way.
#[inline(always)]
pub(crate) fn route(orders: &mut Orders, (ifindex, mac): (u32, [u8; 6]), gateway: [u8; 6]) {
    orders.delivery.ifindex = ifindex;
    orders.delivery.mac = mac;
    orders.delivery.routed = Some(Routed { mac: gateway, translation: Translation::NONE });
}

/// What becomes of a packet that can't be forwarded onto a link of this MTU; 0 is none.
#[inline(always)]
pub(crate) fn stopped(parsed: &Parsed, mtu: u16, orders: &mut Orders) -> Option<Ruling> {
    if parsed.hops <= 1 {
        return Some(expired(parsed, orders));
    }
    if parsed.length > mtu && parsed.whole && mtu != 0 {
        return Some(too_big(parsed, mtu, orders));
    }
    None
}

/// The sender learns that its packet's hops are used up (RFC 1812 4.3.2.4).
#[inline(always)]
pub(crate) fn expired(parsed: &Parsed, orders: &mut Orders) -> Ruling {
    back(parsed, IcmpError::TimeExceeded, DropReason::HopLimit, orders)
}

/// The sender learns how large a packet may be (RFC 1191, RFC 8201).
#[inline(always)]
pub(crate) fn too_big(parsed: &Parsed, mtu: u16, orders: &mut Orders) -> Ruling {
    back(parsed, IcmpError::TooBig(mtu), DropReason::TooBig, orders)
}

/// No error answers an error (RFC 1122 3.2.2), nor a later fragment.
#[inline(always)]
fn back(parsed: &Parsed, error: IcmpError, reason: DropReason, orders: &mut Orders) -> Ruling {
    if parsed.quotes || matches!(parsed.fragment, Fragment::Later) {
        return Ruling::Drop(reason);
    }
    orders.answer = Answer { error, source: parsed.destination, back: Back::Sender, reason };
    Ruling::Answer
}

#[inline(always)]
const fn is_echo(parsed: &Parsed) -> bool {
    matches!(parsed.protocol, ICMP | ICMPV6)
}

//! ICMP errors: they go to whom the packet that they quote came from, by the names that he knows
//! (RFC 5508 REQ-3 to REQ-6). They neither refresh a flow nor end one (REQ-6, RFC 5382 REQ-10).

use crate::abi::FlowKey;
use crate::conntrack::Direction;
use crate::flow::{End, masqueraded_flow, moved, published_flow};
use crate::hairpin;
use crate::masquerade;
use crate::nat::{Origin, deliver, ends, live, publication};
use crate::parse::{Headers, Parsed};
use crate::tables::Tables;
use crate::verdict::{DropReason, Orders, Ruling, Translation};

/// An error from outside about what left the host translated; none where it did not.
#[inline(never)]
pub(crate) fn inbound<T: Tables>(
    tables: &mut T,
    headers: &Headers,
    orders: &mut Orders,
) -> Option<Ruling> {
    let Headers { parsed, quoted } = headers;
    if quoted.source != parsed.destination || tables.subnet(&parsed.source).is_some() {
        return None;
    }
    if let Some(place) = called(tables, quoted, orders) {
        return Some(deliver(tables, place, parsed, Direction::Original, orders));
    }
    orders.key = masqueraded_flow(quoted.to(), quoted.from(), quoted.protocol);
    let place = live(tables, &orders.key)?;
    Some(deliver(tables, place, parsed, Direction::Reply, orders))
}

/// An error of a container's about what came from outside.
#[inline(never)]
pub(crate) fn outbound<T: Tables>(
    tables: &mut T,
    headers: &Headers,
    origin: &Origin,
    orders: &mut Orders,
) -> Ruling {
    let Headers { parsed, quoted } = headers;
    if quoted.source != parsed.destination || quoted.destination != parsed.source {
        return Ruling::Drop(DropReason::NoFlow);
    }
    orders.translation = Translation::NONE;
    orders.key = published_flow(quoted.from(), quoted.to(), quoted.protocol);
    if let Some(place) = live(tables, &orders.key) {
        ends(tables.flow(place), &orders.key, Direction::Reply, &mut orders.translation);
        return Ruling::Translate;
    }
    let mut host = quoted.to();
    masquerade::source(tables, parsed, origin, &mut host.address);
    if !opened_by(tables, quoted, &mut host) {
        return Ruling::Drop(DropReason::NoFlow);
    }
    orders.translation.source = Some(host);
    Ruling::Translate
}

/// A container's error about what another container, or itself, sent to its published port, or got
/// from one; none where it is about neither.
#[inline(never)]
pub(crate) fn between<T: Tables>(
    tables: &mut T,
    headers: &Headers,
    orders: &mut Orders,
) -> Option<Ruling> {
    let Headers { parsed, quoted } = headers;
    // Only the two ends of a flow have errors to tell each other.
    if quoted.source != parsed.destination || quoted.destination != parsed.source {
        return None;
    }
    orders.key = published_flow(quoted.from(), quoted.to(), quoted.protocol);
    if let Some(place) = live(tables, &orders.key) {
        orders.translation = Translation::NONE;
        ends(tables.flow(place), &orders.key, Direction::Reply, &mut orders.translation);
        return hairpin::back(tables, parsed, orders);
    }
    let place = called(tables, quoted, orders)?;
    Some(deliver(tables, place, parsed, Direction::Original, orders))
}

/// The flow by a published port whose answer is quoted, as its client got it; it becomes the orders'.
#[inline(never)]
fn called<T: Tables>(tables: &mut T, quoted: &Parsed, orders: &mut Orders) -> Option<T::Place> {
    let published = publication(tables, &quoted.from(), quoted.protocol)?;
    if published.address.is_v4() != quoted.is_v4() {
        return None;
    }
    let (inner, network) = (published.inner(quoted.source_port), published.network);
    let mut client = quoted.to();
    if client.address == inner.address {
        client.address = hairpin::gateway(tables.network(network)?, quoted);
    }
    orders.key = published_flow(client, inner, quoted.protocol);
    let place = own(tables, quoted, &orders.key);
    if place.is_some() {
        return place;
    }
    orders.name = moved(quoted.from(), quoted.to(), quoted.protocol);
    let name = live(tables, &orders.name)?;
    orders.key.remote_port = tables.flow(name).peer_port;
    own(tables, quoted, &orders.key)
}

/// The flow under a key, where its answers are what is quoted.
#[inline(never)]
fn own<T: Tables>(tables: &mut T, quoted: &Parsed, key: &FlowKey) -> Option<T::Place> {
    let place = live(tables, key)?;
    let flow = tables.flow(place);
    let client = match flow.client_end() {
        Some(client) => client,
        None => key.remote_end(),
    };
    (is(&flow.peer_end(), &quoted.from()) && is(&client, &quoted.to())).then_some(place)
}

/// The container opened the flow that is quoted as it arrived, and leaves by `host`, whose port may
/// be another than the container's.
#[inline(always)]
fn opened_by<T: Tables>(tables: &mut T, quoted: &Parsed, host: &mut End) -> bool {
    if is_opener(tables, quoted, host) {
        return true;
    }
    let Some(name) = live(tables, &moved(quoted.from(), quoted.to(), quoted.protocol)) else {
        return false;
    };
    host.port = tables.flow(name).peer_port;
    is_opener(tables, quoted, host)
}

#[inline(never)]
fn is_opener<T: Tables>(tables: &mut T, quoted: &Parsed, host: &End) -> bool {
    let key = masqueraded_flow(quoted.from(), *host, quoted.protocol);
    let Some(place) = live(tables, &key) else { return false };
    is(&tables.flow(place).peer_end(), &quoted.to())
}

#[inline(always)]
fn is(one: &End, other: &End) -> bool {
    one.address == other.address && one.port == other.port
}

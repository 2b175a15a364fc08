//! Translated flows: finding them, following them, and where a host port leads
//! (DESIGN 3.3 rules 3, 5, 6 and 3.4). Opening one is in `publish` and `masquerade`.

use crate::abi::{Flow, FlowKey, NETWORK_INTERNAL, NETWORK_MASQUERADE, Published};
use crate::address::Address;
use crate::conntrack::{Direction, REFRESH, State, step, timeout};
use crate::flow::{End, masqueraded_flow, published_flow, published_port};
use crate::masquerade;
use crate::parse::{Fragment, Parsed};
use crate::publish;
use crate::tables::Tables;
use crate::verdict::{Delivery, DropReason, Rewrite, Routed, Side, Verdict};

/// A packet from outside: to a published port, or back to a container that opened the flow.
/// None where it is neither.
#[inline(always)]
pub fn inbound<T: Tables>(tables: &mut T, parsed: &Parsed) -> Option<Verdict> {
    if !parsed.has_ports() || parsed.fragment != Fragment::Whole {
        return None;
    }
    if let Some(published) = publication(tables, &parsed.to(), parsed.protocol).copied()
        && let Some(verdict) = publish::inbound(tables, parsed, &published)
    {
        return Some(verdict);
    }
    let key = masqueraded_flow(parsed.from(), parsed.to(), parsed.protocol);
    let flow = live(tables, &key)?;
    follow(tables, &key, &flow, parsed, Direction::Reply);
    Some(deliver(&flow, parsed, End { address: flow.peer, port: flow.peer_port }))
}

/// A packet on its way out from a container of network `number`: the answer of a published port, or
/// a flow of the container's own, which gets the address `source` where the network masquerades.
#[inline(always)]
pub fn outbound<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    number: u32,
    source: &Address,
) -> Verdict {
    let Some(network) = tables.network(number) else {
        return Verdict::Drop(DropReason::UnknownNetwork);
    };
    let flags = network.flags;
    if flags & NETWORK_INTERNAL != 0 {
        return Verdict::Drop(DropReason::Internal);
    }
    if parsed.fragment != Fragment::Whole {
        return Verdict::Drop(DropReason::Fragment);
    }
    if !parsed.has_ports() {
        return Verdict::Drop(DropReason::Protocol);
    }
    let mut host = parsed.from();
    if answer(tables, parsed, &mut host) {
        return translate(host.address, host.port);
    }
    let address = if flags & NETWORK_MASQUERADE != 0 { *source } else { parsed.source };
    if address.is_unspecified() {
        return Verdict::Drop(DropReason::NoSource);
    }
    match masquerade::port(tables, parsed, number, &address) {
        Ok(port) => translate(address, port),
        Err(reason) => Verdict::Drop(reason),
    }
}

/// Follows the answer of a published port, and gives the host's end that its client called.
#[inline(never)]
fn answer<T: Tables>(tables: &mut T, parsed: &Parsed, host: &mut End) -> bool {
    let key = published_flow(parsed.to(), parsed.from(), parsed.protocol);
    let Some(flow) = live(tables, &key) else {
        return false;
    };
    follow(tables, &key, &flow, parsed, Direction::Reply);
    *host = End { address: flow.peer, port: flow.peer_port };
    true
}

/// Where a host address and port lead: what is published on exactly this address wins over what is
/// published on all of its family, and only the host's own addresses count (CVE-2025-67499).
#[inline(always)]
pub fn publication<'a, T: Tables>(
    tables: &'a T,
    host: &End,
    protocol: u8,
) -> Option<&'a Published> {
    if let Some(exact) = tables.published(&published_port(*host, protocol)) {
        return Some(exact);
    }
    let any = End { address: host.address.wildcard(), port: host.port };
    let published = tables.published(&published_port(any, protocol))?;
    (tables.is_local(&host.address) || host.address.is_loopback()).then_some(published)
}

/// A flow that has neither expired nor lost its owner; what is left of one that has is removed.
#[inline(always)]
pub(crate) fn live<T: Tables>(tables: &mut T, key: &FlowKey) -> Option<Flow> {
    let flow = tables.flow(tables.find(key)?);
    let age = tables.now().saturating_sub(flow.last_seen);
    let expired = age > timeout(State::from_number(flow.state), key.protocol);
    if !expired && tables.generation(flow.slot) == flow.generation {
        return Some(*flow);
    }
    tables.close(key);
    None
}

/// Brings a flow's record up to date with a packet of it. Two processors may do so at once: the
/// worst case is a state or time that lags by one packet.
#[inline(always)]
pub(crate) fn follow<T: Tables>(
    tables: &mut T,
    key: &FlowKey,
    flow: &Flow,
    parsed: &Parsed,
    direction: Direction,
) {
    let now = tables.now();
    let before = State::from_number(flow.state);
    let after = step(before, direction, parsed.protocol, parsed.tcp_flags());
    if before == after && now.saturating_sub(flow.last_seen) < REFRESH {
        return;
    }
    // A half-open connection stays among the unreplied: a flood of SYNs, answered or not, pushes out
    // only its like.
    let Some(place) = tables.find(key) else { return };
    tables.refresh(place, now, after);
    if matches!(before, State::Unreplied | State::Answered) && after == State::Established {
        tables.establish(key);
    }
}

/// Into the container that the flow belongs to, addressed to its own end.
#[inline(always)]
pub(crate) fn deliver(flow: &Flow, parsed: &Parsed, to: End) -> Verdict {
    if parsed.hops <= 1 {
        return Verdict::Drop(DropReason::HopLimit);
    }
    let rewrite = Rewrite { side: Side::Destination, address: to.address, port: to.port };
    Verdict::Deliver(Delivery {
        ifindex: flow.ifindex,
        mac: flow.mac,
        routed: Some(Routed { mac: flow.gateway_mac, rewrite }),
    })
}

#[inline(always)]
const fn translate(address: Address, port: [u8; 2]) -> Verdict {
    Verdict::Translate(Rewrite { side: Side::Source, address, port })
}

//! Containers that come to a container by its published port, on an address of the host's: from the
//! same network, another one, or from itself. The client keeps its address, but towards itself, where
//! it comes from the gateway (RFC 4787 REQ-9, RFC 5382 REQ-8).

use crate::abi::{EndpointKey, NETWORK_INTERNAL, Network, Published};
use crate::address::Address;
use crate::conntrack::Direction;
use crate::flow::{End, published_flow};
use crate::fragment;
use crate::nat::{ends, expired, follow, live, publication, too_big};
use crate::parse::{Fragment, Parsed};
use crate::pipeline::Sender;
use crate::publish::{Opening, pass_on, reach};
use crate::tables::Tables;
use crate::verdict::{Delivery, Routed, Translation, Verdict};

/// A container's packet to an address of the host's: through a published port, if there is one.
/// From an internal network none leads anywhere.
#[inline(always)]
pub(crate) fn call<T: Tables>(
    tables: &mut T,
    sender: &Sender,
    network_flags: u32,
    parsed: &Parsed,
) -> Option<Verdict> {
    if network_flags & NETWORK_INTERNAL != 0 {
        return None;
    }
    if matches!(parsed.fragment, Fragment::Later) {
        return fragment::inbound(tables, parsed);
    }
    if !parsed.has_ports() {
        return None;
    }
    let published = publication(tables, &parsed.to(), parsed.protocol).copied()?;
    if published.address.is_v4() != parsed.is_v4() {
        return None;
    }
    let client = known_as(tables, sender, &published, parsed)?;
    let inner = published.inner(parsed.destination_port);
    let mut key = published_flow(client, inner, parsed.protocol);
    match reach(tables, parsed, &published, &mut key, false) {
        Opening::Open => {
            tables.note_hairpin(published.container);
            Some(pass_on(tables, parsed, &key))
        }
        Opening::NotOurs => None,
        Opening::Refused(reason) => Some(Verdict::Drop(reason)),
    }
}

/// A container's packet that may answer another container, or itself.
#[inline(never)]
pub(crate) fn answer<T: Tables>(tables: &mut T, parsed: &Parsed) -> Option<Verdict> {
    if matches!(parsed.fragment, Fragment::Later) {
        let entry = fragment::find(tables, parsed)?;
        if matches!(fragment::direction(&entry), Direction::Original) {
            return None;
        }
        let place = live(tables, &entry.flow)?;
        let mut translation = Translation::default();
        ends(tables.flow(place), &entry.flow, Direction::Reply, &mut translation);
        return back(tables, parsed, translation);
    }
    if !parsed.has_ports() {
        return None;
    }
    let key = published_flow(parsed.to(), parsed.from(), parsed.protocol);
    let place = live(tables, &key)?;
    let mut translation = Translation::default();
    ends(tables.flow(place), &key, Direction::Reply, &mut translation);
    let verdict = back(tables, parsed, translation)?;
    follow(tables, place, &key, parsed, Direction::Reply);
    if matches!(parsed.fragment, Fragment::First) {
        fragment::remember(tables, parsed, &key, Direction::Reply);
    }
    Some(verdict)
}

/// Into the container that called; none where that was no container.
#[inline(never)]
pub(crate) fn back<T: Tables>(
    tables: &T,
    parsed: &Parsed,
    translation: Translation,
) -> Option<Verdict> {
    let client = match translation.destination {
        Some(end) => end.address,
        None => parsed.destination,
    };
    let number = tables.subnet(&client)?;
    let endpoint = tables.endpoint(&EndpointKey { address: client, network: number, pad: 0 })?;
    let network = tables.network(number)?;
    if parsed.hops <= 1 {
        return Some(expired(parsed));
    }
    if parsed.length > network.mtu && parsed.whole && network.mtu != 0 {
        return Some(too_big(parsed, network.mtu));
    }
    let routed = Some(Routed { mac: network.mac, translation });
    Some(Verdict::Deliver(Delivery { ifindex: endpoint.ifindex, mac: endpoint.mac, routed }))
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

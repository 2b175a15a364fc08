//! Where a container's packet goes: its own network, the host, another network, outside
//! (DESIGN 3.3 rules 2 to 5).

use crate::abi::{DEVICE_NO_ICC, Endpoint, EndpointKey, NETWORK_INTERNAL, Network};
use crate::error;
use crate::hairpin;
use crate::parse::{Headers, Parsed};
use crate::pipeline::Sender;
use crate::tables::{Route, RouteQuery, Tables};
use crate::verdict::{Delivery, DropReason, Verdict};

/// To an address of the own network: straight into the container that has it.
#[inline(always)]
pub fn same_network<T: Tables>(tables: &T, sender: &Sender, parsed: &Parsed) -> Option<Verdict> {
    let key = EndpointKey { address: parsed.destination, network: sender.network, pad: 0 };
    let endpoint = tables.endpoint(&key)?;
    if sender.flags & DEVICE_NO_ICC != 0 {
        return Some(Verdict::Drop(DropReason::IccOff));
    }
    Some(Verdict::Deliver(delivery(endpoint)))
}

/// Anywhere else.
#[inline(always)]
pub fn elsewhere<T: Tables>(tables: &mut T, sender: &Sender, headers: &Headers) -> Verdict {
    let parsed = &headers.parsed;
    let Some(network) = tables.network(sender.network) else {
        return Verdict::Drop(DropReason::UnknownNetwork);
    };
    let (flags, bridge) = (network.flags, network.bridge);
    if is_gateway(network, parsed) {
        return match to_host(tables, sender, flags, headers) {
            Some(verdict) => verdict,
            None => Verdict::Pass,
        };
    }
    // Also another network's gateway is an address of the host's, that a port may be published on.
    if tables.is_local(&parsed.destination)
        && let Some(verdict) = to_host(tables, sender, flags, headers)
    {
        return verdict;
    }
    if let Some(reason) = never_leaves(tables, sender.network, flags, parsed) {
        return Verdict::Drop(reason);
    }
    if tables.is_local(&parsed.destination) {
        return Verdict::Pass;
    }
    outside(tables, bridge, parsed)
}

/// What is sent to an address of the host's and is not for the host: calls of published ports, and
/// errors about their answers.
#[inline(always)]
fn to_host<T: Tables>(
    tables: &mut T,
    sender: &Sender,
    flags: u32,
    headers: &Headers,
) -> Option<Verdict> {
    if headers.parsed.quotes {
        return error::between(tables, headers);
    }
    hairpin::call(tables, sender, flags, &headers.parsed)
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
fn outside<T: Tables>(tables: &T, bridge: u32, parsed: &Parsed) -> Verdict {
    let query = RouteQuery {
        ifindex: bridge,
        source: parsed.source,
        destination: parsed.destination,
        protocol: parsed.protocol,
        length: parsed.length,
    };
    match tables.route(&query) {
        Route::Via(_) if parsed.hops <= 1 => Verdict::Pass,
        // Only an uplink has the programs that masquerade and guard the way back.
        Route::Via(hop) if tables.uplink(hop.ifindex).is_none() => {
            Verdict::Drop(DropReason::UnknownDevice)
        }
        Route::Via(hop) => Verdict::Route(hop),
        Route::Stack => Verdict::Pass,
    }
}

#[inline(always)]
fn delivery(endpoint: &Endpoint) -> Delivery {
    Delivery { ifindex: endpoint.ifindex, mac: endpoint.mac, routed: None }
}

//! Where a container's packet goes: its own network, the host, another network, outside
//! (DESIGN 3.3 rules 2 to 5).

use crate::abi::{DEVICE_NO_ICC, Device, Endpoint, EndpointKey, NETWORK_INTERNAL, Network};
use crate::parse::Parsed;
use crate::tables::{Route, RouteQuery, Tables};
use crate::verdict::{Delivery, DropReason, Verdict};

/// To an address of the own network: straight into the container that has it.
#[inline(always)]
pub fn same_network<T: Tables>(tables: &T, device: &Device, parsed: &Parsed) -> Option<Verdict> {
    let key = EndpointKey { address: parsed.destination, network: device.network, pad: 0 };
    let endpoint = tables.endpoint(&key)?;
    if device.flags & DEVICE_NO_ICC != 0 {
        return Some(Verdict::Drop(DropReason::IccOff));
    }
    Some(Verdict::Deliver(delivery(endpoint)))
}

/// Anywhere else.
#[inline(always)]
pub fn elsewhere<T: Tables>(tables: &T, device: &Device, parsed: &Parsed) -> Verdict {
    let Some(network) = tables.network(device.network) else {
        return Verdict::Drop(DropReason::UnknownNetwork);
    };
    if is_gateway(network, parsed) {
        return Verdict::Pass;
    }
    if let Some(reason) = never_leaves(tables, device, network, parsed) {
        return Verdict::Drop(reason);
    }
    if tables.is_local(&parsed.destination) {
        return Verdict::Pass;
    }
    outside(tables, network, parsed)
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
    device: &Device,
    network: &Network,
    parsed: &Parsed,
) -> Option<DropReason> {
    let to = &parsed.destination;
    match tables.subnet(to) {
        Some(number) if number == device.network => return Some(DropReason::NoEndpoint),
        Some(_) => return Some(DropReason::Isolated),
        None => {}
    }
    if to.is_loopback() || to.is_unspecified() {
        return Some(DropReason::Martian);
    }
    if to.is_link_local_v6() {
        return Some(DropReason::NoEndpoint);
    }
    (network.flags & NETWORK_INTERNAL != 0).then_some(DropReason::Internal)
}

/// Out by an uplink, where its egress program masquerades. What the routing table can't send on
/// goes to the kernel, which answers with ICMP; so does a packet without hops left.
#[inline(always)]
fn outside<T: Tables>(tables: &T, network: &Network, parsed: &Parsed) -> Verdict {
    let query = RouteQuery {
        ifindex: network.bridge,
        source: parsed.source,
        destination: parsed.destination,
        protocol: parsed.protocol,
        length: 0,
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

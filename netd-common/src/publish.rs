//! Published ports: flows that are opened from outside.

use crate::abi::{EndpointKey, Flow, FlowKey, Published, SCALE_UNKNOWN};
use crate::conntrack::{Direction, State};
use crate::flow::{End, published_flow};
use crate::nat::{deliver, follow, live};
use crate::parse::{Parsed, TCP, TCP_ACK, TCP_RST, TCP_SYN};
use crate::tables::{Opened, Tables};
use crate::verdict::{DropReason, Verdict};

/// Follows or opens the flow of a packet to a published port. None where the packet is not one of
/// a publication's: the families differ, or it is TCP in the middle of something else.
#[inline(always)]
pub(crate) fn inbound<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    published: &Published,
) -> Option<Verdict> {
    // A link-local client could not be answered: its address means another host on each link.
    if published.address.is_v4() != parsed.is_v4() || parsed.source.is_link_local_v6() {
        return None;
    }
    let inner = End { address: published.address, port: published.port };
    let key = published_flow(parsed.from(), inner, parsed.protocol);
    if live(tables, &key).is_none() {
        match open(tables, parsed, published.network, published.slot, &key) {
            Opening::Open => {}
            Opening::NotOurs => return None,
            Opening::Refused(reason) => return Some(Verdict::Drop(reason)),
        }
    }
    let Some(flow) = tables.find(&key).map(|place| *tables.flow(place)) else {
        return Some(Verdict::Drop(DropReason::TableFull));
    };
    if flow.peer != parsed.destination || flow.peer_port != parsed.destination_port {
        // The same client port, by another host port to the same container port: the answers
        // could not be told apart.
        return Some(Verdict::Drop(DropReason::PortsExhausted));
    }
    follow(tables, &key, &flow, parsed, Direction::Original);
    Some(deliver(&flow, parsed, inner))
}

/// What became of a first packet. One byte, so that a BPF function can return it.
enum Opening {
    /// Its flow is in the table.
    Open,
    /// It belongs to a flow that a container or the host itself opened from this port, or to none:
    /// then the host answers with a reset, which a flow that was lost needs.
    NotOurs,
    /// It opens nothing.
    Refused(DropReason),
}

/// Opens the flow of a first packet.
#[inline(never)]
fn open<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    network: u32,
    slot: u32,
    key: &FlowKey,
) -> Opening {
    // What only a container or the host itself may be called comes in by no wire.
    if tables.subnet(&parsed.source).is_some() || tables.is_local(&parsed.source) {
        return Opening::Refused(DropReason::SpoofedAddress);
    }
    let first = parsed.tcp_flags() & (TCP_SYN | TCP_ACK | TCP_RST) == TCP_SYN;
    if parsed.protocol == TCP && !first {
        return Opening::NotOurs;
    }
    let endpoint = EndpointKey { address: key.local, network, pad: 0 };
    let Some(endpoint) = tables.endpoint(&endpoint) else {
        return Opening::Refused(DropReason::NoEndpoint);
    };
    let Some(network) = tables.network(network) else {
        return Opening::Refused(DropReason::UnknownNetwork);
    };
    let flow = Flow {
        last_seen: tables.now(),
        peer: parsed.destination,
        ifindex: endpoint.ifindex,
        slot,
        generation: tables.generation(slot),
        peer_port: parsed.destination_port,
        mac: endpoint.mac,
        gateway_mac: network.mac,
        state: State::Unreplied as u8,
        scales: [SCALE_UNKNOWN; 2],
        ..Flow::default()
    };
    match tables.open(key, &flow, false) {
        Opened::New | Opened::Exists => Opening::Open,
        Opened::Full => Opening::Refused(DropReason::TableFull),
    }
}

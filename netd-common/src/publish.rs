//! Published ports: flows that are opened from outside, or by a container through an address of the
//! host's.

use crate::abi::{EndpointKey, Flow, FlowKey, Published};
use crate::address::Address;
use crate::conntrack::{Direction, SCTP_INIT, begin};
use crate::flow::{moved, published_flow};
use crate::masquerade::candidate;
use crate::nat::{deliver, enter, follow, live};
use crate::parse::{Parsed, SCTP, TCP, TCP_ACK, TCP_RST, TCP_SYN};
use crate::tables::{Opened, Tables};
use crate::verdict::{DropReason, Verdict};

/// Follows or opens the flow of a packet from outside to a published port. None where the packet is
/// not one of a publication's: the families differ, or it is in the middle of something else.
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
    let mut key =
        published_flow(parsed.from(), published.inner(parsed.destination_port), parsed.protocol);
    match reach(tables, parsed, published, &mut key, true) {
        Opening::Open => Some(pass_on(tables, parsed, &key)),
        Opening::NotOurs => None,
        Opening::Refused(reason) => Some(Verdict::Drop(reason)),
    }
}

/// Follows an open flow towards the container.
#[inline(always)]
pub(crate) fn pass_on<T: Tables>(tables: &mut T, parsed: &Parsed, key: &FlowKey) -> Verdict {
    let Some(place) = tables.find(key) else {
        return Verdict::Drop(DropReason::TableFull);
    };
    follow(tables, place, key, parsed, Direction::Original);
    deliver(tables, place, key, parsed, Direction::Original)
}

/// What became of a packet's flow. One byte, so that a BPF function can return it.
pub(crate) enum Opening {
    /// It is in the table, under the key as it is now.
    Open,
    /// The packet belongs to a flow that a container or the host itself opened from this port, or to
    /// none: then the host answers with a reset, which a flow that was lost needs.
    NotOurs,
    /// The packet opens nothing.
    Refused(DropReason),
}

/// What a key is to a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Its own flow's.
    Own,
    /// Another flow's.
    Taken,
    /// Nobody's.
    Free,
}

/// Finds or opens the flow of a packet to a published port. `key` has the client as the container
/// is to know it, and gets another port where that is somebody else's; `outside` says that the
/// packet came in by a wire.
#[inline(always)]
pub(crate) fn reach<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    published: &Published,
    key: &mut FlowKey,
    outside: bool,
) -> Opening {
    match look(tables, parsed, key) {
        Place::Own => Opening::Open,
        Place::Free => open(tables, parsed, published, key, outside),
        Place::Taken => displaced(tables, parsed, published, key, outside),
    }
}

#[inline(never)]
fn look<T: Tables>(tables: &mut T, parsed: &Parsed, key: &FlowKey) -> Place {
    let Some(place) = live(tables, key) else { return Place::Free };
    let flow = tables.flow(place);
    let called = flow.peer == parsed.destination && flow.peer_port == parsed.destination_port;
    let by = match flow.client_end() {
        Some(client) => client.address == parsed.source && client.port == parsed.source_port,
        None => key.remote == parsed.source && key.remote_port == parsed.source_port,
    };
    if called && by { Place::Own } else { Place::Taken }
}

/// The same client port, by another host port to the same container port: the container gets to
/// know the client by another one, or the answers could not be told apart.
#[inline(never)]
fn displaced<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    published: &Published,
    key: &mut FlowKey,
    outside: bool,
) -> Opening {
    let name = moved(parsed.to(), parsed.from(), parsed.protocol);
    if let Some(place) = live(tables, &name) {
        key.remote_port = tables.flow(place).peer_port;
        if look(tables, parsed, key) == Place::Own {
            return Opening::Open;
        }
    }
    for nth in 1..TRIES {
        key.remote_port = candidate(parsed, nth);
        if look(tables, parsed, key) == Place::Free {
            let opening = open(tables, parsed, published, key, outside);
            if matches!(opening, Opening::Open) {
                remember(tables, key, &name);
            }
            return opening;
        }
    }
    Opening::Refused(DropReason::PortsExhausted)
}

/// Enters what says by which other end an opener is known, with the flow's own owner and age.
#[inline(never)]
pub(crate) fn remember<T: Tables>(tables: &mut T, key: &FlowKey, name: &FlowKey) {
    let Some(place) = tables.find(key) else { return };
    let flow = tables.flow(place);
    let end = if name.remote == flow.peer && name.remote_port == flow.peer_port {
        key.remote_end()
    } else {
        key.local_end()
    };
    let entry = Flow {
        last_seen: flow.last_seen,
        peer: end.address,
        peer_port: end.port,
        ifindex: flow.ifindex,
        slot: flow.slot,
        generation: flow.generation,
        network: flow.network,
        state: flow.state,
        ..Flow::default()
    };
    tables.close(name);
    let _ = tables.open(name, &entry, false);
}

/// Opens the flow of a first packet.
#[inline(never)]
fn open<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    published: &Published,
    key: &FlowKey,
    outside: bool,
) -> Opening {
    // What only a container or the host itself may be called comes in by no wire.
    if outside && (tables.subnet(&parsed.source).is_some() || tables.is_local(&parsed.source)) {
        return Opening::Refused(DropReason::SpoofedAddress);
    }
    if !is_first(parsed) {
        return Opening::NotOurs;
    }
    if published.clients != 0 && !tables.is_client(published.clients, &parsed.source) {
        return Opening::Refused(DropReason::NotAClient);
    }
    let endpoint = EndpointKey { address: key.local, network: published.network, pad: 0 };
    let Some(endpoint) = tables.endpoint(&endpoint) else {
        return Opening::Refused(DropReason::NoEndpoint);
    };
    let Some(network) = tables.network(published.network) else {
        return Opening::Refused(DropReason::UnknownNetwork);
    };
    let other = key.remote != parsed.source || key.remote_port != parsed.source_port;
    let mut flow = Flow {
        last_seen: tables.now(),
        peer: parsed.destination,
        client: if other { parsed.source } else { Address::UNSPECIFIED },
        client_port: if other { parsed.source_port } else { [0; 2] },
        ifindex: endpoint.ifindex,
        slot: published.slot,
        generation: tables.generation(published.slot),
        network: published.network,
        peer_port: parsed.destination_port,
        mac: endpoint.mac,
        gateway_mac: network.mac,
        mtu: network.mtu,
        ..Flow::default()
    };
    begin(&mut flow, parsed);
    match enter(tables, key, &flow) {
        Opened::New | Opened::Exists => Opening::Open,
        Opened::Full => Opening::Refused(DropReason::TableFull),
    }
}

/// The packet opens a connection, where its protocol has such.
#[inline(always)]
const fn is_first(parsed: &Parsed) -> bool {
    match parsed.protocol {
        TCP => parsed.detail & (TCP_SYN | TCP_ACK | TCP_RST) == TCP_SYN,
        SCTP => parsed.detail == SCTP_INIT,
        _ => true,
    }
}

/// A client's port towards a container, and how many are tried.
const TRIES: u32 = 32;

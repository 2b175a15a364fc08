//! Published ports: flows that are opened from outside, or by a container through an address of the
//! host's.

mod opening;

pub use opening::Opening;

use crate::abi::{EndpointKey, Flow, FlowKey, Published};
use crate::address::Address;
use crate::conntrack::{Direction, SCTP_INIT, begin};
use crate::flow::{End, masqueraded_flow, moved, published_flow};
use crate::masquerade::candidate;
use crate::nat::{deliver, enter, live, publication};
use crate::parse::{Parsed, SCTP, TCP, TCP_ACK, TCP_RST, TCP_SYN, UDP};
use crate::tables::{Opened, Tables};
use crate::verdict::{DropReason, Orders, Ruling};

/// Follows or opens the flow of a packet from outside to a published port. None where the packet is
/// not one of a publication's: the families differ, or it is in the middle of something else.
#[inline(always)]
pub(crate) fn inbound<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    orders: &mut Orders,
) -> Option<Ruling> {
    let published = &orders.published;
    // A link-local client could not be answered: its address means another host on each link.
    if published.address.is_v4() != parsed.is_v4() || parsed.source.is_link_local_v6() {
        return None;
    }
    let inner = published.inner(parsed.destination_port);
    orders.key = published_flow(parsed.from(), inner, parsed.protocol);
    reach(tables, parsed, orders, true)
}

/// Whose a key is, to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Holder {
    /// Its own flow's.
    Own,
    /// Another flow's.
    Taken,
    /// Nobody's.
    Free,
    /// Its own flow's, which a container opened.
    Inside,
}

/// Finds or opens the flow of a packet to the orders' publication, and takes the packet along it to
/// the container; none where it is none of the publication's. The orders' key has the client as the
/// container is to know it, and gets another port where that is somebody else's; `outside` says that
/// the packet came in by a wire.
#[inline(always)]
pub(crate) fn reach<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    orders: &mut Orders,
    outside: bool,
) -> Option<Ruling> {
    // Nearly every packet.
    if let Some(place) = tables.find(&orders.key)
        && holder(tables.flow(place), parsed, &orders.key) == Holder::Own
        && tables.follow(place, &orders.key, parsed, Direction::Original)
    {
        return Some(deliver(tables, place, parsed, Direction::Original, orders));
    }
    let opening = match live(tables, &orders.key) {
        Some(place) => match holder(tables.flow(place), parsed, &orders.key) {
            // Opened in this instant by another processor.
            Holder::Own => return Some(go_on(tables, place, parsed, orders)),
            _ if outside && !is_hosts(tables, parsed) => Opening::NotOurs,
            Holder::Inside if outside => Opening::Refused(DropReason::SpoofedAddress),
            Holder::Inside => return Some(go_on(tables, place, parsed, orders)),
            _ => tables.displace(parsed, &orders.published, &mut orders.key, outside),
        },
        None if outside && (!is_hosts(tables, parsed) || is_anothers(tables, parsed)) => {
            Opening::NotOurs
        }
        None => tables.open_inwards(parsed, &orders.published, &orders.key, outside),
    };
    match opening {
        Opening::New => Some(set_out(tables, parsed, orders)),
        Opening::Open => match tables.find(&orders.key) {
            Some(place) => Some(go_on(tables, place, parsed, orders)),
            None => Some(Ruling::Drop(DropReason::TableFull)),
        },
        Opening::NotOurs => None,
        Opening::Refused(reason) => Some(Ruling::Drop(reason)),
    }
}

/// The packet is to an address where the publication is in force.
#[inline(always)]
fn is_hosts<T: Tables>(tables: &T, parsed: &Parsed) -> bool {
    publication(tables, &parsed.to(), parsed.protocol).is_some()
}

/// A packet of an open flow, the orders' key's, towards the container.
#[inline(always)]
fn go_on<T: Tables>(
    tables: &mut T,
    place: T::Place,
    parsed: &Parsed,
    orders: &mut Orders,
) -> Ruling {
    // Its owner may have gone in this instant.
    if !tables.follow(place, &orders.key, parsed, Direction::Original) {
        return Ruling::Drop(DropReason::NoFlow);
    }
    deliver(tables, place, parsed, Direction::Original, orders)
}

/// The first packet of a flow, which its record knows already.
#[inline(always)]
fn set_out<T: Tables>(tables: &mut T, parsed: &Parsed, orders: &mut Orders) -> Ruling {
    match tables.newest(&orders.key) {
        Some(place) => deliver(tables, place, parsed, Direction::Original, orders),
        None => Ruling::Drop(DropReason::TableFull),
    }
}

/// What comes to a published port and is an answer all the same: to a flow that a container opened
/// before the port was published, or to a socket of the host's, which the kernel gave the port.
#[inline(never)]
fn is_anothers<T: Tables>(tables: &mut T, parsed: &Parsed) -> bool {
    let (remote, host) = (parsed.from(), parsed.to());
    live(tables, &masqueraded_flow(remote, host, parsed.protocol)).is_some()
        || (parsed.protocol == UDP && tables.is_host_socket(&remote, &host, UDP))
}

/// What a key is to a packet.
#[inline(always)]
pub fn look<T: Tables>(tables: &mut T, parsed: &Parsed, key: &FlowKey) -> Holder {
    match live(tables, key) {
        Some(place) => holder(tables.flow(place), parsed, key),
        None => Holder::Free,
    }
}

#[inline(always)]
fn holder(flow: &Flow, parsed: &Parsed, key: &FlowKey) -> Holder {
    let called = flow.peer == parsed.destination && flow.peer_port == parsed.destination_port;
    let by = match flow.client_end() {
        Some(client) => client.address == parsed.source && client.port == parsed.source_port,
        None => key.remote == parsed.source && key.remote_port == parsed.source_port,
    };
    match (called && by, flow.inside) {
        (true, 0) => Holder::Own,
        (true, _) => Holder::Inside,
        (false, _) => Holder::Taken,
    }
}

/// The same client port, by another host port to the same container port: the container gets to
/// know the client by another one, or the answers could not be told apart.
#[inline(always)]
pub fn displaced<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    published: &Published,
    key: &mut FlowKey,
    outside: bool,
) -> Opening {
    let name = moved(parsed.to(), parsed.from(), parsed.protocol);
    if let Some(place) = live(tables, &name) {
        key.remote_port = tables.flow(place).peer_port;
        match tables.look(parsed, key) {
            Holder::Inside if outside => return Opening::Refused(DropReason::SpoofedAddress),
            Holder::Own | Holder::Inside => return Opening::Open,
            Holder::Taken | Holder::Free => {}
        }
    }
    for nth in 1..TRIES {
        key.remote_port = candidate(parsed, nth);
        if tables.look(parsed, key) == Holder::Free {
            let opening = tables.open_inwards(parsed, published, key, outside);
            if matches!(opening, Opening::Open | Opening::New) {
                remember(tables, key, &name, &key.remote_end());
            }
            return opening;
        }
    }
    Opening::Refused(DropReason::PortsExhausted)
}

/// Enters under `name` that a flow's end is `end`, with the flow's own owner and age.
#[inline(never)]
pub(crate) fn remember<T: Tables>(tables: &mut T, key: &FlowKey, name: &FlowKey, end: &End) {
    let Some(place) = tables.find(key) else { return };
    let flow = tables.flow(place);
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

/// Opens the flow of a first packet; `flow` is room for its record.
#[inline(always)]
pub fn open<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    published: &Published,
    key: &FlowKey,
    outside: bool,
    flow: &mut Flow,
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
    // Field by field: a whole record on the way would need the stack that BPF does not have.
    flow.last_seen = tables.now();
    flow.peer = parsed.destination;
    flow.peer_port = parsed.destination_port;
    flow.client = if other { parsed.source } else { Address::UNSPECIFIED };
    flow.client_port = if other { parsed.source_port } else { [0; 2] };
    flow.ifindex = endpoint.ifindex;
    flow.slot = published.slot;
    flow.generation = tables.generation(published.slot);
    flow.network = published.network;
    flow.mac = endpoint.mac;
    flow.gateway_mac = network.mac;
    flow.mtu = network.mtu;
    begin(flow, parsed);
    flow.inside = if outside { 0 } else { 1 };
    match enter(tables, key, flow) {
        Opened::New => Opening::New,
        Opened::Exists => Opening::Open,
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

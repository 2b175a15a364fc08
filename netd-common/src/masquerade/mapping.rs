//! Endpoint-independent mappings of UDP ports (RFC 4787 REQ-1), where a network asks for them.

use super::{insert, opened};
use crate::abi::{FLOW_MAPPED, FLOW_MAPPING, FlowKey, NETWORK_ENDPOINT_INDEPENDENT, Network};
use crate::flow::{End, mapping, masqueraded_flow};
use crate::nat::live;
use crate::parse::{Parsed, UDP};
use crate::publish::remember;
use crate::tables::Tables;
use crate::verdict::DropReason;

/// A container's UDP port is to have one host port towards every remote end (RFC 4787 REQ-1).
#[inline(never)]
pub(super) fn is_independent<T: Tables>(tables: &T, parsed: &Parsed, network: u32) -> bool {
    let asked = |network: &Network| network.flags & NETWORK_ENDPOINT_INDEPENDENT != 0;
    parsed.protocol == UDP && tables.network(network).is_some_and(asked)
}

/// The host port that the container's port has already, into `host`.
#[inline(never)]
pub(super) fn find_mapping<T: Tables>(tables: &mut T, parsed: &Parsed, host: &mut End) -> bool {
    let Some(place) = live(tables, &mapping(parsed.from(), UDP, FLOW_MAPPING)) else {
        return false;
    };
    let there = tables.flow(place).peer_end();
    host.port = there.port;
    there.address == host.address
}

/// Opens a flow at the port that its mapping has. Towards this remote end another network's flow may
/// have it, which is not to be shared.
#[inline(never)]
pub(super) fn insert_mapped<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    network: u32,
    host: &End,
) -> Option<DropReason> {
    let key = masqueraded_flow(parsed.to(), *host, parsed.protocol);
    if live(tables, &key).is_some() {
        return Some(DropReason::PortsExhausted);
    }
    let failed = insert(tables, parsed, network, &key);
    if failed.is_none() {
        opened(tables, parsed, &key);
    }
    failed
}

/// Remembers a new mapping, both ways.
#[inline(never)]
pub(super) fn enter_mapping<T: Tables>(tables: &mut T, parsed: &Parsed, key: &FlowKey) {
    let (inner, outer) = (parsed.from(), key.local_end());
    remember(tables, key, &mapping(inner, UDP, FLOW_MAPPING), &outer);
    remember(tables, key, &mapping(outer, UDP, FLOW_MAPPED), &inner);
}

/// The host's end is what another container's port is mapped to, whoever the remote end is.
#[inline(always)]
pub(super) fn is_mapped<T: Tables>(tables: &mut T, parsed: &Parsed, host: &End) -> bool {
    if parsed.protocol != UDP {
        return false;
    }
    let Some(place) = live(tables, &mapping(*host, UDP, FLOW_MAPPED)) else { return false };
    let flow = tables.flow(place);
    flow.peer != parsed.source || flow.peer_port != parsed.source_port
}

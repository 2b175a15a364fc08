//! Masquerade: flows that containers open to the outside, and the host ports they leave from.

mod mapping;

use crate::abi::{EndpointKey, Flow, FlowKey, NETWORK_MASQUERADE, UPLINK_SOURCES};
use crate::address::Address;
use crate::conntrack::{Direction, begin};
use crate::flow::{End, masqueraded_flow, moved};
use crate::fragment;
use crate::nat::{Origin, enter, live, publication};
use crate::parse::{Fragment, Parsed, TCP_ACK, TCP_RST, TCP_SYN};
use crate::publish::remember;
use crate::tables::{Opened, Tables};
use crate::verdict::DropReason;
use mapping::{enter_mapping, find_mapping, insert_mapped, is_independent, is_mapped};

/// How many host ports are tried for a new flow, its own among them.
pub const TRIES: u32 = 128;

/// The address that a container's packet leaves with: its own where its network does not
/// masquerade, the network's choice, the route's, the uplink's; unspecified where there is none.
#[inline(never)]
pub(crate) fn source<T: Tables>(
    tables: &T,
    parsed: &Parsed,
    origin: &Origin,
    address: &mut Address,
) {
    let (Some(network), Some(uplink)) =
        (tables.network(origin.network), tables.uplink(origin.uplink))
    else {
        return;
    };
    if network.flags & NETWORK_MASQUERADE == 0 {
        *address = parsed.source;
        return;
    }
    let chosen = if parsed.is_v4() { network.host4 } else { network.host6 };
    if !chosen.is_unspecified() {
        *address = chosen;
        return;
    }
    *address = if parsed.is_v4() { uplink.ipv4 } else { uplink.ipv6 };
    if uplink.flags & UPLINK_SOURCES != 0
        && let Some(preferred) = tables.source(origin.uplink, &parsed.destination)
    {
        *address = preferred;
    }
}

/// The host port of a container's flow, into `host` whose address is given: the container's own
/// port where that is free, as it nearly always is, else another of its class. Says why there is
/// none.
#[inline(always)]
pub(crate) fn port<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    network: u32,
    host: &mut End,
) -> Option<DropReason> {
    host.port = parsed.source_port;
    if attempt(tables, parsed, host) == Attempt::Own {
        return None;
    }
    if find_moved(tables, parsed, host) {
        return None;
    }
    tables.open_outwards(parsed, network, host)
}

/// What a host port is to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// The flow has it.
    Own,
    /// Another flow has it.
    Taken,
    /// No flow has it.
    Free,
}

/// Tries one port; where the flow already has it, the packet is followed.
#[inline(never)]
fn attempt<T: Tables>(tables: &mut T, parsed: &Parsed, host: &End) -> Attempt {
    let key = masqueraded_flow(parsed.to(), *host, parsed.protocol);
    let Some(place) = tables.find(&key) else { return Attempt::Free };
    let flow = tables.flow(place);
    if flow.peer != parsed.source || flow.peer_port != parsed.source_port {
        return if tables.is_alive(place, &key) { Attempt::Taken } else { Attempt::Free };
    }
    if !tables.follow(place, &key, parsed, Direction::Original) {
        return Attempt::Free;
    }
    if matches!(parsed.fragment, Fragment::First) {
        fragment::remember(tables, parsed, &key, Direction::Original);
    }
    Attempt::Own
}

/// A flow that got another port when it was opened: what says so is believed where the flow agrees.
#[inline(never)]
fn find_moved<T: Tables>(tables: &mut T, parsed: &Parsed, host: &mut End) -> bool {
    let name = moved(parsed.to(), parsed.from(), parsed.protocol);
    let Some(place) = live(tables, &name) else { return false };
    let there = tables.flow(place).peer_end();
    if there.address != host.address {
        return false;
    }
    host.port = there.port;
    attempt(tables, parsed, host) == Attempt::Own
}

/// Opens a flow at the first port that no other flow, publication or socket of the host's has.
#[inline(always)]
pub fn open<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    network: u32,
    host: &mut End,
) -> Option<DropReason> {
    // An answer to nothing, or the end of nothing, opens nothing.
    let flags = parsed.tcp_flags();
    let answers = flags & (TCP_SYN | TCP_ACK) == TCP_SYN | TCP_ACK;
    if parsed.is_echo_reply() || answers || flags & TCP_RST != 0 {
        return Some(DropReason::NoFlow);
    }
    let independent = is_independent(tables, parsed, network);
    if independent && find_mapping(tables, parsed, host) {
        return insert_mapped(tables, parsed, network, host);
    }
    for nth in 0..TRIES {
        host.port = candidate(parsed, nth);
        let key = masqueraded_flow(parsed.to(), *host, parsed.protocol);
        if tables.is_taken(parsed, host, &key) {
            continue;
        }
        let failed = insert(tables, parsed, network, &key);
        if failed.is_none() {
            opened(tables, parsed, &key);
            if independent {
                enter_mapping(tables, parsed, &key);
            }
        }
        return failed;
    }
    Some(DropReason::PortsExhausted)
}

/// A flow, a publication or a socket of the host's has the host's end `host`, which is `key`'s.
#[inline(always)]
pub fn is_taken<T: Tables>(tables: &mut T, parsed: &Parsed, host: &End, key: &FlowKey) -> bool {
    live(tables, key).is_some()
        || publication(tables, host, parsed.protocol).is_some()
        || is_mapped(tables, parsed, host)
        || (host.address != parsed.source
            && tables.is_host_socket(&parsed.to(), host, parsed.protocol))
}

#[inline(never)]
fn insert<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    number: u32,
    key: &FlowKey,
) -> Option<DropReason> {
    let owner = EndpointKey { address: parsed.source, network: number, pad: 0 };
    let Some(endpoint) = tables.endpoint(&owner) else { return Some(DropReason::NoEndpoint) };
    let Some(network) = tables.network(number) else { return Some(DropReason::UnknownNetwork) };
    let mut flow = Flow {
        last_seen: tables.now(),
        peer: parsed.source,
        ifindex: endpoint.ifindex,
        slot: endpoint.slot,
        generation: tables.generation(endpoint.slot),
        network: number,
        peer_port: parsed.source_port,
        mac: endpoint.mac,
        gateway_mac: network.mac,
        mtu: network.mtu,
        ..Flow::default()
    };
    begin(&mut flow, parsed);
    match enter(tables, key, &flow) {
        Opened::New => None,
        // Another processor took the port in this instant: the sender's next try finds another.
        Opened::Exists => Some(DropReason::PortsExhausted),
        Opened::Full => Some(DropReason::TableFull),
    }
}

/// What is to be remembered beside a new flow.
#[inline(never)]
fn opened<T: Tables>(tables: &mut T, parsed: &Parsed, key: &FlowKey) {
    if key.local_port != parsed.source_port {
        let name = moved(parsed.to(), parsed.from(), parsed.protocol);
        remember(tables, key, &name, &key.local_end());
    }
    if matches!(parsed.fragment, Fragment::First) {
        fragment::remember(tables, parsed, key, Direction::Original);
    }
}

/// The port of the n-th try: the own one, then ports of its class (below 512, below 1024, the rest;
/// RFC 4787 REQ-3a) in an order that the flow's ends determine.
#[inline(always)]
pub(crate) fn candidate(parsed: &Parsed, attempt: u32) -> [u8; 2] {
    if attempt == 0 {
        return parsed.source_port;
    }
    let own = u32::from(u16::from_be_bytes(parsed.source_port));
    let (first, count) = match own {
        0..512 => (1, 511),
        512..1024 => (512, 512),
        _ => (1024, 64_512),
    };
    let ends = parsed.source.mix() ^ parsed.destination.mix().rotate_left(16);
    let seed = (ends ^ own).wrapping_mul(0x9e37_79b1) >> 8;
    let port = first + seed.wrapping_add(attempt.wrapping_mul(7_919)) % count;
    (port as u16).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::UDP;

    fn parsed(port: u16) -> Parsed {
        Parsed {
            source: Address::v4([172, 18, 0, 2]),
            destination: Address::v4([192, 0, 2, 1]),
            source_port: port.to_be_bytes(),
            destination_port: [0, 53],
            protocol: UDP,
            ..Parsed::EMPTY
        }
    }

    #[test]
    fn rfc4787_req3a_candidates_stay_in_the_port_class() {
        for (own, class) in [(7, 1..512), (600, 512..1024), (1024, 1024..65_536_u32)] {
            for attempt in 1..TRIES {
                let port = u32::from(u16::from_be_bytes(candidate(&parsed(own), attempt)));
                assert!(class.contains(&port), "{own}: {port}");
            }
        }
    }

    #[test]
    fn candidates_of_one_flow_differ() {
        let all: [_; 127] = core::array::from_fn(|n| candidate(&parsed(40_000), n as u32 + 1));
        for (n, port) in all.iter().enumerate() {
            assert!(!all[..n].contains(port));
        }
    }
}

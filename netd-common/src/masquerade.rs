//! Masquerade: flows that containers open to the outside, and the host ports they leave from.

use crate::abi::{EndpointKey, Flow, FlowKey, SCALE_UNKNOWN};
use crate::address::Address;
use crate::conntrack::{Direction, State};
use crate::flow::{End, masqueraded_flow};
use crate::nat::{follow, live, publication};
use crate::parse::{Parsed, TCP_RST};
use crate::tables::{Opened, Tables};
use crate::verdict::DropReason;

/// How many host ports are tried for a flow, its own among them.
pub const TRIES: u32 = 8;

/// The host port of a container's flow: the container's own port where that is free, as it nearly
/// always is, else another of its class.
#[inline(always)]
pub(crate) fn port<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    number: u32,
    address: &Address,
) -> Result<[u8; 2], DropReason> {
    match attempt(tables, parsed, address, parsed.source_port) {
        Attempt::Own => Ok(parsed.source_port),
        first @ (Attempt::Free | Attempt::Taken) => {
            let mut search = Search { address: *address, number, port: parsed.source_port };
            match look_further(tables, parsed, &mut search, first == Attempt::Free) {
                None => Ok(search.port),
                Some(reason) => Err(reason),
            }
        }
    }
}

/// What [`look_further`] looks for, and finds.
struct Search {
    /// The host's address.
    address: Address,
    /// The container's network.
    number: u32,
    /// The host port.
    port: [u8; 2],
}

/// What a candidate port is to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// The flow has it.
    Own,
    /// Another flow, or a published port, has it.
    Taken,
    /// Nobody has it.
    Free,
}

/// Tries one port; where the flow already has it, the packet is followed.
#[inline(never)]
fn attempt<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    address: &Address,
    port: [u8; 2],
) -> Attempt {
    let key = masqueraded_flow(parsed.to(), End { address: *address, port }, parsed.protocol);
    match live(tables, &key) {
        Some(flow) if flow.peer == parsed.source && flow.peer_port == parsed.source_port => {
            follow(tables, &key, &flow, parsed, Direction::Original);
            Attempt::Own
        }
        Some(_) => Attempt::Taken,
        None => Attempt::Free,
    }
}

/// Looks through the other candidates and opens the flow at the first free one; says why it can't.
/// All are looked at before: an earlier one may have been freed since this flow got a later one.
#[inline(never)]
fn look_further<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    search: &mut Search,
    own_is_free: bool,
) -> Option<DropReason> {
    let Search { address, number: network, port: found } = search;
    let mut free = None;
    if own_is_free && !is_published(tables, address, parsed.source_port, parsed.protocol) {
        free = Some(parsed.source_port);
    }
    for nth in 1..TRIES {
        let port = candidate(parsed, nth);
        match attempt(tables, parsed, address, port) {
            Attempt::Own => {
                *found = port;
                return None;
            }
            Attempt::Free if free.is_none() => {
                if !is_published(tables, address, port, parsed.protocol) {
                    free = Some(port);
                }
            }
            Attempt::Free | Attempt::Taken => {}
        }
    }
    let Some(port) = free else {
        return Some(DropReason::PortsExhausted);
    };
    *found = port;
    let key = masqueraded_flow(parsed.to(), End { address: *address, port }, parsed.protocol);
    open(tables, parsed, *network, &key).err()
}

#[inline(never)]
fn is_published<T: Tables>(tables: &T, address: &Address, port: [u8; 2], protocol: u8) -> bool {
    publication(tables, &End { address: *address, port }, protocol).is_some()
}

#[inline(never)]
fn open<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    number: u32,
    key: &FlowKey,
) -> Result<(), DropReason> {
    // An answer to nothing, or the end of nothing, opens nothing.
    if parsed.is_echo_reply() || parsed.tcp_flags() & TCP_RST != 0 {
        return Err(DropReason::NoFlow);
    }
    let owner = EndpointKey { address: parsed.source, network: number, pad: 0 };
    let endpoint = tables.endpoint(&owner).ok_or(DropReason::NoEndpoint)?;
    let network = tables.network(number).ok_or(DropReason::UnknownNetwork)?;
    let flow = Flow {
        last_seen: tables.now(),
        peer: parsed.source,
        ifindex: endpoint.ifindex,
        slot: endpoint.slot,
        generation: tables.generation(endpoint.slot),
        peer_port: parsed.source_port,
        mac: endpoint.mac,
        gateway_mac: network.mac,
        state: State::Unreplied as u8,
        scales: [SCALE_UNKNOWN; 2],
        ..Flow::default()
    };
    match tables.open(key, &flow, false) {
        Opened::New => Ok(()),
        // Another processor took the port in this instant: the sender's next try finds another.
        Opened::Exists => Err(DropReason::PortsExhausted),
        Opened::Full => Err(DropReason::TableFull),
    }
}

/// The host port of the n-th try: ports of the container port's class (below 512, below 1024, the
/// rest; RFC 4787 REQ-3a) in an order that both ends of the flow determine.
#[inline(always)]
fn candidate(parsed: &Parsed, attempt: u32) -> [u8; 2] {
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
    use crate::parse::{Fragment, UDP};

    fn parsed(port: u16) -> Parsed {
        Parsed {
            source: Address::v4([172, 18, 0, 2]),
            destination: Address::v4([192, 0, 2, 1]),
            source_port: port.to_be_bytes(),
            destination_port: [0, 53],
            l3: 14,
            l4: 34,
            protocol: UDP,
            ip_protocol: UDP,
            detail: 0,
            hops: 64,
            fragment: Fragment::Whole,
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
        let all: [_; 7] = core::array::from_fn(|n| candidate(&parsed(40_000), n as u32 + 1));
        for (n, port) in all.iter().enumerate() {
            assert!(!all[..n].contains(port));
        }
    }
}

//! A flow's record from its first packet to its end.

use crate::abi::{FLOW_MAPPED, FLOW_MAPPING, FLOW_MASQUERADED, Flow, FlowKey, Timeouts};
use crate::conntrack::{Direction, State, step, timeout};
use crate::flow::{mapping, moved};
use crate::parse::{Parsed, UDP};
use crate::tables::{Establishing, Opened, Tables};

/// The place of a flow that has neither expired nor lost its owner; what is left of one that has is
/// removed.
#[inline(always)]
pub(crate) fn live<T: Tables>(tables: &mut T, key: &FlowKey) -> Option<T::Place> {
    let place = tables.find(key)?;
    tables.is_alive(place, key).then_some(place)
}

/// A flow has neither expired nor lost its owner; what is left of one that has is removed.
#[inline(always)]
pub fn is_alive<T: Tables>(tables: &mut T, place: T::Place, key: &FlowKey) -> bool {
    let flow = tables.flow(place);
    if !is_dead(tables, flow, key) {
        return true;
    }
    let network = flow.network;
    forget(tables, key, network);
    false
}

/// A flow has expired, or what it belongs to is gone.
#[inline(always)]
pub fn is_dead<T: Tables>(tables: &T, flow: &Flow, key: &FlowKey) -> bool {
    has_ended(tables, flow, key, tables.now())
}

#[inline(always)]
fn has_ended<T: Tables>(tables: &T, flow: &Flow, key: &FlowKey, now: u64) -> bool {
    let age = now.saturating_sub(flow.last_seen);
    let times = match tables.config() {
        Some(config) => &config.timeouts,
        None => &Timeouts::DEFAULT,
    };
    let expired = age > timeout(times, State::from_number(flow.state), key);
    expired || tables.generation(flow.slot) != flow.generation
}

/// Removes a flow, and counts it out of its network's established ones.
#[inline(never)]
pub fn forget<T: Tables>(tables: &mut T, key: &FlowKey, network: u32) {
    if tables.close(key)
        && key.kind <= FLOW_MASQUERADED
        && let Some(usage) = tables.usage(network)
    {
        usage.established = usage.established.saturating_sub(1);
    }
}

/// Enters a new flow. A network that opens more than its share without an answer competes with its
/// like for room.
#[inline(never)]
pub(crate) fn enter<T: Tables>(tables: &mut T, key: &FlowKey, flow: &Flow) -> Opened {
    let now = flow.last_seen;
    let (share, window) = match tables.config() {
        Some(config) => (config.unreplied_share, config.timeouts.window),
        None => (0, 0),
    };
    let mut crowded = false;
    if let Some(usage) = tables.usage(flow.network) {
        if now.saturating_sub(usage.window) > u64::from(window) * 1_000_000_000 {
            usage.window = now;
            usage.opened = 0;
            usage.answered = 0;
        }
        usage.opened = usage.opened.wrapping_add(1);
        crowded = usage.opened.saturating_sub(usage.answered) > share;
    }
    tables.open(key, flow, crowded)
}

/// Brings a flow's record up to date with a packet of it; false where it has expired or lost its owner,
/// and is gone now. Two processors may do so at once: the worst case is a state or time that lags by
/// one packet.
#[inline(always)]
pub fn follow<T: Tables>(
    tables: &mut T,
    place: T::Place,
    key: &FlowKey,
    parsed: &Parsed,
    direction: Direction,
) -> bool {
    let now = tables.now();
    let flow = tables.flow(place);
    if has_ended(tables, flow, key, now) {
        let network = flow.network;
        forget(tables, key, network);
        return false;
    }
    let before = State::from_number(flow.state);
    let done = step(flow, parsed, direction, now.saturating_sub(flow.last_seen));
    if let Some(window) = done.sender {
        tables.advance(place, direction, window, done.scale);
    }
    if let Some(window) = done.receiver {
        tables.advance(place, direction.back(), window, None);
    }
    if !done.touch {
        return true;
    }
    tables.refresh(place, now, done.state);
    keep_name(tables, place, key, now);
    // A half-open connection stays among the unreplied: a flood of SYNs, answered or not, pushes out
    // only its like. One for which there was no room is tried again.
    if matches!(done.state, State::Established | State::Closing) {
        let edge = matches!(before, State::Unreplied | State::Answered);
        establish(tables, place, key, edge);
    }
    true
}

/// Moves a flow among those that are never pushed out, as long as its network has not more than its
/// share of them.
#[inline(always)]
fn establish<T: Tables>(tables: &mut T, place: T::Place, key: &FlowKey, first: bool) {
    let network = tables.flow(place).network;
    let share = match tables.config() {
        Some(config) => config.established_share,
        None => 0,
    };
    if let Some(usage) = tables.usage(network) {
        if first {
            usage.answered = usage.answered.wrapping_add(1);
        }
        if usage.established >= share {
            return;
        }
    }
    establish_name(tables, place, key);
    // Where the table is full of flows that ended, and no agent is there to sweep it.
    let mut moved = tables.establish(key);
    if matches!(moved, Establishing::NoRoom) && tables.reclaim() {
        moved = tables.establish(key);
    }
    if !matches!(moved, Establishing::Done) {
        return;
    }
    if let Some(usage) = tables.usage(network) {
        usage.established = usage.established.wrapping_add(1);
    }
}

#[inline(never)]
fn establish_name<T: Tables>(tables: &mut T, place: T::Place, key: &FlowKey) {
    if let Some(name) = name(tables.flow(place), key) {
        tables.establish(&name);
    }
    if key.protocol == UDP && key.kind == FLOW_MASQUERADED {
        let inner = tables.flow(place).peer_end();
        tables.establish(&mapping(inner, UDP, FLOW_MAPPING));
        tables.establish(&mapping(key.local_end(), UDP, FLOW_MAPPED));
    }
}

/// What says by which other end the flow's opener is known; none where it is known by its own.
#[inline(always)]
pub(crate) fn name(flow: &Flow, key: &FlowKey) -> Option<FlowKey> {
    if key.kind == FLOW_MASQUERADED {
        let own = flow.peer_port == key.local_port;
        return if own {
            None
        } else {
            Some(moved(key.remote_end(), flow.peer_end(), key.protocol))
        };
    }
    let client = flow.client_end()?;
    if client.port == key.remote_port {
        return None;
    }
    Some(moved(flow.peer_end(), client, key.protocol))
}

/// Keeps what says where a moved flow is as young as the flow.
#[inline(never)]
fn keep_name<T: Tables>(tables: &mut T, place: T::Place, key: &FlowKey, now: u64) {
    if let Some(name) = name(tables.flow(place), key)
        && let Some(at) = tables.find(&name)
    {
        tables.refresh(at, now, State::Established);
    }
    if key.protocol == UDP && key.kind == FLOW_MASQUERADED {
        let inner = tables.flow(place).peer_end();
        keep(tables, &mapping(inner, UDP, FLOW_MAPPING), now);
        keep(tables, &mapping(key.local_end(), UDP, FLOW_MAPPED), now);
    }
}

#[inline(always)]
fn keep<T: Tables>(tables: &mut T, key: &FlowKey, now: u64) {
    if let Some(at) = tables.find(key) {
        tables.refresh(at, now, State::Established);
    }
}

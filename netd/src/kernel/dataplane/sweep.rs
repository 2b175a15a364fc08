//! Housekeeping of the flow tables: what has expired or lost its owner is removed. The programs
//! judge each record themselves when they meet it; this only makes room, and counts anew.

use super::{
    flows::{FlowTables, Flows},
    refused,
    write::found,
};
use crate::error::{Error, Result};
use aya::{
    Pod,
    maps::{Array, HashMap, MapData},
};
use netd_common::{
    abi::{
        FLOW_MAPPED, FLOW_MASQUERADED, Flow, FlowKey, FragmentEntry, FragmentKey, MAX_FRAGMENTS,
        MAX_NETWORKS, Timeouts, Usage,
    },
    address::Address,
    conntrack::{State, timeout},
};
use nix::time::{ClockId, clock_gettime};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Records removed.
    pub removed: usize,
    /// Established flows that are left.
    pub established: usize,
}

impl FlowTables {
    /// Removes what is dead, and counts each network's established flows. Above four fifths of
    /// its room, established TCP has to go earlier, but never before the RFC's two hours and four
    /// minutes.
    ///
    /// # Errors
    /// A table that can't be read or written.
    pub fn sweep(&mut self) -> Result<Swept> {
        self.sweep_at(now()?)
    }

    /// As [`FlowTables::sweep`] when the programs' clock says `now` (nanoseconds).
    ///
    /// # Errors
    /// As [`FlowTables::sweep`].
    pub fn sweep_at(&mut self, now: u64) -> Result<Swept> {
        let mut judge = Judge { now, timeouts: self.timeouts };
        let mut swept = self.sweep_established(&judge)?;
        let capacity = self.capacity.established;
        let shorter = under_pressure(&self.timeouts, swept.established, capacity);
        if shorter < judge.timeouts.tcp_established {
            judge.timeouts.tcp_established = shorter;
            let again = self.sweep_established(&judge)?;
            swept = Swept { removed: swept.removed + again.removed, ..again };
        }
        let (unreplied, crowded) = (self.capacity.unreplied, self.capacity.crowded);
        for (table, size) in [(&mut self.unreplied, unreplied), (&mut self.crowded, crowded)] {
            swept.removed += sweep_flows(table, &self.generations, size, &judge, |_| {})?;
        }
        let old = |_: &FragmentKey, entry: &FragmentEntry| {
            judge.is_older(entry.seen, judge.timeouts.fragment)
        };
        swept.removed += remove(&mut self.fragments, MAX_FRAGMENTS, old, old)?;
        Ok(swept)
    }

    /// Removes dead established flows and writes down how many each network has.
    fn sweep_established(&mut self, judge: &Judge) -> Result<Swept> {
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        let mut established = 0;
        let alive = |flow: &Flow| {
            *counts.entry(flow.network % MAX_NETWORKS).or_default() += 1;
            established += 1;
        };
        let Self { established: table, generations, capacity, .. } = self;
        let removed = sweep_flows(table, generations, capacity.established, judge, alive)?;
        write_usage(&mut self.usage, &counts)?;
        Ok(Swept { removed, established })
    }

    /// Removes the flows that use one of `addresses` as the host's end, which are void without it;
    /// says how many.
    ///
    /// # Errors
    /// A table that can't be read or written.
    pub fn void(&mut self, addresses: &BTreeSet<IpAddr>) -> Result<usize> {
        let addresses: BTreeSet<Address> = addresses.iter().map(|a| Address::from(*a)).collect();
        let void = |key: &FlowKey, flow: &Flow| addresses.contains(host_end(key, flow));
        let capacity = self.capacity;
        let mut removed = 0;
        // The established ones last: that is where a flow goes that is answered meanwhile.
        for (table, size) in [
            (&mut self.unreplied, capacity.unreplied),
            (&mut self.crowded, capacity.crowded),
            (&mut self.established, capacity.established),
        ] {
            removed += remove(table, size, void, void)?;
        }
        Ok(removed)
    }
}

/// What makes a record a dead one.
struct Judge {
    /// Nanoseconds of the clock that the programs stamp flows with.
    now: u64,
    timeouts: Timeouts,
}

impl Judge {
    fn is_expired(&self, key: &FlowKey, flow: &Flow) -> bool {
        self.age(flow.last_seen) > timeout(&self.timeouts, State::from_number(flow.state), key)
    }

    fn is_older(&self, seen: u64, seconds: u32) -> bool {
        self.age(seen) > u64::from(seconds) * SECOND
    }

    fn age(&self, seen: u64) -> u64 {
        self.now.saturating_sub(seen)
    }
}

/// Removes dead flows, shows the others to `alive`, and says how many went.
fn sweep_flows(
    table: &mut Flows,
    generations: &Array<MapData, u32>,
    capacity: u32,
    judge: &Judge,
    mut alive: impl FnMut(&Flow),
) -> Result<usize> {
    // Few slots for many flows: a generation that rises meanwhile is noticed next time.
    let mut read: BTreeMap<u32, u32> = BTreeMap::new();
    let generation = |flow: &Flow| generations.get(&flow.slot, 0).unwrap_or(flow.generation);
    let suspect = |key: &FlowKey, flow: &Flow| {
        let known = *read.entry(flow.slot).or_insert_with(|| generation(flow));
        let suspect = known != flow.generation || judge.is_expired(key, flow);
        if !suspect {
            alive(flow);
        }
        suspect
    };
    let dead = |key: &FlowKey, flow: &Flow| {
        generation(flow) != flow.generation || judge.is_expired(key, flow)
    };
    remove(table, capacity, suspect, dead)
}

/// Corrects the programs' own counts, which are approximate, where they are wrong.
fn write_usage(usage: &mut Array<MapData, Usage>, counts: &BTreeMap<u32, u32>) -> Result<()> {
    let failed = |e| refused("cannot count the flows of a network", &e);
    for network in 0..MAX_NETWORKS {
        let known = usage.get(&network, 0).map_err(failed)?;
        let established = counts.get(&network).copied().unwrap_or(0);
        if known.established != established {
            usage.set(network, Usage { established, ..known }, 0).map_err(failed)?;
        }
    }
    Ok(())
}

/// Removes the entries that are `suspect` and, at a second look right before they go, `dead`: a
/// packet may have refreshed them meanwhile. Says how many went.
fn remove<K: Pod, V: Pod>(
    table: &mut HashMap<MapData, K, V>,
    capacity: u32,
    mut suspect: impl FnMut(&K, &V) -> bool,
    dead: impl Fn(&K, &V) -> bool,
) -> Result<usize> {
    // Reading begins anew where the entry it has come to goes: there is an end to that.
    let entries = table.iter().filter_map(Result::ok).take(2 * capacity as usize);
    let suspects: Vec<K> = entries.filter(|(k, v)| suspect(k, v)).map(|(key, _)| key).collect();
    let failed = |e| refused("cannot sweep the flows", &e);
    let mut removed = 0;
    for key in suspects {
        let still = found(table.get(&key, 0)).map_err(failed)?;
        if still.is_some_and(|value| dead(&key, &value)) && table.remove(&key).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

/// The host's end of a flow, or of a note about one.
fn host_end<'a>(key: &'a FlowKey, flow: &'a Flow) -> &'a Address {
    match key.kind {
        FLOW_MASQUERADED | FLOW_MAPPED => &key.local,
        _ => &flow.peer,
    }
}

/// Seconds that established TCP may be idle with this many flows: less and less from four fifths
/// of the room on, at 19 of 20 parts no more than what RFC 5382 REQ-5 asks for.
fn under_pressure(timeouts: &Timeouts, flows: usize, capacity: u32) -> u32 {
    let relaxed = timeouts.tcp_established;
    let floor = relaxed.min(TCP_ESTABLISHED_FLOOR);
    let capacity = u64::from(capacity);
    let (high, full) = (capacity * 16 / 20, capacity * 19 / 20);
    let beyond = (flows as u64).saturating_sub(high);
    let cut = u64::from(relaxed - floor) * beyond.min(full - high) / (full - high).max(1);
    relaxed - u32::try_from(cut).unwrap_or(relaxed - floor)
}

/// The clock that the programs stamp flows with.
fn now() -> Result<u64> {
    let failed = |e: String| Error::kernel(format!("cannot read the clock: {e}"));
    let clock = ClockId::CLOCK_MONOTONIC_COARSE;
    let now = Duration::from(clock_gettime(clock).map_err(|e| failed(e.to_string()))?);
    u64::try_from(now.as_nanos()).map_err(|e| failed(e.to_string()))
}

const SECOND: u64 = 1_000_000_000;
/// Two hours and four minutes.
const TCP_ESTABLISHED_FLOOR: u32 = 7_440;

#[cfg(test)]
mod tests;

//! Housekeeping of the flow tables: what has expired or lost its owner is removed. The programs
//! judge each record themselves when they meet it; this only makes room.

use super::{Dataplane, refused, write::found};
use crate::error::{Error, Result};
use aya::maps::{HashMap, MapData};
use netd_common::{
    abi::{Flow, FlowKey},
    conntrack::{State, timeout},
};
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

impl Dataplane {
    /// Removes dead flows and says how many.
    ///
    /// # Errors
    /// A table that can't be read or written.
    pub fn sweep(&mut self) -> Result<usize> {
        let now = now()?;
        let generations = &self.tables.generations;
        let dead = |key: &FlowKey, flow: &Flow| {
            let age = now.saturating_sub(flow.last_seen);
            let generation = generations.get(&flow.slot, 0).unwrap_or(flow.generation);
            age > timeout(State::from_number(flow.state), key.protocol)
                || generation != flow.generation
        };
        let flows = sweep(&mut self.tables.flows, dead)?;
        Ok(flows + sweep(&mut self.tables.unreplied, dead)?)
    }
}

/// A record is looked at again right before it goes: a packet may have refreshed it meanwhile.
fn sweep(
    table: &mut HashMap<MapData, FlowKey, Flow>,
    dead: impl Fn(&FlowKey, &Flow) -> bool,
) -> Result<usize> {
    let failed = |e| refused("cannot sweep the flows", &e);
    let candidates: Vec<FlowKey> =
        table.iter().filter_map(Result::ok).filter(|(k, f)| dead(k, f)).map(|(k, _)| k).collect();
    let mut removed = 0;
    for key in candidates {
        let still = found(table.get(&key, 0)).map_err(failed)?;
        if still.is_some_and(|flow| dead(&key, &flow)) && table.remove(&key).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

/// The clock that the programs stamp flows with.
fn now() -> Result<u64> {
    let failed = |e: String| Error::kernel(format!("cannot read the clock: {e}"));
    let clock = ClockId::CLOCK_MONOTONIC_COARSE;
    let now = Duration::from(clock_gettime(clock).map_err(|e| failed(e.to_string()))?);
    u64::try_from(now.as_nanos()).map_err(|e| failed(e.to_string()))
}

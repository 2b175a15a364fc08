//! The entries of the old flow tables, entered in the new ones.

use super::super::{
    flows::{FlowTables, Flows},
    refused, table,
    write::found,
};
use crate::error::Result;
use aya::maps::{HashMap, MapData, MapError};
use netd_common::abi::{Flow, maps, previous};
use nix::errno::Errno;
use std::path::Path;

/// Enters every flow of the tables that are pinned in `former` which the new ones don't have: what
/// they have is newer. Nobody may write the old ones any more. Says how many there were.
pub(super) fn carry(former: &Path, tables: &mut FlowTables) -> Result<usize> {
    let capacity = tables.capacity;
    let FlowTables { established, unreplied, crowded, .. } = tables;
    let mut carried = enter(former, maps::FLOWS, established, capacity.established, None)?;
    for (name, table, size) in [
        (maps::UNREPLIED, unreplied, capacity.unreplied),
        (maps::CROWDED, crowded, capacity.crowded),
    ] {
        carried += enter(former, name, table, size, Some(&*established))?;
    }
    Ok(carried)
}

/// `beyond`: what has come there by now is carried over already.
fn enter(
    former: &Path,
    name: &str,
    into: &mut Flows,
    capacity: u32,
    beyond: Option<&Flows>,
) -> Result<usize> {
    if !previous::CHANGED.contains(&name) || !former.join(name).exists() {
        return Ok(0);
    }
    let failed = |e| refused(&format!("cannot carry the flows of {name} over"), &e);
    let from: HashMap<MapData, previous::FlowKey, previous::Flow> = table(former, name)?;
    let (mut entered, mut refusals) = (0, 0);
    // Reading begins anew where a program took out the entry it has come to: there is an end to that.
    for entry in from.iter().take(2 * capacity as usize) {
        let (key, old) = entry.map_err(failed)?;
        let key = previous::key(&key);
        if beyond.is_some_and(|table| matches!(found(table.get(key, 0)), Ok(Some(_)))) {
            continue;
        }
        let mut record = Flow::default();
        previous::flow(&old, &mut record);
        match into.insert(key, record, NOT_IF_THERE) {
            Ok(()) => entered += 1,
            Err(e) if is(&e, Errno::EEXIST) => {}
            Err(e) if is(&e, Errno::E2BIG) => refusals += 1,
            Err(e) => return Err(failed(e)),
        }
    }
    if refusals > 0 {
        tracing::error!("{refusals} flows of {name} found no room and are cut");
    }
    Ok(entered)
}

fn is(error: &MapError, errno: Errno) -> bool {
    let MapError::SyscallError(error) = error else { return false };
    error.io_error.raw_os_error() == Some(errno as i32)
}

/// BPF_NOEXIST of linux/bpf.h.
const NOT_IF_THERE: u64 = 1;

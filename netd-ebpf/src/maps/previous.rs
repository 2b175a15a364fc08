//! Flows of the layout before this one, which is read through where a flow is not among today's: what
//! is found there is entered here, as it is by then. Only programs that are loaded to go from one
//! layout to the next do so: in the others the kernel removes all of it, and where there is no layout
//! before this one the compiler does.

use super::{CROWDED, FLOWS, UNREPLIED, found, place::find};
use aya_ebpf::{
    Global,
    bindings::BPF_NOEXIST,
    macros::map,
    maps::{HashMap, LruHashMap, PerCpuArray},
};
use netd_common::abi::{Flow, FlowKey, previous};

#[map]
static FORMER_FLOWS: HashMap<previous::FlowKey, previous::Flow> = HashMap::with_max_entries(1, 0);
#[map]
static FORMER_UNREPLIED: LruHashMap<previous::FlowKey, previous::Flow> =
    LruHashMap::with_max_entries(1, 0);
#[map]
static FORMER_CROWDED: LruHashMap<previous::FlowKey, previous::Flow> =
    LruHashMap::with_max_entries(1, 0);

/// Room for the record that is carried over.
#[map]
static CARRIED: PerCpuArray<Flow> = PerCpuArray::with_max_entries(1, 0);

/// 1 in programs that read the layout before this one through.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
static READS_THROUGH: Global<u32> = Global::new(0);

#[inline(always)]
fn reads_through() -> bool {
    previous::VERSION.is_some() && READS_THROUGH.load() != 0
}

/// As [`find`] for a flow that only the layout before this one has: it is carried over. Not a
/// function of its own: the kernel allows eight frames, and the deepest look-ups are in the eighth.
#[inline(always)]
pub(super) fn find_former(key: &FlowKey) -> Option<*mut Flow> {
    if !reads_through() {
        return None;
    }
    let former = previous::former(key);
    let (flow, table) = if let Some(flow) = found!(FORMER_FLOWS, former) {
        (flow, 0)
    } else if let Some(flow) = found!(FORMER_UNREPLIED, former) {
        (flow, 1)
    } else if let Some(flow) = found!(FORMER_CROWDED, former) {
        (flow, 2)
    } else {
        return None;
    };
    let record = CARRIED.get_ptr_mut(0)?;
    // SAFETY: the element is this processor's own, and nobody else uses it meanwhile, as with
    // `scratch`; one reference to it is alive at a time.
    let record = unsafe { &mut *record };
    previous::flow(flow, record);
    let record: &Flow = record;
    // Of two processors that do so at once, both find what the first one entered.
    let _ = match table {
        0 => FLOWS.insert(key, record, BPF_NOEXIST.into()),
        1 => UNREPLIED.insert(key, record, BPF_NOEXIST.into()),
        _ => CROWDED.insert(key, record, BPF_NOEXIST.into()),
    };
    find(key)
}

/// A flow that is over is not carried over again.
#[inline(always)]
pub(super) fn close(key: &FlowKey) {
    if !reads_through() {
        return;
    }
    let key = previous::former(key);
    if FORMER_FLOWS.remove(key).is_err() && FORMER_UNREPLIED.remove(key).is_err() {
        let _ = FORMER_CROWDED.remove(key);
    }
}

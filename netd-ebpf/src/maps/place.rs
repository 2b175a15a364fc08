//! Flows by where their record is.

use super::{CROWDED, FLOWS, UNREPLIED};
use aya_ebpf::bindings::BPF_NOEXIST;
use netd_common::{
    abi::{Flow, FlowKey},
    tables::Establishing,
};

/// Where a flow's record is.
#[derive(Clone, Copy)]
pub(crate) struct Place(pub(super) *mut Flow);

#[inline(always)]
pub(super) fn find(key: &FlowKey) -> Option<*mut Flow> {
    FLOWS.get_ptr_mut(key).or_else(|| find_unreplied(key))
}

#[inline(always)]
pub(super) fn find_unreplied(key: &FlowKey) -> Option<*mut Flow> {
    UNREPLIED.get_ptr_mut(key).or_else(|| CROWDED.get_ptr_mut(key))
}

#[inline(always)]
pub(super) fn establish(key: &FlowKey) -> Establishing {
    let Some(place) = find_unreplied(key) else { return Establishing::NotNew };
    // SAFETY: the element stays readable for as long as the program runs (RCU); the helper copies
    // the record from one map into the other.
    let record: &Flow = unsafe { &*place };
    match FLOWS.insert(key, record, BPF_NOEXIST.into()) {
        Ok(()) => {}
        Err(EEXIST) => return Establishing::NotNew,
        Err(_) => return Establishing::NoRoom,
    }
    if UNREPLIED.remove(key).is_err() {
        let _ = CROWDED.remove(key);
    }
    Establishing::Done
}

pub(super) const EEXIST: i32 = -17;

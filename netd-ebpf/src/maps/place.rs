//! Flows by where their record is.

use super::{CROWDED, UNREPLIED};
use netd_common::abi::{Flow, FlowKey};

/// Where a flow's record is.
#[derive(Clone, Copy)]
pub(crate) struct Place(pub(super) *mut Flow);

#[inline(always)]
pub(super) fn find_unreplied(key: &FlowKey) -> Option<*mut Flow> {
    UNREPLIED.get_ptr_mut(key).or_else(|| CROWDED.get_ptr_mut(key))
}

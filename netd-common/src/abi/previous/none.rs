//! No layout before this one is carried over: the first release had this one.

use crate::abi;

/// The version; none where there is none.
pub const VERSION: Option<u32> = None;
/// The maps that have another layout by now.
pub const CHANGED: [&str; 0] = [];

/// A flow's key as it was.
pub type FlowKey = abi::FlowKey;
/// A flow's record as it was.
pub type Flow = abi::Flow;

/// The key under which a flow was kept.
#[inline(always)]
#[must_use]
pub const fn former(key: &abi::FlowKey) -> &FlowKey {
    key
}

/// The key under which a flow is kept.
#[inline(always)]
#[must_use]
pub const fn key(former: &FlowKey) -> &abi::FlowKey {
    former
}

/// Writes into `record` what a record of then is now.
#[inline(always)]
pub const fn flow(former: &Flow, record: &mut abi::Flow) {
    *record = *former;
}

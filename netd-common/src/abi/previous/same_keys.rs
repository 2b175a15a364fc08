//! For a layout before this one whose flows had the keys that they have.

use crate::abi;

/// A flow's key as it was.
pub type FlowKey = abi::FlowKey;

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

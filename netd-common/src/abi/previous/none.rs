//! No layout before this one is carried over: the first release had this one.

use crate::abi;

/// The version; none where there is none.
pub const VERSION: Option<u32> = None;
/// The maps that have another layout by now.
pub const CHANGED: [&str; 0] = [];

/// A flow's record as it was.
pub type Flow = abi::Flow;

/// Writes into `record` what a record of then is now.
#[inline(always)]
pub const fn flow(former: &Flow, record: &mut abi::Flow) {
    *record = *former;
}

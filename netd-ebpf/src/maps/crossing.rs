//! From the programs of one map layout to those of the next, on every hook in the same instant.

use aya_ebpf::{
    macros::map,
    maps::{Array, ProgramArray},
    programs::{TcContext, XdpContext},
};

#[map]
static CROSSING: ProgramArray = ProgramArray::with_max_entries(6, 0);
#[map]
static CROSSING_XDP: ProgramArray = ProgramArray::with_max_entries(2, 0);
#[map]
static CROSSED: Array<u32> = Array::with_max_entries(1, 0);

/// Goes on to the program that the hook with this number has for now; comes back only where it has
/// none.
#[inline(always)]
pub(crate) fn cross(ctx: &TcContext, hook: u32) {
    // SAFETY: nothing here is left to be dropped.
    unsafe { CROSSING.tail_call(ctx, 2 * hook + crossed()) }
}

/// As [`cross`], for XDP.
#[inline(always)]
pub(crate) fn cross_xdp(ctx: &XdpContext) {
    // SAFETY: as there.
    unsafe { CROSSING_XDP.tail_call(ctx, crossed()) }
}

#[inline(always)]
fn crossed() -> u32 {
    CROSSED.get(0).map_or(0, |crossed| (*crossed != 0).into())
}

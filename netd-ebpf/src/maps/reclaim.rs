//! Room among the established flows, made by the programs themselves: the agent sweeps long before
//! the table is full, where there is an agent.

use super::{FLOWS, Maps, RECLAIMED};
use aya_ebpf::helpers::bpf_for_each_map_elem;
use core::{
    ffi::{c_long, c_void},
    ptr::null_mut,
};
use netd_common::{
    abi::{Flow, FlowKey},
    nat,
    tables::Tables as _,
};

/// The last walk over the flows.
pub(crate) struct Walk {
    /// When it began: nanoseconds of the coarse monotonic clock.
    begun: u64,
    /// How many flows it saw.
    seen: u64,
    /// How many dead ones it found.
    found: u64,
}

/// See [`Tables::reclaim`](netd_common::tables::Tables::reclaim). A walk takes milliseconds, so there
/// is one a second at most, and none for ten after one that found nothing; it ends with the first
/// [`ENOUGH`] dead flows, or after [`MOST`]. Says how many it found.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn reclaim() -> u32 {
    let now = Maps::new().now();
    let Some(walk) = RECLAIMED.get_ptr_mut(0) else { return 0 };
    // SAFETY: the map holds a `Walk` there; processors that read it at once all walk, and count
    // together.
    unsafe {
        let pause = if (*walk).found == 0 { FRUITLESS_PAUSE } else { PAUSE };
        if now.saturating_sub((*walk).begun) < pause {
            return 0;
        }
        (*walk).begun = now;
        (*walk).seen = 0;
        (*walk).found = 0;
    }
    let (map, each): (*const _, Callback) = (&raw const FLOWS, bury);
    // SAFETY: `bury` has the signature of a callback, which needs nothing but the map.
    unsafe {
        bpf_for_each_map_elem(map.cast_mut().cast(), each as *mut c_void, null_mut(), 0);
        (*walk).found as u32
    }
}

type Callback = unsafe extern "C" fn(*mut c_void, *const FlowKey, *mut Flow, *mut c_void) -> c_long;

/// Forgets a flow that is dead, and counts it; says 1 where the walk may end.
#[inline(never)]
unsafe extern "C" fn bury(
    _: *mut c_void,
    key: *const FlowKey,
    flow: *mut Flow,
    _: *mut c_void,
) -> c_long {
    let mut tables = Maps::new();
    let Some(walk) = RECLAIMED.get_ptr_mut(0) else { return 1 };
    // SAFETY: the kernel hands over an entry of the map.
    let (key, flow) = unsafe { (&*key, &*flow) };
    let dead = nat::is_dead(&tables, flow, key);
    if dead {
        let network = flow.network;
        nat::forget(&mut tables, key, network);
    }
    // SAFETY: the map holds a `Walk` there, which every processor that walks counts in: by pointer,
    // as none has it alone. A count that is lost makes a walk longer, no more.
    unsafe {
        (*walk).seen += 1;
        (*walk).found += u64::from(dead);
        ((*walk).found >= ENOUGH || (*walk).seen >= MOST).into()
    }
}

/// Dead flows that make one walk worthwhile.
const ENOUGH: u64 = 1_024;
/// Flows that one walk may look at: some ten milliseconds.
const MOST: u64 = 262_144;
/// Nanoseconds after a walk that found nothing: every flow lives.
const FRUITLESS_PAUSE: u64 = 10_000_000_000;
/// Nanoseconds between two walks.
const PAUSE: u64 = 1_000_000_000;

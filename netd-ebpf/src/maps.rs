//! Every map, and the tables that they are to the logic: the only map `unsafe` of the crate.

use crate::ctx::{AF_INET, AF_INET6};
use aya_ebpf::{
    EbpfContext as _,
    bindings::{
        BPF_F_NO_PREALLOC, BPF_FIB_LKUP_RET_NO_NEIGH, BPF_FIB_LKUP_RET_SUCCESS, BPF_NOEXIST,
        bpf_fib_lookup,
    },
    helpers::{bpf_fib_lookup as fib_lookup, bpf_ktime_get_coarse_ns},
    macros::map,
    maps::{Array, HashMap, LpmTrie, LruHashMap, LruPerCpuHashMap, PerCpuArray, lpm_trie},
    programs::TcContext,
};
use core::mem::size_of;
use netd_common::{
    abi::{
        Config, Device, DropKey, Endpoint, EndpointKey, Flow, FlowKey, MAX_ADDRESSES, MAX_FLOWS,
        MAX_NETWORKS, MAX_PUBLISHED, MAX_SLOTS, MAX_SOCKETS, MAX_UNREPLIED, Network, OwnedKey,
        Published, PublishedKey, SocketKey, SocketPeer, Uplink,
    },
    address::Address,
    conntrack::State,
    parse::Parsed,
    tables::{Opened, Route, RouteQuery, Tables},
    verdict::{DropReason, Hop},
};

// Configuration grows with what is configured; what packets fill is allocated beforehand.
#[map]
static CONFIG: Array<Config> = Array::pinned(1, 0);
#[map]
static DEVICES: HashMap<u32, Device> = HashMap::pinned(MAX_ADDRESSES, BPF_F_NO_PREALLOC);
#[map]
static ENDPOINTS: HashMap<EndpointKey, Endpoint> =
    HashMap::pinned(MAX_ADDRESSES, BPF_F_NO_PREALLOC);
#[map]
static OWNED: HashMap<OwnedKey, u32> = HashMap::pinned(MAX_ADDRESSES, BPF_F_NO_PREALLOC);
#[map]
static NETWORKS: HashMap<u32, Network> = HashMap::pinned(MAX_NETWORKS, BPF_F_NO_PREALLOC);
#[map]
static SUBNETS: LpmTrie<Address, u32> = LpmTrie::pinned(MAX_NETWORKS * 2, BPF_F_NO_PREALLOC);
#[map]
static LOCALS: HashMap<Address, u32> = HashMap::pinned(MAX_ADDRESSES, BPF_F_NO_PREALLOC);
#[map]
static UPLINKS: HashMap<u32, Uplink> = HashMap::pinned(MAX_NETWORKS, BPF_F_NO_PREALLOC);
#[map]
static PUBLISHED: HashMap<PublishedKey, Published> =
    HashMap::pinned(MAX_PUBLISHED, BPF_F_NO_PREALLOC);
#[map]
static GENERATIONS: Array<u32> = Array::pinned(MAX_SLOTS, 0);
#[map]
static FLOWS: HashMap<FlowKey, Flow> = HashMap::pinned(MAX_FLOWS, 0);
#[map]
static UNREPLIED: LruHashMap<FlowKey, Flow> = LruHashMap::pinned(MAX_UNREPLIED, 0);
#[map]
static SOCKETS: LruHashMap<SocketKey, SocketPeer> = LruHashMap::pinned(MAX_SOCKETS, 0);
#[map]
static DROPS: LruPerCpuHashMap<DropKey, u64> = LruPerCpuHashMap::pinned(8_192, 0);

/// One packet's headers per processor: off the stack, and without what the verifier knows of how
/// they were read, which would have it follow every way of reading through all that comes after.
#[map]
static SCRATCH: PerCpuArray<Parsed> = PerCpuArray::with_max_entries(1, 0);

/// The maps, and the routing table where the hook has one.
pub(crate) struct Maps<'a> {
    routes: Option<&'a TcContext>,
}

impl<'a> Maps<'a> {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self { routes: None }
    }

    #[inline(always)]
    pub(crate) const fn with_routes(ctx: &'a TcContext) -> Self {
        Self { routes: Some(ctx) }
    }
}

/// Looks a value up. The agent or another processor may be writing it at that moment, which
/// `Tables` allows for; a preallocated flow that is removed and used anew in between may be read as
/// the new one by at most this packet.
macro_rules! found {
    ($map:ident, $key:expr) => {
        // SAFETY: the element stays readable for as long as the program runs (RCU).
        unsafe { $map.get($key) }
    };
}

impl Tables for Maps<'_> {
    #[inline(always)]
    fn now(&self) -> u64 {
        // SAFETY: a helper without arguments.
        unsafe { bpf_ktime_get_coarse_ns() }
    }

    #[inline(always)]
    fn device(&self, ifindex: u32) -> Option<&Device> {
        found!(DEVICES, &ifindex)
    }

    #[inline(always)]
    fn endpoint(&self, key: &EndpointKey) -> Option<&Endpoint> {
        found!(ENDPOINTS, key)
    }

    #[inline(always)]
    fn owns(&self, key: &OwnedKey) -> bool {
        OWNED.get_ptr(key).is_some()
    }

    #[inline(always)]
    fn network(&self, number: u32) -> Option<&Network> {
        found!(NETWORKS, &number)
    }

    #[inline(always)]
    fn subnet(&self, address: &Address) -> Option<u32> {
        SUBNETS.get(lpm_trie::Key::new(128, *address)).copied()
    }

    #[inline(always)]
    fn is_local(&self, address: &Address) -> bool {
        LOCALS.get_ptr(address).is_some()
    }

    #[inline(always)]
    fn uplink(&self, ifindex: u32) -> Option<&Uplink> {
        found!(UPLINKS, &ifindex)
    }

    #[inline(always)]
    fn published(&self, key: &PublishedKey) -> Option<&Published> {
        found!(PUBLISHED, key)
    }

    #[inline(always)]
    fn generation(&self, slot: u32) -> u32 {
        GENERATIONS.get(slot).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn route(&self, query: &RouteQuery) -> Route {
        match self.routes {
            Some(ctx) => route(ctx, query),
            None => Route::Stack,
        }
    }

    #[inline(always)]
    fn flow(&self, key: &FlowKey) -> Option<&Flow> {
        match found!(FLOWS, key) {
            Some(flow) => Some(flow),
            None => found!(UNREPLIED, key),
        }
    }

    #[inline(always)]
    fn open(&mut self, key: &FlowKey, flow: &Flow) -> Opened {
        match UNREPLIED.insert(key, flow, BPF_NOEXIST.into()) {
            Ok(()) => Opened::New,
            Err(EEXIST) => Opened::Exists,
            Err(_) => Opened::Full,
        }
    }

    #[inline(always)]
    fn refresh(&mut self, key: &FlowKey, last_seen: u64, state: State) {
        let place = match FLOWS.get_ptr_mut(key) {
            Some(place) => place,
            None => match UNREPLIED.get_ptr_mut(key) {
                Some(place) => place,
                None => return,
            },
        };
        // SAFETY: the map holds a `Flow` there. Time and state are written one by one; a reader in
        // between sees an old one of either, which `Tables` allows.
        unsafe {
            (*place).last_seen = last_seen;
            (*place).state = state as u8;
        }
    }

    #[inline(never)]
    fn establish(&mut self, key: &FlowKey, last_seen: u64, state: State) {
        let Some(place) = UNREPLIED.get_ptr_mut(key) else {
            return self.refresh(key, last_seen, state);
        };
        // SAFETY: as in `refresh`; the helper copies the record from one map into the other.
        let moved = unsafe {
            (*place).last_seen = last_seen;
            (*place).state = state as u8;
            FLOWS.insert(key, *place, 0)
        };
        if moved.is_ok() {
            let _ = UNREPLIED.remove(key);
        }
    }

    #[inline(always)]
    fn close(&mut self, key: &FlowKey) {
        if FLOWS.remove(key).is_err() {
            let _ = UNREPLIED.remove(key);
        }
    }
}

/// Asks the kernel's routing table. Without a length it checks the device's MTU itself, and leaves
/// packets that are still to be segmented to the device. A next hop that is not resolved yet is resolved on the way out.
#[inline(always)]
fn route(ctx: &TcContext, query: &RouteQuery) -> Route {
    // SAFETY: all-zero bytes are a valid `bpf_fib_lookup`.
    let mut fib: bpf_fib_lookup = unsafe { core::mem::zeroed() };
    let v4 = query.destination.is_v4();
    fib.l4_protocol = query.protocol;
    fib.ifindex = query.ifindex;
    if v4 {
        fib.family = AF_INET as u8;
        fib.__bindgen_anon_3.ipv4_src = u32::from_ne_bytes(query.source.v4_bytes());
        fib.__bindgen_anon_4.ipv4_dst = u32::from_ne_bytes(query.destination.v4_bytes());
    } else {
        fib.family = AF_INET6 as u8;
        fib.__bindgen_anon_3.ipv6_src = query.source.words();
        fib.__bindgen_anon_4.ipv6_dst = query.destination.words();
    }
    // SAFETY: `fib` outlives the call and has the length that is passed.
    let rc =
        unsafe { fib_lookup(ctx.as_ptr(), &raw mut fib, size_of::<bpf_fib_lookup>() as i32, 0) };
    if rc != i64::from(BPF_FIB_LKUP_RET_SUCCESS) && rc != i64::from(BPF_FIB_LKUP_RET_NO_NEIGH) {
        return Route::Stack;
    }
    // SAFETY: every bit pattern is valid in each variant; the family says which was written.
    let next = unsafe {
        if u32::from(fib.family) == AF_INET {
            Address::v4(fib.__bindgen_anon_4.ipv4_dst.to_ne_bytes())
        } else {
            Address::from_words(fib.__bindgen_anon_4.ipv6_dst)
        }
    };
    Route::Via(Hop { ifindex: fib.ifindex, next })
}

/// Room for a packet's headers until the program ends, empty. No other program runs on the processor
/// in between: TC programs run with softirqs off, and none of them starts another.
#[inline(always)]
pub(crate) fn scratch<'a>() -> Option<&'a mut Parsed> {
    let place = SCRATCH.get_ptr_mut(0)?;
    // SAFETY: the element is this processor's own, each program asks once, and as above nobody else
    // uses it meanwhile.
    unsafe {
        place.write(Parsed::EMPTY);
        Some(&mut *place)
    }
}

/// The network namespace that the host programs act in.
#[inline(always)]
pub(crate) fn host_cookie() -> u64 {
    CONFIG.get(0).map_or(0, |config| config.host_cookie)
}

/// What a socket was led away from, if it was.
#[inline(always)]
pub(crate) fn socket_peer(key: &SocketKey) -> Option<SocketPeer> {
    found!(SOCKETS, key).copied()
}

/// Remembers what a socket was led away from.
#[inline(always)]
pub(crate) fn remember_socket(key: &SocketKey, peer: &SocketPeer) {
    let _ = SOCKETS.insert(key, peer, 0);
}

/// Counts a drop, on this processor.
#[inline(always)]
pub(crate) fn count_drop(reason: DropReason, ifindex: u32) {
    let key = DropKey { reason: reason as u32, ifindex };
    match DROPS.get_ptr_mut(key) {
        // SAFETY: the map holds a `u64` there, and no other processor has this copy of it.
        Some(count) => unsafe { *count += 1 },
        None => {
            let _ = DROPS.insert(key, 1, 0);
        }
    }
}

const EEXIST: i32 = -17;

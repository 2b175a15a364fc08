//! Every map, and what the programs keep in them beside the tables of the logic: with its modules the
//! only map `unsafe` of the crate.

mod crossing;
mod kernel;
mod named;
mod place;
mod previous;
mod reclaim;
mod tables;

use aya_ebpf::{
    EbpfContext,
    bindings::BPF_F_NO_PREALLOC,
    macros::map,
    maps::{Array, HashMap, LpmTrie, LruHashMap, LruPerCpuHashMap, PerCpuArray},
};
use core::{ffi::c_void, marker::PhantomData};
use netd_common::{
    abi::{
        ClientKey, Config, Device, DropKey, Endpoint, EndpointKey, Flow, FlowKey, FragmentEntry,
        FragmentKey, MAX_ADDRESSES, MAX_CROWDED, MAX_FLOWS, MAX_FRAGMENTS, MAX_NETWORKS, MAX_PATHS,
        MAX_PREFIXES, MAX_PUBLISHED, MAX_RANGES, MAX_SLOTS, MAX_SOCKETS, MAX_UNREPLIED, Network,
        OwnedKey, PORT_BLOCKS, PortBlock, Published, PublishedKey, RangeKey, SocketKey, SocketPeer,
        SourceKey, Uplink, Usage,
    },
    address::Address,
    answer::{self, Sent},
    nat::Origin,
    parse::Headers,
    pipeline::Sender,
    tables::Tables as _,
    verdict::{DropReason, IcmpError, Orders, Path, Ruling},
};

/// Looks a value up. The agent or another processor may be writing it at that moment, which
/// `Tables` allows for; a preallocated flow that is removed and used anew in between may be read as
/// the new one by at most this packet.
macro_rules! found {
    ($map:ident, $key:expr) => {
        // SAFETY: the element stays readable for as long as the program runs (RCU).
        unsafe { $map.get($key) }
    };
}

pub(crate) use crossing::{cross, cross_xdp};
use found;
use reclaim::Walk;

/// The maps, and the routing and socket tables where the hook asks for them.
pub(crate) struct Maps<'a> {
    ctx: Option<*mut c_void>,
    program: PhantomData<&'a ()>,
}

impl<'a> Maps<'a> {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self { ctx: None, program: PhantomData }
    }

    #[inline(always)]
    pub(crate) fn with_context(ctx: &'a impl EbpfContext) -> Self {
        Self { ctx: Some(ctx.as_ptr()), program: PhantomData }
    }
}

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
static EXPRESS: HashMap<u32, [u8; 6]> = HashMap::pinned(MAX_NETWORKS, BPF_F_NO_PREALLOC);
#[map]
static PUBLISHED: HashMap<PublishedKey, Published> =
    HashMap::pinned(MAX_PUBLISHED, BPF_F_NO_PREALLOC);
#[map]
static RANGES: LpmTrie<RangeKey, Published> = LpmTrie::pinned(MAX_RANGES, BPF_F_NO_PREALLOC);
#[map]
static PORTS: Array<PortBlock> = Array::pinned(PORT_BLOCKS, 0);
#[map]
static CLIENTS: LpmTrie<ClientKey, u32> = LpmTrie::pinned(MAX_PREFIXES, BPF_F_NO_PREALLOC);
#[map]
static SOURCES: LpmTrie<SourceKey, Address> = LpmTrie::pinned(MAX_PREFIXES, BPF_F_NO_PREALLOC);
#[map]
static GENERATIONS: Array<u32> = Array::pinned(MAX_SLOTS, 0);
#[map]
static FLOWS: HashMap<FlowKey, Flow> = HashMap::pinned(MAX_FLOWS, 0);
#[map]
static UNREPLIED: LruHashMap<FlowKey, Flow> = LruHashMap::pinned(MAX_UNREPLIED, 0);
#[map]
static CROWDED: LruHashMap<FlowKey, Flow> = LruHashMap::pinned(MAX_CROWDED, 0);
#[map]
static USAGE: Array<Usage> = Array::pinned(MAX_NETWORKS, 0);
#[map]
static HAIRPINS: Array<u32> = Array::pinned(MAX_ADDRESSES, 0);
#[map]
static FRAGMENTS: LruHashMap<FragmentKey, FragmentEntry> = LruHashMap::pinned(MAX_FRAGMENTS, 0);
#[map]
static PATHS: PerCpuArray<u64> = PerCpuArray::pinned(MAX_PATHS, 0);
#[map]
static SOCKETS: LruHashMap<SocketKey, SocketPeer> = LruHashMap::pinned(MAX_SOCKETS, 0);
#[map]
static DROPS: LruPerCpuHashMap<DropKey, u64> = LruPerCpuHashMap::pinned(8_192, 0);

/// One packet's headers per processor: off the stack, and without what the verifier knows of how
/// they were read, which would have it follow every way of reading through all that comes after.
#[map]
static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// The ICMP errors that each processor sent.
#[map]
static REPLIES: PerCpuArray<Sent> = PerCpuArray::with_max_entries(1, 0);

/// When room was last made among the established flows.
#[map]
static RECLAIMED: Array<Walk> = Array::with_max_entries(1, 0);

/// Room for a record that is about to be entered.
#[map]
static RECORD: PerCpuArray<Flow> = PerCpuArray::with_max_entries(1, 0);

/// What a program knows of a packet, and what is to become of it.
pub(crate) struct Scratch {
    pub(crate) headers: Headers,
    pub(crate) orders: Orders,
    pub(crate) sender: Sender,
    pub(crate) origin: Origin,
    pub(crate) ruling: Ruling,
}

/// Room for what a program knows of a packet, until it ends. No other program runs on the processor
/// in between: TC and XDP programs run with softirqs off, and none of them starts another.
#[inline(always)]
pub(crate) fn scratch<'a>() -> Option<&'a mut Scratch> {
    let place = SCRATCH.get_ptr_mut(0)?;
    // SAFETY: the element is this processor's own, each function of a program asks once, and as
    // above nobody else uses it meanwhile. Zero is valid in every field.
    Some(unsafe { &mut *place })
}

/// The Ethernet address of an uplink that uplink_xdp is to act on.
#[inline(always)]
pub(crate) fn own_mac<'a>(ifindex: u32) -> Option<&'a [u8; 6]> {
    found!(EXPRESS, &ifindex)
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

/// Counts a packet's way, on this processor.
#[inline(always)]
pub(crate) fn count(path: Path) {
    if let Some(count) = PATHS.get_ptr_mut(path as u32) {
        // SAFETY: the map holds a `u64` there, and no other processor has this copy of it.
        unsafe { *count += 1 }
    }
}

/// This processor may send one more ICMP error of this kind.
#[inline(always)]
pub(crate) fn may_reply(error: IcmpError) -> bool {
    let Some(sent) = REPLIES.get_ptr_mut(0) else { return false };
    let limit = CONFIG.get(0).map_or(0, |config| config.timeouts.replies);
    // SAFETY: the map holds a `Sent` there, and no other processor has this copy of it.
    answer::may_send(error, unsafe { &mut *sent }, limit, Maps::new().now())
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

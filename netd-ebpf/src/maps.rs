//! Every map, and the tables that they are to the logic: the only map `unsafe` of the crate.

use crate::ctx::{AF_INET, AF_INET6};
use aya_ebpf::{
    EbpfContext as _,
    bindings::{
        __sk_buff, BPF_F_NO_PREALLOC, BPF_FIB_LKUP_RET_NO_NEIGH, BPF_FIB_LKUP_RET_SUCCESS,
        BPF_NOEXIST, bpf_fib_lookup, bpf_sock_tuple, bpf_sock_tuple__bindgen_ty_1__bindgen_ty_1,
        bpf_sock_tuple__bindgen_ty_1__bindgen_ty_2,
    },
    helpers::{
        bpf_fib_lookup as fib_lookup, bpf_ktime_get_coarse_ns, bpf_sk_lookup_tcp,
        bpf_sk_lookup_udp, bpf_sk_release,
    },
    macros::map,
    maps::{Array, HashMap, LpmTrie, LruHashMap, LruPerCpuHashMap, PerCpuArray, lpm_trie},
    programs::TcContext,
};
use core::mem::size_of;
use netd_common::{
    abi::{
        ClientKey, Config, Device, DropKey, Endpoint, EndpointKey, Flow, FlowKey, FragmentEntry,
        FragmentKey, MAX_ADDRESSES, MAX_CROWDED, MAX_FLOWS, MAX_FRAGMENTS, MAX_NETWORKS, MAX_PATHS,
        MAX_PREFIXES, MAX_PUBLISHED, MAX_RANGES, MAX_SLOTS, MAX_SOCKETS, MAX_UNREPLIED, Network,
        OwnedKey, PORT_BLOCKS, PortBlock, Published, PublishedKey, RangeKey, SocketKey, SocketPeer,
        SourceKey, Uplink, Usage, Window, port_block,
    },
    address::Address,
    conntrack::{Direction, State},
    flow::End,
    masquerade,
    nat::{self, Origin},
    parse::{Headers, Parsed, TCP, UDP},
    pipeline::Sender,
    publish::{self, Opening, Place as FlowPlace},
    tables::{Opened, Route, RouteQuery, Tables},
    verdict::{DropReason, Hop, Orders, Path, Ruling},
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

/// Room for a record that is about to be entered.
#[map]
static RECORD: PerCpuArray<Flow> = PerCpuArray::with_max_entries(1, 0);

/// The maps, and the routing and socket tables where the hook asks for them.
pub(crate) struct Maps<'a> {
    ctx: Option<&'a TcContext>,
}

impl<'a> Maps<'a> {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self { ctx: None }
    }

    #[inline(always)]
    pub(crate) const fn with_context(ctx: &'a TcContext) -> Self {
        Self { ctx: Some(ctx) }
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
    type Place = Place;

    #[inline(always)]
    fn is_alive(&mut self, place: Place, key: &FlowKey) -> bool {
        is_alive(place.0, key) != 0
    }

    #[inline(always)]
    fn follow(&mut self, place: Place, key: &FlowKey, parsed: &Parsed, direction: Direction) {
        let back = matches!(direction, Direction::Reply);
        follow(place.0, key, parsed, back.into());
    }

    #[inline(always)]
    fn open_outwards(
        &mut self,
        parsed: &Parsed,
        network: u32,
        host: &mut End,
    ) -> Option<DropReason> {
        let ctx = self.ctx.map_or(core::ptr::null_mut(), |ctx| ctx.as_ptr());
        match open_outwards(ctx.cast(), parsed, network, host) {
            0 => None,
            reason => Some(DropReason::of_kernel(reason)),
        }
    }

    #[inline(always)]
    fn is_taken(&mut self, parsed: &Parsed, host: &End, key: &FlowKey) -> bool {
        let ctx = self.ctx.map_or(core::ptr::null_mut(), |ctx| ctx.as_ptr());
        is_taken(ctx.cast(), parsed, host, key) != 0
    }

    #[inline(always)]
    fn look(&mut self, parsed: &Parsed, key: &FlowKey) -> FlowPlace {
        match look(parsed, key) {
            0 => FlowPlace::Own,
            1 => FlowPlace::Taken,
            _ => FlowPlace::Free,
        }
    }

    #[inline(always)]
    fn open_inwards(
        &mut self,
        parsed: &Parsed,
        published: &Published,
        key: &FlowKey,
        outside: bool,
    ) -> Opening {
        Opening::from_number(open_inwards(parsed, published, key, outside.into()))
    }

    #[inline(always)]
    fn displace(
        &mut self,
        parsed: &Parsed,
        published: &Published,
        key: &mut FlowKey,
        outside: bool,
    ) -> Opening {
        Opening::from_number(displace(parsed, published, key, outside.into()))
    }

    #[inline(always)]
    fn config(&self) -> Option<&Config> {
        CONFIG.get(0)
    }

    #[inline(always)]
    fn source(&self, uplink: u32, destination: &Address) -> Option<Address> {
        let key = SourceKey { uplink: uplink.to_be_bytes(), destination: *destination };
        SOURCES.get(lpm_trie::Key::new(SourceKey::BITS + 128, key)).copied()
    }

    #[inline(always)]
    fn port_kinds(&self, v4: bool, protocol: u8, port: [u8; 2]) -> u8 {
        let Some((block, place)) = port_block(v4, protocol, port) else { return 0 };
        PORTS.get(block).map_or(0, |block| block.kinds[place & 63])
    }

    #[inline(always)]
    fn range(&self, key: &RangeKey) -> Option<&Published> {
        RANGES.get(lpm_trie::Key::new(RangeKey::BITS + 16, *key))
    }

    #[inline(always)]
    fn is_client(&self, list: u32, address: &Address) -> bool {
        let key = ClientKey { list: list.to_be_bytes(), address: *address };
        CLIENTS.get(lpm_trie::Key::new(ClientKey::BITS + 128, key)).is_some()
    }

    #[inline(never)]
    fn is_host_socket(&self, remote: &End, local: &End, protocol: u8) -> bool {
        match self.ctx {
            Some(ctx) => is_socket(ctx, remote, local, protocol),
            None => false,
        }
    }

    #[inline(always)]
    fn is_hairpinned(&self, container: u32) -> bool {
        HAIRPINS.get(container % MAX_ADDRESSES).is_some_and(|noted| *noted != 0)
    }

    #[inline(always)]
    fn note_hairpin(&mut self, container: u32) {
        if let Some(place) = HAIRPINS.get_ptr_mut(container % MAX_ADDRESSES) {
            // SAFETY: the map holds a `u32` there; every writer writes the same.
            unsafe { *place = 1 }
        }
    }

    #[inline(always)]
    fn usage(&mut self, network: u32) -> Option<&mut Usage> {
        let place = USAGE.get_ptr_mut(network % MAX_NETWORKS)?;
        // SAFETY: the map holds a `Usage` there. Processors that count at the same time may lose a
        // count, which only makes the share approximate.
        Some(unsafe { &mut *place })
    }

    #[inline(always)]
    fn fragment(&self, key: &FragmentKey) -> Option<&FragmentEntry> {
        found!(FRAGMENTS, key)
    }

    #[inline(always)]
    fn note_fragment(&mut self, key: &FragmentKey, entry: &FragmentEntry) {
        let _ = FRAGMENTS.insert(key, entry, 0);
    }

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
        match self.ctx {
            Some(ctx) => route(ctx, query),
            None => Route::Stack,
        }
    }

    #[inline(always)]
    fn find(&self, key: &FlowKey) -> Option<Place> {
        FLOWS.get_ptr_mut(key).or_else(|| find_unreplied(key)).map(Place)
    }

    #[inline(always)]
    fn flow(&self, place: Place) -> &Flow {
        // SAFETY: the element stays readable for as long as the program runs (RCU).
        unsafe { &*place.0 }
    }

    #[inline(always)]
    fn open(&mut self, key: &FlowKey, flow: &Flow, crowded: bool) -> Opened {
        let inserted = if crowded {
            CROWDED.insert(key, flow, BPF_NOEXIST.into())
        } else {
            UNREPLIED.insert(key, flow, BPF_NOEXIST.into())
        };
        match inserted {
            Ok(()) => Opened::New,
            Err(EEXIST) => Opened::Exists,
            Err(_) => Opened::Full,
        }
    }

    #[inline(always)]
    fn refresh(&mut self, place: Place, last_seen: u64, state: State) {
        // SAFETY: the map holds a `Flow` there. Time and state are written one by one; a reader in
        // between sees an old one of either, which `Tables` allows.
        unsafe {
            (*place.0).last_seen = last_seen;
            (*place.0).state = state as u8;
        }
    }

    #[inline(always)]
    fn advance(&mut self, place: Place, sender: Direction, window: Window, scale: Option<u8>) {
        // SAFETY: as in `refresh`.
        unsafe {
            match sender {
                Direction::Original => (*place.0).opener = window,
                Direction::Reply => (*place.0).answerer = window,
            }
            if let Some(scale) = scale {
                match sender {
                    Direction::Original => (*place.0).scales[0] = scale,
                    Direction::Reply => (*place.0).scales[1] = scale,
                }
            }
        }
    }

    #[inline(never)]
    fn establish(&mut self, key: &FlowKey) -> bool {
        let Some(place) = find_unreplied(key) else { return false };
        // SAFETY: the helper copies the record from one map into the other.
        let moved = unsafe { FLOWS.insert(key, &*place, 0) }.is_ok();
        if moved && UNREPLIED.remove(key).is_err() {
            let _ = CROWDED.remove(key);
        }
        moved
    }

    #[inline(always)]
    fn close(&mut self, key: &FlowKey) -> bool {
        if FLOWS.remove(key).is_ok() {
            return true;
        }
        if UNREPLIED.remove(key).is_err() {
            let _ = CROWDED.remove(key);
        }
        false
    }
}

/// See [`open_outwards`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn is_alive(flow: *mut Flow, key: *const FlowKey) -> u32 {
    // SAFETY: the verifier sees to it that both point to as much memory as their types have.
    let Some(key) = (unsafe { key.as_ref() }) else { return 0 };
    if flow.is_null() {
        return 0;
    }
    nat::is_alive(&mut Maps::new(), Place(flow), key).into()
}

/// See [`open_outwards`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn follow(
    flow: *mut Flow,
    key: *const FlowKey,
    parsed: *const Parsed,
    back: u32,
) -> u32 {
    // SAFETY: the verifier sees to it that all point to as much memory as their types have.
    let (Some(key), Some(parsed)) = (unsafe { key.as_ref() }, unsafe { parsed.as_ref() }) else {
        return 0;
    };
    if flow.is_null() {
        return 0;
    }
    let direction = if back == 0 { Direction::Original } else { Direction::Reply };
    nat::follow(&mut Maps::new(), Place(flow), key, parsed, direction);
    0
}

/// Functions with names of their own: verified once, and not again for each way that leads to them.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn open_outwards(
    ctx: *mut __sk_buff,
    parsed: *const Parsed,
    network: u32,
    host: *mut End,
) -> u32 {
    // SAFETY: the verifier sees to it that both point to as much memory as their types have.
    let (Some(parsed), Some(host)) = (unsafe { parsed.as_ref() }, unsafe { host.as_mut() }) else {
        return DropReason::PortsExhausted as u32;
    };
    let ctx = TcContext::new(ctx);
    match masquerade::open(&mut Maps::with_context(&ctx), parsed, network, host) {
        None => 0,
        Some(reason) => reason as u32,
    }
}

/// See [`open_outwards`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn is_taken(
    ctx: *mut __sk_buff,
    parsed: *const Parsed,
    host: *const End,
    key: *const FlowKey,
) -> u32 {
    // SAFETY: the verifier sees to it that all point to as much memory as their types have.
    let (Some(parsed), Some(host), Some(key)) =
        (unsafe { parsed.as_ref() }, unsafe { host.as_ref() }, unsafe { key.as_ref() })
    else {
        return 1;
    };
    let ctx = TcContext::new(ctx);
    masquerade::is_taken(&mut Maps::with_context(&ctx), parsed, host, key).into()
}

/// See [`open_outwards`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn look(parsed: *const Parsed, key: *const FlowKey) -> u32 {
    // SAFETY: the verifier sees to it that both point to as much memory as their types have.
    let (Some(parsed), Some(key)) = (unsafe { parsed.as_ref() }, unsafe { key.as_ref() }) else {
        return FlowPlace::Taken as u32;
    };
    publish::look(&mut Maps::new(), parsed, key) as u32
}

/// See [`open_outwards`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn open_inwards(
    parsed: *const Parsed,
    published: *const Published,
    key: *const FlowKey,
    outside: u32,
) -> u32 {
    // SAFETY: the verifier sees to it that all point to as much memory as their types have.
    let (Some(parsed), Some(published), Some(key)) =
        (unsafe { parsed.as_ref() }, unsafe { published.as_ref() }, unsafe { key.as_ref() })
    else {
        return Opening::NotOurs.number();
    };
    let Some(record) = RECORD.get_ptr_mut(0) else { return Opening::NotOurs.number() };
    // SAFETY: the element is this processor's own, and nobody else uses it meanwhile.
    let record = unsafe { &mut *record };
    publish::open(&mut Maps::new(), parsed, published, key, outside != 0, record).number()
}

/// See [`open_outwards`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn displace(
    parsed: *const Parsed,
    published: *const Published,
    key: *mut FlowKey,
    outside: u32,
) -> u32 {
    // SAFETY: the verifier sees to it that all point to as much memory as their types have.
    let (Some(parsed), Some(published), Some(key)) =
        (unsafe { parsed.as_ref() }, unsafe { published.as_ref() }, unsafe { key.as_mut() })
    else {
        return Opening::NotOurs.number();
    };
    publish::displaced(&mut Maps::new(), parsed, published, key, outside != 0).number()
}

/// Where a flow's record is.
#[derive(Clone, Copy)]
pub(crate) struct Place(*mut Flow);

#[inline(always)]
fn find_unreplied(key: &FlowKey) -> Option<*mut Flow> {
    UNREPLIED.get_ptr_mut(key).or_else(|| CROWDED.get_ptr_mut(key))
}

/// Asks for a socket in the program's own namespace, by the ends as a packet to it would have them.
#[inline(always)]
fn is_socket(ctx: &TcContext, remote: &End, local: &End, protocol: u8) -> bool {
    // SAFETY: all-zero bytes are a valid `bpf_sock_tuple`.
    let mut tuple: bpf_sock_tuple = unsafe { core::mem::zeroed() };
    let length = if local.address.is_v4() {
        tuple.__bindgen_anon_1.ipv4 = bpf_sock_tuple__bindgen_ty_1__bindgen_ty_1 {
            saddr: u32::from_ne_bytes(remote.address.v4_bytes()),
            daddr: u32::from_ne_bytes(local.address.v4_bytes()),
            sport: u16::from_ne_bytes(remote.port),
            dport: u16::from_ne_bytes(local.port),
        };
        12
    } else {
        tuple.__bindgen_anon_1.ipv6 = bpf_sock_tuple__bindgen_ty_1__bindgen_ty_2 {
            saddr: remote.address.words(),
            daddr: local.address.words(),
            sport: u16::from_ne_bytes(remote.port),
            dport: u16::from_ne_bytes(local.port),
        };
        36
    };
    let at = &raw mut tuple;
    // SAFETY: a valid context; `tuple` outlives the calls and has the length that is passed; the
    // socket is given back at once.
    unsafe {
        let socket = match protocol {
            TCP => bpf_sk_lookup_tcp(ctx.as_ptr(), at, length, CURRENT_NAMESPACE, 0),
            UDP => bpf_sk_lookup_udp(ctx.as_ptr(), at, length, CURRENT_NAMESPACE, 0),
            _ => return false,
        };
        if socket.is_null() {
            return false;
        }
        bpf_sk_release(socket.cast());
        true
    }
}

/// BPF_F_CURRENT_NETNS of linux/bpf.h.
const CURRENT_NAMESPACE: u64 = u64::MAX;

/// Asks the kernel's routing table, which checks the length against the route's MTU. A next hop that
/// is not resolved yet is resolved on the way out.
#[inline(always)]
fn route(ctx: &TcContext, query: &RouteQuery) -> Route {
    // SAFETY: all-zero bytes are a valid `bpf_fib_lookup`.
    let mut fib: bpf_fib_lookup = unsafe { core::mem::zeroed() };
    let v4 = query.destination.is_v4();
    fib.l4_protocol = query.protocol;
    fib.__bindgen_anon_1.tot_len = query.length;
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

//! The maps as the tables that the logic asks.

use super::{
    CLIENTS, CONFIG, CROWDED, DEVICES, ENDPOINTS, FLOWS, FRAGMENTS, GENERATIONS, HAIRPINS, LOCALS,
    Maps, NETWORKS, OWNED, PORTS, PUBLISHED, RANGES, RECORD, SOURCES, SUBNETS, UNREPLIED, UPLINKS,
    USAGE, found, kernel, named,
    place::{self, EEXIST, Place, find},
    previous, reclaim,
};
use aya_ebpf::{bindings::BPF_NOEXIST, helpers::bpf_ktime_get_coarse_ns, maps::lpm_trie};
use netd_common::{
    abi::{
        ClientKey, Config, Device, Endpoint, EndpointKey, Flow, FlowKey, FragmentEntry,
        FragmentKey, MAX_ADDRESSES, MAX_NETWORKS, Network, OwnedKey, Published, PublishedKey,
        RangeKey, SourceKey, Uplink, Usage, Window, port_block,
    },
    address::Address,
    conntrack::{Direction, State},
    flow::End,
    parse::Parsed,
    publish::{Holder, Opening},
    tables::{Establishing, Opened, Route, RouteQuery, Tables},
    verdict::DropReason,
};

impl Tables for Maps<'_> {
    type Place = Place;

    #[inline(always)]
    fn is_alive(&mut self, place: Place, key: &FlowKey) -> bool {
        named::is_alive(place.0, key) != 0
    }

    #[inline(always)]
    fn follow(&mut self, at: Place, key: &FlowKey, parsed: &Parsed, way: Direction) -> bool {
        let back = matches!(way, Direction::Reply);
        named::follow(at.0, key, parsed, back.into()) != 0
    }

    #[inline(always)]
    fn open_outwards(
        &mut self,
        parsed: &Parsed,
        network: u32,
        host: &mut End,
    ) -> Option<DropReason> {
        let ctx = self.ctx.unwrap_or(core::ptr::null_mut());
        match named::open_outwards(ctx.cast(), parsed, network, host) {
            0 => None,
            reason => Some(DropReason::from_number(reason).unwrap_or(DropReason::PortsExhausted)),
        }
    }

    #[inline(always)]
    fn is_taken(&mut self, parsed: &Parsed, host: &End, key: &FlowKey) -> bool {
        let ctx = self.ctx.unwrap_or(core::ptr::null_mut());
        named::is_taken(ctx.cast(), parsed, host, key) != 0
    }

    #[inline(always)]
    fn look(&mut self, parsed: &Parsed, key: &FlowKey) -> Holder {
        match named::look(parsed, key) {
            0 => Holder::Own,
            1 => Holder::Taken,
            2 => Holder::Free,
            _ => Holder::Inside,
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
        Opening::from_number(named::open_inwards(parsed, published, key, outside.into()))
    }

    #[inline(always)]
    fn displace(
        &mut self,
        parsed: &Parsed,
        published: &Published,
        key: &mut FlowKey,
        outside: bool,
    ) -> Opening {
        Opening::from_number(named::displace(parsed, published, key, outside.into()))
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
            Some(ctx) => kernel::is_socket(ctx, remote, local, protocol),
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
            Some(ctx) => kernel::route(ctx, query),
            None => Route::Stack,
        }
    }

    #[inline(always)]
    fn find(&self, key: &FlowKey) -> Option<Place> {
        find(key).or_else(|| previous::find_former(key)).map(Place)
    }

    #[inline(always)]
    fn newest(&self, _: &FlowKey) -> Option<Place> {
        // As it was entered.
        RECORD.get_ptr_mut(0).map(Place)
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
    fn establish(&mut self, key: &FlowKey) -> Establishing {
        place::establish(key)
    }

    #[inline(always)]
    fn reclaim(&mut self) -> bool {
        reclaim::reclaim() != 0
    }

    #[inline(always)]
    fn close(&mut self, key: &FlowKey) -> bool {
        previous::close(key);
        if FLOWS.remove(key).is_ok() {
            return true;
        }
        if UNREPLIED.remove(key).is_err() {
            let _ = CROWDED.remove(key);
        }
        false
    }
}

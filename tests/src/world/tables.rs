//! The world as the tables that the packet logic asks.

use super::{BROADCAST, HOST4, HOST6, ROUTERS, UNREACHABLE, UPLINK, UPLINK_MTU, World, ip};
use netd_common::{
    abi::{
        Config, Device, Endpoint, EndpointKey, Flow, FlowKey, FragmentEntry, FragmentKey,
        MAX_NETWORKS, Network, OwnedKey, Published, PublishedKey, RangeKey, Uplink, Usage, Window,
        port_block,
    },
    address::Address,
    conntrack::{Direction, State},
    flow::End,
    tables::{Establishing, Opened, Route, RouteQuery, Tables},
    verdict::Hop,
};
use std::net::IpAddr;

impl Tables for World {
    type Place = FlowKey;

    fn now(&self) -> u64 {
        self.now
    }
    fn device(&self, ifindex: u32) -> Option<&Device> {
        self.devices.get(&ifindex)
    }
    fn endpoint(&self, key: &EndpointKey) -> Option<&Endpoint> {
        self.endpoints.get(&(key.network, key.address))
    }
    fn owns(&self, key: &OwnedKey) -> bool {
        self.owned.contains(&(key.container, key.address))
    }
    fn network(&self, number: u32) -> Option<&Network> {
        self.networks.get(&number)
    }
    fn subnet(&self, address: &Address) -> Option<u32> {
        let all = self.subnets.iter().map(|((length, prefix), v)| (*length, number(prefix), v));
        longest(all, number(address)).copied()
    }
    fn config(&self) -> Option<&Config> {
        Some(&self.config)
    }
    fn source(&self, uplink: u32, destination: &Address) -> Option<Address> {
        let own = self.sources.iter().filter(|((index, ..), _)| *index == uplink);
        let all = own.map(|((_, length, prefix), v)| (*length, number(prefix), v));
        longest(all, number(destination)).copied()
    }
    fn port_kinds(&self, v4: bool, protocol: u8, port: [u8; 2]) -> u8 {
        port_block(v4, protocol, port).map_or(0, |_| self.kinds(v4, protocol, port))
    }
    fn range(&self, key: &RangeKey) -> Option<&Published> {
        let port = u16::from_be_bytes(key.port);
        let holds = |k: &&(Address, u8, u16, u16)| {
            k.0 == key.address && k.1 == key.protocol && (k.2..=k.3).contains(&port)
        };
        self.ranges.keys().find(holds).and_then(|k| self.ranges.get(k))
    }
    fn is_client(&self, list: u32, address: &Address) -> bool {
        let own = self.clients.iter().filter(|(l, ..)| *l == list);
        longest(own.map(|(_, length, prefix)| (*length, number(prefix), &())), number(address))
            .is_some()
    }
    fn is_host_socket(&self, _remote: &End, local: &End, protocol: u8) -> bool {
        // A socket on `::` takes IPv4 as well.
        let places = [local.address, local.address.wildcard(), Address::UNSPECIFIED];
        places.into_iter().any(|address| self.sockets.contains(&(address, local.port, protocol)))
    }
    fn is_local(&self, address: &Address) -> bool {
        self.locals.contains(address)
    }
    fn uplink(&self, ifindex: u32) -> Option<&Uplink> {
        self.uplinks.get(&ifindex)
    }
    fn published(&self, key: &PublishedKey) -> Option<&Published> {
        self.published.get(key)
    }
    fn generation(&self, slot: u32) -> u32 {
        self.generations.get(&slot).copied().unwrap_or(0)
    }
    fn route(&self, query: &RouteQuery) -> Route {
        let to = query.destination;
        let is = |text: &str| to == Address::from(ip(text));
        let nobody = is(UNREACHABLE.0) || is(UNREACHABLE.1);
        if nobody || is(HOST4) || is(HOST6) || is(BROADCAST) {
            return Route::Stack;
        }
        if query.length > UPLINK_MTU {
            return Route::TooLong(UPLINK);
        }
        let on_link = match IpAddr::from(to) {
            IpAddr::V4(a) => a.octets()[..3] == [198, 51, 100],
            IpAddr::V6(a) => a.segments()[..4] == [0x2001, 0xdb8, 1, 0],
        };
        let router = if to.is_v4() { ROUTERS.0 } else { ROUTERS.1 };
        let next = if on_link { to } else { ip(router).into() };
        Route::Via(Hop { ifindex: UPLINK, next })
    }
    fn find(&self, key: &FlowKey) -> Option<FlowKey> {
        let known =
            [&self.flows, &self.unreplied, &self.crowded].iter().any(|t| t.contains_key(key));
        known.then_some(*key)
    }
    fn flow(&self, place: FlowKey) -> &Flow {
        let tables = [&self.flows, &self.unreplied, &self.crowded];
        tables.into_iter().find_map(|t| t.get(&place)).expect("the place was found")
    }
    fn open(&mut self, key: &FlowKey, flow: &Flow, crowded: bool) -> Opened {
        let table = if crowded { &mut self.crowded } else { &mut self.unreplied };
        if table.contains_key(key) {
            return Opened::Exists;
        }
        table.insert(*key, *flow);
        Opened::New
    }
    fn refresh(&mut self, place: FlowKey, last_seen: u64, state: State) {
        let flow = self.at(&place);
        flow.last_seen = last_seen;
        flow.state = state as u8;
    }
    fn advance(&mut self, place: FlowKey, sender: Direction, window: Window, scale: Option<u8>) {
        let flow = self.at(&place);
        let (side, own) = match sender {
            Direction::Original => (&mut flow.opener, &mut flow.scales[0]),
            Direction::Reply => (&mut flow.answerer, &mut flow.scales[1]),
        };
        *side = window;
        *own = scale.unwrap_or(*own);
    }
    fn establish(&mut self, key: &FlowKey) -> Establishing {
        match self.unreplied.remove(key).or_else(|| self.crowded.remove(key)) {
            Some(flow) => {
                self.flows.insert(*key, flow);
                Establishing::Done
            }
            None => Establishing::NotNew,
        }
    }
    fn reclaim(&mut self) -> bool {
        unreachable!("there is always room")
    }
    fn close(&mut self, key: &FlowKey) -> bool {
        if self.flows.remove(key).is_some() {
            return true;
        }
        if self.unreplied.remove(key).is_none() {
            self.crowded.remove(key);
        }
        false
    }
    fn usage(&mut self, network: u32) -> Option<&mut Usage> {
        Some(self.usage.entry(network % MAX_NETWORKS).or_default())
    }
    fn is_hairpinned(&self, container: u32) -> bool {
        self.hairpins.contains(&container)
    }
    fn note_hairpin(&mut self, container: u32) {
        self.hairpins.insert(container);
    }
    fn fragment(&self, key: &FragmentKey) -> Option<&FragmentEntry> {
        self.fragments.get(key)
    }
    fn note_fragment(&mut self, key: &FragmentKey, entry: &FragmentEntry) {
        self.fragments.insert(*key, *entry);
    }
}

impl World {
    fn at(&mut self, key: &FlowKey) -> &mut Flow {
        let tables = [&mut self.flows, &mut self.unreplied, &mut self.crowded];
        tables.into_iter().find_map(|t| t.get_mut(key)).expect("the place was found")
    }
}

/// The longest prefix in `entries` that holds `value`, both as numbers of `bits` bits.
fn longest<'a, V>(entries: impl Iterator<Item = (u32, u128, &'a V)>, value: u128) -> Option<&'a V> {
    entries
        .filter(|(length, prefix, _)| (value ^ prefix).checked_shr(128 - length).unwrap_or(0) == 0)
        .max_by_key(|(length, ..)| *length)
        .map(|(.., v)| v)
}

fn number(address: &Address) -> u128 {
    u128::from_be_bytes(address.v6_bytes())
}

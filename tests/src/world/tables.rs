//! The world as the tables that the packet logic asks.

use super::{HOST4, HOST6, ROUTERS, UNREACHABLE, UPLINK, World, ip};
use netd_common::{
    abi::{
        Device, Endpoint, EndpointKey, Flow, FlowKey, Network, OwnedKey, Published, PublishedKey,
        Uplink,
    },
    address::Address,
    conntrack::State,
    tables::{Opened, Route, RouteQuery, Tables},
    verdict::Hop,
};
use std::net::IpAddr;

impl Tables for World {
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
        let value = u128::from_be_bytes(address.v6_bytes());
        let holds = |length: u32, prefix: &Address| {
            let shift = 128 - length;
            (value ^ u128::from_be_bytes(prefix.v6_bytes())).checked_shr(shift).unwrap_or(0) == 0
        };
        let mut best = None;
        for ((length, prefix), number) in &self.subnets {
            if holds(*length, prefix) {
                best = Some(*number);
            }
        }
        best
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
        if is(UNREACHABLE.0) || is(UNREACHABLE.1) || is(HOST4) || is(HOST6) {
            return Route::Stack;
        }
        let on_link = match IpAddr::from(to) {
            IpAddr::V4(a) => a.octets()[..3] == [198, 51, 100],
            IpAddr::V6(a) => a.segments()[..4] == [0x2001, 0xdb8, 1, 0],
        };
        let router = if to.is_v4() { ROUTERS.0 } else { ROUTERS.1 };
        let next = if on_link { to } else { ip(router).into() };
        Route::Via(Hop { ifindex: UPLINK, next })
    }
    fn flow(&self, key: &FlowKey) -> Option<&Flow> {
        self.flows.get(key).or_else(|| self.unreplied.get(key))
    }
    fn open(&mut self, key: &FlowKey, flow: &Flow) -> Opened {
        if self.unreplied.contains_key(key) {
            return Opened::Exists;
        }
        self.unreplied.insert(*key, *flow);
        Opened::New
    }
    fn refresh(&mut self, key: &FlowKey, last_seen: u64, state: State) {
        let place = match self.flows.get_mut(key) {
            Some(place) => Some(place),
            None => self.unreplied.get_mut(key),
        };
        if let Some(place) = place {
            place.last_seen = last_seen;
            place.state = state as u8;
        }
    }
    fn establish(&mut self, key: &FlowKey, last_seen: u64, state: State) {
        match self.unreplied.remove(key) {
            Some(flow) => {
                self.flows.insert(*key, Flow { last_seen, state: state as u8, ..flow });
            }
            None => self.refresh(key, last_seen, state),
        }
    }
    fn close(&mut self, key: &FlowKey) {
        if self.flows.remove(key).is_none() {
            self.unreplied.remove(key);
        }
    }
}

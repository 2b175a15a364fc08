//! Tables from which nothing is removed.

use crate::abi::{
    Config, Device, Endpoint, EndpointKey, Flow, FlowKey, FragmentEntry, FragmentKey, Network,
    OwnedKey, Published, PublishedKey, RangeKey, Uplink, Usage, Window,
};
use crate::address::Address;
use crate::conntrack::{Direction, State};
use crate::flow::End;
use crate::tables::{Opened, Route, RouteQuery, Tables};

/// Tables for a hook behind which another one decides anew. What is open stays: a removal is
/// declined, and nothing is opened or counted from then on, so that the next hook finds the tables
/// as they were. Once something was opened the decision is made, and removals are too.
#[derive(Debug)]
pub struct Keeping<'a, T> {
    tables: &'a mut T,
    declined: bool,
    opened: bool,
}

impl<'a, T> Keeping<'a, T> {
    /// Over these tables.
    #[inline(always)]
    pub const fn new(tables: &'a mut T) -> Self {
        Self { tables, declined: false, opened: false }
    }

    /// A removal was asked for.
    #[inline(always)]
    #[must_use]
    pub const fn declined(&self) -> bool {
        self.declined
    }
}

macro_rules! asked {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        #[inline(always)]
        fn $name(&self, $($arg: $type),*) -> $answer {
            self.tables.$name($($arg),*)
        }
    )*};
}

macro_rules! told {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        #[inline(always)]
        fn $name(&mut self, $($arg: $type),*) -> $answer {
            self.tables.$name($($arg),*)
        }
    )*};
}

impl<T: Tables> Tables for Keeping<'_, T> {
    type Place = T::Place;

    asked! {
        now() -> u64;
        config() -> Option<&Config>;
        device(ifindex: u32) -> Option<&Device>;
        endpoint(key: &EndpointKey) -> Option<&Endpoint>;
        owns(key: &OwnedKey) -> bool;
        network(number: u32) -> Option<&Network>;
        subnet(address: &Address) -> Option<u32>;
        is_local(address: &Address) -> bool;
        uplink(ifindex: u32) -> Option<&Uplink>;
        source(uplink: u32, destination: &Address) -> Option<Address>;
        port_kinds(v4: bool, protocol: u8, port: [u8; 2]) -> u8;
        published(key: &PublishedKey) -> Option<&Published>;
        range(key: &RangeKey) -> Option<&Published>;
        is_client(list: u32, address: &Address) -> bool;
        is_host_socket(remote: &End, local: &End, protocol: u8) -> bool;
        generation(slot: u32) -> u32;
        route(query: &RouteQuery) -> Route;
        find(key: &FlowKey) -> Option<Self::Place>;
        flow(place: Self::Place) -> &Flow;
        is_hairpinned(container: u32) -> bool;
        fragment(key: &FragmentKey) -> Option<&FragmentEntry>;
    }

    told! {
        refresh(place: Self::Place, last_seen: u64, state: State) -> ();
        advance(place: Self::Place, sender: Direction, window: Window, scale: Option<u8>) -> ();
        establish(key: &FlowKey) -> bool;
        note_hairpin(container: u32) -> ();
        note_fragment(key: &FragmentKey, entry: &FragmentEntry) -> ();
    }

    #[inline(always)]
    fn usage(&mut self, network: u32) -> Option<&mut Usage> {
        if self.declined { None } else { self.tables.usage(network) }
    }

    #[inline(always)]
    fn open(&mut self, key: &FlowKey, flow: &Flow, crowded: bool) -> Opened {
        if self.declined {
            return Opened::Full;
        }
        self.opened = true;
        self.tables.open(key, flow, crowded)
    }

    #[inline(always)]
    fn close(&mut self, key: &FlowKey) -> bool {
        if self.opened {
            return self.tables.close(key);
        }
        self.declined = true;
        false
    }
}

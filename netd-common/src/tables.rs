//! The only questions the packet logic may ask: answered by BPF maps and helpers in the kernel, by
//! an in-memory fake in tests.

use crate::abi::{
    Config, Device, Endpoint, EndpointKey, Flow, FlowKey, FragmentEntry, FragmentKey, Network,
    OwnedKey, Published, PublishedKey, RangeKey, Uplink, Usage, Window,
};
use crate::address::Address;
use crate::conntrack::{Direction, State};
use crate::flow::End;
use crate::masquerade;
use crate::nat;
use crate::parse::Parsed;
use crate::publish::{self, Holder, Opening};
use crate::verdict::{DropReason, Hop};

/// What the logic may ask and change. A reference is into a table that others write at the same
/// time: what is read through it may be of two moments, never of two entries.
pub trait Tables {
    /// Where a flow's record is, so that it need not be looked up again.
    type Place: Copy;

    /// Coarse monotonic time in nanoseconds.
    fn now(&self) -> u64;
    /// What all programs need to know.
    fn config(&self) -> Option<&Config>;
    /// The host-side veth with this interface index.
    fn device(&self, ifindex: u32) -> Option<&Device>;
    /// Who has this address on this network.
    fn endpoint(&self, key: &EndpointKey) -> Option<&Endpoint>;
    /// The container may send from this address.
    fn owns(&self, key: &OwnedKey) -> bool;
    /// The network with this number.
    fn network(&self, number: u32) -> Option<&Network>;
    /// The network whose subnet holds this address.
    fn subnet(&self, address: &Address) -> Option<u32>;
    /// The address is the host's own.
    fn is_local(&self, address: &Address) -> bool;
    /// The uplink with this interface index.
    fn uplink(&self, ifindex: u32) -> Option<&Uplink>;
    /// The source that the route by this uplink prefers for a destination.
    fn source(&self, uplink: u32, destination: &Address) -> Option<Address>;
    /// `PORT_*` bits: what is published at a port, so that the rest need not be asked.
    fn port_kinds(&self, v4: bool, protocol: u8, port: [u8; 2]) -> u8;
    /// Where this host address and port lead.
    fn published(&self, key: &PublishedKey) -> Option<&Published>;
    /// Where the published range that holds this host address and port leads.
    fn range(&self, key: &RangeKey) -> Option<&Published>;
    /// The address is on a publication's list of clients.
    fn is_client(&self, list: u32, address: &Address) -> bool;
    /// A socket of the host's would get what `remote` sends to `local`.
    fn is_host_socket(&self, remote: &End, local: &End, protocol: u8) -> bool;
    /// The current generation of a slot.
    fn generation(&self, slot: u32) -> u32;
    /// The way of the kernel's routing table for a packet that comes in by `ifindex`.
    fn route(&self, query: &RouteQuery) -> Route;
    /// A flow, established or not.
    fn find(&self, key: &FlowKey) -> Option<Self::Place>;
    /// A flow that this packet has just opened inwards.
    fn newest(&self, key: &FlowKey) -> Option<Self::Place> {
        self.find(key)
    }
    /// The record at a place.
    fn flow(&self, place: Self::Place) -> &Flow;
    /// Enters a new flow among the unreplied ones, or among the crowded ones.
    fn open(&mut self, key: &FlowKey, flow: &Flow, crowded: bool) -> Opened;
    /// Writes a flow's time and state where it is.
    fn refresh(&mut self, place: Self::Place, last_seen: u64, state: State);
    /// Writes what the sender of a packet is ready for; the scale is its SYN's, or none.
    fn advance(&mut self, place: Self::Place, sender: Direction, window: Window, scale: Option<u8>);
    /// Moves a flow among the established ones, as it is; where there is no room it stays where it
    /// was.
    fn establish(&mut self, key: &FlowKey) -> Establishing;
    /// Makes room among the established flows by [forgetting](nat::forget) some that are
    /// [dead](nat::is_dead), unless that was tried a moment ago; says whether there were any.
    fn reclaim(&mut self) -> bool;
    /// Forgets a flow; says whether it was an established one.
    fn close(&mut self, key: &FlowKey) -> bool;
    /// What a network has in the flow tables.
    fn usage(&mut self, network: u32) -> Option<&mut Usage>;
    /// Containers came to this container by its published ports.
    fn is_hairpinned(&self, container: u32) -> bool;
    /// Notes that one does.
    fn note_hairpin(&mut self, container: u32);
    /// The flow of a fragment that is not the first.
    fn fragment(&self, key: &FragmentKey) -> Option<&FragmentEntry>;
    /// Remembers a first fragment's.
    fn note_fragment(&mut self, key: &FragmentKey, entry: &FragmentEntry);

    /// [`nat::is_alive`], or a function that does the same: the kernel's is verified on its own.
    fn is_alive(&mut self, place: Self::Place, key: &FlowKey) -> bool
    where
        Self: Sized,
    {
        nat::is_alive(self, place, key)
    }
    /// [`nat::follow`], likewise.
    fn follow(
        &mut self,
        place: Self::Place,
        key: &FlowKey,
        parsed: &Parsed,
        direction: Direction,
    ) -> bool
    where
        Self: Sized,
    {
        nat::follow(self, place, key, parsed, direction)
    }
    /// [`masquerade::open`], likewise.
    fn open_outwards(&mut self, parsed: &Parsed, network: u32, host: &mut End) -> Option<DropReason>
    where
        Self: Sized,
    {
        masquerade::open(self, parsed, network, host)
    }
    /// [`masquerade::is_taken`], likewise.
    fn is_taken(&mut self, parsed: &Parsed, host: &End, key: &FlowKey) -> bool
    where
        Self: Sized,
    {
        masquerade::is_taken(self, parsed, host, key)
    }
    /// [`publish::look`], likewise.
    fn look(&mut self, parsed: &Parsed, key: &FlowKey) -> Holder
    where
        Self: Sized,
    {
        publish::look(self, parsed, key)
    }
    /// [`publish::open`], likewise.
    fn open_inwards(
        &mut self,
        parsed: &Parsed,
        published: &Published,
        key: &FlowKey,
        outside: bool,
    ) -> Opening
    where
        Self: Sized,
    {
        publish::open(self, parsed, published, key, outside, &mut Flow::default())
    }
    /// [`publish::displaced`], likewise.
    fn displace(
        &mut self,
        parsed: &Parsed,
        published: &Published,
        key: &mut FlowKey,
        outside: bool,
    ) -> Opening
    where
        Self: Sized,
    {
        publish::displaced(self, parsed, published, key, outside)
    }
}

/// What became of a flow that is to be among the established ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Establishing {
    /// It is there now.
    Done,
    /// It is no new flow.
    NotNew,
    /// No room.
    NoRoom,
}

/// What became of a new flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It is in the table.
    New,
    /// Another processor entered the same key first.
    Exists,
    /// No room.
    Full,
}

/// A question to the routing table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteQuery {
    /// Interface index of the device that the packet comes in by: the network's bridge.
    pub ifindex: u32,
    /// Source address.
    pub source: Address,
    /// Destination address.
    pub destination: Address,
    /// IP protocol number.
    pub protocol: u8,
    /// Bytes of the largest packet on the wire, from its IP header on.
    pub length: u16,
}

/// The routing table's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Out by this hop.
    Via(Hop),
    /// Out by this device, for which it is too long: the kernel fragments it or tells the sender.
    TooLong(u32),
    /// By a way that only the kernel's own stack can go (encapsulating routes): past netd's programs.
    Around,
    /// Anything else: the host itself, no route. The kernel knows what to do, and answers with ICMP
    /// where it should.
    Stack,
}

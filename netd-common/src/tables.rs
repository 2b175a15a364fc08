//! The only questions the packet logic may ask: answered by BPF maps and helpers in the kernel, by
//! an in-memory fake in tests.

use crate::abi::{
    Device, Endpoint, EndpointKey, Flow, FlowKey, Network, OwnedKey, Published, PublishedKey,
    Uplink,
};
use crate::address::Address;
use crate::conntrack::State;
use crate::verdict::Hop;

/// What the logic may ask and change. A reference is into a table that others write at the same
/// time: what is read through it may be of two moments, never of two entries.
pub trait Tables {
    /// Coarse monotonic time in nanoseconds.
    fn now(&self) -> u64;
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
    /// Where this host address and port lead.
    fn published(&self, key: &PublishedKey) -> Option<&Published>;
    /// The current generation of a slot.
    fn generation(&self, slot: u32) -> u32;
    /// The way of the kernel's routing table for a packet that comes in by `ifindex`.
    fn route(&self, query: &RouteQuery) -> Route;
    /// A flow, established or not.
    fn flow(&self, key: &FlowKey) -> Option<&Flow>;
    /// Enters a new flow among the unreplied ones.
    fn open(&mut self, key: &FlowKey, flow: &Flow) -> Opened;
    /// Writes a flow's time and state where it is.
    fn refresh(&mut self, key: &FlowKey, last_seen: u64, state: State);
    /// As [`refresh`](Self::refresh), and moves the flow among the established ones; where there is
    /// no room it stays where it was.
    fn establish(&mut self, key: &FlowKey, last_seen: u64, state: State);
    /// Forgets a flow.
    fn close(&mut self, key: &FlowKey);
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
}

/// The routing table's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Out by this hop.
    Via(Hop),
    /// Anything else: the host itself, no route, too long for the link. The kernel knows what to
    /// do, and answers with ICMP where it should.
    Stack,
}

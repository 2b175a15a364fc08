//! The case table: one row a rule. Each row runs on bytes in memory and in the kernel, and both
//! must give the same verdict, the same bytes and the same flows.

mod answers;
mod container_in;
mod container_out;
mod errors;
mod expiry;
mod family;
mod fragments;
mod hairpin;
mod handshakes;
mod masquerade;
mod options;
mod publications;
mod resolver;
mod sctp;
mod strangers;
mod talk;
mod uplink_in;
mod uplink_out;

use crate::{
    bytes,
    frame::{Body, Frame},
    world::{Container, ROUTER_MAC, UPLINK, UPLINK_MAC, World},
};
use netd_common::{
    abi::{Flow, FlowKey, Published, SCALE_UNKNOWN, Window},
    conntrack::State,
    flow::{End, masqueraded_flow, published_flow, published_port},
    verdict::{Delivery, Hop, Routed, Translation, Verdict},
};
use std::net::IpAddr;

/// Where a packet meets a program.
#[derive(Clone, Copy, Debug)]
pub enum Hook {
    /// A container sends it.
    ContainerOut(Container),
    /// The kernel is about to send it to a container; it came in by this device.
    ContainerIn(Container, u32),
    /// It comes in by the uplink.
    UplinkIn,
    /// It goes out by the uplink; it came in by this device.
    UplinkOut(u32),
    /// A container sends it to itself, by lo.
    ResolverLo,
}

impl Hook {
    /// Interface index of the device that the program is on.
    #[must_use]
    pub fn ifindex(self) -> u32 {
        match self {
            Self::ContainerOut(container) | Self::ContainerIn(container, _) => container.ifindex(),
            Self::UplinkIn | Self::UplinkOut(_) => UPLINK,
            Self::ResolverLo => LO,
        }
    }

    /// Interface index of the device that the packet came in by.
    #[must_use]
    pub fn ingress(self) -> u32 {
        match self {
            Self::ContainerOut(container) => container.ifindex(),
            Self::UplinkIn => UPLINK,
            Self::ResolverLo => 0,
            Self::ContainerIn(_, ingress) | Self::UplinkOut(ingress) => ingress,
        }
    }
}

/// Lo's interface index, in every namespace.
const LO: u32 = 1;

/// One row.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it shows, as a sentence.
    pub name: String,
    /// Where the packet meets a program.
    pub hook: Hook,
    /// The tables before.
    pub world: World,
    /// The packet.
    pub packet: Vec<u8>,
    /// The verdict.
    pub verdict: Verdict,
    /// The packet afterwards.
    pub out: Vec<u8>,
    /// All flows afterwards.
    pub flows: Vec<(FlowKey, State)>,
    /// In which tables some of them are.
    pub places: Vec<(FlowKey, Table)>,
    /// Nothing in any table changes, no time either.
    pub still: bool,
}

/// A table of flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Those that are never pushed out.
    Established,
    /// New and half-open ones.
    Unreplied,
    /// New ones of networks that open more than their share.
    Crowded,
}

impl Case {
    /// A row whose packet is not changed and opens nothing.
    fn new(name: impl Into<String>, hook: Hook, packet: Vec<u8>, verdict: Verdict) -> Self {
        let out = packet.clone();
        let (name, world) = (name.into(), World::standard());
        let (flows, places) = (Vec::new(), Vec::new());
        Self { name, hook, world, packet, verdict, out, flows, places, still: false }
    }

    fn world(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world);
        self
    }

    fn out(mut self, out: Vec<u8>) -> Self {
        self.out = out;
        self
    }

    fn flows(mut self, flows: &[(FlowKey, State)]) -> Self {
        self.flows = flows.to_vec();
        self
    }

    fn place(mut self, key: FlowKey, table: Table) -> Self {
        self.places.push((key, table));
        self
    }

    /// All tables stay as they are.
    fn still(mut self) -> Self {
        let world = &self.world;
        let all = [&world.flows, &world.unreplied, &world.crowded].into_iter().flatten();
        self.flows = all.map(|(key, flow)| (*key, State::from_number(flow.state))).collect();
        self.still = true;
        self
    }

    /// Another packet went before.
    fn after(self, hook: Hook, packet: &[u8]) -> Self {
        self.world(|w| send(w, hook, packet))
    }
}

/// A packet meets a program, and leaves in the tables what it does.
fn send(world: &mut World, hook: Hook, packet: &[u8]) {
    let verdict = bytes::step(hook, &mut packet.to_vec(), world);
    let dropped = matches!(verdict, Verdict::Pass | Verdict::Drop(_));
    assert!(!dropped, "what goes before a case is no packet of a flow: {verdict:?}");
}

/// Every row.
#[must_use]
pub fn all() -> Vec<Case> {
    let parts = [
        container_out::cases(),
        container_in::cases(),
        uplink_in::cases(),
        uplink_out::cases(),
        handshakes::cases(),
        masquerade::cases(),
        publications::cases(),
        resolver::cases(),
        hairpin::cases(),
        errors::cases(),
        fragments::cases(),
        options::cases(),
        answers::cases(),
        expiry::cases(),
        sctp::cases(),
        strangers::cases(),
    ];
    parts.into_iter().flatten().collect()
}

/// A packet from one container to an address, sent to its gateway or straight to `mac`.
fn from(container: Container, mac: [u8; 6], to: IpAddr, body: Body) -> Frame {
    let own = if to.is_ipv4() { container.v4() } else { container.v6() };
    Frame::new((container.mac(), mac), own, to, body)
}

/// A packet from outside, as the uplink gets it.
fn from_outside(source: IpAddr, to: IpAddr, body: Body) -> Frame {
    Frame::new((ROUTER_MAC, UPLINK_MAC), source, to, body)
}

/// A packet that leaves by the uplink.
fn leaving(source: IpAddr, to: IpAddr, body: Body) -> Frame {
    Frame::new((UPLINK_MAC, ROUTER_MAC), source, to, body)
}

fn end(address: IpAddr, port: u16) -> End {
    End { address: address.into(), port: port.to_be_bytes() }
}

/// The slot of the table's publications.
const PUBLISHED_SLOT: u32 = 50;

/// Publishes `host` towards a container's port.
fn publish(world: &mut World, host: End, protocol: u8, container: Container, port: u16) {
    let address = if host.address.is_v4() { container.v4() } else { container.v6() };
    let published = Published {
        address: address.into(),
        network: container.network,
        container: container.number,
        slot: PUBLISHED_SLOT,
        port: port.to_be_bytes(),
        first: host.port,
        clients: 0,
        pad: 0,
    };
    world.published.insert(published_port(host, protocol), published);
}

/// Publishes `count` host ports from `host` on towards a container's from this one on.
fn publish_range(
    world: &mut World,
    host: End,
    count: u16,
    protocol: u8,
    (container, port): (Container, u16),
) {
    let mut one = World::default();
    publish(&mut one, host, protocol, container, port);
    let first = u16::from_be_bytes(host.port);
    let range = (host.address, protocol, first, first + (count - 1));
    world.ranges.extend(one.published.into_values().map(|published| (range, published)));
}

/// A flow's record, `age` seconds after its last packet.
fn record(world: &World, container: Container, peer: End, state: State, age: u64) -> Flow {
    Flow {
        last_seen: world.now - age * 1_000_000_000,
        peer: peer.address,
        ifindex: container.ifindex(),
        slot: container.slot(),
        generation: 0,
        network: container.network,
        peer_port: peer.port,
        mac: container.mac(),
        gateway_mac: container.gateway_mac(),
        state: state as u8,
        scales: [SCALE_UNKNOWN; 2],
        // What the frames' acknowledgement number confirms, where a confirmation is waited for.
        opener: match state {
            State::Answered => Window { next: 2, end: 0xffff },
            _ => Window::default(),
        },
        ..Flow::default()
    }
}

/// Enters a flow where its state belongs.
fn enter(world: &mut World, key: FlowKey, flow: Flow) {
    let state = State::from_number(flow.state);
    let unreplied = matches!(state, State::Unreplied | State::Answered);
    let place = if unreplied { &mut world.unreplied } else { &mut world.flows };
    place.insert(key, flow);
}

/// The verdict that delivers to a container of another segment, addressed to `to`.
fn delivered(container: Container, to: End) -> Verdict {
    let translation = Translation { destination: Some(to), ..Translation::default() };
    Verdict::Deliver(Delivery {
        ifindex: container.ifindex(),
        mac: container.mac(),
        routed: Some(Routed { mac: container.gateway_mac(), translation }),
    })
}

/// The verdict that replaces the source.
fn translated(from: End) -> Verdict {
    Verdict::Translate(Translation { source: Some(from), ..Translation::default() })
}

/// The verdict that sends out by the uplink.
fn routed(next: IpAddr) -> Verdict {
    Verdict::Route(Hop { ifindex: UPLINK, next: next.into() })
}

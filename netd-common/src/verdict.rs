//! What the logic decides: plain data that the glue acts on.

mod orders;
mod reason;

pub use orders::{Orders, Ruling};
pub use reason::DropReason;

use crate::address::Address;
use crate::flow::End;

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The kernel goes on with it.
    Pass,
    /// It ends here, counted.
    Drop(DropReason),
    /// Into a container, past the host's stack and the container's own host-side programs.
    Deliver(Delivery),
    /// Out by an uplink, to the next hop that the kernel's neighbour table resolves.
    Route(Hop),
    /// The kernel goes on with it, translated.
    Translate(Translation),
    /// It ends here, counted, and its sender is told.
    Answer(Answer),
}

/// The way into a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Interface index of the target's host-side veth.
    pub ifindex: u32,
    /// The target's Ethernet address.
    pub mac: [u8; 6],
    /// It comes from another segment: who sends it now, one hop less, and maybe other addresses.
    pub routed: Option<Routed>,
}

/// What a router does to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routed {
    /// The gateway's Ethernet address.
    pub mac: [u8; 6],
    /// The translation.
    pub translation: Translation,
}

/// The way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Interface index of the uplink.
    pub ifindex: u32,
    /// The router, or the destination itself where it is on the link.
    pub next: Address,
}

/// The ends of a flow that a packet gets in place of its own. An ICMP error gets the addresses
/// itself, and the packet that it quotes the same ends on its opposite sides; its own source stays
/// where that is not an end of the flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Translation {
    /// Who sent it.
    pub source: Option<End>,
    /// Who is to get it.
    pub destination: Option<End>,
    /// Largest segment that a SYN may announce, in bytes; 0 leaves it.
    pub mss: u16,
}

impl Translation {
    /// Every end stays.
    pub const NONE: Self = Self { source: None, destination: None, mss: 0 };
}

/// An ICMP error in place of a packet, back to who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it says.
    pub error: IcmpError,
    /// Who says it.
    pub source: Address,
    /// The way back.
    pub back: Back,
    /// Why the packet goes no further; counted.
    pub reason: DropReason,
}

/// What an ICMP error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpError {
    /// Time exceeded in transit (RFC 792, RFC 4443 3.3).
    TimeExceeded,
    /// Fragmentation needed, or packet too big: the largest packet that goes on, in bytes (RFC
    /// 1191, RFC 4443 3.2).
    TooBig(u16),
    /// Communication administratively prohibited (RFC 1812 5.2.7.1, RFC 4443 3.1).
    Prohibited,
}

/// The way back of an ICMP error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// By the device that the packet came in by, to who sent the frame.
    Sender,
    /// Into the container whose host-side veth this is: interface index, the gateway's and the
    /// container's Ethernet address.
    Container(u32, [u8; 6], [u8; 6]),
}

/// The ways that packets take through netd, for statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Path {
    /// From container to container of the same network.
    SameNetwork = 0,
    /// From a container to a published port of another, and back.
    Hairpin = 1,
    /// From a container to an uplink.
    Outside = 2,
    /// From outside to a container: to a published port, or back to who opened the flow.
    Inbound = 3,
    /// From a container with the host's address: masqueraded, or out of a published port.
    Outbound = 4,
    /// ICMP errors that were translated.
    Error = 5,
    /// ICMP errors that netd sent itself.
    Reply = 6,
    /// As [`Path::Inbound`], by XDP.
    Xdp = 7,
}

impl Path {
    /// Every path.
    pub const ALL: [Self; 8] = [
        Self::SameNetwork,
        Self::Hairpin,
        Self::Outside,
        Self::Inbound,
        Self::Outbound,
        Self::Error,
        Self::Reply,
        Self::Xdp,
    ];

    /// One word for tables, metrics and events.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::SameNetwork => "same-network",
            Self::Hairpin => "hairpin",
            Self::Outside => "outside",
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Error => "icmp-error",
            Self::Reply => "icmp-reply",
            Self::Xdp => "xdp",
        }
    }
}

//! What the logic decides: plain data that the glue acts on.

use crate::abi::{FlowKey, Published};
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

/// A verdict in one byte, whose details are in [`Orders`]: what the logic hands around. BPF's
/// verifier refuses values that are only half there, as those of a larger enum are where two paths
/// meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ruling {
    /// See [`Verdict::Pass`].
    Pass,
    /// See [`Verdict::Drop`].
    Drop(DropReason),
    /// See [`Verdict::Deliver`].
    Deliver,
    /// See [`Verdict::Route`].
    Route,
    /// See [`Verdict::Translate`].
    Translate,
    /// See [`Verdict::Answer`].
    Answer,
}

const _: () = assert!(size_of::<Ruling>() == 1);

/// The details of a [`Ruling`]: each is valid where the ruling says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders {
    /// Of [`Ruling::Deliver`].
    pub delivery: Delivery,
    /// Of [`Ruling::Route`].
    pub hop: Hop,
    /// Of [`Ruling::Translate`].
    pub translation: Translation,
    /// Of [`Ruling::Answer`].
    pub answer: Answer,
    /// The flow that it is about, while it is looked for.
    pub key: FlowKey,
    /// What may say where it is.
    pub name: FlowKey,
    /// The publication that leads to it.
    pub published: Published,
}

const NOBODY: FlowKey = FlowKey {
    remote: Address::UNSPECIFIED,
    local: Address::UNSPECIFIED,
    remote_port: [0; 2],
    local_port: [0; 2],
    protocol: 0,
    kind: 0,
    pad: [0; 2],
};

impl Orders {
    /// No order at all.
    pub const NONE: Self = Self {
        delivery: Delivery { ifindex: 0, mac: [0; 6], routed: None },
        hop: Hop { ifindex: 0, next: Address::UNSPECIFIED },
        translation: Translation::NONE,
        answer: Answer {
            error: IcmpError::TimeExceeded,
            source: Address::UNSPECIFIED,
            back: Back::Sender,
            reason: DropReason::HopLimit,
        },
        key: NOBODY,
        name: NOBODY,
        published: Published {
            address: Address::UNSPECIFIED,
            network: 0,
            container: 0,
            slot: 0,
            port: [0; 2],
            first: [0; 2],
            clients: 0,
            pad: 0,
        },
    };

    /// The whole verdict.
    pub const fn verdict(&self, ruling: Ruling) -> Verdict {
        match ruling {
            Ruling::Pass => Verdict::Pass,
            Ruling::Drop(reason) => Verdict::Drop(reason),
            Ruling::Deliver => Verdict::Deliver(self.delivery),
            Ruling::Route => Verdict::Route(self.hop),
            Ruling::Translate => Verdict::Translate(self.translation),
            Ruling::Answer => Verdict::Answer(self.answer),
        }
    }
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

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $word:literal;)*) => {
        /// Why a packet was dropped. Numbers are never given a second meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[doc = $doc])* $name = $number,)*
        }

        impl DropReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// One word for tables, metrics and events.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
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

reasons! {
    /// Too short, or lengths that contradict each other.
    Malformed = 1, "malformed";
    /// A device that the agent never told of.
    UnknownDevice = 2, "unknown-device";
    /// A network that the agent never told of.
    UnknownNetwork = 3, "unknown-network";
    /// Neither IPv4, IPv6 nor ARP: SNAP, LLDP, 802.1X, own inventions.
    EtherType = 4, "ether-type";
    /// A VLAN tag.
    Vlan = 5, "vlan";
    /// An Ethernet source that is not the container's.
    SpoofedMac = 6, "spoofed-mac";
    /// An IP source that is not the container's, or from outside one that only containers have.
    SpoofedAddress = 7, "spoofed-address";
    /// ARP that claims an address or Ethernet address of somebody else's.
    SpoofedArp = 8, "spoofed-arp";
    /// Neighbour discovery that claims an address of somebody else's.
    SpoofedNeighbour = 9, "spoofed-neighbour";
    /// A container that plays router: router advertisement, redirect, listener query.
    RouterMessage = 10, "router-message";
    /// A container that plays DHCP server.
    DhcpServer = 11, "dhcp-server";
    /// From one network to another.
    Isolated = 12, "isolated";
    /// Between containers of a network with icc=false.
    IccOff = 13, "icc-off";
    /// From an internal network to the outside.
    Internal = 14, "internal";
    /// An address of the own network that nobody has.
    NoEndpoint = 15, "no-endpoint";
    /// From outside to a container, with neither a flow nor a published port.
    Unsolicited = 16, "unsolicited";
    /// The flow table is full.
    TableFull = 17, "table-full";
    /// No port is left for this destination.
    PortsExhausted = 18, "ports-exhausted";
    /// A fragment of a flow that needs translation.
    Fragment = 19, "fragment";
    /// A protocol that can't be translated.
    Protocol = 20, "protocol";
    /// The uplink has no address of the packet's family.
    NoSource = 21, "no-source";
    /// The hop limit is used up.
    HopLimit = 22, "hop-limit";
    /// A loopback or otherwise impossible address on a wire.
    Martian = 23, "martian";
    /// IPv6 on a network without it.
    Ipv6Off = 24, "ipv6-off";
    /// Link-level control frames: spanning tree, pause, LACP (01:80:c2:00:00:0x).
    LinkControl = 25, "link-control";
    /// A packet of a translated flow that is not known, and does not open one.
    NoFlow = 26, "no-flow";
    /// The kernel refused an edit of the packet.
    EditFailed = 27, "edit-failed";
    /// Extension headers that can't be judged: too many, too long, routing headers.
    ExtensionHeader = 28, "extension-header";
    /// From a client that the published port is not for.
    NotAClient = 29, "not-a-client";
    /// Longer than the container's device takes.
    TooBig = 30, "too-big";
}

impl DropReason {
    /// The reason with this number, for those that opening a flow may give.
    #[inline(always)]
    #[must_use]
    pub const fn of_kernel(number: u32) -> Self {
        match number {
            7 => Self::SpoofedAddress,
            15 => Self::NoEndpoint,
            3 => Self::UnknownNetwork,
            17 => Self::TableFull,
            26 => Self::NoFlow,
            29 => Self::NotAClient,
            _ => Self::PortsExhausted,
        }
    }

    /// The reason with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| *r as u8 == number)
    }
}

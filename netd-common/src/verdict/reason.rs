//! Why packets are dropped.

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $word:literal;)*) => {
        /// Why a packet was dropped. Numbers are never given a second meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[doc = $doc])* $name = $number,)*
        }

        impl DropReason {
            /// The reason with this number.
            #[inline(always)]
            #[must_use]
            pub const fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

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
    /// An IPv4 source route, which would lead round every rule here.
    SourceRoute = 31, "source-route";
}

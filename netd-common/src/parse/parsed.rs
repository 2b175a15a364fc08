//! An IP packet's headers.

use super::{
    ECHO_REPLY, ECHO_REPLY_V6, ECHO_REQUEST, ECHO_REQUEST_V6, ICMP, ICMPV6, SCTP, TCP, UDP,
};
use crate::address::Address;

/// What part of a datagram a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// All of it.
    Whole,
    /// Its beginning, with the ports.
    First,
    /// A later part, without ports.
    Later,
}

/// An IP packet's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// Source address.
    pub source: Address,
    /// Destination address.
    pub destination: Address,
    /// Source port; identifier of an echo request; else 0.
    pub source_port: [u8; 2],
    /// Destination port; identifier of an echo reply; else 0.
    pub destination_port: [u8; 2],
    /// Offset of the IP header.
    pub l3: u16,
    /// Offset of the transport header.
    pub l4: u16,
    /// The transport's IP protocol number.
    pub protocol: u8,
    /// The protocol or next-header byte of the IP header itself.
    pub ip_protocol: u8,
    /// TCP flags; ICMP type; else 0.
    pub detail: u8,
    /// Hop limit.
    pub hops: u8,
    /// What part of the datagram it is.
    pub fragment: Fragment,
    /// It may not be fragmented on its way; in IPv6 no packet may.
    pub whole: bool,
    /// Window scale of a SYN, or [`SCALE_NONE`]; else 0.
    pub scale: u8,
    /// It is an ICMP error that quotes a packet: the quotation is in [`Headers::quoted`].
    pub quotes: bool,
    /// Identification of a fragmented datagram; IPv4's in the first two bytes.
    pub id: [u8; 4],
    /// TCP sequence number, in the machine's order.
    pub sequence: u32,
    /// TCP acknowledgement number, in the machine's order.
    pub acknowledgement: u32,
    /// TCP window as the header has it, in the machine's order.
    pub window: u16,
    /// The largest segment that a SYN announces, in bytes; 0 where it does not.
    pub mss: u16,
    /// Offset of that number.
    pub mss_at: u16,
    /// Bytes of the largest packet on the wire, from the IP header on: what is still to be
    /// segmented counts by its segments.
    pub length: u16,
}

/// A packet's headers, and those of the packet that it quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// Its own.
    pub parsed: Parsed,
    /// The quoted packet's, where [`Parsed::quotes`].
    pub quoted: Parsed,
}

impl Headers {
    /// No headers at all.
    pub const EMPTY: Self = Self { parsed: Parsed::EMPTY, quoted: Parsed::EMPTY };
}

impl Parsed {
    /// No headers at all.
    pub const EMPTY: Self = Self {
        source: Address::UNSPECIFIED,
        destination: Address::UNSPECIFIED,
        source_port: [0; 2],
        destination_port: [0; 2],
        l3: 0,
        l4: 0,
        protocol: 0,
        ip_protocol: 0,
        detail: 0,
        hops: 0,
        fragment: Fragment::Whole,
        whole: false,
        scale: 0,
        quotes: false,
        id: [0; 4],
        sequence: 0,
        acknowledgement: 0,
        window: 0,
        mss: 0,
        mss_at: 0,
        length: 0,
    };

    /// IPv4.
    #[inline(always)]
    #[must_use]
    pub const fn is_v4(&self) -> bool {
        self.source.is_v4()
    }

    /// It has two ports, or an echo's identifier, that a translation can use.
    #[inline(always)]
    #[must_use]
    pub const fn has_ports(&self) -> bool {
        match self.protocol {
            TCP | UDP | SCTP => true,
            ICMP => self.is_v4() && matches!(self.detail, ECHO_REQUEST | ECHO_REPLY),
            ICMPV6 => !self.is_v4() && matches!(self.detail, ECHO_REQUEST_V6 | ECHO_REPLY_V6),
            _ => false,
        }
    }

    /// An answer to an echo request.
    #[inline(always)]
    #[must_use]
    pub const fn is_echo_reply(&self) -> bool {
        matches!((self.protocol, self.detail), (ICMP, ECHO_REPLY) | (ICMPV6, ECHO_REPLY_V6))
    }

    /// TCP flags; 0 for everything else.
    #[inline(always)]
    #[must_use]
    pub const fn tcp_flags(&self) -> u8 {
        if self.protocol == TCP { self.detail } else { 0 }
    }
}

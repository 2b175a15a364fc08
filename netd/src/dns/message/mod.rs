//! DNS messages (RFC 1035 4): the few kinds that pass here, read and written with checks and without
//! allocation. What others sent is never trusted; tests and the fuzz hold it against hickory-proto.

mod bytes;
pub mod foreign;
pub mod query;
pub mod reply;

pub use foreign::Facts;
pub use query::{Edns, Fault, Query};

/// Types of records that mean something here.
pub mod kind {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// An authoritative server.
    pub const NS: u16 = 2;
    /// Another name for this one.
    pub const CNAME: u16 = 5;
    /// Where a zone begins; how long "there is none" holds (RFC 2308).
    pub const SOA: u16 = 6;
    /// The name of an address.
    pub const PTR: u16 = 12;
    /// A mail server.
    pub const MX: u16 = 15;
    /// An IPv6 address (RFC 3596).
    pub const AAAA: u16 = 28;
    /// A service (RFC 2782).
    pub const SRV: u16 = 33;
    /// Another name for a whole tree (RFC 6672).
    pub const DNAME: u16 = 39;
    /// EDNS (RFC 6891).
    pub const OPT: u16 = 41;
    /// The first of those that are no question of a resolver: TKEY, TSIG, IXFR, AXFR.
    pub const TKEY: u16 = 249;
    /// The last of them.
    pub const AXFR: u16 = 252;
}

/// Response codes.
pub mod code {
    /// Answered.
    pub const NOERROR: u8 = 0;
    /// The question can't be read.
    pub const FORMERR: u8 = 1;
    /// The servers that were asked failed.
    pub const SERVFAIL: u8 = 2;
    /// There is no such name.
    pub const NXDOMAIN: u8 = 3;
    /// Not a kind of question that is answered here.
    pub const NOTIMP: u8 = 4;
    /// Not for this client, or not now.
    pub const REFUSED: u8 = 5;
}

/// Class of the Internet.
pub const IN: u16 = 1;
/// Bytes before the question.
pub const HEADER: usize = 12;
/// What fits into a datagram where nobody says more (RFC 1035 4.2.1).
pub const PLAIN: usize = 512;
/// What netd-dns takes in a datagram, and sends at most: fits every path unfragmented.
pub const DATAGRAM: usize = 1232;
/// What fits into a message over TCP.
pub const STREAM: usize = 65_535;

/// Bits of a header's second word.
pub(crate) mod flag {
    pub(crate) const RESPONSE: u16 = 1 << 15;
    pub(crate) const AUTHORITATIVE: u16 = 1 << 10;
    pub(crate) const TRUNCATED: u16 = 1 << 9;
    pub(crate) const WANTS_RECURSION: u16 = 1 << 8;
    pub(crate) const HAS_RECURSION: u16 = 1 << 7;
    pub(crate) const AUTHENTIC: u16 = 1 << 5;
    pub(crate) const UNCHECKED: u16 = 1 << 4;
    pub(crate) const OPCODE: u16 = 0x7800;
    pub(crate) const CODE: u16 = 0x000f;
}

#[cfg(test)]
mod tests;

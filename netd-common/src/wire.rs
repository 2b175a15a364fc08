//! Header layouts. Every [`Header`] has alignment 1, no padding and no invalid bit pattern, so that
//! the bytes at any in-bounds offset of a packet are one.
#![allow(unsafe_code, reason = "the proofs that any bytes are a header")]

use core::mem::{align_of, size_of};
pub use network_types::{arp::ArpHdr, icmp::Icmpv4Hdr, ip::Ipv4Hdr, ip::Ipv6Hdr, udp::UdpHdr};

mod sealed {
    pub trait Sealed {}
}

/// A header that any bytes of its length are.
///
/// # Safety
/// Alignment 1, no padding, every bit pattern valid; asserted below for size and alignment.
pub unsafe trait Header: Copy + sealed::Sealed {
    /// Length in bytes.
    const LEN: usize = size_of::<Self>();
}

/// Ethernet II (network-types' own holds a u16 and so wants alignment 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct EthHdr {
    /// Destination address.
    pub dst: [u8; 6],
    /// Source address.
    pub src: [u8; 6],
    /// EtherType, network order; below 0x0600 it is an 802.3 length.
    pub ether_type: [u8; 2],
}

/// TCP (RFC 9293), with offset and flags as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct TcpHdr {
    /// Source port.
    pub source: [u8; 2],
    /// Destination port.
    pub dest: [u8; 2],
    /// Sequence number.
    pub seq: [u8; 4],
    /// Acknowledgement number.
    pub ack_seq: [u8; 4],
    /// Header length in 32-bit words in the upper four bits.
    pub offset: u8,
    /// CWR ECE URG ACK PSH RST SYN FIN.
    pub flags: u8,
    /// Window, unscaled.
    pub window: [u8; 2],
    /// Checksum.
    pub check: [u8; 2],
    /// Urgent pointer.
    pub urgent: [u8; 2],
}

/// SCTP's common header (RFC 9260 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SctpHdr {
    /// Source port.
    pub source: [u8; 2],
    /// Destination port.
    pub dest: [u8; 2],
    /// Verification tag.
    pub tag: [u8; 4],
    /// CRC32c of the packet.
    pub check: [u8; 4],
}

/// ICMPv4 and ICMPv6 alike: type, code, checksum, and four bytes that depend on the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct IcmpHdr {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Checksum.
    pub check: [u8; 2],
    /// Identifier of an echo.
    pub id: [u8; 2],
    /// Sequence number of an echo.
    pub sequence: [u8; 2],
}

/// A neighbour solicitation's or advertisement's target (RFC 4861 4.3, 4.4) behind [`IcmpHdr`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct NeighbourTarget {
    /// The address that is asked for or claimed.
    pub address: [u8; 16],
}

/// The source or target link-layer address option (RFC 4861 4.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct LinkLayerOption {
    /// 1 source, 2 target.
    pub kind: u8,
    /// In units of 8 bytes.
    pub length: u8,
    /// Ethernet address.
    pub mac: [u8; 6],
}

/// The common head of IPv6 extension headers (RFC 6564).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ExtensionHdr {
    /// What follows.
    pub next: u8,
    /// Length in units of 8 bytes, without the first 8.
    pub length: u8,
}

/// The IPv6 fragment header (RFC 8200 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct FragmentHdr {
    /// What follows.
    pub next: u8,
    /// Reserved.
    pub reserved: u8,
    /// Offset in the upper 13 bits, more-fragments in the lowest.
    pub offset: [u8; 2],
    /// Identification.
    pub id: [u8; 4],
}

/// An IPv4 header without options, and the ports of TCP or UDP behind it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Ipv4Ends {
    /// The IP header.
    pub ip: Ipv4Hdr,
    /// Source port.
    pub source: [u8; 2],
    /// Destination port.
    pub dest: [u8; 2],
}

/// The same with the Ethernet header before it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct EthIpv4Ends {
    /// The Ethernet header.
    pub eth: EthHdr,
    /// What follows.
    pub ends: Ipv4Ends,
}

/// A field on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Bytes<const N: usize>(
    /// The bytes of the wire.
    pub [u8; N],
);

macro_rules! headers {
    ($($t:ty: $len:literal),* $(,)?) => {$(
        impl sealed::Sealed for $t {}
        // SAFETY: the type is made of byte arrays and bytes only, which the assertion confirms:
        // alignment 1 and exactly the bytes of the wire, so no padding and no invalid pattern.
        unsafe impl Header for $t {}
        const _: () = assert!(size_of::<$t>() == $len && align_of::<$t>() == 1);
    )*};
}
headers!(
    EthHdr: 14,
    ArpHdr: 28,
    Ipv4Hdr: 20,
    Ipv6Hdr: 40,
    TcpHdr: 20,
    UdpHdr: 8,
    SctpHdr: 12,
    IcmpHdr: 8,
    NeighbourTarget: 16,
    LinkLayerOption: 8,
    ExtensionHdr: 2,
    FragmentHdr: 8,
    Ipv4Ends: 24,
    EthIpv4Ends: 38,
    Bytes<1>: 1,
    Bytes<2>: 2,
    Bytes<4>: 4,
    Bytes<6>: 6,
    Bytes<16>: 16,
);

/// Copies the header at `offset` out of a slice; none where the slice is too short.
#[inline(always)]
pub(crate) fn read<H: Header>(bytes: &[u8], offset: usize) -> Option<H> {
    let bytes = bytes.get(offset..)?.get(..size_of::<H>())?;
    // SAFETY: the slice holds `size_of::<H>()` bytes, and any bytes are a `Header`.
    Some(unsafe { bytes.as_ptr().cast::<H>().read_unaligned() })
}

/// Copies a header into a slice at `offset`; none where the slice is too short.
#[inline(always)]
pub(crate) fn write<H: Header>(bytes: &mut [u8], offset: usize, header: H) -> Option<()> {
    let bytes = bytes.get_mut(offset..)?.get_mut(..size_of::<H>())?;
    // SAFETY: the slice holds `size_of::<H>()` bytes; a `Header` has no padding to leak.
    unsafe { bytes.as_mut_ptr().cast::<H>().write_unaligned(header) };
    Some(())
}

/// EtherType of IPv4.
pub const ETH_IPV4: [u8; 2] = [0x08, 0x00];
/// EtherType of ARP.
pub const ETH_ARP: [u8; 2] = [0x08, 0x06];
/// EtherType of IPv6.
pub const ETH_IPV6: [u8; 2] = [0x86, 0xdd];

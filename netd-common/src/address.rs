//! The one form of an address: IPv6, or IPv4 mapped into it (RFC 4291 2.5.5.2).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Sixteen bytes in network order, held as four words in memory order.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(C)]
pub struct Address {
    words: [u32; 4],
}

/// The third word of a mapped IPv4 address: 0x0000ffff in network order.
const MAPPED: u32 = u32::from_be(0x0000_ffff);

impl Address {
    /// `::`.
    pub const UNSPECIFIED: Self = Self { words: [0; 4] };

    /// From an IPv4 header's four bytes.
    #[inline(always)]
    #[must_use]
    pub const fn v4(bytes: [u8; 4]) -> Self {
        Self { words: [0, 0, MAPPED, u32::from_ne_bytes(bytes)] }
    }

    /// From an IPv6 header's sixteen bytes.
    #[inline(always)]
    #[must_use]
    pub const fn v6(b: [u8; 16]) -> Self {
        Self {
            words: [
                u32::from_ne_bytes([b[0], b[1], b[2], b[3]]),
                u32::from_ne_bytes([b[4], b[5], b[6], b[7]]),
                u32::from_ne_bytes([b[8], b[9], b[10], b[11]]),
                u32::from_ne_bytes([b[12], b[13], b[14], b[15]]),
            ],
        }
    }

    /// From four words as they lie in memory (`user_ip6`, `ipv6_src`).
    #[inline(always)]
    #[must_use]
    pub const fn from_words(words: [u32; 4]) -> Self {
        Self { words }
    }

    /// The four words as they lie in memory.
    #[inline(always)]
    #[must_use]
    pub const fn words(&self) -> [u32; 4] {
        self.words
    }

    /// It stands for an IPv4 address.
    #[inline(always)]
    #[must_use]
    pub const fn is_v4(&self) -> bool {
        self.words[0] == 0 && self.words[1] == 0 && self.words[2] == MAPPED
    }

    /// The last four bytes: the IPv4 address, where it is one.
    #[inline(always)]
    #[must_use]
    pub const fn v4_bytes(&self) -> [u8; 4] {
        self.words[3].to_ne_bytes()
    }

    /// All sixteen bytes.
    #[inline(always)]
    #[must_use]
    pub const fn v6_bytes(&self) -> [u8; 16] {
        let [a, b, c, d] = self.words;
        let (a, b, c, d) = (a.to_ne_bytes(), b.to_ne_bytes(), c.to_ne_bytes(), d.to_ne_bytes());
        [
            a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3], c[0], c[1], c[2], c[3], d[0], d[1],
            d[2], d[3],
        ]
    }

    /// The unspecified address of the same family: the wildcard of published ports.
    #[inline(always)]
    #[must_use]
    pub const fn wildcard(&self) -> Self {
        if self.is_v4() { Self::v4([0; 4]) } else { Self::UNSPECIFIED }
    }

    /// `0.0.0.0` or `::`.
    #[inline(always)]
    #[must_use]
    pub const fn is_unspecified(&self) -> bool {
        self.words[0] == 0
            && self.words[1] == 0
            && (self.words[2] == 0 || self.words[2] == MAPPED)
            && self.words[3] == 0
    }

    /// `127.0.0.0/8` or `::1`.
    #[inline(always)]
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        if self.is_v4() {
            return self.v4_bytes()[0] == 127;
        }
        self.words[0] == 0
            && self.words[1] == 0
            && self.words[2] == 0
            && self.words[3] == u32::from_be(1)
    }

    /// `224.0.0.0/4`, `255.255.255.255` or `ff00::/8`.
    #[inline(always)]
    #[must_use]
    pub const fn is_multicast(&self) -> bool {
        if self.is_v4() {
            return self.v4_bytes()[0] >= 224;
        }
        self.words[0].to_ne_bytes()[0] == 0xff
    }

    /// `fe80::/10`.
    #[inline(always)]
    #[must_use]
    pub const fn is_link_local_v6(&self) -> bool {
        let first = self.words[0].to_ne_bytes();
        first[0] == 0xfe && first[1] & 0xc0 == 0x80
    }

    /// A number that differs between addresses of one subnet, for choosing ports.
    #[inline(always)]
    #[must_use]
    pub const fn mix(&self) -> u32 {
        self.words[0] ^ self.words[1].rotate_left(7) ^ self.words[2].rotate_left(13) ^ self.words[3]
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(a) => a.into(),
            IpAddr::V6(a) => a.into(),
        }
    }
}

impl From<Ipv4Addr> for Address {
    fn from(address: Ipv4Addr) -> Self {
        Self::v4(address.octets())
    }
}

impl From<Ipv6Addr> for Address {
    fn from(address: Ipv6Addr) -> Self {
        Self::v6(address.octets())
    }
}

impl From<Address> for IpAddr {
    fn from(address: Address) -> Self {
        if address.is_v4() {
            return Ipv4Addr::from(address.v4_bytes()).into();
        }
        Ipv6Addr::from(address.v6_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn both_families_survive_the_round_trip() {
        for text in ["10.1.2.3", "0.0.0.0", "::", "fe80::1", "2001:db8::ffff:1"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(IpAddr::from(Address::from(address)), address);
        }
    }

    #[test]
    fn properties_follow_the_std_library() {
        for text in ["127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "ff02::1", "239.0.0.1", "fe80::1"]
        {
            let std: IpAddr = text.parse().unwrap();
            let address = Address::from(std);
            assert_eq!(address.is_loopback(), std.is_loopback(), "{text}");
            assert_eq!(address.is_multicast(), std.is_multicast(), "{text}");
            assert_eq!(address.is_v4(), std.is_ipv4(), "{text}");
        }
        assert!(Address::from("255.255.255.255".parse::<IpAddr>().unwrap()).is_multicast());
        assert!(Address::from("fe80::1".parse::<IpAddr>().unwrap()).is_link_local_v6());
        assert!(Address::v4([0; 4]).is_unspecified() && Address::UNSPECIFIED.is_unspecified());
    }
}

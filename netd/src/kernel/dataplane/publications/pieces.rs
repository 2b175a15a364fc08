//! Publications in pieces, as the maps have them: a single port, or the aligned parts of a range that
//! a longest-prefix match tells from all else.

use crate::state::{PortRange, Protocol, PublishedKey};
use netd_common::{
    abi::{self, Published, RangeKey},
    address::Address,
};
use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
};

/// What has one key in one of the two maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Piece {
    /// Host address.
    pub(super) address: Address,
    /// IP protocol number.
    pub(super) protocol: u8,
    /// Host ports: one, or in `RANGES` a power of two of them that begin at a multiple of it.
    pub(super) ports: PortRange,
    /// It is in `RANGES`.
    pub(super) ranged: bool,
}

impl Piece {
    /// What is under a key of `PUBLISHED`.
    pub(super) fn of_single(key: &abi::PublishedKey) -> Self {
        let ports = PortRange::single(u16::from_be_bytes(key.port));
        Self { address: key.address, protocol: key.protocol, ports, ranged: false }
    }

    /// What is under a prefix of `RANGES`; none for one that netd never wrote.
    pub(super) fn of_range(length: u32, key: &RangeKey) -> Option<Self> {
        let wild = 16_u32.checked_sub(length.checked_sub(RangeKey::BITS)?)?;
        let first = u16::from_be_bytes(key.port);
        let more = u16::try_from((1_u32 << wild) - 1).ok()?;
        let ports = PortRange::new(first, first.checked_add(more)?)?;
        Some(Self { address: key.address, protocol: key.protocol, ports, ranged: true })
    }

    /// Its key in `PUBLISHED`.
    pub(super) fn single_key(&self) -> abi::PublishedKey {
        let port = self.ports.first().to_be_bytes();
        abi::PublishedKey { address: self.address, port, protocol: self.protocol, pad: 0, rest: 0 }
    }

    /// Its prefix in `RANGES`, where it is there.
    pub(super) fn range_key(&self) -> Option<(u32, RangeKey)> {
        let port = self.ports.first().to_be_bytes();
        let key = RangeKey { address: self.address, protocol: self.protocol, pad: 0, port };
        let wild = (u32::from(self.ports.more()) + 1).ilog2();
        self.ranged.then_some((RangeKey::BITS + 16 - wild, key))
    }

    /// The key of a publication that is this piece; none for a protocol that netd never wrote.
    pub(super) fn key(&self) -> Option<PublishedKey> {
        let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
        let protocol = all.into_iter().find(|p| p.number() == self.protocol)?;
        Some(PublishedKey { address: self.address.into(), ports: self.ports, protocol })
    }

    /// The container's ports that it leads to; none where there are not as many.
    pub(super) fn inside(&self, value: &Published) -> Option<PortRange> {
        let steps = self.ports.first().checked_sub(u16::from_be_bytes(value.first))?;
        self.ports.moved_to(u16::from_be_bytes(value.port).checked_add(steps)?)
    }

    fn is_next(&self, next: &Self) -> bool {
        (self.address, self.protocol, self.ranged) == (next.address, next.protocol, next.ranged)
            && self.ports.last().checked_add(1) == Some(next.ports.first())
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key() {
            Some(key) => key.fmt(f),
            None => {
                let at = SocketAddr::new(IpAddr::from(self.address), self.ports.first());
                write!(f, "{at} of protocol {}", self.protocol)
            }
        }
    }
}

/// The pieces of a publication, rising.
pub(super) fn of(key: &PublishedKey) -> Vec<Piece> {
    let ranged = !key.ports.is_single();
    let (address, protocol) = (key.address.into(), key.protocol.number());
    let parts = if ranged { aligned(key.ports) } else { vec![key.ports] };
    parts.into_iter().map(|ports| Piece { address, protocol, ports, ranged }).collect()
}

/// What is entered of a publication, or of parts of it.
pub(super) fn within(entered: &BTreeMap<Piece, Published>, key: &PublishedKey) -> Vec<Piece> {
    let at = |ports, ranged| Piece {
        address: key.address.into(),
        protocol: key.protocol.number(),
        ports,
        ranged,
    };
    let first = at(PortRange::single(key.ports.first()), false);
    let last = PortRange::new(key.ports.last(), u16::MAX).unwrap_or(key.ports);
    let range = entered.range(first..=at(last, true)).map(|(piece, _)| *piece);
    range.filter(|piece| piece.ports.last() <= key.ports.last()).collect()
}

/// Pieces of one range joined.
pub(super) fn joined(
    entered: &BTreeMap<Piece, Published>,
) -> impl Iterator<Item = (Piece, &Published)> {
    let mut pieces = entered.iter().peekable();
    std::iter::from_fn(move || {
        let (piece, value) = pieces.next()?;
        let mut whole = *piece;
        while let Some((next, _)) =
            pieces.next_if(|(next, other)| whole.ranged && whole.is_next(next) && *other == value)
        {
            whole.ports = PortRange::new(whole.ports.first(), next.ports.last())?;
        }
        Some((whole, value))
    })
}

/// A range in the fewest parts of which each has a power of two of ports and begins at a multiple of
/// it: at most 30.
fn aligned(range: PortRange) -> Vec<PortRange> {
    let end = u32::from(range.last()) + 1;
    let mut first = u32::from(range.first());
    let mut parts = Vec::new();
    while first < end {
        let bits = first.trailing_zeros().min((end - first).ilog2());
        let next = first + (1 << bits);
        let ends = u16::try_from(first).ok().zip(u16::try_from(next - 1).ok());
        parts.extend(ends.and_then(|(first, last)| PortRange::new(first, last)));
        first = next;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(first: u16, last: u16) -> PortRange {
        PortRange::new(first, last).unwrap()
    }

    fn key(ports: PortRange) -> PublishedKey {
        PublishedKey { address: "10.0.0.1".parse().unwrap(), ports, protocol: Protocol::Udp }
    }

    #[test]
    fn a_range_of_ten_thousand_is_a_dozen_pieces_and_all_ports_are_one() {
        assert!(of(&key(range(20_000, 29_999))).len() <= 12);
        assert_eq!(aligned(range(0, 65_535)), [range(0, 65_535)]);
        assert_eq!(aligned(range(1, 65_535)).len(), 16);
        assert_eq!(aligned(range(1, 65_534)).len(), 30);
        assert!(!of(&key(PortRange::single(80)))[0].ranged);
    }

    proptest! {
        #[test]
        fn every_port_of_a_range_is_in_exactly_one_prefix_and_no_other_is(
            first in any::<u16>(), more in 1..20_000u16, near in any::<i8>(), any in any::<u16>(),
        ) {
            let ports = range(first, first.saturating_add(more));
            prop_assume!(!ports.is_single());
            let prefixes: Vec<_> = of(&key(ports)).iter().filter_map(Piece::range_key).collect();
            prop_assert!(prefixes.len() <= 30);
            let covers = |port: u16| {
                let fits = |(length, key): &&(u32, RangeKey)| {
                    let bits = length - RangeKey::BITS;
                    let differ = u16::from_be_bytes(key.port) ^ port;
                    bits == 0 || u32::from(differ) >> (16 - bits) == 0
                };
                prefixes.iter().filter(fits).count()
            };
            let (first, last) = (ports.first(), ports.last());
            let edges = [first, last, first.wrapping_sub(1), last.wrapping_add(1)];
            let others = [any, first.wrapping_add_signed(near.into()), last.wrapping_add_signed(near.into())];
            for port in edges.into_iter().chain(others) {
                prop_assert_eq!(covers(port), usize::from(ports.contains(port)), "port {}", port);
            }
            let middle = ports.ports().step_by(97).all(|port| covers(port) == 1);
            prop_assert!(middle);
        }

        #[test]
        fn what_is_entered_reads_back_as_what_it_was(
            first in any::<u16>(), more in 0..20_000u16, inside in 1..40_000u16,
        ) {
            let key = key(range(first, first.saturating_add(more)));
            let value = Published {
                port: inside.to_be_bytes(),
                first: first.to_be_bytes(),
                ..Published::default()
            };
            let mut entered = BTreeMap::new();
            for piece in of(&key) {
                let back = match piece.range_key() {
                    Some((length, key)) => Piece::of_range(length, &key),
                    None => Some(Piece::of_single(&piece.single_key())),
                };
                prop_assert_eq!(back, Some(piece));
                entered.insert(piece, value);
            }
            let whole: Vec<_> = joined(&entered).collect();
            prop_assert_eq!(whole.len(), 1);
            prop_assert_eq!(whole[0].0.key(), Some(key));
            prop_assert_eq!(whole[0].0.inside(&value), key.ports.moved_to(inside));
            prop_assert_eq!(within(&entered, &key).len(), entered.len());
        }
    }

    #[test]
    fn only_what_lies_within_is_found() {
        let mut entered = BTreeMap::new();
        let stray = Piece { ranged: true, ..of(&key(PortRange::single(84)))[0] };
        let ports = [range(80, 83), range(85, 85), range(90, 93)];
        let pieces = ports.iter().flat_map(|ports| of(&key(*ports))).chain([stray]);
        entered.extend(pieces.map(|piece| (piece, Published::default())));
        let found = |ports| within(&entered, &key(ports)).len();
        assert_eq!((found(range(80, 85)), found(range(80, 84)), found(range(81, 92))), (3, 2, 3));
        assert_eq!((found(PortRange::single(84)), found(PortRange::single(93))), (1, 0));
        let other = PublishedKey { protocol: Protocol::Tcp, ..key(range(0, 65_535)) };
        assert!(within(&entered, &other).is_empty());
    }
}

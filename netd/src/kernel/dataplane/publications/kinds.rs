//! `PORTS`: what is published at each port, so that the programs ask a table only where it has
//! something.

use super::{super::refused, pieces::Piece};
use crate::error::Result;
use aya::maps::{Array, MapData};
use netd_common::abi::{
    PORT_ADDRESS, PORT_ANY, PORT_BLOCKS, PORT_INNER, PORT_RANGE_ADDRESS, PORT_RANGE_ANY, PortBlock,
    Published, port_block,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

/// The map, and how often each of its bits is due.
pub(super) struct PortKinds {
    map: Array<MapData, PortBlock>,
    counts: Counts,
}

impl PortKinds {
    pub(super) fn new(map: Array<MapData, PortBlock>) -> Self {
        Self { map, counts: Counts::default() }
    }

    /// Takes over the pieces that are published, and writes what of the map differs from them.
    pub(super) fn adopt<'a>(
        &mut self,
        entered: impl Iterator<Item = (&'a Piece, &'a Published)>,
    ) -> Result<()> {
        self.counts = Counts::default();
        entered.for_each(|(piece, value)| drop(self.counts.note(piece, value)));
        for index in 0..PORT_BLOCKS {
            let there =
                self.map.get(&index, 0).map_err(|e| refused("cannot read the ports", &e))?;
            let due = self.counts.block(index);
            if there != due {
                self.write(vec![(index, due)])?;
            }
        }
        Ok(())
    }

    /// Sets the bits of a piece that was entered.
    pub(super) fn note(&mut self, piece: &Piece, value: &Published) -> Result<()> {
        let changed = self.counts.note(piece, value);
        self.write(changed)
    }

    /// Clears the bits of a piece that is about to be removed, where no other needs them.
    pub(super) fn forget(&mut self, piece: &Piece, value: &Published) -> Result<()> {
        let changed = self.counts.forget(piece, value);
        self.write(changed)
    }

    fn write(&mut self, blocks: Vec<(u32, PortBlock)>) -> Result<()> {
        for (index, block) in blocks {
            let written = self.map.set(index, block, 0);
            written.map_err(|e| refused("cannot note what is published at a port", &e))?;
        }
        Ok(())
    }
}

/// How many pieces need each bit, by block and place.
#[derive(Default)]
struct Counts(BTreeMap<u32, Box<[[u32; KINDS.len()]; PLACES]>>);

impl Counts {
    /// Counts a piece and gives the blocks that change.
    fn note(&mut self, piece: &Piece, value: &Published) -> Vec<(u32, PortBlock)> {
        self.change(piece, value, |count| count.saturating_add(1))
    }

    /// The opposite.
    fn forget(&mut self, piece: &Piece, value: &Published) -> Vec<(u32, PortBlock)> {
        self.change(piece, value, |count| count.saturating_sub(1))
    }

    fn change(
        &mut self,
        piece: &Piece,
        value: &Published,
        step: fn(u32) -> u32,
    ) -> Vec<(u32, PortBlock)> {
        let outer = (outer_kind(piece), piece.address.is_v4(), piece.ports);
        let inner = piece.inside(value).map(|ports| (PORT_INNER, value.address.is_v4(), ports));
        let mut changed = BTreeSet::new();
        for (kind, v4, ports) in iter::once(outer).chain(inner) {
            let place = |port: u16| port_block(v4, piece.protocol, port.to_be_bytes());
            for (index, place) in ports.ports().filter_map(place) {
                if self.count(kind, index, place, step) {
                    changed.insert(index);
                }
            }
        }
        changed.into_iter().map(|index| (index, self.block(index))).collect()
    }

    /// Whether a bit is to be set or cleared.
    fn count(&mut self, kind: u8, index: u32, place: usize, step: fn(u32) -> u32) -> bool {
        let new = || Box::new([[0; KINDS.len()]; PLACES]);
        let counts = self.0.entry(index).or_insert_with(new).get_mut(place);
        let which = KINDS.iter().position(|bit| *bit == kind).unwrap_or_default();
        let Some(count) = counts.and_then(|counts| counts.get_mut(which)) else { return false };
        let before = std::mem::replace(count, step(*count));
        (before == 0) != (*count == 0)
    }

    /// A block as it is due.
    fn block(&self, index: u32) -> PortBlock {
        let Some(counts) = self.0.get(&index) else { return PortBlock::default() };
        let bits = |counts: &[u32; KINDS.len()]| {
            let due = KINDS.iter().zip(counts).filter(|(_, count)| **count > 0);
            due.fold(0, |bits, (bit, _)| bits | bit)
        };
        PortBlock { kinds: counts.each_ref().map(bits) }
    }
}

fn outer_kind(piece: &Piece) -> u8 {
    match (piece.ranged, piece.address.is_unspecified()) {
        (false, true) => PORT_ANY,
        (false, false) => PORT_ADDRESS,
        (true, true) => PORT_RANGE_ANY,
        (true, false) => PORT_RANGE_ADDRESS,
    }
}

const KINDS: [u8; 5] = [PORT_ANY, PORT_ADDRESS, PORT_RANGE_ANY, PORT_RANGE_ADDRESS, PORT_INNER];
/// Ports in a block.
const PLACES: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::pieces::of;
    use super::*;
    use crate::state::{PortRange, Protocol, PublishedKey};
    use proptest::prelude::*;
    use std::net::IpAddr;

    /// A publication: host address, first host port, how many follow, container port and address.
    type Shape = (&'static str, u16, u16, u16, &'static str);

    fn shape() -> impl Strategy<Value = Shape> {
        let host =
            prop::sample::select(vec!["0.0.0.0", "::", "10.0.0.1", "10.0.0.2", "2001:db8::1"]);
        let inner = prop::sample::select(vec!["172.17.0.2", "fd00::2"]);
        let more = prop_oneof![Just(0), 1..300u16];
        (host, 1..400u16, more, 1..400u16, inner)
    }

    fn pieces((host, first, more, inside, inner): Shape) -> (Vec<Piece>, Published) {
        let ports = PortRange::new(first, first + more).unwrap();
        let key = PublishedKey { address: host.parse().unwrap(), ports, protocol: Protocol::Udp };
        let value = Published {
            address: inner.parse::<IpAddr>().unwrap().into(),
            port: inside.to_be_bytes(),
            first: first.to_be_bytes(),
            ..Published::default()
        };
        (of(&key), value)
    }

    /// The bits of one port, by their meaning.
    fn due(all: &[Shape], v4: bool, port: u16) -> u8 {
        let mut bits = 0;
        for (host, first, more, inside, inner) in all {
            let host: IpAddr = host.parse().unwrap();
            let kind = match (*more > 0, host.is_unspecified()) {
                (false, true) => PORT_ANY,
                (false, false) => PORT_ADDRESS,
                (true, true) => PORT_RANGE_ANY,
                (true, false) => PORT_RANGE_ADDRESS,
            };
            if host.is_ipv4() == v4 && (*first..=first + more).contains(&port) {
                bits |= kind;
            }
            if inner.contains(':') != v4 && (*inside..=inside + more).contains(&port) {
                bits |= PORT_INNER;
            }
        }
        bits
    }

    proptest! {
        #[test]
        fn a_bit_is_set_as_long_as_a_publication_needs_it(
            shapes in prop::collection::vec(shape(), 1..6), left in 0..6usize,
        ) {
            let mut counts = Counts::default();
            let mut map = BTreeMap::new();
            for (pieces, value) in shapes.iter().map(|shape| pieces(*shape)) {
                pieces.iter().for_each(|piece| map.extend(counts.note(piece, &value)));
            }
            let (stay, go) = shapes.split_at(left.min(shapes.len()));
            for (pieces, value) in go.iter().map(|shape| pieces(*shape)) {
                pieces.iter().for_each(|piece| map.extend(counts.forget(piece, &value)));
            }
            for (v4, port) in [true, false].into_iter().flat_map(|v4| (0..=800).map(move |p| (v4, p))) {
                let (index, place) = port_block(v4, 17, u16::to_be_bytes(port)).unwrap();
                let there = map.get(&index).map_or(0, |block: &PortBlock| block.kinds[place]);
                prop_assert_eq!(there, due(stay, v4, port), "port {}", port);
                prop_assert_eq!(counts.block(index).kinds[place], there);
            }
        }
    }
}

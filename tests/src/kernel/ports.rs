//! Published ports in the form of the maps: prefixes of ranges, and blocks of ports.

use crate::world::World;
use netd_common::{
    abi::{PortBlock, Published, port_block},
    address::Address,
};
use std::collections::{BTreeMap, BTreeSet};

/// Address, protocol, first port and bits of it.
pub(super) type Prefix = (Address, u8, u16, u32);

/// The prefixes that all ranges are made of.
pub(super) fn prefixes(world: &World) -> BTreeMap<Prefix, Published> {
    let mut all = BTreeMap::new();
    for ((address, protocol, first, last), published) in &world.ranges {
        for (port, bits) in split(*first, *last) {
            all.insert((*address, *protocol, port, bits), *published);
        }
    }
    all
}

/// A range as the fewest prefixes: first port and bits of each.
fn split(first: u16, last: u16) -> Vec<(u16, u32)> {
    let (mut next, end) = (u32::from(first), u32::from(last) + 1);
    let mut parts = Vec::new();
    while next < end {
        let mut size = 1;
        while next % (size * 2) == 0 && next + size * 2 <= end {
            size *= 2;
        }
        parts.push((next as u16, 16 - size.ilog2()));
        next += size;
    }
    parts
}

/// Every block that is not empty.
pub(super) fn blocks(world: &World) -> BTreeMap<u32, PortBlock> {
    let mut blocks: BTreeMap<u32, PortBlock> = BTreeMap::new();
    for (v4, protocol, port) in ports(world) {
        let port = port.to_be_bytes();
        if let Some((block, place)) = port_block(v4, protocol, port) {
            blocks.entry(block).or_default().kinds[place] = world.kinds(v4, protocol, port);
        }
    }
    blocks
}

/// Family, protocol and number of every port at either end of a publication.
fn ports(world: &World) -> BTreeSet<(bool, u8, u16)> {
    let mut ports = BTreeSet::new();
    for (key, published) in &world.published {
        ports.insert((key.address.is_v4(), key.protocol, u16::from_be_bytes(key.port)));
        let inner = u16::from_be_bytes(published.port);
        ports.insert((published.address.is_v4(), key.protocol, inner));
    }
    for ((address, protocol, first, last), published) in &world.ranges {
        let inner = u16::from_be_bytes(published.port);
        ports.extend((*first..=*last).map(|port| (address.is_v4(), *protocol, port)));
        let inner = (0..=last - first).map(|n| inner.wrapping_add(n));
        ports.extend(inner.map(|port| (published.address.is_v4(), *protocol, port)));
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_range_is_split_into_the_fewest_prefixes() {
        assert_eq!(split(80, 80), [(80, 16)]);
        assert_eq!(split(0, 65_535), [(0, 0)]);
        assert_eq!(split(8_000, 8_003), [(8_000, 14)]);
        assert_eq!(split(1, 6), [(1, 16), (2, 15), (4, 15), (6, 16)]);
        assert_eq!(split(65_535, 65_535), [(65_535, 16)]);
    }
}

//! Reading a message: every place is checked, every loop ends.

use super::{HEADER, kind};
use crate::dns::name;

/// A word at a place, from network byte order.
pub(super) fn u16_at(packet: &[u8], at: usize) -> Option<u16> {
    let bytes = packet.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

/// Four bytes at a place, from network byte order.
pub(super) fn u32_at(packet: &[u8], at: usize) -> Option<u32> {
    let bytes = packet.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}

/// Where a name ends that begins at `at` and has no pointers.
pub(super) fn after_plain_name(packet: &[u8], at: usize) -> Option<usize> {
    let mut next = at;
    loop {
        let length = usize::from(*packet.get(next)?);
        next += 1 + length;
        match length {
            0 if next - at <= name::LONGEST + 1 => return Some(next),
            1..=63 if next - at <= name::LONGEST => {}
            _ => return None,
        }
    }
}

/// Where a name ends that begins at `at`; its pointers (RFC 1035 4.1.4) are followed: each must lead
/// to what lies wholly before the part that has it, and the name must be one. Nor may a name read
/// what `changing` says: four bytes each that are written anew, in ascending order.
pub(super) fn after_name(packet: &[u8], at: usize, changing: &[u16]) -> Option<usize> {
    let (mut start, mut limit, mut end, mut length) = (at, packet.len(), None, 0);
    loop {
        let part = part(packet, start, &mut length)?;
        if part.end > limit || (end.is_some() && meets(changing, start, part.end)) {
            return None;
        }
        let end = *end.get_or_insert(part.end);
        let Some(to) = part.pointer else { return Some(end) };
        // A pointer costs a byte of the name: none makes a long chain of them.
        length += 1;
        if to >= start || to < HEADER || length > name::LONGEST {
            return None;
        }
        (start, limit) = (to, start);
    }
}

/// Labels up to the root or to a pointer.
struct Part {
    end: usize,
    pointer: Option<usize>,
}

/// The labels from `at`; their bytes are added to the name's `length`.
fn part(packet: &[u8], at: usize, length: &mut usize) -> Option<Part> {
    let mut next = at;
    loop {
        match *packet.get(next)? {
            0 => return Some(Part { end: next + 1, pointer: None }),
            label @ 1..=63 => {
                *length += 1 + usize::from(label);
                next += 1 + usize::from(label);
            }
            0xc0.. => {
                let to = usize::from(u16_at(packet, next)? & 0x3fff);
                return Some(Part { end: next + 2, pointer: Some(to) });
            }
            _ => return None,
        }
        if *length > name::LONGEST {
            return None;
        }
    }
}

/// Whether any of the four bytes each at these places lies from `start` to `end`.
fn meets(places: &[u16], start: usize, end: usize) -> bool {
    let first = places.partition_point(|place| usize::from(*place) + 4 <= start);
    places.get(first).is_some_and(|place| usize::from(*place) < end)
}

/// A record's place in a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) kind: u16,
    /// Class; for OPT the sender's room, bytes.
    pub(super) class: u16,
    /// Where the four bytes of its TTL are; for OPT they hold flags.
    pub(super) ttl_at: usize,
    /// Where its data begins.
    pub(super) data: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// It belongs to the root.
    pub(super) root: bool,
}

/// The record that begins at `at`; `changing` as in [`after_name`].
pub(super) fn record(packet: &[u8], at: usize, changing: &[u16]) -> Option<Record> {
    let owner = after_name(packet, at, changing)?;
    let data = owner + 10;
    let end = data + usize::from(u16_at(packet, owner + 8)?);
    packet.get(data..end)?;
    let (kind, class) = (u16_at(packet, owner)?, u16_at(packet, owner + 2)?);
    let root = owner == at + 1;
    Some(Record { kind, class, ttl_at: owner + 4, data, end, root })
}

/// Whether the data is what records of this type hold, as far as it has names or a fixed length.
pub(super) fn sound(packet: &[u8], record: &Record, changing: &[u16]) -> bool {
    let name_from = |at| after_name(packet, at, changing);
    let length = record.end - record.data;
    match record.kind {
        kind::A => length == 4,
        kind::AAAA => length == 16,
        kind::NS | kind::CNAME | kind::PTR | kind::DNAME => {
            name_from(record.data) == Some(record.end)
        }
        kind::MX => name_from(record.data + 2) == Some(record.end),
        kind::SRV => name_from(record.data + 6) == Some(record.end),
        kind::SOA => {
            name_from(record.data).and_then(name_from).map(|at| at + 20) == Some(record.end)
        }
        _ => true,
    }
}

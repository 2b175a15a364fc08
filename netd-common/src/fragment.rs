//! Fragments: only the first has the ports, the others follow it (reliability of NAT, RFC 4787
//! REQ-14). One that comes before the first is the host's, who has no use for it: out of order,
//! datagrams of translated flows are lost.

use crate::abi::{FlowKey, FragmentEntry, FragmentKey, Timeouts};
use crate::conntrack::Direction;
use crate::nat::{deliver, ends, live};
use crate::parse::Parsed;
use crate::tables::Tables;
use crate::verdict::{DropReason, Orders, Ruling, Translation};

/// Remembers the flow of a first fragment for those that follow.
#[inline(never)]
pub(crate) fn remember<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    key: &FlowKey,
    direction: Direction,
) {
    let entry = FragmentEntry {
        flow: *key,
        seen: tables.now(),
        direction: if matches!(direction, Direction::Reply) { 1 } else { 0 },
        pad: 0,
    };
    tables.note_fragment(&datagram(parsed), &entry);
}

/// A later fragment from outside; none where its first was nobody's.
#[inline(never)]
pub(crate) fn inbound<T: Tables>(
    tables: &mut T,
    parsed: &Parsed,
    orders: &mut Orders,
) -> Option<Ruling> {
    let entry = find(tables, parsed)?;
    orders.key = entry.flow;
    let place = live(tables, &orders.key)?;
    Some(deliver(tables, place, parsed, direction(&entry), orders))
}

/// A later fragment on its way out.
#[inline(never)]
pub(crate) fn outbound<T: Tables>(tables: &mut T, parsed: &Parsed, orders: &mut Orders) -> Ruling {
    let Some(entry) = find(tables, parsed) else {
        return Ruling::Drop(DropReason::Fragment);
    };
    orders.key = entry.flow;
    let Some(place) = live(tables, &orders.key) else {
        return Ruling::Drop(DropReason::Fragment);
    };
    orders.translation = Translation::NONE;
    ends(tables.flow(place), &orders.key, direction(&entry), &mut orders.translation);
    Ruling::Translate
}

/// The flow and the direction of a later fragment.
#[inline(always)]
pub(crate) fn find<T: Tables>(tables: &T, parsed: &Parsed) -> Option<FragmentEntry> {
    let entry = tables.fragment(&datagram(parsed))?;
    let times = match tables.config() {
        Some(config) => &config.timeouts,
        None => &Timeouts::DEFAULT,
    };
    let age = tables.now().saturating_sub(entry.seen);
    (age <= u64::from(times.fragment) * 1_000_000_000).then_some(*entry)
}

#[inline(always)]
pub(crate) fn direction(entry: &FragmentEntry) -> Direction {
    if entry.direction == 0 { Direction::Original } else { Direction::Reply }
}

#[inline(always)]
fn datagram(parsed: &Parsed) -> FragmentKey {
    FragmentKey {
        source: parsed.source,
        destination: parsed.destination,
        id: parsed.id,
        protocol: parsed.protocol,
        pad: [0; 3],
    }
}

//! Generation slots: every device and published port has one while it exists. Raising a slot's
//! generation voids the flows that were opened under the old one, exactly those.

use super::{Tables, refused};
use crate::error::{Error, Result};
use aya::maps::{Array, MapData};
use netd_common::abi::MAX_SLOTS;
use std::collections::BTreeSet;

/// Which slots are in use. Slot 0 is nobody's.
pub(super) struct Slots {
    used: BTreeSet<u32>,
    next: u32,
}

impl Slots {
    /// Finds the slots that the adopted maps use.
    pub(super) fn adopt(tables: &Tables, published: impl Iterator<Item = u32>) -> Result<Self> {
        let mut used: BTreeSet<u32> = published.collect();
        for entry in tables.devices.iter() {
            used.insert(entry.map_err(|e| refused("cannot read the devices", &e))?.1.slot);
        }
        Ok(Self { used, next: 1 })
    }

    /// As [`Slots::adopt`], where something that failed may have taken a slot for nothing.
    pub(super) fn adopt_again(
        &mut self,
        tables: &Tables,
        published: impl Iterator<Item = u32>,
    ) -> Result<()> {
        self.used = Self::adopt(tables, published)?.used;
        Ok(())
    }

    /// A slot for something new, under a generation of its own: a flow that an agent left behind
    /// half-way through a release is void as well. Slots go round, so that a freed one rests.
    pub(super) fn allocate(&mut self, generations: &mut Array<MapData, u32>) -> Result<u32> {
        for _ in 1..MAX_SLOTS {
            let slot = self.next;
            self.next = if slot + 1 == MAX_SLOTS { 1 } else { slot + 1 };
            if self.used.insert(slot) {
                raise(generations, slot)?;
                return Ok(slot);
            }
        }
        Err(Error::conflict("no generation slot is free: too many endpoints and published ports"))
    }

    /// Voids what was opened under a slot, and gives the slot back.
    pub(super) fn release(
        &mut self,
        generations: &mut Array<MapData, u32>,
        slot: u32,
    ) -> Result<()> {
        raise(generations, slot)?;
        self.used.remove(&slot);
        Ok(())
    }
}

fn raise(generations: &mut Array<MapData, u32>, slot: u32) -> Result<()> {
    let failed = |e| refused("cannot void flows", &e);
    let generation = generations.get(&slot, 0).map_err(failed)?;
    generations.set(slot, generation.wrapping_add(1), 0).map_err(failed)
}

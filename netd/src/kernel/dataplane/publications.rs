//! Published ports in the maps. A single port is an entry of `PUBLISHED`, a range a few of `RANGES`;
//! `PORTS` tells the programs which of the two to ask, `CLIENTS` has who may use them.
//!
//! What the maps hold is read when they are adopted and remembered from then on: the agent is the
//! only one that writes them.

mod clients;
mod kinds;
mod pieces;

use super::{refused, table, write::absent_is_fine};
use crate::error::Result;
use crate::state::{PublishedEntry, PublishedKey};
use aya::maps::{HashMap, LpmTrie, MapData, lpm_trie::Key};
use clients::Lists;
use kinds::PortKinds;
use netd_common::abi::{self, Published, RangeKey, maps};
use pieces::Piece;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// The maps, and what is in them.
pub(super) struct Publications {
    published: HashMap<MapData, abi::PublishedKey, Published>,
    ranges: LpmTrie<MapData, RangeKey, Published>,
    kinds: PortKinds,
    lists: Lists,
    entered: BTreeMap<Piece, Published>,
}

impl Publications {
    /// Takes over what the maps hold. Whatever an agent that was interrupted left of `PORTS` and
    /// `CLIENTS` is put right.
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let mut new = Self {
            published: table(directory, maps::PUBLISHED)?,
            ranges: table(directory, maps::RANGES)?,
            kinds: PortKinds::new(table(directory, maps::PORTS)?),
            lists: Lists::new(table(directory, maps::CLIENTS)?),
            entered: BTreeMap::new(),
        };
        new.adopt()?;
        Ok(new)
    }

    /// Reads the maps again, and puts right what does not go with them.
    pub(super) fn adopt(&mut self) -> Result<()> {
        self.entered.clear();
        for entry in self.published.iter() {
            let (key, value) = entry.map_err(|e| refused("cannot read the published ports", &e))?;
            self.entered.insert(Piece::of_single(&key), value);
        }
        for entry in self.ranges.iter() {
            let (key, value) =
                entry.map_err(|e| refused("cannot read the published ranges", &e))?;
            self.entered.extend(Piece::of_range(key.prefix_len(), &key.data()).map(|p| (p, value)));
        }
        self.kinds.adopt(self.entered.iter())?;
        self.lists.adopt(self.entered.values().map(|value| value.clients))
    }

    /// The generation slots in use.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> {
        self.entered.values().map(|value| value.slot)
    }

    /// What the maps hold, by publication.
    pub(super) fn observe(&self) -> BTreeMap<PublishedKey, PublishedEntry> {
        pieces::joined(&self.entered)
            .filter_map(|(piece, value)| {
                let entry = PublishedEntry {
                    network: value.network,
                    container: value.container,
                    address: value.address.into(),
                    port: piece.inside(value)?.first(),
                    from: self.lists.get(value.clients),
                };
                Some((piece.key()?, entry))
            })
            .collect()
    }

    /// Enters a publication under `slot`, or leads it elsewhere, and gives the slots that are
    /// nobody's any more. On an error the maps are as they were.
    pub(super) fn put(
        &mut self,
        key: &PublishedKey,
        entry: &PublishedEntry,
        slot: u32,
    ) -> Result<BTreeSet<u32>> {
        let clients = self.lists.acquire(entry.from.as_ref())?;
        let value = Published {
            address: entry.address.into(),
            network: entry.network,
            container: entry.container,
            slot,
            port: entry.port.to_be_bytes(),
            first: key.ports.first().to_be_bytes(),
            clients,
            pad: 0,
        };
        let entered = self.enter_all(&pieces::of(key), &value);
        self.lists.release(clients)?;
        entered
    }

    /// Forgets a publication and gives the slots that are nobody's any more.
    pub(super) fn remove(&mut self, key: &PublishedKey) -> Result<BTreeSet<u32>> {
        let mut slots = BTreeSet::new();
        for piece in pieces::within(&self.entered, key) {
            slots.extend(self.leave(&piece)?.map(|value| value.slot));
        }
        Ok(slots)
    }

    /// The slots of publications that lead to one of these addresses of a container's.
    pub(super) fn slots_of(
        &self,
        container: u32,
        addresses: &[netd_common::address::Address],
    ) -> BTreeSet<u32> {
        let leads_there =
            |value: &&Published| value.container == container && addresses.contains(&value.address);
        self.entered.values().filter(leads_there).map(|value| value.slot).collect()
    }

    /// Puts the publication of slot `old` under slot `new`.
    pub(super) fn move_slot(&mut self, old: u32, new: u32) -> Result<()> {
        let moved = self.entered.iter().filter(|(_, value)| value.slot == old);
        let moved: Vec<(Piece, Published)> =
            moved.map(|(piece, value)| (*piece, Published { slot: new, ..*value })).collect();
        moved.iter().try_for_each(|(piece, value)| self.enter(piece, value).map(drop))
    }

    fn enter_all(&mut self, pieces: &[Piece], value: &Published) -> Result<BTreeSet<u32>> {
        let mut done: Vec<(&Piece, Option<Published>)> = Vec::new();
        for piece in pieces {
            match self.enter(piece, value) {
                Ok(old) => done.push((piece, old)),
                Err(error) => {
                    for (piece, old) in done {
                        let _ = match old {
                            Some(old) => self.enter(piece, &old),
                            None => self.leave(piece),
                        };
                    }
                    return Err(error);
                }
            }
        }
        Ok(done.into_iter().filter_map(|(_, old)| old).map(|old| old.slot).collect())
    }

    /// Enters a piece, or changes it in one update; gives what it was. The programs look for it
    /// only once its kind is noted.
    fn enter(&mut self, piece: &Piece, value: &Published) -> Result<Option<Published>> {
        let written = match piece.range_key() {
            Some((length, key)) => self.ranges.insert(&Key::new(length, key), value, 0),
            None => self.published.insert(piece.single_key(), value, 0),
        };
        written.map_err(|e| refused(&format!("cannot publish {piece}"), &e))?;
        let old = self.entered.insert(*piece, *value);
        self.lists.keep(value.clients);
        self.kinds.note(piece, value)?;
        if let Some(old) = old {
            self.kinds.forget(piece, &old)?;
            self.lists.release(old.clients)?;
        }
        Ok(old)
    }

    /// Removes a piece and gives what it was.
    fn leave(&mut self, piece: &Piece) -> Result<Option<Published>> {
        let Some(value) = self.entered.get(piece).copied() else { return Ok(None) };
        self.kinds.forget(piece, &value)?;
        let removed = match piece.range_key() {
            Some((length, key)) => self.ranges.remove(&Key::new(length, key)),
            None => self.published.remove(&piece.single_key()),
        };
        if let Err(e) = absent_is_fine(removed) {
            self.kinds.note(piece, &value)?;
            return Err(refused(&format!("cannot unpublish {piece}"), &e));
        }
        self.entered.remove(piece);
        self.lists.release(value.clients)?;
        Ok(Some(value))
    }
}

//! `CLIENTS`: who may use a publication that is not for everybody. Equal lists are one.

use super::super::{convert, refused, write::absent_is_fine};
use crate::error::{Error, Result};
use aya::maps::{LpmTrie, MapData, MapError, lpm_trie::Key};
use ipnet::IpNet;
use netd_common::abi::{ClientKey, MAX_PREFIXES};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
};

/// The map, and the lists in it by number.
pub(super) struct Lists {
    map: LpmTrie<MapData, ClientKey, u32>,
    lists: BTreeMap<u32, List>,
    last: u32,
}

#[derive(Default)]
struct List {
    clients: BTreeSet<IpNet>,
    uses: usize,
}

impl Lists {
    pub(super) fn new(map: LpmTrie<MapData, ClientKey, u32>) -> Self {
        Self { map, lists: BTreeMap::new(), last: 0 }
    }

    /// Takes over the lists in the map, of which `used` are in use, each as often as it is there;
    /// the others are removed.
    pub(super) fn adopt(&mut self, used: impl Iterator<Item = u32>) -> Result<()> {
        self.lists.clear();
        for key in self.map.keys() {
            let key = key.map_err(|e| refused("cannot read the lists of clients", &e))?;
            let list = self.lists.entry(u32::from_be_bytes(key.data().list)).or_default();
            let length = key.prefix_len().saturating_sub(ClientKey::BITS);
            list.clients.extend(convert::subnet(length, key.data().address));
        }
        used.for_each(|number| self.keep(number));
        let unused: Vec<u32> =
            self.lists.iter().filter(|(_, list)| list.uses == 0).map(|(n, _)| *n).collect();
        unused.into_iter().try_for_each(|number| self.remove(number))
    }

    /// Who is on a list; none where it is everybody's.
    pub(super) fn get(&self, number: u32) -> Option<BTreeSet<IpNet>> {
        let list = || self.lists.get(&number).map(|list| list.clients.clone());
        (number != EVERYBODY).then(|| list().unwrap_or_default())
    }

    /// The number of a list with these, which is kept until it is released.
    pub(super) fn acquire(&mut self, clients: Option<&BTreeSet<IpNet>>) -> Result<u32> {
        let Some(clients) = clients else { return Ok(EVERYBODY) };
        let known = self.lists.iter().find(|(_, list)| list.clients == *clients);
        let number = match known {
            Some((number, _)) => *number,
            None => self.enter(clients)?,
        };
        self.keep(number);
        Ok(number)
    }

    /// One more use of a list.
    pub(super) fn keep(&mut self, number: u32) {
        if number != EVERYBODY {
            self.lists.entry(number).or_default().uses += 1;
        }
    }

    /// One use less; a list without any is removed.
    pub(super) fn release(&mut self, number: u32) -> Result<()> {
        let Some(list) = self.lists.get_mut(&number) else { return Ok(()) };
        list.uses = list.uses.saturating_sub(1);
        if list.uses == 0 { self.remove(number) } else { Ok(()) }
    }

    /// Numbers go round, so that a freed one rests.
    fn enter(&mut self, clients: &BTreeSet<IpNet>) -> Result<u32> {
        let after = (self.last.saturating_add(1)..=u32::MAX).chain(1..=self.last);
        let free = after.into_iter().find(|number| !self.lists.contains_key(number));
        let number = free.ok_or_else(|| Error::conflict("too many lists of clients"))?;
        for (done, client) in clients.iter().enumerate() {
            if let Err(e) = self.map.insert(&key(number, client), 1, 0) {
                let undone =
                    clients.iter().take(done).try_for_each(|client| self.take_out(number, client));
                return Err(undone.err().unwrap_or_else(|| self.full(clients.len(), &e)));
            }
        }
        self.last = number;
        self.lists.insert(number, List { clients: clients.clone(), uses: 0 });
        Ok(number)
    }

    fn full(&self, wanted: usize, cause: &MapError) -> Error {
        let held: usize = self.lists.values().map(|list| list.clients.len()).sum();
        match cause {
            MapError::SyscallError(e) if e.io_error.kind() == ErrorKind::StorageFull => {
                Error::conflict(format!(
                    "no room for {wanted} prefixes of clients: {MAX_PREFIXES} fit over all publications, {held} are there; use fewer and wider ones"
                ))
            }
            cause => refused("cannot enter a list of clients", cause),
        }
    }

    fn remove(&mut self, number: u32) -> Result<()> {
        let Some(list) = self.lists.remove(&number) else { return Ok(()) };
        list.clients.iter().try_for_each(|client| self.take_out(number, client))
    }

    fn take_out(&mut self, number: u32, client: &IpNet) -> Result<()> {
        absent_is_fine(self.map.remove(&key(number, client)))
            .map_err(|e| refused(&format!("cannot remove {client} from a list of clients"), &e))
    }
}

fn key(list: u32, client: &IpNet) -> Key<ClientKey> {
    let (length, address) = convert::prefix(client);
    Key::new(ClientKey::BITS + length, ClientKey { list: list.to_be_bytes(), address })
}

/// The number of no list.
const EVERYBODY: u32 = 0;

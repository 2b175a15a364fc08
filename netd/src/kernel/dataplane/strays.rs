//! Entries that belong to nothing that is observed: a change that was cut off in the middle, by the
//! agent's end or a refusal, has left them.

use super::{Dataplane, refused, write::absent_is_fine};
use crate::error::Result;
use aya::maps::{MapError, lpm_trie::Key};
use netd_common::{abi::OwnedKey, address::Address};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

impl Dataplane {
    /// Forgets subnets of networks that are not known, and addresses that no device's container has.
    ///
    /// # Errors
    /// A map that can't be read or written.
    pub fn drop_strays(&mut self) -> Result<()> {
        let failed = |e: MapError| refused("cannot forget what a change has left", &e);
        for (length, address) in self.stray_subnets().map_err(failed)? {
            absent_is_fine(self.tables.subnets.remove(&Key::new(length, address)))
                .map_err(failed)?;
        }
        for key in self.stray_addresses().map_err(failed)? {
            absent_is_fine(self.tables.owned.remove(&key)).map_err(failed)?;
        }
        Ok(())
    }

    fn stray_subnets(&self) -> Result<Vec<(u32, Address)>, MapError> {
        let networks: BTreeSet<u32> = self.tables.networks.keys().collect::<Result<_, _>>()?;
        let mut strays = Vec::new();
        for entry in self.tables.subnets.iter() {
            let (key, number) = entry?;
            if !networks.contains(&number) {
                strays.push((key.prefix_len(), key.data()));
            }
        }
        Ok(strays)
    }

    fn stray_addresses(&self) -> Result<Vec<OwnedKey>, MapError> {
        let mut containers = BTreeMap::new();
        for entry in self.tables.devices.iter() {
            let (index, device) = entry?;
            containers.insert(index, device.container);
        }
        let mut own: BTreeSet<(u32, IpAddr)> = BTreeSet::new();
        for entry in self.tables.endpoints.iter() {
            let (key, endpoint) = entry?;
            let container = containers.get(&endpoint.ifindex);
            own.extend(container.map(|container| (*container, key.address.into())));
        }
        let mut strays = Vec::new();
        for key in self.tables.owned.keys() {
            let key = key?;
            if !own.contains(&(key.container, key.address.into())) {
                strays.push(key);
            }
        }
        Ok(strays)
    }
}

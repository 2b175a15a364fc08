//! Filling the maps. What packets meet last is written last, and removed first.

use super::{Dataplane, convert, refused};
use crate::error::{Error, Result};
use crate::state::{DeviceEntry, NetworkEntry, NetworkNumber, PublishedEntry, PublishedKey};
use aya::maps::{MapError, lpm_trie::Key};
use netd_common::{
    abi::{Device, Endpoint, EndpointKey, OwnedKey},
    address::Address,
};
use std::{collections::BTreeSet, net::IpAddr};

impl Dataplane {
    /// Makes a network known, with its subnets.
    ///
    /// # Errors
    /// A full map.
    pub fn put_network(
        &mut self,
        number: NetworkNumber,
        entry: &NetworkEntry,
        bridge: u32,
    ) -> Result<()> {
        let failed = |e| refused(&format!("cannot enter network {number}"), &e);
        let wanted: Vec<_> = entry.subnets.iter().map(convert::prefix).collect();
        for (length, address) in self.prefixes(number)? {
            if !wanted.contains(&(length, address)) {
                self.tables.subnets.remove(&Key::new(length, address)).map_err(failed)?;
            }
        }
        for (length, address) in wanted {
            self.tables.subnets.insert(&Key::new(length, address), number, 0).map_err(failed)?;
        }
        self.tables.networks.insert(number, convert::network(entry, bridge), 0).map_err(failed)
    }

    /// Forgets a network. Its subnets go last: until then, isolation holds for them.
    ///
    /// # Errors
    /// A map that can't be written.
    pub fn delete_network(&mut self, number: NetworkNumber) -> Result<()> {
        let failed = |e| refused(&format!("cannot forget network {number}"), &e);
        absent_is_fine(self.tables.networks.remove(&number)).map_err(failed)?;
        for (length, address) in self.prefixes(number)? {
            absent_is_fine(self.tables.subnets.remove(&Key::new(length, address)))
                .map_err(failed)?;
        }
        Ok(())
    }

    /// Makes a host-side veth known; its network must be. A changed device voids its flows.
    ///
    /// # Errors
    /// A full map, or a network that is not known.
    pub fn put_device(&mut self, index: u32, entry: &DeviceEntry) -> Result<()> {
        let failed = |e| refused(&format!("cannot enter device {index}"), &e);
        let unknown = || Error::internal(format!("network {} is not known", entry.network));
        let network = found(self.tables.networks.get(&entry.network, 0))
            .map_err(failed)?
            .ok_or_else(unknown)?;
        if found(self.tables.devices.get(&index, 0)).map_err(failed)?.is_some() {
            self.delete_device(index)?;
        }
        let slot = self.slots.allocate(&mut self.tables.generations)?;
        let device = convert::device(entry, &network, slot);
        for address in &entry.addresses {
            self.tables.owned.insert(owned(entry.container, *address), 1, 0).map_err(failed)?;
        }
        self.tables.devices.insert(index, device, 0).map_err(failed)?;
        for address in &entry.addresses {
            let endpoint = endpoint(index, &device);
            let key = endpoint_key(entry.network, *address);
            self.tables.endpoints.insert(key, endpoint, 0).map_err(failed)?;
        }
        Ok(())
    }

    /// Forgets a host-side veth and voids its flows.
    ///
    /// # Errors
    /// A map that can't be written.
    pub fn delete_device(&mut self, index: u32) -> Result<()> {
        let failed = |e| refused(&format!("cannot forget device {index}"), &e);
        let Some(device) = found(self.tables.devices.get(&index, 0)).map_err(failed)? else {
            return Ok(());
        };
        let mut addresses = Vec::new();
        for entry in self.tables.endpoints.iter() {
            let (key, endpoint) = entry.map_err(failed)?;
            if endpoint.ifindex == index {
                addresses.push(key);
            }
        }
        for key in &addresses {
            absent_is_fine(self.tables.endpoints.remove(key)).map_err(failed)?;
        }
        absent_is_fine(self.tables.devices.remove(&index)).map_err(failed)?;
        for key in &addresses {
            let owned = OwnedKey { address: key.address, container: device.container, pad: 0 };
            absent_is_fine(self.tables.owned.remove(&owned)).map_err(failed)?;
        }
        self.slots.release(&mut self.tables.generations, device.slot)?;
        self.void_publications(&device)
    }

    /// Gives every publication that leads to a device a new slot: its flows know the device by an
    /// index that is no longer right.
    fn void_publications(&mut self, device: &Device) -> Result<()> {
        let addresses = [device.ipv4, device.ipv6];
        for old in self.publications.slots_of(device.container, &addresses) {
            let new = self.slots.allocate(&mut self.tables.generations)?;
            self.publications.move_slot(old, new)?;
            self.slots.release(&mut self.tables.generations, old)?;
        }
        Ok(())
    }

    /// Publishes ports, or leads them elsewhere; the old way's flows are void.
    ///
    /// # Errors
    /// A full map.
    pub fn put_published(&mut self, key: &PublishedKey, entry: &PublishedEntry) -> Result<()> {
        let slot = self.slots.allocate(&mut self.tables.generations)?;
        match self.publications.put(key, entry, slot) {
            Ok(old) => self.release_slots(old),
            Err(error) => {
                self.slots.release(&mut self.tables.generations, slot)?;
                Err(error)
            }
        }
    }

    /// Forgets published ports and voids their flows.
    ///
    /// # Errors
    /// A map that can't be written.
    pub fn delete_published(&mut self, key: &PublishedKey) -> Result<()> {
        let old = self.publications.remove(key)?;
        self.release_slots(old)
    }

    fn release_slots(&mut self, slots: BTreeSet<u32>) -> Result<()> {
        let generations = &mut self.tables.generations;
        slots.into_iter().try_for_each(|slot| self.slots.release(generations, slot))
    }

    /// Makes an address of the host's known.
    ///
    /// # Errors
    /// A full map.
    pub fn put_local(&mut self, address: IpAddr) -> Result<()> {
        self.tables
            .locals
            .insert(Address::from(address), 1, 0)
            .map_err(|e| refused(&format!("cannot enter host address {address}"), &e))
    }

    /// Forgets an address of the host's.
    ///
    /// # Errors
    /// A map that can't be written.
    pub fn delete_local(&mut self, address: IpAddr) -> Result<()> {
        absent_is_fine(self.tables.locals.remove(&Address::from(address)))
            .map_err(|e| refused(&format!("cannot forget host address {address}"), &e))
    }

    /// The subnets of a network, as prefixes.
    pub(super) fn prefixes(&self, number: NetworkNumber) -> Result<Vec<(u32, Address)>> {
        let mut prefixes = Vec::new();
        for entry in self.tables.subnets.iter() {
            let (key, network) = entry.map_err(|e| refused("cannot read the subnets", &e))?;
            if network == number {
                prefixes.push((key.prefix_len(), key.data()));
            }
        }
        Ok(prefixes)
    }
}

fn endpoint(index: u32, device: &Device) -> Endpoint {
    Endpoint {
        ifindex: index,
        container: device.container,
        slot: device.slot,
        mac: device.mac,
        pad: [0; 2],
    }
}

fn endpoint_key(network: NetworkNumber, address: IpAddr) -> EndpointKey {
    EndpointKey { address: address.into(), network, pad: 0 }
}

fn owned(container: u32, address: IpAddr) -> OwnedKey {
    OwnedKey { address: address.into(), container, pad: 0 }
}

/// A look-up whose miss is no failure.
pub(super) fn found<V>(value: Result<V, MapError>) -> Result<Option<V>, MapError> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(MapError::KeyNotFound | MapError::ElementNotFound) => Ok(None),
        Err(e) => Err(e),
    }
}

/// A removal whose miss is no failure.
pub(super) fn absent_is_fine(removed: Result<(), MapError>) -> Result<(), MapError> {
    match removed {
        Err(MapError::KeyNotFound | MapError::ElementNotFound) => Ok(()),
        Err(MapError::SyscallError(e)) if e.io_error.kind() == std::io::ErrorKind::NotFound => {
            Ok(())
        }
        other => other,
    }
}

//! Reading the maps: configuration back into a [`State`].

use super::{Dataplane, convert, refused};
use crate::error::Result;
use crate::spec::name::{InterfaceName, Mac};
use crate::state::{DeviceEntry, State, UplinkEntry};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

impl Dataplane {
    /// Reads the published ports again, puts right what does not go with them, and forgets what a
    /// change that was cut off has left.
    ///
    /// # Errors
    /// A map that can't be read or written.
    pub fn reread(&mut self) -> Result<()> {
        self.drop_strays()?;
        self.publications.adopt()?;
        self.slots.adopt_again(&self.tables, self.publications.slots())
    }

    /// What the maps and hooks hold. A device index that `names` does not have goes by `#17`.
    ///
    /// # Errors
    /// A map or pin that can't be read.
    pub fn observe(&self, names: &BTreeMap<u32, InterfaceName>) -> Result<State> {
        let mut state = State::default();
        self.observe_networks(names, &mut state)?;
        self.observe_devices(names, &mut state)?;
        state.published = self.publications.observe();
        for address in self.tables.locals.keys() {
            let address = address.map_err(|e| refused("cannot read the host addresses", &e))?;
            state.locals.insert(address.into());
        }
        for (index, entry) in self.uplink_entries()? {
            let Some(name) = name_of(names, index) else { continue };
            let entry = if self.is_uplink(&name) { entry } else { UNGUARDED };
            state.uplinks.insert(name, entry);
        }
        Ok(state)
    }

    fn observe_networks(
        &self,
        names: &BTreeMap<u32, InterfaceName>,
        state: &mut State,
    ) -> Result<()> {
        let mut subnets: BTreeMap<u32, BTreeSet<_>> = BTreeMap::new();
        for entry in self.tables.subnets.iter() {
            let (key, number) = entry.map_err(|e| refused("cannot read the subnets", &e))?;
            if let Some(subnet) = convert::subnet(key.prefix_len(), key.data()) {
                subnets.entry(number).or_default().insert(subnet);
            }
        }
        for entry in self.tables.networks.iter() {
            let (number, value) = entry.map_err(|e| refused("cannot read the networks", &e))?;
            let Some(bridge) = name_of(names, value.bridge) else { continue };
            let subnets = subnets.remove(&number).unwrap_or_default();
            state.networks.insert(number, convert::network_entry(&value, bridge, subnets));
        }
        Ok(())
    }

    fn observe_devices(
        &self,
        names: &BTreeMap<u32, InterfaceName>,
        state: &mut State,
    ) -> Result<()> {
        let mut addresses: BTreeMap<u32, BTreeSet<IpAddr>> = BTreeMap::new();
        for entry in self.tables.endpoints.iter() {
            let (key, endpoint) = entry.map_err(|e| refused("cannot read the endpoints", &e))?;
            addresses.entry(endpoint.ifindex).or_default().insert(key.address.into());
        }
        for entry in self.tables.devices.iter() {
            let (index, value) = entry.map_err(|e| refused("cannot read the devices", &e))?;
            let Some(name) = name_of(names, index) else { continue };
            let entry = DeviceEntry {
                network: value.network,
                container: value.container,
                mac: Mac(value.mac),
                addresses: addresses.remove(&index).unwrap_or_default(),
            };
            state.devices.insert(name, entry);
        }
        Ok(())
    }
}

/// An uplink that lost a program: like no entry that is wanted, so it is put again or let go.
const UNGUARDED: UplinkEntry =
    UplinkEntry { ipv4: None, ipv6: None, header: u8::MAX, mtu: 0, sources: BTreeMap::new() };

fn name_of(names: &BTreeMap<u32, InterfaceName>, index: u32) -> Option<InterfaceName> {
    names.get(&index).cloned().or_else(|| convert::nameless(index))
}

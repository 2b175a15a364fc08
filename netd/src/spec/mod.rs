//! What should exist: networks, containers, endpoints and published ports, as types that can't be
//! wrong. Everything here is pure; untrusted input becomes these types by parsing.

pub mod change;
pub mod container;
pub mod declaration;
pub mod declared;
#[cfg(test)]
mod fixture;
pub mod gateway;
pub mod host_name;
pub mod links;
pub mod lookup;
pub mod name;
pub mod network;
pub mod port;
pub mod subnet;
pub mod timestamp;
pub mod view;

use container::{Container, Endpoint, Status};
use declared::Declared;
use name::Id;
use network::Network;
use port::TakenPorts;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// Everything that the agent was told to provide.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Networks by identity; `bridge`, `host` and `none` are always among them.
    pub networks: BTreeMap<Id, Network>,
    /// Containers by identity.
    pub containers: BTreeMap<Id, Container>,
    /// What files have declared.
    #[serde(default)]
    pub declared: Declared,
}

impl Spec {
    /// Containers that hold their addresses and ports: registered or running ones.
    pub fn live(&self) -> impl Iterator<Item = &Container> {
        self.containers.values().filter(|c| !matches!(c.status, Status::Exited { .. }))
    }

    /// The live attachments to a network, with their containers.
    pub fn endpoints_on<'a>(
        &'a self,
        network: &'a Id,
    ) -> impl Iterator<Item = (&'a Container, &'a Endpoint)> {
        self.live().filter_map(move |c| c.endpoints.get(network).map(|endpoint| (c, endpoint)))
    }

    /// The addresses in use on a network, and those kept for declared containers.
    #[must_use]
    pub fn used_addresses(&self, network: &Id) -> BTreeSet<IpAddr> {
        let addresses = |endpoint: &Endpoint| {
            let v4 = endpoint.ipv4.map(IpAddr::V4);
            v4.into_iter().chain(endpoint.ipv6.map(IpAddr::V6))
        };
        let live = self.endpoints_on(network).map(|(_, endpoint)| endpoint);
        let reserved = self.reserved_on(network).map(|(_, endpoint)| endpoint);
        live.chain(reserved).flat_map(addresses).collect()
    }

    /// The host ports that other containers than `own` use, or that are kept for them, with their
    /// holders' names.
    #[must_use]
    pub fn ports_taken_from(&self, own: &Id) -> TakenPorts<'_> {
        let mut taken = TakenPorts::default();
        for container in self.live().filter(|container| container.id != *own) {
            container.published().for_each(|p| taken.insert(p, &container.name));
        }
        let own = self.containers.get(own).map(|container| container.name.as_str());
        for (name, service) in &self.declared.services {
            if own != Some(name.as_str()) {
                service.reserved.published().for_each(|p| taken.insert(p, name.as_str()));
            }
        }
        taken
    }
}

/// The lowest number from 1 up that is not among the used ones.
fn lowest_free(used: impl Iterator<Item = u32>) -> u32 {
    let used: BTreeSet<u32> = used.collect();
    (1..=u32::MAX).find(|number| !used.contains(number)).unwrap_or(u32::MAX)
}

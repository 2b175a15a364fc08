//! Making and removing networks.

use crate::api::protocol::NetworkCreate;
use crate::error::{Error, Result};
use crate::spec::Spec;
use crate::spec::name::Id;
use crate::spec::network::{Network, NetworkContext, is_predefined};

impl Spec {
    /// Adds the network that a request describes and returns its identity.
    ///
    /// # Errors
    /// Those of [`Network::new`].
    pub fn create_network(
        &mut self,
        request: &NetworkCreate,
        context: &NetworkContext<'_>,
    ) -> Result<Id> {
        let network = Network::new(request, self, context)
            .map_err(|error| error.context(format!("cannot create network {:?}", request.name)))?;
        let id = network.id.clone();
        self.networks.insert(id.clone(), network);
        Ok(id)
    }

    /// Removes a network that nobody needs, and returns it.
    ///
    /// # Errors
    /// `NotFound` where there is none; `Conflict` where it is predefined, in use, or declared
    /// for containers.
    pub fn remove_network(&mut self, reference: &str) -> Result<Network> {
        let network = self.network(reference)?;
        let (id, name) = (network.id.clone(), network.name.as_str());
        if is_predefined(name) {
            return Err(Error::conflict(format!(
                "{name} is a pre-defined network and cannot be removed"
            )));
        }
        let mut users: Vec<&str> =
            self.endpoints_on(&id).map(|(container, _)| container.name.as_str()).collect();
        if !users.is_empty() {
            users.sort_unstable();
            return Err(Error::conflict(format!(
                "network {name} is in use by {}; disconnect them first",
                users.join(", ")
            )));
        }
        let kept: Vec<&str> = self.reserved_on(&id).map(|(name, _)| name.as_str()).collect();
        if !kept.is_empty() {
            return Err(Error::conflict(format!(
                "network {name} is declared for {}; take them out of their file and apply it with --prune first",
                kept.join(", ")
            )));
        }
        self.forget_network(&id).ok_or_else(|| Error::internal(format!("network {id} vanished")))
    }

    /// Removes every network that is neither predefined nor declared and that no live container is
    /// on; returns their names in byte order.
    pub fn prune_networks(&mut self) -> Vec<String> {
        let unused = |n: &&Network| {
            !is_predefined(n.name.as_str())
                && !self.declared.networks.contains_key(&n.name)
                && self.endpoints_on(&n.id).next().is_none()
        };
        let unused: Vec<Id> =
            self.networks.values().filter(unused).map(|network| network.id.clone()).collect();
        let removed = unused.iter().filter_map(|id| self.forget_network(id));
        let mut names: Vec<String> = removed.map(|network| network.name.to_string()).collect();
        names.sort_unstable();
        names
    }

    /// Takes a network out, and what is left on it of containers that have ended.
    fn forget_network(&mut self, id: &Id) -> Option<Network> {
        for container in self.containers.values_mut() {
            container.endpoints.remove(id);
        }
        let network = self.networks.remove(id)?;
        self.declared.networks.remove(&network.name);
        Some(network)
    }
}

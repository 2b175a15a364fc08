//! What files have declared: containers that need not exist yet, with what is kept free for them.

use super::Spec;
use super::container::{Container, Endpoint, Link};
use super::name::{Id, InterfaceName, Mac, Name};
use super::port::PortMapping;
use crate::api::protocol::NetworkAttach;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// All that files have declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Declared {
    /// Networks, with who declared them.
    pub networks: BTreeMap<Name, Origin>,
    /// Containers.
    pub services: BTreeMap<Name, Service>,
}

impl Declared {
    /// Everybody who declared something.
    #[must_use]
    pub fn origins(&self) -> BTreeSet<Origin> {
        let services = self.services.values().map(|service| &service.origin);
        services.chain(self.networks.values()).cloned().collect()
    }
}

/// Who declared something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Somebody, by `netctl apply`.
    Request,
    /// A file of the agent's own directory: its path.
    File(String),
}

/// A declared container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Who declared it.
    pub origin: Origin,
    /// What was asked for.
    pub wanted: Wanted,
    /// What came of it: the container as it will be, with its addresses and host ports. It is none
    /// of [`Spec::containers`].
    pub reserved: Container,
}

/// What a declared container is to have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// Its networks in the order of its devices; `host` and `none` alone only.
    pub networks: Vec<WantedNetwork>,
    /// What it publishes.
    pub ports: Vec<PortMapping>,
    /// What it says it serves: `80`, `53/udp`.
    pub expose: Vec<String>,
    /// The name it gives itself.
    pub hostname: Option<String>,
    /// The domain that completes that name.
    pub domainname: Option<String>,
    /// Lines of its /etc/hosts: `NAME:ADDRESS`.
    pub hosts: Vec<String>,
    /// Its resolvers.
    pub dns: Vec<String>,
    /// Its search domains.
    pub dns_search: Vec<String>,
    /// Its resolver's options.
    pub dns_options: Vec<String>,
    /// Its namespace, `netns:PATH` or `pid:N`; none where `netctl run` makes it.
    pub namespace: Option<String>,
}

/// A network that a declared container is to be on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WantedNetwork {
    /// The network's name, fixed addresses, further names.
    pub attach: NetworkAttach,
    /// A fixed Ethernet address.
    pub mac: Option<Mac>,
    /// The device's name in the container.
    pub interface: Option<InterfaceName>,
    /// Others that it calls by names of its own there.
    pub links: Vec<Link>,
}

impl Spec {
    /// What is kept on a network for declared containers, be they there or not.
    pub fn reserved_on<'a>(
        &'a self,
        network: &'a Id,
    ) -> impl Iterator<Item = (&'a Name, &'a Endpoint)> {
        self.declared.services.iter().filter_map(move |(name, service)| {
            service.reserved.endpoints.get(network).map(|endpoint| (name, endpoint))
        })
    }

    /// The declaration of a container of this name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.declared.services.get(&name.parse::<Name>().ok()?)
    }
}

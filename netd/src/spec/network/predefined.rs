//! The networks that always exist: `bridge`, `host` and `none`.

use super::{Driver, Network, NetworkContext, NetworkOptions};
use crate::error::Result;
use crate::ipam;
use crate::spec::name::{Id, Mac};
use crate::spec::subnet::Pool;
use crate::spec::{Spec, lowest_free, timestamp};
use std::collections::BTreeMap;

/// Whether a network of this name always exists.
#[must_use]
pub fn is_predefined(name: &str) -> bool {
    PREDEFINED.iter().any(|(predefined, _)| *predefined == name)
}

/// Whether the containers of a network find each other by name: on every network that somebody
/// made, and not on those that always exist (Docker's rule).
#[must_use]
pub fn has_names(network: &Network) -> bool {
    network.driver == Driver::Bridge && !is_predefined(network.name.as_str())
}

impl Spec {
    /// Only the networks that always exist.
    ///
    /// # Errors
    /// `Conflict` where no default address pool is free for `bridge`.
    pub fn with_defaults(context: &NetworkContext<'_>) -> Result<Self> {
        let mut spec = Self::default();
        spec.ensure_predefined(context)?;
        Ok(spec)
    }

    /// Adds those of the networks that always exist which are not there.
    ///
    /// # Errors
    /// `Conflict` where no default address pool is free for `bridge`; nothing is added then.
    pub fn ensure_predefined(&mut self, context: &NetworkContext<'_>) -> Result<()> {
        let mut missing = Vec::new();
        for (name, driver) in PREDEFINED {
            if !self.networks.values().any(|network| network.name.as_str() == name) {
                missing.push(self.predefined(name, driver, context)?);
            }
        }
        self.networks.extend(missing.into_iter().map(|network| (network.id.clone(), network)));
        Ok(())
    }

    fn predefined(
        &self,
        name: &str,
        driver: Driver,
        context: &NetworkContext<'_>,
    ) -> Result<Network> {
        let id = Id::random();
        let name = name.parse()?;
        let bridged = driver == Driver::Bridge;
        let bridge = self.free_bridge_name(&name, &id, context.host)?;
        let subnets = self.networks.values().flat_map(|n| n.pools.iter().map(|p| p.subnet));
        let pools = if bridged {
            vec![Pool::of_subnet(ipam::choose_ipv4(&ipam::occupied(subnets, context.host))?)?]
        } else {
            Vec::new()
        };
        let numbers = self.networks.values().map(|n| n.number);
        Ok(Network {
            id,
            number: if bridged { lowest_free(numbers) } else { 0 },
            name,
            created: timestamp::rfc3339(context.now),
            driver,
            pools,
            internal: false,
            options: NetworkOptions::defaults(bridge),
            driver_options: BTreeMap::new(),
            labels: BTreeMap::new(),
            mac: Mac::random(),
        })
    }
}

/// Where a container goes that names no network.
pub const DEFAULT_NETWORK: &str = "bridge";
const PREDEFINED: [(&str, Driver); 3] =
    [(DEFAULT_NETWORK, Driver::Bridge), ("host", Driver::Host), ("none", Driver::Null)];

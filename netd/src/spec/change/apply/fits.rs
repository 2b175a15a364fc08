//! Whether a network is what is declared.

use crate::spec::Spec;
use crate::spec::declaration::NetworkDeclaration;
use crate::spec::network::{Network, is_predefined};
use crate::spec::subnet::parse_pools;

/// How a network compares with its declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// There is none of the name.
    Missing,
    /// The name is that of a network that always exists.
    Reserved,
    Same,
    /// Only its labels differ.
    Relabel,
    /// This differs, which only another network can have.
    Other(&'static str),
}

impl Spec {
    pub(super) fn fit(&self, wanted: &NetworkDeclaration) -> Fit {
        let Some(network) = self.network_of(wanted.name.as_str()) else { return Fit::Missing };
        if wanted.external || wanted.implicit {
            return Fit::Same;
        }
        if is_predefined(wanted.name.as_str()) {
            return Fit::Reserved;
        }
        match difference(network, wanted) {
            Some(what) => Fit::Other(what),
            None if network.labels != wanted.request.labels => Fit::Relabel,
            None => Fit::Same,
        }
    }

    pub(super) fn relabel(&mut self, wanted: &NetworkDeclaration) {
        let network = self.networks.values_mut().find(|network| network.name == wanted.name);
        if let Some(network) = network {
            network.labels = wanted.request.labels.clone();
        }
    }
}

/// What differs. Subnets that are not declared may be any.
fn difference(network: &Network, wanted: &NetworkDeclaration) -> Option<&'static str> {
    let request = &wanted.request;
    if network.internal != request.internal {
        return Some("internal");
    }
    if network.pool_v6().is_some() != request.enable_ipv6 {
        return Some("enable_ipv6");
    }
    if network.driver_options != request.options {
        return Some("driver_opts");
    }
    let pools = parse_pools(request).unwrap_or_default();
    pools.iter().any(|pool| !network.pools.contains(pool)).then_some("ipam")
}

//! Which of its networks a container reaches the outside through, and is reached through.

use super::Spec;
use super::container::{Container, Endpoint};
use super::network::{DEFAULT_NETWORK, Network};
use std::net::IpAddr;

/// An attachment with its network.
pub type Attachment<'a> = (&'a Network, &'a Endpoint);

impl Spec {
    /// The attachments that the container's IPv4 and IPv6 default routes lead through, and its
    /// published ports to: of those on networks that are not internal, one with both families
    /// before one with a single family, then by the network's name in byte order (Docker's rule).
    #[must_use]
    pub fn gateway_endpoint<'a>(
        &'a self,
        container: &'a Container,
    ) -> (Option<Attachment<'a>>, Option<Attachment<'a>>) {
        let mut candidates: Vec<Attachment<'a>> = container
            .endpoints
            .iter()
            .filter_map(|(id, endpoint)| self.networks.get(id).map(|network| (network, endpoint)))
            .filter(|(network, _)| !network.internal)
            .collect();
        candidates.sort_by_key(|(network, endpoint)| {
            (endpoint.ipv4.is_none() || endpoint.ipv6.is_none(), &network.name)
        });
        let first = |has: fn(&Endpoint) -> bool| {
            candidates.iter().find(|(_, endpoint)| has(endpoint)).copied()
        };
        (first(|e| e.ipv4.is_some()), first(|e| e.ipv6.is_some()))
    }

    /// What `host-gateway` stands for: the host's addresses on the network that the container's
    /// default routes lead through, else on an internal one that it is on, else on the default one.
    #[must_use]
    pub fn host_gateways(&self, container: &Container) -> Vec<IpAddr> {
        let (v4, v6) = self.gateway_endpoint(container);
        let of = |network: &Network, ipv6: bool| {
            let pool = if ipv6 { network.pool_v6() } else { network.pool_v4() };
            pool.map(|pool| pool.gateway)
        };
        let v4 = v4.and_then(|(network, _)| of(network, false));
        let own: Vec<IpAddr> =
            v4.into_iter().chain(v6.and_then(|(network, _)| of(network, true))).collect();
        if !own.is_empty() {
            return own;
        }
        let internal = container.endpoints.keys().find_map(|id| self.networks.get(id));
        let mut all = self.networks.values();
        let network = internal.or_else(|| all.find(|n| n.name.as_str() == DEFAULT_NETWORK));
        network.iter().flat_map(|network| network.pools.iter().map(|pool| pool.gateway)).collect()
    }
}

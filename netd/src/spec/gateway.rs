//! Which of its networks a container reaches the outside through, and is reached through.

use super::Spec;
use super::container::{Container, Endpoint};
use super::network::Network;

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
}

//! What there is to do for declared containers.

use super::{Circumstances, Work, elsewhere, fits::Fit, is_lone};
use crate::spec::Spec;
use crate::spec::declaration::{Declaration, ServiceDeclaration};
use crate::spec::declared::Origin;
use crate::spec::name::Name;
use std::collections::BTreeSet;

impl Spec {
    /// The services that are not as they should be; those with fixed addresses come first, so that
    /// no chosen one takes their place.
    pub(super) fn due<'d>(
        &self,
        declaration: &'d Declaration,
        circumstances: &Circumstances<'_>,
        work: &mut Work,
    ) -> Vec<&'d ServiceDeclaration> {
        let moved: BTreeSet<&str> = declaration
            .networks
            .iter()
            .filter(|n| !matches!(self.fit(n), Fit::Same | Fit::Relabel))
            .map(|n| n.name.as_str())
            .collect();
        let mut due = Vec::new();
        for service in &declaration.services {
            let stays = !service.wanted.networks.iter().any(|n| moved.contains(&*n.attach.network));
            let known = self.declared.services.get(&service.name);
            if known.is_some_and(|known| known.wanted == service.wanted)
                && stays
                && self.is_provided(&service.name)
            {
                continue;
            }
            match known.map(|known| &known.origin) {
                Some(Origin::File(file))
                    if known.is_some_and(|k| k.origin != *circumstances.origin) =>
                {
                    work.faults.push(elsewhere(service.place, "container", &service.name, file));
                }
                _ => due.push(service),
            }
        }
        let fixed = |s: &ServiceDeclaration| {
            s.wanted.networks.iter().any(|n| n.attach.ip.is_some() || n.attach.ip6.is_some())
        };
        due.sort_by_key(|service| !fixed(service));
        due
    }

    /// Whether the networks of a declared container exist, and the container, if it lives, has all
    /// that is kept for it.
    fn is_provided(&self, name: &Name) -> bool {
        let Some(service) = self.declared.services.get(name) else { return false };
        let reserved = &service.reserved;
        let networks = service.wanted.networks.iter().all(|wanted| {
            self.network_of(&wanted.attach.network).is_some_and(|network| {
                is_lone(network) || reserved.endpoints.contains_key(&network.id)
            })
        });
        let Some(container) = self.live().find(|c| c.name == name.as_str()) else {
            return networks;
        };
        let attached =
            reserved.endpoints.iter().all(|(id, e)| container.endpoints.get(id) == Some(e));
        networks && attached && reserved.ports.iter().all(|port| container.ports.contains(port))
    }
}

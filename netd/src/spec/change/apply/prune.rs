//! What is declared no more.

use super::{Work, is_foreign, is_over};
use crate::spec::Spec;
use crate::spec::container::Container;
use crate::spec::declaration::{Declaration, Fault, Place};
use crate::spec::declared::{Origin, Service};
use crate::spec::name::Name;

impl Spec {
    /// Forgets what `origin` has declared and `declaration` does not, with the networks that were
    /// made for it. A network that other declarations use stays.
    pub(super) fn prune(&mut self, declaration: &Declaration, origin: &Origin, work: &mut Work) {
        let is_kept = |name: &Name| declaration.services.iter().any(|s| s.name == *name);
        let services = self.declared.services.iter();
        let gone: Vec<Name> = services
            .filter(|(name, service)| service.origin == *origin && !is_kept(name))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            self.forget_service(&name);
            work.changes.push(format!("forget container {name}"));
        }
        let is_kept =
            |name: &Name| declaration.networks.iter().any(|n| n.name == *name && !n.external);
        let networks = self.declared.networks.iter();
        let gone: Vec<Name> = networks
            .filter(|(name, by)| *by == origin && !is_kept(name))
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            let network = self.network_of(name.as_str());
            if network.is_some_and(|n| self.reserved_on(&n.id).next().is_some()) {
                continue;
            }
            self.declared.networks.remove(&name);
            if self.network_of(name.as_str()).is_none() {
                continue;
            }
            match self.remove_network(name.as_str()) {
                Ok(_) => work.changes.push(format!("remove network {name}")),
                Err(error) => {
                    let place = Place { file: 0, line: 1, column: 1 };
                    let why = format!("cannot prune what is not declared: {}", error.message);
                    work.faults.push(Fault::new(place, why));
                }
            }
        }
    }

    /// Forgets a declaration; a container of it loses what the declaration gave it.
    fn forget_service(&mut self, name: &Name) {
        let former = self.take(name);
        let (Some(mut container), Some(service)) = (former.container, former.service) else {
            return;
        };
        if is_foreign(&container) {
            return;
        }
        strip(&mut container, &service);
        self.containers.insert(container.id.clone(), container);
    }
}

/// Takes what a declaration gave off a container.
pub(super) fn strip(container: &mut Container, service: &Service) {
    if is_over(container) {
        return;
    }
    let reserved = &service.reserved;
    container.endpoints.retain(|id, _| !reserved.endpoints.contains_key(id));
    container.ports.retain(|port| !reserved.ports.iter().any(|own| own.mapping == port.mapping));
}

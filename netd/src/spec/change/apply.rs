//! Applying what files declare: all of it or nothing, and nothing the second time.

mod due;
mod fits;
mod prune;
mod reserve;
mod start;

use super::attach::Foreign;
use crate::error::Error;
use crate::spec::Spec;
use crate::spec::container::{Container, Source, Status};
use crate::spec::declaration::{Declaration, Fault, NetworkDeclaration, Place, ServiceDeclaration};
use crate::spec::declared::{Origin, Service};
use crate::spec::name::{Id, Name};
use crate::spec::network::{Network, NetworkContext, is_predefined};
use crate::spec::port::PortHost;
use fits::Fit;
use reserve::Former;
use std::collections::BTreeMap;

/// What applying depends on beside the declaration.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The host, and the time.
    pub network: NetworkContext<'a>,
    /// Who declares it.
    pub origin: &'a Origin,
    /// Whether what the same origin declared before and does no more has to go.
    pub prune: bool,
    /// The namespaces, by container, that exist by now.
    pub foreign: &'a BTreeMap<Name, Foreign>,
}

/// What applying has done so far.
#[derive(Default)]
struct Work {
    changes: Vec<String>,
    faults: Vec<Fault>,
}

impl Spec {
    /// Brings everything to what `declaration` says, and returns what that took, one line each;
    /// nothing where everything was so. Containers that have another's name keep what they have.
    ///
    /// # Errors
    /// Everything that stands in the way, each at its place. The spec is of no use then.
    pub fn apply(
        &mut self,
        declaration: &Declaration,
        circumstances: &Circumstances<'_>,
        ports: &mut PortHost<'_>,
    ) -> Result<Vec<String>, Vec<Fault>> {
        let mut work = Work::default();
        let due = self.due(declaration, circumstances, &mut work);
        // Everything that changes is taken out first, so that nothing of what it had is in the way.
        let mut former: BTreeMap<&Name, Former> = BTreeMap::new();
        for service in &due {
            former.insert(&service.name, self.take(&service.name));
        }
        if circumstances.prune {
            self.prune(declaration, circumstances.origin, &mut work);
        }
        for network in &declaration.networks {
            self.apply_network(network, circumstances, &mut work);
        }
        if work.faults.is_empty() {
            for service in due {
                let former = former.remove(&service.name).unwrap_or_default();
                self.apply_service(service, former, circumstances, ports, &mut work);
            }
            self.attach_all(declaration, circumstances, &mut work);
        }
        let Work { changes, mut faults } = work;
        faults.sort();
        if faults.is_empty() { Ok(changes) } else { Err(faults) }
    }

    fn apply_network(
        &mut self,
        wanted: &NetworkDeclaration,
        circumstances: &Circumstances<'_>,
        work: &mut Work,
    ) {
        let origin = circumstances.origin;
        let fit = self.fit(wanted);
        let mut refuse = |message: String| work.faults.push(Fault::new(wanted.place, message));
        match (&fit, self.declared.networks.get(&wanted.name)) {
            (Fit::Missing, _) if wanted.external => refuse(format!(
                "network {0} is external and does not exist; make it with netctl network create {0}, or leave external out",
                wanted.name
            )),
            _ if wanted.external => {}
            (Fit::Reserved, _) => refuse(format!(
                "network {0} always exists and can't be declared; add external: true, or write network_mode: {0}",
                wanted.name
            )),
            (Fit::Other(_) | Fit::Relabel, Some(Origin::File(file)))
                if Some(file) != file_of(origin) =>
            {
                work.faults.push(elsewhere(wanted.place, "network", &wanted.name, file));
            }
            (Fit::Same, known) => {
                let adopt = known.is_none() && !wanted.implicit;
                if adopt {
                    work.changes.push(format!("declare network {}, which exists", wanted.name));
                }
                if adopt || known == Some(&Origin::Request) {
                    self.declared.networks.insert(wanted.name.clone(), origin.clone());
                }
            }
            (Fit::Relabel, _) => {
                self.relabel(wanted);
                work.changes.push(format!("label network {}", wanted.name));
                self.declared.networks.insert(wanted.name.clone(), origin.clone());
            }
            (Fit::Missing | Fit::Other(_), _) => {
                match self.make_network(wanted, &fit, &circumstances.network) {
                    Ok(change) => work.changes.push(change),
                    Err(error) => refuse(in_words_of_files(&error.message)),
                }
                self.declared.networks.insert(wanted.name.clone(), origin.clone());
            }
        }
    }

    /// Makes a network, in place of another one where there is one.
    fn make_network(
        &mut self,
        wanted: &NetworkDeclaration,
        fit: &Fit,
        context: &NetworkContext<'_>,
    ) -> Result<String, Error> {
        let verb = match fit {
            Fit::Other(what) => {
                let cannot = format!("cannot change {what} of network {}", wanted.name);
                self.remove_network(wanted.name.as_str()).map_err(|error| error.context(cannot))?;
                format!("replace network {}, of which {what} changes", wanted.name)
            }
            _ => format!("create network {}", wanted.name),
        };
        let id = self.create_network(&wanted.request, context)?;
        let subnets = self.networks.get(&id).map_or_else(Vec::new, |n| {
            n.pools.iter().map(|pool| pool.subnet.to_string()).collect()
        });
        Ok(format!("{verb}: {}", subnets.join(", ")))
    }

    fn apply_service(
        &mut self,
        service: &ServiceDeclaration,
        former: Former,
        circumstances: &Circumstances<'_>,
        ports: &mut PortHost<'_>,
        work: &mut Work,
    ) {
        let reserved = match self.reserve(service, &former, circumstances.network.now, ports) {
            Ok(reserved) => reserved,
            Err(faults) => return work.faults.extend(faults),
        };
        let verb = if former.service.is_some() { "change" } else { "declare" };
        let name = &service.name;
        work.changes.push(format!("{verb} container {name}: {}", self.told(&reserved)));
        let converged =
            former.container.map(|c| self.converge(c, former.service.as_ref(), &reserved));
        match converged.transpose() {
            Ok(Some(container)) => {
                self.containers.insert(container.id.clone(), container);
            }
            Ok(None) => {}
            Err(why) => work.faults.push(Fault::new(service.place, why)),
        }
        let (origin, wanted) = (circumstances.origin.clone(), service.wanted.clone());
        self.declared.services.insert(name.clone(), Service { origin, wanted, reserved });
    }

    /// Attaches the containers whose namespaces exist and that are not attached yet.
    fn attach_all(
        &mut self,
        declaration: &Declaration,
        circumstances: &Circumstances<'_>,
        work: &mut Work,
    ) {
        for service in &declaration.services {
            let Some(foreign) = circumstances.foreign.get(&service.name) else { continue };
            if self.live().any(|c| c.name == service.name.as_str()) {
                continue;
            }
            match self.attach_declared(&service.name, foreign, circumstances.network.now) {
                Ok(_) => {
                    let change = format!("attach container {} in {}", service.name, foreign.name());
                    work.changes.push(change);
                }
                Err(error) => work.faults.push(Fault::new(service.namespace, error.message)),
            }
        }
    }

    /// Takes a service and its container out.
    fn take(&mut self, name: &Name) -> Former {
        let service = self.declared.services.get(name);
        let container = self.containers.values().find(|c| c.name == name.as_str());
        let bound = service.map(|service| &service.reserved).or(container);
        let binding = bound.and_then(|container| self.binding(container));
        let id = container.map(|container| container.id.clone());
        Former {
            binding,
            service: self.declared.services.remove(name),
            container: id.and_then(|id| self.containers.remove(&id)),
        }
    }

    fn network_of(&self, name: &str) -> Option<&Network> {
        self.networks.values().find(|network| network.name.as_str() == name)
    }

    /// What is kept for a container, in words.
    fn told(&self, reserved: &Container) -> String {
        let network = |id: &Id| self.networks.get(id).map_or("?", |network| network.name.as_str());
        let mut words: Vec<String> = Vec::new();
        for (id, endpoint) in &reserved.endpoints {
            let v4 = endpoint.ipv4.map(|a| a.to_string());
            let v6 = endpoint.ipv6.map(|a| a.to_string());
            let addresses: Vec<String> = v4.into_iter().chain(v6).collect();
            words.push(format!("{} on {}", addresses.join(" and "), network(id)));
        }
        words.sort();
        words.extend(reserved.ports.iter().map(|port| format!("port {}", port.mapping)));
        if words.is_empty() { "no network".into() } else { words.join(", ") }
    }
}

/// `host` and `none`, which have no endpoints.
fn is_lone(network: &Network) -> bool {
    is_predefined(network.name.as_str()) && network.pools.is_empty()
}

fn file_of(origin: &Origin) -> Option<&String> {
    match origin {
        Origin::File(file) => Some(file),
        Origin::Request => None,
    }
}

fn elsewhere(place: Place, kind: &str, name: &Name, file: &str) -> Fault {
    let why =
        format!("{kind} {name} is declared otherwise in {file}; change it there and reload netd");
    Fault::new(place, why)
}

/// What the command line calls `--subnet`, files call `subnet`.
fn in_words_of_files(message: &str) -> String {
    let words = [
        ("--subnet", "subnet"),
        ("--ip-range", "ip_range"),
        ("add --ipv6", "add enable_ipv6: true"),
        ("--ip6", "ipv6_address"),
        ("--ip", "ipv4_address"),
        ("with -o ", "with driver_opts "),
        ("--hostname", "hostname"),
        ("--add-host", "extra_hosts"),
        ("--domainname", "domainname"),
        ("--dns-search", "dns_search"),
        ("--dns-option", "dns_opt"),
        ("--dns", "dns"),
        ("; make one with netctl network create", "; declare one under networks"),
    ];
    words.iter().fold(message.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// A container that netd attached, and did not make.
fn is_foreign(container: &Container) -> bool {
    container.source != Source::Run
}

fn is_over(container: &Container) -> bool {
    matches!(container.status, Status::Exited { .. })
}

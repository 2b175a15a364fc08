//! Containers that were declared before they came.

use crate::api::protocol::ContainerCreate;
use crate::error::{Error, Result};
use crate::spec::change::attach::Foreign;
use crate::spec::container::{Container, Source, Status};
use crate::spec::declared::Service;
use crate::spec::name::{Id, Name};
use crate::spec::port::PortHost;
use crate::spec::{Spec, timestamp};

impl Spec {
    /// The container of `netctl run --name`, with what its declaration keeps for it.
    pub(in crate::spec::change) fn declared_container(
        &self,
        service: &Service,
        request: &ContainerCreate,
        now: u64,
        ports: &mut PortHost<'_>,
    ) -> Result<Container> {
        if let Some(namespace) = &service.wanted.namespace {
            return Err(Error::conflict(format!(
                "it is declared to be in {namespace}; choose another --name, or change the declaration"
            )));
        }
        if !(request.networks.is_empty() && request.publish.is_empty() && !request.publish_all) {
            return Err(Error::conflict(
                "its networks and ports are declared; leave --network and -p out, or change the declaration",
            ));
        }
        let reserved = &service.reserved;
        self.check_host_ports(reserved, ports)?;
        let attachments = (reserved.mode, reserved.endpoints.clone());
        let own = self.container_on(attachments, request, now)?;
        self.legacy_links(&own)?;
        let hostname = request.hostname.is_some() || service.wanted.hostname.is_none();
        let domainname = request.domainname.is_some();
        let mut exposed = [&reserved.exposed[..], &own.exposed].concat();
        exposed.sort_unstable();
        exposed.dedup();
        Ok(Container {
            hostname: if hostname { own.hostname } else { reserved.hostname.clone() },
            domainname: if domainname { own.domainname } else { reserved.domainname.clone() },
            ports: reserved.ports.clone(),
            exposed,
            hosts: [&reserved.hosts[..], &own.hosts].concat(),
            dns: first(own.dns, &reserved.dns),
            dns_search: first(own.dns_search, &reserved.dns_search),
            dns_options: first(own.dns_options, &reserved.dns_options),
            ..own
        })
    }

    /// Attaches a foreign container that was declared: its namespace is there.
    ///
    /// # Errors
    /// `NotFound` where nothing of the name is declared; `Conflict` where a container of the name
    /// lives, or another one has the namespace.
    pub fn attach_declared(&mut self, name: &Name, foreign: &Foreign, now: u64) -> Result<Id> {
        let Some(service) = self.declared.services.get(name) else {
            return Err(Error::not_found(format!("no container {name} is declared")));
        };
        let known = self.containers.values().find(|c| c.name == name.as_str());
        if let Some(other) = self.container_in(foreign.netns).or(known) {
            return Err(Error::conflict(format!(
                "{} is already attached as container {}; disconnect that one first",
                foreign.name(),
                other.name
            )));
        }
        let container = Container {
            id: Id::random(),
            number: self.free_container_number(),
            created: timestamp::rfc3339(now),
            source: foreign.path.clone().map_or(Source::Pid, Source::Path),
            status: Status::Running {
                pid: foreign.pid,
                start_time: foreign.start_time,
                netns: foreign.netns,
                started: now,
            },
            ..service.reserved.clone()
        };
        let id = container.id.clone();
        self.containers.insert(id.clone(), container);
        Ok(id)
    }

    /// A host process may have taken a port since it was declared.
    fn check_host_ports(&self, reserved: &Container, ports: &mut PortHost<'_>) -> Result<()> {
        for own in reserved.published() {
            if let Some((port, why)) = (ports.probe)(own.address, own.host, own.protocol) {
                let at = std::net::SocketAddr::new(own.address, port);
                return Err(Error::conflict(format!(
                    "failed to bind host port {at}/{}: {why}",
                    own.protocol
                )));
            }
        }
        Ok(())
    }
}

fn first<T: Clone>(given: Vec<T>, declared: &[T]) -> Vec<T> {
    if given.is_empty() { declared.to_vec() } else { given }
}

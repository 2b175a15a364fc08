//! What a container publishes: more or less of it, and whether it is in force.

use crate::error::{Error, Result};
use crate::spec::Spec;
use crate::spec::container::{Container, Mode, Status};
use crate::spec::port::{PortHost, PortMapping, PortRequest, Publication, allocate_ports};
use std::net::IpAddr;

impl Spec {
    /// Publishes more of a container's ports, all of `specs` or none, and returns what came of
    /// them.
    ///
    /// # Errors
    /// `NotFound` where there is no such container; `Invalid` where a spec makes no sense;
    /// `Conflict` where it can't publish, does so already, or where a port is taken.
    pub fn publish(
        &mut self,
        reference: &str,
        specs: &[String],
        ports: &mut PortHost<'_>,
    ) -> Result<Vec<Publication>> {
        let container = self.container(reference)?;
        let new = self.more_ports(container, specs, ports).map_err(|error| {
            error.context(format!("cannot publish ports of container {}", container.name))
        })?;
        let id = container.id.clone();
        self.container_mut(&id)?.ports.extend(new.iter().cloned());
        Ok(new)
    }

    /// Ends publications of a container: for each of `specs` all that it names, or nothing at all.
    ///
    /// # Errors
    /// `NotFound` where there is no such container or where a spec names nothing that it
    /// publishes; `Invalid` where a spec makes no sense.
    pub fn unpublish(&mut self, reference: &str, specs: &[String]) -> Result<()> {
        let container = self.container(reference)?;
        let less = less_ports(container, specs).map_err(|error| {
            error.context(format!("cannot unpublish ports of container {}", container.name))
        })?;
        let id = container.id.clone();
        self.container_mut(&id)?.ports = less;
        Ok(())
    }

    /// What the network that a container publishes through chooses as host address for specs
    /// without one (none: all addresses); none at all where the container can't publish.
    pub(super) fn binding(&self, container: &Container) -> Option<Option<IpAddr>> {
        let (v4, v6) = self.gateway_endpoint(container);
        let ended = matches!(container.status, Status::Exited { .. });
        v4.or(v6).filter(|_| !ended).map(|(network, _)| network.options.host_binding)
    }

    /// Brings the publications of a container into force, or out of it, as its networks have it
    /// now; `before` is its [`binding`](Self::binding) until now.
    pub(super) fn put_ports(
        &self,
        container: &mut Container,
        before: Option<Option<IpAddr>>,
        ports: &mut PortHost<'_>,
    ) -> Result<()> {
        let Some(host_binding) = self.binding(container) else {
            container.ports.iter_mut().for_each(|publication| publication.published.clear());
            return Ok(());
        };
        let moves = |p: &Publication| p.mapping.address.is_none() && before != Some(host_binding);
        let (new, kept): (Vec<_>, Vec<_>) =
            container.ports.iter().partition(|p| p.published.is_empty() || moves(p));
        let mappings: Vec<PortMapping> = new.iter().map(|p| p.mapping.clone()).collect();
        let kept: Vec<Publication> = kept.into_iter().cloned().collect();
        let request = PortRequest { mappings: &mappings, kept: &kept, host_binding };
        let taken = self.ports_taken_from(&container.id);
        let mut found = allocate_ports(&request, &taken, ports)?.into_iter();
        for publication in &mut container.ports {
            if publication.published.is_empty() || moves(publication) {
                found.by_ref().take(1).for_each(|new| *publication = new);
            }
        }
        Ok(())
    }

    /// What a container publishes besides, which may be nothing.
    pub(super) fn ports_besides(
        &self,
        container: &Container,
        specs: &[String],
        ports: &mut PortHost<'_>,
    ) -> Result<Vec<Publication>> {
        match specs {
            [] => Ok(Vec::new()),
            specs => self.more_ports(container, specs, ports),
        }
    }

    fn more_ports(
        &self,
        container: &Container,
        specs: &[String],
        ports: &mut PortHost<'_>,
    ) -> Result<Vec<Publication>> {
        let mappings = parse(specs)?;
        let host_binding = self.publishing(container)?;
        for new in mappings.iter().filter(|mapping| mapping.host.is_some()) {
            let same = |p: &&Publication| is_same(&p.mapping, new);
            if let Some(known) = container.ports.iter().find(same) {
                return Err(Error::conflict(format!(
                    "{} is already published; unpublish it first to change it",
                    known.mapping
                )));
            }
        }
        let request = PortRequest { mappings: &mappings, kept: &container.ports, host_binding };
        allocate_ports(&request, &self.ports_taken_from(&container.id), ports)
    }

    /// The host address for specs without one, of a container that can publish.
    fn publishing(&self, container: &Container) -> Result<Option<IpAddr>> {
        let refuse = |why: &str| Err(Error::conflict(why));
        match (container.mode, container.status) {
            (_, Status::Exited { .. }) => refuse("it has ended; run a new one with -p"),
            (Mode::Host, _) => {
                refuse("it uses the host's own network, where all that it listens on is open")
            }
            (Mode::None, _) => refuse("it was made with network none, which publishes nothing"),
            (Mode::Bridge, _) => match self.binding(container) {
                Some(binding) => Ok(binding),
                None if container.endpoints.is_empty() => {
                    refuse("it is on no network; connect it to one first")
                }
                None => refuse(
                    "it is on internal networks only, which publish nothing; connect it to another one first",
                ),
            },
        }
    }
}

fn parse(specs: &[String]) -> Result<Vec<PortMapping>> {
    if specs.is_empty() {
        return Err(Error::invalid("no publish spec is given"));
    }
    specs.iter().map(|spec| spec.parse()).collect()
}

/// What is left of a container's publications without those that `specs` name.
fn less_ports(container: &Container, specs: &[String]) -> Result<Vec<Publication>> {
    let words = parse(specs)?;
    for words in &words {
        if !container.ports.iter().any(|publication| publication.is_named_by(words)) {
            return Err(Error::not_found(format!(
                "{words} is not published; {}",
                told(&container.ports)
            )));
        }
    }
    let goes = |p: &&Publication| words.iter().any(|words| p.is_named_by(words));
    Ok(container.ports.iter().filter(|p| !goes(p)).cloned().collect())
}

/// What is published, in a few words.
fn told(ports: &[Publication]) -> String {
    let all: Vec<String> = ports.iter().map(|p| p.mapping.to_string()).collect();
    match all.as_slice() {
        [] => "it publishes nothing".into(),
        [one] => format!("it publishes {one}"),
        [most @ .., last] if most.len() < MOST_TOLD => {
            format!("it publishes {} and {last}", most.join(", "))
        }
        many => {
            let (told, rest) = many.split_at(MOST_TOLD);
            format!("it publishes {} and {} more", told.join(", "), rest.len())
        }
    }
}

/// Two specs ask for the same host ports and lead to the same container ports.
fn is_same(a: &PortMapping, b: &PortMapping) -> bool {
    let form = |m: &PortMapping| (m.address, m.host, m.container, m.protocol);
    form(a) == form(b)
}

/// How many publications an error names.
const MOST_TOLD: usize = 8;

//! Registering containers: everything is reserved, nothing runs yet.

use super::{attach::new_endpoint, input, made_up};
use crate::api::protocol::{ContainerCreate, NetworkAttach};
use crate::error::{Error, Result};
use crate::spec::container::{Container, Endpoint, Mode, Source, Status};
use crate::spec::name::{Id, Name};
use crate::spec::network::{DEFAULT_NETWORK, Driver, Network};
use crate::spec::port::{PortHost, PortMapping, Publication, for_exposed};
use crate::spec::{Spec, lowest_free, timestamp};
use std::collections::BTreeMap;

impl Spec {
    /// Registers the container that a request describes, with its addresses and host ports, and
    /// returns its identity. `now` is in seconds since 1970.
    ///
    /// Ports are published through the gateway endpoint's network; a container that has none,
    /// because it uses `host`, `none` or internal networks only, publishes nothing as yet.
    ///
    /// # Errors
    /// `Invalid` where the request makes no sense, `NotFound` for a network that does not exist,
    /// `Conflict` where a name, an address or a port is taken.
    pub fn create_container(
        &mut self,
        request: &ContainerCreate,
        now: u64,
        ports: &mut PortHost<'_>,
    ) -> Result<Id> {
        let new = match request.name.as_deref().and_then(|name| self.service(name)) {
            Some(service) => self.declared_container(service, request, now, ports),
            None => self.new_container(request, now, ports),
        };
        let container = new.map_err(|error| {
            let name = request.name.as_ref().map(|name| format!(" {name:?}"));
            error.context(format!("cannot create container{}", name.unwrap_or_default()))
        })?;
        let id = container.id.clone();
        self.containers.insert(id.clone(), container);
        Ok(id)
    }

    /// The number that the next container gets in the dataplane.
    pub(super) fn free_container_number(&self) -> u32 {
        lowest_free(self.containers.values().map(|c| c.number))
    }

    fn new_container(
        &self,
        request: &ContainerCreate,
        now: u64,
        ports: &mut PortHost<'_>,
    ) -> Result<Container> {
        let attachments = self.attachments(&request.networks)?;
        let mut container = self.container_on(attachments, request, now)?;
        self.legacy_links(&container)?;
        let mut mappings: Vec<PortMapping> =
            request.publish.iter().map(|spec| spec.parse()).collect::<Result<_>>()?;
        if request.publish_all {
            mappings.extend(for_exposed(&mappings, &container.exposed));
        }
        let nowhere = |mapping| Publication { mapping, published: Vec::new() };
        container.ports = mappings.into_iter().map(nowhere).collect();
        self.put_ports(&mut container, None, ports)?;
        Ok(container)
    }

    /// A container with everything that the request says but networks and ports.
    pub(super) fn container_on(
        &self,
        (mode, endpoints): (Mode, BTreeMap<Id, Endpoint>),
        request: &ContainerCreate,
        now: u64,
    ) -> Result<Container> {
        input::check_command(&request.command)?;
        let id = Id::random();
        let name = match &request.name {
            Some(name) => self.check_container_name(name)?,
            None => made_up::name(|name| self.containers.values().any(|c| c.name == name)),
        };
        let hostname = match &request.hostname {
            Some(hostname) => input::parse_hostname(hostname)?,
            None => id.short().to_owned(),
        };
        let mut container = Container {
            id,
            number: self.free_container_number(),
            name,
            hostname,
            domainname: input::parse_domainname(request.domainname.as_deref())?,
            created: timestamp::rfc3339(now),
            command: request.command.clone(),
            source: Source::Run,
            status: Status::Created,
            mode,
            endpoints,
            ports: Vec::new(),
            exposed: input::parse_exposed(&request.expose)?,
            hosts: Vec::new(),
            dns: input::parse_dns(&request.dns)?,
            dns_search: input::parse_dns_search(&request.dns_search)?,
            dns_options: input::parse_dns_options(&request.dns_options)?,
            environment: input::parse_environment(&request.environment)?,
            auto_remove: request.auto_remove,
        };
        container.hosts = input::parse_hosts(&request.add_hosts, &self.host_gateways(&container))?;
        Ok(container)
    }

    fn check_container_name(&self, name: &str) -> Result<String> {
        let name: Name = name.parse()?;
        match self.containers.values().find(|c| c.name == name.as_str()) {
            Some(holder) => Err(Error::conflict(format!(
                "container name {name} is already in use by container {}; remove it or choose another --name",
                holder.id.short()
            ))),
            None => Ok(name.to_string()),
        }
    }

    fn attachments(&self, wanted: &[NetworkAttach]) -> Result<(Mode, BTreeMap<Id, Endpoint>)> {
        let default = [NetworkAttach { network: DEFAULT_NETWORK.into(), ..Default::default() }];
        let wanted = if wanted.is_empty() { &default } else { wanted };
        let mut endpoints = BTreeMap::new();
        for (index, attach) in wanted.iter().enumerate() {
            let network = self.network(&attach.network)?;
            let mode = match network.driver {
                Driver::Bridge => Mode::Bridge,
                Driver::Host => Mode::Host,
                Driver::Null => Mode::None,
            };
            if mode != Mode::Bridge {
                return check_alone(network, wanted).map(|()| (mode, BTreeMap::new()));
            }
            let endpoint = new_endpoint(self, network, attach, index)?;
            if endpoints.insert(network.id.clone(), endpoint).is_some() {
                return Err(Error::invalid(format!(
                    "network {} is given twice; give each --network once",
                    network.name
                )));
            }
        }
        Ok((Mode::Bridge, endpoints))
    }
}

/// `host` and `none` go with no other network, and have neither names nor addresses to give.
fn check_alone(network: &Network, wanted: &[NetworkAttach]) -> Result<()> {
    let name = &network.name;
    match wanted {
        [NetworkAttach { aliases, links, ip: None, ip6: None, .. }]
            if aliases.is_empty() && links.is_empty() =>
        {
            Ok(())
        }
        [_] => Err(Error::invalid(format!(
            "network {name} has no names and no addresses of its own; leave alias, link, ip and ip6 out"
        ))),
        _ => Err(Error::invalid(format!(
            "network {name} can't be combined with another network; give it alone"
        ))),
    }
}

//! Attaching containers to networks and detaching them, while they run or before.

use crate::api::protocol::{NetworkAttach, NetworkConnect};
use crate::error::{Error, Result};
use crate::ipam;
use crate::spec::container::{Container, Endpoint, Mode, Source, Status};
use crate::spec::name::{Id, InterfaceName, Mac};
use crate::spec::network::{Driver, Network, is_predefined};
use crate::spec::port::PortHost;
use crate::spec::subnet::Pool;
use crate::spec::{
    Spec,
    links::{self, parse_alias},
    timestamp,
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

/// A namespace that netd did not make, as it was found when it was referred to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The namespace's file of `netns:PATH`; none for `pid:N`.
    pub path: Option<PathBuf>,
    /// The process of `pid:N`; 0 for `netns:PATH`.
    pub pid: i32,
    /// Field 22 of that process's /proc/PID/stat; 0 for `netns:PATH`.
    pub start_time: u64,
    /// Inode number of the network namespace.
    pub netns: u64,
}

impl Foreign {
    /// What the container is called that has this namespace.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.path {
            Some(path) => format!("netns:{}", path.display()),
            None => format!("pid:{}", self.pid),
        }
    }
}

impl Spec {
    /// Attaches a container to a network and returns the container's identity. A `foreign` one
    /// takes the place of the request's reference, and becomes known if it was not. `now` is in
    /// seconds since 1970. What the container publishes comes into force with its first network
    /// that is not internal; what the request publishes besides can only be asked for then.
    ///
    /// # Errors
    /// `NotFound` where network or container do not exist; `Conflict` where the container is on
    /// the network already, can't be on it, has ended, or where an address or one of its ports is
    /// taken, or where it can't publish; `Invalid` where an alias, address or publish spec makes no
    /// sense.
    pub fn connect(
        &mut self,
        network: &str,
        request: &NetworkConnect,
        foreign: Option<&Foreign>,
        now: u64,
        ports: &mut PortHost<'_>,
    ) -> Result<Id> {
        let network = self.network(network)?;
        let mut container = match foreign {
            Some(foreign) => self.foreign_container(foreign, now)?,
            None => self.container(&request.container)?.clone(),
        };
        let what = format!("cannot connect {} to network {}", container.name, network.name);
        let before = self.binding(&container);
        let endpoint = self
            .endpoint_for(network, &container, request)
            .map_err(|error| error.context(&what))?;
        container.endpoints.insert(network.id.clone(), endpoint);
        self.put_ports(&mut container, before, ports).map_err(|error| error.context(&what))?;
        let new = self.ports_besides(&container, &request.publish, ports);
        container.ports.extend(new.map_err(|error| error.context(&what))?);
        let id = container.id.clone();
        self.containers.insert(id.clone(), container);
        Ok(id)
    }

    /// Detaches a container from a network and returns the container's identity. A foreign one
    /// is forgotten with its last attachment. Without a network that is not internal it publishes
    /// nothing.
    ///
    /// # Errors
    /// `NotFound` where network or container do not exist; `Conflict` where the one is not on
    /// the other, or where a port is taken on the host address of the next network's choice.
    pub fn disconnect(
        &mut self,
        network: &str,
        container: &str,
        ports: &mut PortHost<'_>,
    ) -> Result<Id> {
        let network = self.network(network)?;
        let container = self.container(container)?;
        if !container.endpoints.contains_key(&network.id) {
            let why = match container.mode {
                Mode::Host => "; it uses the host's own network for as long as it runs",
                Mode::Bridge | Mode::None => "",
            };
            return Err(Error::conflict(format!(
                "container {} is not connected to network {}{why}",
                container.name, network.name
            )));
        }
        let what = format!("cannot disconnect {} from network {}", container.name, network.name);
        let before = self.binding(container);
        let mut container = container.clone();
        container.endpoints.remove(&network.id);
        self.put_ports(&mut container, before, ports).map_err(|error| error.context(what))?;
        let id = container.id.clone();
        if container.source != Source::Run && container.endpoints.is_empty() {
            self.containers.remove(&id);
        } else {
            self.containers.insert(id.clone(), container);
        }
        Ok(id)
    }

    fn endpoint_for(
        &self,
        network: &Network,
        container: &Container,
        request: &NetworkConnect,
    ) -> Result<Endpoint> {
        check_connectable(network, container)?;
        if is_predefined(network.name.as_str()) && !request.links.is_empty() {
            return Err(Error::invalid(
                "links on the default network are made when a container starts; give --link to netctl run, or use a user-defined network",
            ));
        }
        let attach = NetworkAttach {
            network: network.id.to_string(),
            aliases: request.aliases.clone(),
            links: request.links.clone(),
            ip: request.ip.clone(),
            ip6: request.ip6.clone(),
        };
        let used = |index: usize| {
            let name = format!("eth{index}");
            container.endpoints.values().any(|endpoint| endpoint.ifname.as_str() == name)
        };
        let index = (0..).find(|index| !used(*index)).unwrap_or_default();
        new_endpoint(self, network, &attach, index)
    }

    /// The container of a foreign namespace: the known one, else a new one.
    fn foreign_container(&self, foreign: &Foreign, now: u64) -> Result<Container> {
        let name = foreign.name();
        if let Some(other) = self.container_in(foreign.netns)
            && other.name != name
        {
            return Err(Error::conflict(format!(
                "{name} is in the network namespace of container {}; use that name",
                other.name
            )));
        }
        let status = Status::Running {
            pid: foreign.pid,
            start_time: foreign.start_time,
            netns: foreign.netns,
            started: now,
        };
        match self.containers.values().find(|container| container.name == name) {
            Some(known) if is_same(&known.status, foreign) => Ok(known.clone()),
            Some(_) => Err(Error::conflict(format!(
                "{name} was another namespace when it was connected; disconnect that one first"
            ))),
            None => Ok(self.new_foreign(foreign, status, now)),
        }
    }

    fn new_foreign(&self, foreign: &Foreign, status: Status, now: u64) -> Container {
        let id = Id::random();
        Container {
            number: self.free_container_number(),
            name: foreign.name(),
            hostname: id.short().to_owned(),
            domainname: String::new(),
            created: timestamp::rfc3339(now),
            command: Vec::new(),
            source: foreign.path.clone().map_or(Source::Pid, Source::Path),
            status,
            mode: Mode::Bridge,
            endpoints: BTreeMap::new(),
            ports: Vec::new(),
            exposed: Vec::new(),
            hosts: Vec::new(),
            dns: Vec::new(),
            dns_search: Vec::new(),
            dns_options: Vec::new(),
            environment: Vec::new(),
            auto_remove: false,
            id,
        }
    }
}

/// A new attachment to a bridge network, with the wanted addresses or free ones; `index` is the
/// number of its `eth` device.
pub(super) fn new_endpoint(
    spec: &Spec,
    network: &Network,
    attach: &NetworkAttach,
    index: usize,
) -> Result<Endpoint> {
    check_attach(network, attach)?;
    let used = spec.used_addresses(&network.id);
    let allocate = |pool: Option<&Pool>, wanted: Option<IpAddr>| {
        pool.map(|pool| ipam::allocate(pool, &used, wanted)).transpose()
    };
    let v4 = parse_wanted::<Ipv4Addr>("--ip", attach.ip.as_deref(), network.pool_v4(), network)?;
    let v6 = parse_wanted::<Ipv6Addr>("--ip6", attach.ip6.as_deref(), network.pool_v6(), network)?;
    let ipv4 = allocate(network.pool_v4(), v4.map(IpAddr::V4))?;
    let ipv6 = allocate(network.pool_v6(), v6.map(IpAddr::V6))?;
    let id = Id::random();
    Ok(Endpoint {
        mac: Mac::random(),
        ipv4: ipv4.and_then(|address| if let IpAddr::V4(a) = address { Some(a) } else { None }),
        ipv6: ipv6.and_then(|address| if let IpAddr::V6(a) = address { Some(a) } else { None }),
        veth: format!("ndv{}", id.short()).parse()?,
        ifname: format!("eth{index}").parse::<InterfaceName>()?,
        aliases: attach.aliases.iter().map(|alias| parse_alias(alias)).collect::<Result<_>>()?,
        links: links::parse(&attach.links)?,
        id,
    })
}

fn check_connectable(network: &Network, container: &Container) -> Result<()> {
    let name = &container.name;
    if network.driver != Driver::Bridge {
        return Err(Error::conflict(format!(
            "{} is given to a container for its whole life, with netctl run",
            network.name
        )));
    }
    match container.mode {
        Mode::Bridge => {}
        Mode::Host => return Err(Error::conflict("it uses the host's own network")),
        Mode::None => {
            return Err(Error::conflict("it was made with network none, which goes with no other"));
        }
    }
    if matches!(container.status, Status::Exited { .. }) {
        return Err(Error::conflict("the container has ended; run a new one"));
    }
    if container.endpoints.contains_key(&network.id) {
        return Err(Error::conflict(format!(
            "endpoint with name {name} already exists in network {}",
            network.name
        )));
    }
    Ok(())
}

/// The default network has neither names nor fixed addresses, as with Docker.
pub(super) fn check_attach(network: &Network, attach: &NetworkAttach) -> Result<()> {
    if !is_predefined(network.name.as_str()) {
        return Ok(());
    }
    if !attach.aliases.is_empty() {
        return Err(Error::invalid(
            "network-scoped aliases are only supported for user-defined networks; make one with netctl network create",
        ));
    }
    if attach.ip.is_some() || attach.ip6.is_some() {
        return Err(Error::invalid(
            "user specified IP address is supported on user defined networks only; make one with netctl network create",
        ));
    }
    Ok(())
}

fn parse_wanted<A: std::str::FromStr>(
    option: &str,
    text: Option<&str>,
    pool: Option<&Pool>,
    network: &Network,
) -> Result<Option<A>> {
    let Some(text) = text else { return Ok(None) };
    let family = if option == "--ip" { "IPv4" } else { "IPv6" };
    let address = text
        .parse()
        .map_err(|_| Error::invalid(format!("{option} {text:?} is not an {family} address")))?;
    match pool {
        Some(_) => Ok(Some(address)),
        None => Err(Error::invalid(format!(
            "{option} {text}: network {} has no {family} subnet",
            network.name
        ))),
    }
}

fn is_same(status: &Status, foreign: &Foreign) -> bool {
    matches!(status, Status::Running { pid, start_time, netns, .. }
        if (*pid, *start_time, *netns) == (foreign.pid, foreign.start_time, foreign.netns))
}

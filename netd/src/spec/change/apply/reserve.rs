//! What is kept for a declared container: addresses, host ports, names. What it had before it keeps
//! where that is still allowed.

use super::{in_words_of_files, is_lone, is_over, prune::strip};
use crate::api::protocol::{ContainerCreate, NetworkAttach};
use crate::error::Error;
use crate::spec::Spec;
use crate::spec::change::attach::{check_attach, new_endpoint};
use crate::spec::container::{Container, Endpoint, Mode};
use crate::spec::declaration::{Fault, ServiceDeclaration};
use crate::spec::declared::{Service, WantedNetwork};
use crate::spec::name::{Id, InterfaceName};
use crate::spec::network::{Driver, Network};
use crate::spec::port::{PortHost, PortMapping, Publication, TakenPorts};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// What was there of a container before: taken out of the spec.
#[derive(Default)]
pub(super) struct Former {
    pub(super) service: Option<Service>,
    pub(super) container: Option<Container>,
    /// Through which host address it published.
    pub(super) binding: Option<Option<IpAddr>>,
}

impl Former {
    fn live(&self) -> Option<&Container> {
        self.container.as_ref().filter(|container| !is_over(container))
    }

    fn endpoint(&self, network: &Id) -> Option<&Endpoint> {
        let reserved = || self.service.as_ref()?.reserved.endpoints.get(network);
        self.live().and_then(|c| c.endpoints.get(network)).or_else(reserved)
    }

    fn publication(&self, mapping: &PortMapping) -> Option<&Publication> {
        let reserved = self.service.iter().flat_map(|service| &service.reserved.ports);
        let live = self.live().into_iter().flat_map(|container| &container.ports);
        reserved.chain(live).find(|p| p.mapping == *mapping && !p.published.is_empty())
    }

    /// Device names that the container goes on using, whatever is declared.
    fn interfaces(&self) -> BTreeSet<InterfaceName> {
        let declared =
            |id: &Id| self.service.as_ref().is_some_and(|s| s.reserved.endpoints.contains_key(id));
        let own = self.live().into_iter().flat_map(|container| &container.endpoints);
        own.filter(|(id, _)| !declared(id)).map(|(_, e)| e.ifname.clone()).collect()
    }
}

impl Spec {
    pub(super) fn reserve(
        &self,
        service: &ServiceDeclaration,
        former: &Former,
        now: u64,
        ports: &mut PortHost<'_>,
    ) -> Result<Container, Vec<Fault>> {
        let at_name =
            |error: Error| vec![Fault::new(service.place, in_words_of_files(&error.message))];
        let attachments = self.reserve_networks(service, former)?;
        let wanted = &service.wanted;
        let request = ContainerCreate {
            name: Some(service.name.to_string()),
            hostname: wanted.hostname.clone(),
            domainname: wanted.domainname.clone(),
            expose: wanted.expose.clone(),
            add_hosts: wanted.hosts.clone(),
            dns: wanted.dns.clone(),
            dns_search: wanted.dns_search.clone(),
            dns_options: wanted.dns_options.clone(),
            // What runs is not known yet.
            command: vec!["-".into()],
            ..Default::default()
        };
        let mut reserved = self.container_on(attachments, &request, now).map_err(at_name)?;
        reserved.command.clear();
        let publication = |mapping: &PortMapping| {
            former.publication(mapping).cloned().unwrap_or_else(|| unpublished(mapping))
        };
        reserved.ports = wanted.ports.iter().map(publication).collect();
        let mut all = reserved.clone();
        match self.put_ports(&mut all, former.binding, ports) {
            Ok(()) => Ok(all),
            Err(error) => Err(self.port_faults(service, &reserved, &error, ports)),
        }
    }

    /// Which of the ports can't be had by themselves; all of them together, where each can.
    fn port_faults(
        &self,
        service: &ServiceDeclaration,
        reserved: &Container,
        error: &Error,
        ports: &mut PortHost<'_>,
    ) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (mapping, place) in service.wanted.ports.iter().zip(&service.ports) {
            let mut alone = reserved.clone();
            alone.ports = vec![unpublished(mapping)];
            if let Err(error) = self.put_ports(&mut alone, None, ports) {
                faults.push(Fault::new(*place, error.message));
            }
        }
        if faults.is_empty() {
            let place = service.ports.first().copied().unwrap_or(service.place);
            faults.push(Fault::new(place, error.message.clone()));
        }
        faults
    }

    fn reserve_networks(
        &self,
        service: &ServiceDeclaration,
        former: &Former,
    ) -> Result<(Mode, BTreeMap<Id, Endpoint>), Vec<Fault>> {
        let mut faults = Vec::new();
        let mut found: Vec<(&WantedNetwork, &Network)> = Vec::new();
        for (wanted, place) in service.wanted.networks.iter().zip(&service.networks) {
            match self.network_of(&wanted.attach.network) {
                Some(network) => found.push((wanted, network)),
                None => {
                    let why =
                        format!("network {} does not exist; declare it", wanted.attach.network);
                    faults.push(Fault::new(*place, why));
                }
            }
        }
        if let Some((_, network)) = found.iter().find(|(_, network)| is_lone(network)) {
            if found.len() > 1 {
                let why = format!("network {} goes with no other network", network.name);
                faults.push(Fault::new(service.place, why));
            }
            let mode = if network.driver == Driver::Host { Mode::Host } else { Mode::None };
            return if faults.is_empty() { Ok((mode, BTreeMap::new())) } else { Err(faults) };
        }
        let kept =
            |(wanted, network): &(&WantedNetwork, &Network)| self.keep(wanted, network, former);
        let kept: Vec<Option<Endpoint>> = found.iter().map(kept).collect();
        let mut names = former.interfaces();
        names.extend(kept.iter().flatten().map(|endpoint| endpoint.ifname.clone()));
        names.extend(service.wanted.networks.iter().filter_map(|wanted| wanted.interface.clone()));
        let mut endpoints = BTreeMap::new();
        for (((wanted, network), kept), place) in found.iter().zip(kept).zip(&service.networks) {
            let made = kept.map_or_else(|| self.make(wanted, network, former, &mut names), Ok);
            match made {
                Ok(endpoint) => {
                    endpoints.insert(network.id.clone(), endpoint);
                }
                Err(error) => faults.push(Fault::new(*place, in_words_of_files(&error.message))),
            }
        }
        let devices: BTreeSet<&InterfaceName> = endpoints.values().map(|e| &e.ifname).collect();
        if devices.len() != endpoints.len() {
            let why = "two networks have one interface_name; give each its own";
            faults.push(Fault::new(service.place, why));
        }
        if faults.is_empty() { Ok((Mode::Bridge, endpoints)) } else { Err(faults) }
    }

    /// The endpoint of before, where it is as wanted and its addresses are still free.
    fn keep(&self, wanted: &WantedNetwork, network: &Network, former: &Former) -> Option<Endpoint> {
        let old = former.endpoint(&network.id)?;
        check_attach(network, &wanted.attach).ok()?;
        let (v4, v6) = (old.ipv4.map(IpAddr::V4), old.ipv6.map(IpAddr::V6));
        let fits = |wanted: &Option<String>, own: Option<IpAddr>| {
            wanted.as_ref().is_none_or(|text| text.parse().ok() == own)
        };
        let used = self.used_addresses(&network.id);
        let free = v4.iter().chain(&v6).all(|address| !used.contains(address));
        let same = fits(&wanted.attach.ip, v4)
            && fits(&wanted.attach.ip6, v6)
            && wanted.mac.is_none_or(|mac| mac == old.mac)
            && wanted.interface.as_ref().is_none_or(|name| *name == old.ifname);
        let aliases = wanted.attach.aliases.iter().map(|alias| alias.parse());
        let aliases = aliases.collect::<Result<_, _>>().ok()?;
        (free && same).then(|| Endpoint { aliases, links: wanted.links.clone(), ..old.clone() })
    }

    fn make(
        &self,
        wanted: &WantedNetwork,
        network: &Network,
        former: &Former,
        names: &mut BTreeSet<InterfaceName>,
    ) -> Result<Endpoint, Error> {
        let taken =
            |index: &usize| names.iter().any(|name| *name.as_str() == format!("eth{index}"));
        let index = (0..).find(|index| !taken(index)).unwrap_or_default();
        let former = former.endpoint(&network.id);
        let familiar = former.map(|old| NetworkAttach {
            ip: wanted.attach.ip.clone().or(old.ipv4.map(|address| address.to_string())),
            ip6: wanted.attach.ip6.clone().or(old.ipv6.map(|address| address.to_string())),
            ..wanted.attach.clone()
        });
        let familiar = familiar.and_then(|attach| new_endpoint(self, network, &attach, index).ok());
        let mut endpoint = match familiar {
            Some(endpoint) => endpoint,
            None => new_endpoint(self, network, &wanted.attach, index)?,
        };
        endpoint.mac = wanted.mac.unwrap_or(endpoint.mac);
        if let Some(name) = &wanted.interface {
            endpoint.ifname = name.clone();
        }
        endpoint.links = wanted.links.clone();
        names.insert(endpoint.ifname.clone());
        Ok(endpoint)
    }

    /// The container with what is kept for it now, in place of what was before.
    pub(super) fn converge(
        &self,
        mut container: Container,
        before: Option<&Service>,
        reserved: &Container,
    ) -> Result<Container, String> {
        if is_over(&container) {
            return Ok(container);
        }
        if container.mode != reserved.mode {
            return Err(format!(
                "container {} runs with another network mode; stop it first",
                container.name
            ));
        }
        if let Some(before) = before {
            strip(&mut container, before);
        }
        let own = |port: &Publication| reserved.ports.iter().any(|new| new.mapping == port.mapping);
        container.ports.retain(|port| !own(port));
        let mut taken = TakenPorts::default();
        container.published().for_each(|published| taken.insert(published, ""));
        for new in reserved.published() {
            if let Some((port, _)) = taken.holder(new.address, new.host, new.protocol) {
                return Err(format!(
                    "container {} publishes host port {port} already, by netctl publish; end that with netctl unpublish first",
                    container.name
                ));
            }
        }
        container.endpoints.extend(reserved.endpoints.clone());
        container.ports.extend(reserved.ports.iter().cloned());
        container.exposed = reserved.exposed.clone();
        Ok(container)
    }
}

fn unpublished(mapping: &PortMapping) -> Publication {
    Publication { mapping: mapping.clone(), published: Vec::new() }
}

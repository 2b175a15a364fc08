//! Services of a file.

mod attach;
mod plain;

use super::ports;
use super::reader::{At, Reader};
use super::words::{File, Service};
use super::{Scope, name};
use crate::api::protocol::NetworkAttach;
use crate::spec::declaration::{Declaration, Place, ServiceDeclaration};
use crate::spec::declared::{Wanted, WantedNetwork};
use crate::spec::lookup::ContainerRef;
use crate::spec::name::Name;

/// Declares the services of a file. One that uses another's namespace has no network of its own:
/// nothing is declared for it.
pub(super) fn declare(
    file: &File,
    scope: &mut Scope,
    into: &mut Declaration,
    reader: &mut Reader<'_>,
) {
    for (key, service) in &file.services.0 {
        if let Some(name) = container_name(key, service, scope, reader) {
            scope.services.insert(key.value.clone(), name);
        }
    }
    for (key, service) in &file.services.0 {
        if let Some(extends) = &service.extends {
            let why =
                "extends is not supported; write what is shared once, as &anchor, and <<: *anchor";
            reader.fault(extends.place, why);
        }
        let mode = mode(service, reader);
        let Some(name) = scope.services.get(&key.value) else { continue };
        let service = Declaring { key, name, service, mode };
        into.services.extend(service.declaration(scope, into, reader));
    }
}

impl Service {
    /// Whether it goes to the network of this key.
    pub(super) fn is_on(&self, key: &str) -> bool {
        match &self.networks {
            Some(networks) if !networks.value.0.is_empty() => {
                networks.value.0.iter().any(|(network, _)| network.value == key)
            }
            _ => self.network_mode.is_none() && key == super::networks::DEFAULT,
        }
    }
}

fn container_name(
    key: &At<String>,
    service: &Service,
    scope: &Scope,
    reader: &mut Reader<'_>,
) -> Option<Name> {
    if let Some(own) = &service.container_name {
        return reader.parse("container_name", own, name);
    }
    let value = match &scope.project {
        Some(project) => format!("{project}-{}-1", key.value),
        None => key.value.clone(),
    };
    reader.parse("service", &At { place: key.place, value }, name)
}

/// What a service uses for a network.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode<'a> {
    /// Its networks.
    Own,
    /// One of those that always exist: `bridge`, `host` or `none`.
    Predefined(&'a str, Place),
    /// Another container's namespace.
    Shared,
}

fn mode<'a>(service: &'a Service, reader: &mut Reader<'_>) -> Mode<'a> {
    let Some(At { place, value }) = &service.network_mode else { return Mode::Own };
    if service.networks.as_ref().is_some_and(|networks| !networks.value.0.is_empty()) {
        reader.fault(*place, "network_mode and networks exclude each other; leave one out");
    }
    match value.as_str() {
        "bridge" | "host" | "none" => Mode::Predefined(value, *place),
        "default" => Mode::Predefined("bridge", *place),
        other if other.starts_with("service:") || other.starts_with("container:") => {
            if !service.ports.is_empty() {
                let why = format!(
                    "ports can't be published with network_mode {other}; publish them where the namespace is"
                );
                reader.fault(*place, why);
            }
            Mode::Shared
        }
        other => {
            let why = format!(
                "network_mode {other:?} is none of bridge, host, none, service:KEY, container:NAME; for a network of your own write networks"
            );
            reader.fault(*place, why);
            Mode::Shared
        }
    }
}

/// A service on its way to a declaration.
struct Declaring<'a> {
    key: &'a At<String>,
    name: &'a Name,
    service: &'a Service,
    mode: Mode<'a>,
}

impl Declaring<'_> {
    fn declaration(
        &self,
        scope: &Scope,
        known: &Declaration,
        reader: &mut Reader<'_>,
    ) -> Option<ServiceDeclaration> {
        let service = self.service;
        let (networks, network_places) = match self.mode {
            Mode::Own => self.networks(scope, known, reader),
            Mode::Predefined(name, place) => {
                let attach = NetworkAttach { network: name.into(), ..Default::default() };
                let links = self.links(scope, reader);
                (vec![WantedNetwork { attach, links, ..Default::default() }], vec![place])
            }
            Mode::Shared => (Vec::new(), Vec::new()),
        };
        let (mut ports, mut port_places) = (Vec::new(), Vec::new());
        for port in &service.ports {
            if let Some(mapping) = ports::mapping(port, reader) {
                ports.push(mapping);
                port_places.push(port.place);
            }
        }
        let wanted = Wanted {
            networks,
            ports,
            expose: plain::exposed(service, reader),
            hostname: plain::hostname(service, reader),
            domainname: plain::domainname(service, reader),
            hosts: plain::hosts(service, reader),
            dns: plain::dns(service, reader),
            dns_search: plain::words("dns_search", &service.dns_search.0, reader),
            dns_options: plain::words("dns_opt", &service.dns_opt, reader),
            namespace: self.namespace(reader),
        };
        let namespace = service.extra.namespace.as_ref().map_or(self.key.place, |n| n.place);
        (self.mode != Mode::Shared).then(|| ServiceDeclaration {
            place: self.key.place,
            name: self.name.clone(),
            wanted,
            namespace,
            networks: network_places,
            ports: port_places,
        })
    }

    fn namespace(&self, reader: &mut Reader<'_>) -> Option<String> {
        let text = self.service.extra.namespace.as_ref()?;
        if matches!(self.mode, Mode::Predefined("host" | "none", _)) {
            let why = "a namespace and network_mode host or none exclude each other; leave one out";
            reader.fault(text.place, why);
        }
        let parse = |text: &str| match ContainerRef::parse(text) {
            Ok(ContainerRef::Known(_)) => {
                Err("write netns:PATH, such as netns:/run/netns/web, or pid:NUMBER".to_owned())
            }
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(error.message),
        };
        reader.parse("namespace", text, parse)
    }
}

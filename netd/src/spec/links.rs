//! Links: names that one container has for others. On a user-defined network they are looked up
//! whenever they are asked for; on the default network, which has no names, they are written into
//! environment and /etc/hosts when the container starts, and stay as they are.

mod environment;

use super::Spec;
use super::container::{Container, Link, Mode, Status};
use super::host_name;
use super::lookup::ContainerRef;
use super::name::{Id, Name};
use super::network::{Network, is_predefined};
use crate::error::{Error, Result};
use std::net::IpAddr;

/// Another container as one on the default network sees it.
#[derive(Debug)]
pub struct LegacyLink<'a> {
    /// What it is called.
    pub alias: &'a Name,
    /// The other.
    pub target: &'a Container,
    /// Its addresses there.
    pub addresses: Vec<IpAddr>,
}

/// Reads `CONTAINER[:ALIAS]`, where the container may be a foreign one that has an alias.
///
/// # Errors
/// `Invalid` where a part of it is no name, or where an alias stands for two containers.
pub fn parse(texts: &[String]) -> Result<Vec<Link>> {
    let mut links: Vec<Link> = Vec::new();
    for text in texts {
        let link =
            parse_one(text).map_err(|error| error.context(format!("invalid link {text:?}")))?;
        match links.iter().find(|known| is_same(&known.alias, &link.alias)) {
            Some(known) if known.container == link.container => {}
            Some(known) => {
                return Err(Error::invalid(format!(
                    "alias {} is given to {} and to {}; give each link an alias of its own",
                    link.alias, known.container, link.container
                )));
            }
            None => links.push(link),
        }
    }
    Ok(links)
}

/// Reads an alias, which somebody has to be able to look up.
///
/// # Errors
/// `Invalid` where it is no name, or reads as an address.
pub fn parse_alias(text: &str) -> Result<Name> {
    match host_name::is_address(text) {
        true => Err(Error::invalid(format!("invalid name {text:?}: it reads as an IP address"))),
        false => text.parse(),
    }
}

impl Spec {
    /// Who a container is linked to on the default network, as they are now.
    ///
    /// # Errors
    /// `NotFound` where one does not exist, `Conflict` where it does not run there.
    pub fn legacy_links<'a>(&'a self, container: &'a Container) -> Result<Vec<LegacyLink<'a>>> {
        let endpoints = container.endpoints.iter();
        let networks = endpoints.filter_map(|(id, e)| self.networks.get(id).map(|n| (n, e)));
        let default = networks.filter(|(network, _)| is_predefined(network.name.as_str()));
        default
            .flat_map(|(network, endpoint)| endpoint.links.iter().map(move |link| (network, link)))
            .map(|(network, link)| self.legacy_link(network, link))
            .collect()
    }

    fn legacy_link<'a>(&'a self, network: &Network, link: &'a Link) -> Result<LegacyLink<'a>> {
        let target = self.container(&link.container).map_err(|error| error.context("--link"))?;
        let refuse = |why: &str| {
            let (name, alias) = (&target.name, &link.alias);
            Err(Error::conflict(format!("cannot link to container {name} as {alias}: {why}")))
        };
        if !matches!(target.status, Status::Running { .. }) {
            return refuse("it does not run; start it first");
        }
        match target.endpoints.get(&network.id) {
            Some(endpoint) => {
                let ipv4 = endpoint.ipv4.map(IpAddr::V4);
                let addresses = ipv4.into_iter().chain(endpoint.ipv6.map(IpAddr::V6)).collect();
                Ok(LegacyLink { alias: &link.alias, target, addresses })
            }
            None if target.mode == Mode::Host => refuse("it uses the host's own network"),
            None => refuse(
                "it is not on the default network; put both on a network of their own with netctl network create",
            ),
        }
    }
}

impl LegacyLink<'_> {
    /// What /etc/hosts says of it: alias, hostname and name, each once.
    #[must_use]
    pub fn host_names(&self) -> String {
        let mut names = vec![self.alias.as_str()];
        for name in [&*self.target.hostname, self.target.host_name().unwrap_or_default()] {
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(" ")
    }
}

fn parse_one(text: &str) -> Result<Link> {
    let foreign = |kind: &str| matches!(kind, "pid" | "netns" | "docker");
    let (container, alias) = match text.rsplit_once(':') {
        Some((container, alias)) if !foreign(container) => (container, alias),
        _ => (text, text),
    };
    if matches!(ContainerRef::parse(container)?, ContainerRef::Known(_))
        && container.parse::<Id>().is_err()
    {
        container.parse::<Name>()?;
    }
    Ok(Link { container: container.to_owned(), alias: parse_alias(alias)? })
}

fn is_same(one: &Name, other: &Name) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

#[cfg(test)]
mod tests;

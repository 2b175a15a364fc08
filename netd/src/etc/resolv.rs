//! A container's /etc/resolv.conf (resolv.conf(5)), as Docker writes it: the host's, changed for
//! where the container is. The last line tells whether somebody has edited it since.

mod parse;

use crate::spec::{
    Spec,
    container::{Container, Mode, RESOLVER},
    name::Id,
    network::is_predefined,
};
use parse::{Conf, Server};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where a container asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolving {
    /// netd's own resolver: the container is on a network that has names.
    Own,
    /// The host's resolvers, those that can be reached from the default network; with or without
    /// those of IPv6.
    Direct {
        /// The container has IPv6 addresses.
        ipv6: bool,
    },
    /// Nobody but itself: there is no network.
    Nobody,
    /// Whom the host asks: the container is on the host's network.
    Host,
}

/// Where a container asks, by the networks that it is on.
#[must_use]
pub fn resolving(spec: &Spec, container: &Container) -> Resolving {
    let named = |id: &Id| {
        spec.networks.get(id).is_some_and(|network| !is_predefined(network.name.as_str()))
    };
    match container.mode {
        Mode::Host => Resolving::Host,
        Mode::None => Resolving::Nobody,
        Mode::Bridge if container.endpoints.keys().any(named) => Resolving::Own,
        Mode::Bridge => {
            Resolving::Direct { ipv6: container.endpoints.values().any(|e| e.ipv6.is_some()) }
        }
    }
}

/// The host's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFile {
    /// Where it is.
    pub path: String,
    /// What it says; nothing where there is none.
    pub text: String,
}

impl HostFile {
    /// Whether somebody else than this host can ask the resolvers that it names.
    #[must_use]
    pub fn is_of_use_elsewhere(&self) -> bool {
        Conf::parse(&self.text).servers.iter().any(Server::is_reachable)
    }
}

/// A file for `container`. Its own resolvers, search domains and options take the place of the
/// host's.
///
/// Where none of the host's resolvers can be reached from the default network, Google's take their
/// place, as with Docker.
#[must_use]
pub fn text(host: &HostFile, container: &Container, resolving: Resolving) -> String {
    let mut conf = Conf::parse(&host.text);
    let mut notes = Notes { ndots: conf.ndots().map(|_| "host"), ..Notes::default() };
    replace(&mut conf, container, &mut notes);
    match resolving {
        Resolving::Own => ask_netd(&mut conf, container, &mut notes),
        Resolving::Direct { ipv6 } => ask_directly(&mut conf, ipv6, &mut notes),
        Resolving::Nobody if !notes.overrides.contains(&"nameservers") => conf.servers.clear(),
        Resolving::Nobody | Resolving::Host => {}
    }
    let text = [HEAD, "\n", &conf.to_string(), "\n", &notes.of(host, resolving)].concat();
    let seal = seal(&text);
    text + &seal
}

/// Whether netd wrote `text`, and nobody has edited it since.
#[must_use]
pub fn is_untouched(text: &str) -> bool {
    let before = text.trim_end_matches('\n').rfind('\n').map(|end| &text[..=end]);
    before.is_some_and(|before| text[before.len()..] == seal(before))
}

/// What the comments say.
#[derive(Default)]
struct Notes {
    default_servers: bool,
    asked_by_netd: Vec<String>,
    overrides: Vec<&'static str>,
    ndots: Option<&'static str>,
    invalid: Vec<String>,
}

fn replace(conf: &mut Conf, container: &Container, notes: &mut Notes) {
    notes.invalid = std::mem::take(&mut conf.invalid);
    if !container.dns.is_empty() {
        conf.servers = container.dns.iter().copied().map(Server::from).collect();
        notes.overrides.push("nameservers");
    }
    if !container.dns_search.is_empty() {
        conf.search =
            container.dns_search.iter().filter(|domain| *domain != ".").cloned().collect();
        notes.overrides.push("search");
    }
    if !container.dns_options.is_empty() {
        conf.options.clone_from(&container.dns_options);
        notes.overrides.push("options");
        notes.ndots = conf.ndots().map(|_| "override");
    }
}

/// Names without a dot are asked for as they are, before any search domain is tried: they may be a
/// container's.
fn ask_netd(conf: &mut Conf, container: &Container, notes: &mut Notes) {
    let own = !container.dns.is_empty();
    let servers = conf.servers.iter();
    notes.asked_by_netd =
        servers.map(|s| if own { s.to_string() } else { format!("host({s})") }).collect();
    conf.servers = vec![Server::from(RESOLVER)];
    conf.drop_invalid_ndots();
    if conf.ndots().is_none() {
        conf.options.push("ndots:0".to_owned());
        notes.ndots = Some("internal");
    }
}

fn ask_directly(conf: &mut Conf, ipv6: bool, notes: &mut Notes) {
    if notes.overrides.contains(&"nameservers") {
        return;
    }
    conf.servers.retain(|server| server.is_reachable() && (ipv6 || server.is_ipv4()));
    if conf.servers.is_empty() {
        let known = DEFAULTS.iter().filter(|address| ipv6 || address.is_ipv4());
        conf.servers = known.copied().map(Server::from).collect();
        notes.default_servers = true;
    }
}

impl Notes {
    fn of(&self, host: &HostFile, resolving: Resolving) -> String {
        let how = match resolving {
            Resolving::Own => " (internal resolver)",
            Resolving::Direct { .. } => " (legacy)",
            Resolving::Nobody => " (no network)",
            Resolving::Host => "",
        };
        let mut text = format!("# Based on host file: '{}'{how}\n", host.path);
        if self.default_servers {
            text += "# Used default nameservers.\n";
        }
        let lists = [("ExtServers", &self.asked_by_netd), ("Invalid nameservers", &self.invalid)];
        for (what, list) in lists.iter().filter(|(_, list)| !list.is_empty()) {
            text += &format!("# {what}: [{}]\n", list.join(" "));
        }
        text += &format!("# Overrides: [{}]\n", self.overrides.join(" "));
        if let Some(from) = self.ndots {
            text += &format!("# Option ndots from: {from}\n");
        }
        text
    }
}

/// The line that a text of netd's ends with: 64 bits of FNV-1a over all before it. Against editing
/// by hand, not against anybody who wants to forge it.
fn seal(text: &str) -> String {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    format!("# Checksum: {hash:016x}\n")
}

const HEAD: &str = "\
# Generated by netd.
# This file can be edited; netd will not make further changes once it has been
# modified.
";
/// Docker's choice where the host has none to offer: Google's public resolvers.
const DEFAULTS: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)),
    IpAddr::V4(Ipv4Addr::new(8, 8, 4, 4)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8844)),
];

#[cfg(test)]
mod tests;

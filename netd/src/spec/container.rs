//! Containers and their endpoints.

use super::name::{Id, InterfaceName, Mac, Name};
use super::port::{Publication, Published};
use crate::state::{ContainerNumber, Protocol};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

/// Where a container asks that is on a network with names.
pub const RESOLVER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

/// Whatever has a network namespace of its own and a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its identity.
    pub id: Id,
    /// Its number in the dataplane.
    pub number: ContainerNumber,
    /// Its name, unique among containers; `pid:4242` or `netns:/run/netns/x` for foreign ones.
    pub name: String,
    /// The name it gives itself.
    pub hostname: String,
    /// The domain that completes that name, or empty.
    #[serde(default)]
    pub domainname: String,
    /// When it was made: RFC 3339, UTC.
    pub created: String,
    /// What runs in it.
    pub command: Vec<String>,
    /// Where its namespace is.
    pub source: Source,
    /// Whether it runs.
    pub status: Status,
    /// Which of the host's namespaces it uses in place of networks.
    pub mode: Mode,
    /// Its attachments by network identity.
    pub endpoints: BTreeMap<Id, Endpoint>,
    /// What it publishes, in the order in which it was asked for.
    #[serde(default)]
    pub ports: Vec<Publication>,
    /// Ports that it says it serves, for `-P` and `ps`.
    pub exposed: Vec<(u16, Protocol)>,
    /// Extra /etc/hosts lines: name and address.
    pub hosts: Vec<(String, IpAddr)>,
    /// Resolvers in place of the host's.
    pub dns: Vec<IpAddr>,
    /// Search domains in place of the host's.
    #[serde(default)]
    pub dns_search: Vec<String>,
    /// Options of resolv.conf in place of the host's.
    #[serde(default)]
    pub dns_options: Vec<String>,
    /// Environment variables, for `inspect`.
    pub environment: Vec<String>,
    /// Forgotten as soon as it ends.
    pub auto_remove: bool,
}

impl Container {
    /// The publications in force: every host port chosen.
    pub fn published(&self) -> impl Iterator<Item = &Published> {
        self.ports.iter().flat_map(|publication| &publication.published)
    }

    /// The host name that others can have for it: its own name, or what the file of a foreign
    /// namespace is called. A foreign process has none, unless it was declared with one.
    #[must_use]
    pub fn host_name(&self) -> Option<&str> {
        match &self.source {
            _ if self.name.parse::<Name>().is_ok() => Some(&self.name),
            Source::Run => Some(&self.name),
            Source::Pid => None,
            Source::Path(path) => {
                path.file_name()?.to_str().filter(|name| name.parse::<Name>().is_ok())
            }
        }
    }

    /// All its names on a user-defined network that `endpoint` is on, in Docker's order: its own
    /// name, aliases, 12-character identity, hostname. Each once, whatever its case.
    #[must_use]
    pub fn dns_names(&self, endpoint: &Endpoint) -> Vec<String> {
        let aliases = endpoint.aliases.iter().map(Name::as_str);
        let all = self.host_name().into_iter().chain(aliases);
        let mut names: Vec<String> = Vec::new();
        for name in all.chain([self.id.short(), &self.hostname]) {
            if !name.is_empty() && !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name.to_owned());
            }
        }
        names
    }
}

/// Who made the namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// `netctl run`: the namespace lives as long as the process.
    Run,
    /// A foreign process.
    Pid,
    /// A namespace file.
    Path(PathBuf),
}

/// Whether a container runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum Status {
    /// Registered; nothing runs yet.
    Created,
    /// Runs.
    Running {
        /// Its first process, as the agent's pid namespace numbers it; 0 with [`Source::Path`].
        pid: i32,
        /// Field 22 of /proc/PID/stat: tells a reused pid apart.
        start_time: u64,
        /// Inode number of its network namespace.
        netns: u64,
        /// When it was started: seconds since 1970.
        started: u64,
    },
    /// Ended.
    Exited {
        /// Its exit code, 128 + signal where a signal ended it, -1 where nobody saw it end.
        code: i32,
    },
}

/// What a container uses for a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Endpoints on bridge networks.
    Bridge,
    /// The host's own namespace.
    Host,
    /// A namespace with lo only.
    None,
}

/// One container's attachment to one network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its identity.
    pub id: Id,
    /// Ethernet address of the container side.
    pub mac: Mac,
    /// Its IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
    /// The host side's device name: `ndv` and the first 12 digits of the identity.
    pub veth: InterfaceName,
    /// The device's name in the container: `eth0`, `eth1`, ...
    pub ifname: InterfaceName,
    /// Further names on this network.
    pub aliases: Vec<Name>,
    /// Others that the container calls by names of its own there.
    #[serde(default)]
    pub links: Vec<Link>,
}

/// A name that one container has for another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The other's name or identity, as it was given.
    pub container: String,
    /// What it is called.
    pub alias: Name,
}

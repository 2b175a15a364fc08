//! Publish specs in Docker's grammar, and the publications that come of them.

mod allocate;
mod clients;
mod parse;
mod taken;

pub use allocate::{PortHost, PortRequest, Probe, allocate_ports, for_exposed};
pub use clients::admitted;
pub use parse::parse_exposed;
pub use taken::TakenPorts;

use crate::error::Error;
use crate::state::{PortRange, Protocol};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, str::FromStr};

/// A publish spec, parsed: `[ip:][hostPort[-end]:]port[-end][/tcp|udp|sctp][,from=CIDR[,CIDR...]]`.
///
/// A container range maps 1:1 onto a host range of the same length; a host range in front of a
/// single container port means "one free port of these"; no host port means one of the ephemeral
/// range for each container port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// Host address; none means all of both families.
    pub address: Option<IpAddr>,
    /// Host ports; none means pick.
    pub host: Option<PortRange>,
    /// Container ports.
    pub container: PortRange,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Who may use it from outside; empty means everybody. Host processes always may.
    #[serde(default)]
    pub from: Vec<IpNet>,
}

/// A publish spec of a container's, with what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// What was asked for.
    pub mapping: PortMapping,
    /// What is in force; empty where the container is on no network that publishes, or has ended.
    pub published: Vec<Published>,
}

/// Successive host ports of one address that lead to a container's, one to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Published {
    /// Host address; unspecified means every one of its family.
    pub address: IpAddr,
    /// Host ports.
    pub host: PortRange,
    /// The container port that the first host port leads to.
    pub container: u16,
    /// Transport protocol.
    pub protocol: Protocol,
}

impl Publication {
    /// Whether `words` mean this publication: a host address, host port or list of clients that
    /// they leave out fits any, and a picked host port may be named as well.
    #[must_use]
    pub fn is_named_by(&self, words: &PortMapping) -> bool {
        let (mapping, published) = (&self.mapping, &self.published);
        let all =
            |is: &dyn Fn(&Published) -> bool| !published.is_empty() && published.iter().all(is);
        (mapping.container, mapping.protocol) == (words.container, words.protocol)
            && words.host.is_none_or(|host| mapping.host == Some(host) || all(&|p| p.host == host))
            && words
                .address
                .is_none_or(|ip| mapping.address == Some(ip) || all(&|p| p.address == ip))
            && (words.from.is_empty() || words.from == mapping.from)
    }
}

impl FromStr for PortMapping {
    type Err = Error;
    fn from_str(spec: &str) -> Result<Self, Error> {
        parse::mapping(spec)
            .map_err(|why| Error::invalid(format!("invalid publish spec {spec:?}: {why}")))
    }
}

impl fmt::Display for PortMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            Some(IpAddr::V4(address)) => write!(f, "{address}:")?,
            None => {}
        }
        match (self.host, self.address) {
            (Some(host), _) => write!(f, "{host}:")?,
            (None, Some(_)) => f.write_str(":")?,
            (None, None) => {}
        }
        write!(f, "{}/{}", self.container, self.protocol)?;
        for (index, client) in self.from.iter().enumerate() {
            write!(f, "{}{client}", if index == 0 { ",from=" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

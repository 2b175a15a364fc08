//! What is netd's in the kernel: a device whose alias says so. This file alone decides.

use super::link::Link;
use crate::{
    error::{Error, Result},
    spec::name::Id,
};
use std::fmt;

/// What a device of netd's was made for; `Display` gives the device's alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The bridge of a network.
    Network(Id),
    /// The host side of an endpoint's veth pair.
    Endpoint(Id),
}

impl Owner {
    /// The owner that a device's alias names; none where it is not netd's.
    pub(super) fn from_alias(alias: &str) -> Option<Self> {
        if let Some(id) = alias.strip_prefix(NETWORK) {
            return id.parse().ok().map(Self::Network);
        }
        alias.strip_prefix(ENDPOINT)?.parse().ok().map(Self::Endpoint)
    }

    /// Refuses a device that is not this owner's.
    pub(super) fn require(&self, link: &Link) -> Result<()> {
        match &link.owner {
            Some(owner) if owner == self => Ok(()),
            _ => Err(taken(link)),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(id) => write!(f, "{NETWORK}{id}"),
            Self::Endpoint(id) => write!(f, "{ENDPOINT}{id}"),
        }
    }
}

/// The refusal to touch a device that belongs to somebody else.
pub(super) fn taken(link: &Link) -> Error {
    let by = match &link.owner {
        Some(Owner::Network(id)) => format!("network {}", id.short()),
        Some(Owner::Endpoint(id)) => format!("endpoint {}", id.short()),
        None => "a device that is not netd's".to_owned(),
    };
    Error::conflict(format!(
        "interface name {} is taken by {by}; choose another or remove that device",
        link.name
    ))
}

/// Route protocol that marks the default routes which netd sets in containers; `ip` shows it as
/// `static`. Routes that a container's own tools add are `boot` or `dhcp`.
pub(super) const ROUTE_PROTOCOL: rtnetlink::packet_route::route::RouteProtocol =
    rtnetlink::packet_route::route::RouteProtocol::Static;

const NETWORK: &str = "netd:network:";
const ENDPOINT: &str = "netd:endpoint:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_leads_back_to_its_owner() {
        for owner in [Owner::Network(Id::random()), Owner::Endpoint(Id::random())] {
            assert_eq!(Owner::from_alias(&owner.to_string()), Some(owner));
        }
    }

    #[test]
    fn a_foreign_alias_has_no_owner() {
        for alias in ["", "netd:network:", "netd:endpoint:web", "wan", "netd:other:00"] {
            assert_eq!(Owner::from_alias(alias), None, "{alias}");
        }
    }
}

//! Keys of flows and published ports, from a packet's two ends.

use crate::abi::{FLOW_MASQUERADED, FLOW_PUBLISHED, FlowKey, PublishedKey};
use crate::address::Address;
use crate::parse::Parsed;

/// An address and a port, or an echo's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The address.
    pub address: Address,
    /// The port, network order.
    pub port: [u8; 2],
}

impl Parsed {
    /// Who sent the packet.
    #[inline(always)]
    #[must_use]
    pub const fn from(&self) -> End {
        End { address: self.source, port: self.source_port }
    }

    /// Who is to get it.
    #[inline(always)]
    #[must_use]
    pub const fn to(&self) -> End {
        End { address: self.destination, port: self.destination_port }
    }
}

/// The key of a flow that was opened from outside to the container's end `inner`.
#[inline(always)]
#[must_use]
pub const fn published_flow(remote: End, inner: End, protocol: u8) -> FlowKey {
    key(remote, inner, protocol, FLOW_PUBLISHED)
}

/// The key of a flow that a container opened and that leaves from the host's end `outer`.
#[inline(always)]
#[must_use]
pub const fn masqueraded_flow(remote: End, outer: End, protocol: u8) -> FlowKey {
    key(remote, outer, protocol, FLOW_MASQUERADED)
}

/// The key of a port published on exactly `host`.
#[inline(always)]
#[must_use]
pub const fn published_port(host: End, protocol: u8) -> PublishedKey {
    PublishedKey { address: host.address, port: host.port, protocol, pad: 0, rest: 0 }
}

#[inline(always)]
const fn key(remote: End, local: End, protocol: u8, kind: u8) -> FlowKey {
    FlowKey {
        remote: remote.address,
        local: local.address,
        remote_port: remote.port,
        local_port: local.port,
        protocol,
        kind,
        pad: [0; 2],
    }
}

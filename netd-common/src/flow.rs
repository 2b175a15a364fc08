//! Keys of flows and published ports, from a packet's two ends.

use crate::abi::{
    FLOW_MASQUERADED, FLOW_MOVED, FLOW_PUBLISHED, Flow, FlowKey, Published, PublishedKey, RangeKey,
};
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

impl FlowKey {
    /// The far end.
    #[inline(always)]
    #[must_use]
    pub const fn remote_end(&self) -> End {
        End { address: self.remote, port: self.remote_port }
    }

    /// The near end.
    #[inline(always)]
    #[must_use]
    pub const fn local_end(&self) -> End {
        End { address: self.local, port: self.local_port }
    }
}

impl Flow {
    /// The end that the key does not have.
    #[inline(always)]
    #[must_use]
    pub const fn peer_end(&self) -> End {
        End { address: self.peer, port: self.peer_port }
    }

    /// The client by its own name, where the container knows it by another.
    #[inline(always)]
    #[must_use]
    pub fn client_end(&self) -> Option<End> {
        if self.client == Address::UNSPECIFIED {
            return None;
        }
        Some(End { address: self.client, port: self.client_port })
    }
}

impl Published {
    /// The container's end that the host port `port` leads to.
    #[inline(always)]
    #[must_use]
    pub const fn inner(&self, port: [u8; 2]) -> End {
        let distance = u16::from_be_bytes(port).wrapping_sub(u16::from_be_bytes(self.first));
        let inner = u16::from_be_bytes(self.port).wrapping_add(distance);
        End { address: self.address, port: inner.to_be_bytes() }
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

/// The key of what says by which other end `opener` is known to what it calls `called`.
#[inline(always)]
#[must_use]
pub const fn moved(called: End, opener: End, protocol: u8) -> FlowKey {
    key(called, opener, protocol, FLOW_MOVED)
}

/// The key of a port published on exactly `host`.
#[inline(always)]
#[must_use]
pub const fn published_port(host: End, protocol: u8) -> PublishedKey {
    PublishedKey { address: host.address, port: host.port, protocol, pad: 0, rest: 0 }
}

/// The key of the range that holds a port of exactly `host`.
#[inline(always)]
#[must_use]
pub const fn published_range(host: End, protocol: u8) -> RangeKey {
    RangeKey { address: host.address, protocol, pad: 0, port: host.port }
}

/// The key of a mapping that holds towards every remote end.
#[inline(always)]
#[must_use]
pub const fn mapping(end: End, protocol: u8, kind: u8) -> FlowKey {
    let everybody = End { address: Address::UNSPECIFIED, port: [0; 2] };
    key(everybody, end, protocol, kind)
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

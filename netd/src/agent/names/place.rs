//! Where clients ask, and the sockets that are made there.

use crate::error::{Error, ErrorCode, Result};
use crate::kernel::{netns::Namespace, resolver::Sockets};
use std::{net::Ipv4Addr, sync::Arc};

/// Where a client asks.
#[derive(Clone)]
pub(super) enum Place {
    /// A container's namespace, and whether it has resolvers of its own.
    Container(Arc<Namespace>, bool),
    /// The agent's own namespace and an address in it, and whether that was asked for: otherwise it
    /// is used only where it is free.
    Host(Arc<Namespace>, Ipv4Addr, bool),
}

impl Place {
    /// Makes the sockets.
    ///
    /// # Errors
    /// As those of [`Sockets`].
    pub(super) fn open(&self) -> Result<Sockets> {
        match self {
            Self::Container(namespace, asks_itself) => {
                Sockets::of_container(namespace, *asks_itself)
            }
            Self::Host(namespace, address, _) => Sockets::of_host(namespace, *address),
        }
    }

    /// Whether people need to know that there are no sockets.
    pub(super) fn matters(&self, error: &Error) -> bool {
        !matches!(self, Self::Host(.., false)) || error.code != ErrorCode::Conflict
    }
}

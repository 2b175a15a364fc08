//! What netd-dns gets from the kernel by the agent's hand: sockets inside the containers'
//! namespaces, and its process.

mod process;

pub use process::{Home, Running, ends_at_once};

use super::netns::{Namespace, visit};
use crate::dns::protocol::{ClientId, Message};
use crate::error::{Error, Result};
use netd_common::resolver::{RESOLVER, RESOLVER_PORT};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, listen, socket_with,
    sockopt::{set_ipv6_v6only, set_socket_recv_buffer_size_force},
};
use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// The sockets by which one client asks. They keep its namespace alive.
#[derive(Debug)]
pub struct Sockets {
    udp: UdpSocket,
    tcp: TcpListener,
    /// To ask resolvers of the client's own choice by.
    datagrams: Vec<OwnedFd>,
    streams: Vec<OwnedFd>,
}

impl Sockets {
    /// Those of a container; with `asks_itself` also those for its own resolvers.
    ///
    /// # Errors
    /// `Conflict` where somebody else has the port, `Kernel` where the namespace's lo is gone or the
    /// kernel refuses.
    pub fn of_container(namespace: &Namespace, asks_itself: bool) -> Result<Self> {
        let at = SocketAddrV4::new(Ipv4Addr::from(RESOLVER), RESOLVER_PORT);
        let (datagrams, streams) = if asks_itself { (DATAGRAMS, STREAMS) } else { (0, 0) };
        Self::open(namespace, at, (datagrams, streams))
    }

    /// Those of the host's processes, on the port of DNS (RFC 1035 4.2).
    ///
    /// # Errors
    /// As [`Sockets::of_container`].
    pub fn of_host(namespace: &Namespace, address: Ipv4Addr) -> Result<Self> {
        Self::open(namespace, SocketAddrV4::new(address, DNS), (0, 0))
    }

    /// The message that hands them over to whom `client` asks.
    #[must_use]
    pub fn message(&self, client: ClientId) -> Message {
        // Neither is ever more than a few.
        let count = |sockets: &[OwnedFd]| u8::try_from(sockets.len()).unwrap_or(u8::MAX);
        let (datagrams, streams) = (count(&self.datagrams), count(&self.streams));
        Message::Serve { client, datagrams, streams }
    }

    /// The descriptors that the message names, in its order.
    #[must_use]
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let asking = self.datagrams.iter().chain(&self.streams).map(AsFd::as_fd);
        [self.udp.as_fd(), self.tcp.as_fd()].into_iter().chain(asking).collect()
    }

    fn open(namespace: &Namespace, at: SocketAddrV4, more: (usize, usize)) -> Result<Self> {
        visit(namespace.as_fd(), || make(at, more))?.map_err(|error| {
            let what = format!("cannot listen on {at} in network namespace {}", namespace.id().0);
            match error.kind() {
                io::ErrorKind::AddrInUse => {
                    Error::conflict(format!("{what}: another process has the port"))
                }
                _ => Error::kernel(format!("{what}: {error}")),
            }
        })
    }
}

fn make(at: SocketAddrV4, (datagrams, streams): (usize, usize)) -> io::Result<Sockets> {
    let (udp, tcp) = (UdpSocket::bind(at)?, TcpListener::bind(at)?);
    udp.set_nonblocking(true)?;
    tcp.set_nonblocking(true)?;
    // Questions wait here while netd-dns is started again.
    set_socket_recv_buffer_size_force(&udp, WAITING_BYTES)?;
    listen(&tcp, WAITING_CONNECTIONS)?;
    let many = |count, kind| (0..count).map(|_| unbound(kind)).collect::<io::Result<_>>();
    Ok(Sockets {
        udp,
        tcp,
        datagrams: many(datagrams, SocketType::DGRAM)?,
        streams: many(streams, SocketType::STREAM)?,
    })
}

/// A socket for both families; for IPv4 alone where the kernel has no IPv6.
fn unbound(kind: SocketType) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    match socket_with(AddressFamily::INET6, kind, flags, None) {
        Ok(socket) => {
            set_ipv6_v6only(&socket, false)?;
            Ok(socket)
        }
        Err(rustix::io::Errno::AFNOSUPPORT) => {
            Ok(socket_with(AddressFamily::INET, kind, flags, None)?)
        }
        Err(error) => Err(error.into()),
    }
}

const DNS: u16 = 53;
/// Sockets to ask a container's own resolvers by.
const DATAGRAMS: usize = 8;
const STREAMS: usize = 2;
/// What the kernel keeps while nobody reads: some thousand questions, in its own way of counting.
const WAITING_BYTES: usize = 1 << 20;
const WAITING_CONNECTIONS: i32 = 1_024;

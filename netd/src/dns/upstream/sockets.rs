//! The sockets that questions to others go by: new ones in the host's network; in a container's
//! network, those that the agent made there.

use rustix::net::connect_unspec;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    net::{TcpSocket, TcpStream, UdpSocket},
    sync::{Semaphore, SemaphorePermit, watch},
};

/// Where questions leave from.
#[derive(Clone, Debug)]
pub(crate) enum Sockets {
    /// The host's network: a new socket for each.
    Host,
    /// A container's.
    Own(Arc<Pool>),
}

/// The sockets of a container; each carries one question at a time.
#[derive(Debug)]
pub(crate) struct Pool {
    datagrams: Shelf,
    streams: Shelf,
    gone: watch::Receiver<()>,
}

/// Sockets of one kind.
#[derive(Debug)]
struct Shelf {
    most: usize,
    free: Mutex<Vec<OwnedFd>>,
    count: Semaphore,
}

/// A socket while it is used; after that it is as new: no peer, no port.
#[derive(Debug)]
pub(crate) struct Loan<'a> {
    socket: Option<OwnedFd>,
    shelf: &'a Shelf,
    _place: SemaphorePermit<'a>,
}

impl Sockets {
    /// A UDP socket with that peer and a port of its own; with it goes what must live as long.
    pub(crate) async fn datagram(
        &self,
        to: SocketAddr,
    ) -> io::Result<(UdpSocket, Option<Loan<'_>>)> {
        match self {
            Self::Host => {
                let socket = UdpSocket::bind((any(to), 0)).await?;
                socket.connect(to).await?;
                Ok((socket, None))
            }
            Self::Own(pool) => {
                let loan = pool.datagrams.lend().await?;
                let socket = std::net::UdpSocket::from(loan.copy()?);
                socket.set_nonblocking(true)?;
                let socket = UdpSocket::from_std(socket)?;
                socket.connect(mapped(to)).await?;
                // What came for an earlier question.
                while socket.try_recv(&mut [0; 1]).is_ok() {}
                Ok((socket, Some(loan)))
            }
        }
    }

    /// A TCP connection to that server.
    pub(crate) async fn stream(&self, to: SocketAddr) -> io::Result<(TcpStream, Option<Loan<'_>>)> {
        match self {
            Self::Host => Ok((TcpStream::connect(to).await?, None)),
            Self::Own(pool) => {
                let loan = pool.streams.lend().await?;
                let socket = std::net::TcpStream::from(loan.copy()?);
                socket.set_nonblocking(true)?;
                let stream = TcpSocket::from_std_stream(socket).connect(mapped(to)).await?;
                Ok((stream, Some(loan)))
            }
        }
    }
}

impl Pool {
    /// What the agent handed over; questions end at the word or the end of `gone`'s sender.
    pub(crate) fn new(
        datagrams: Vec<OwnedFd>,
        streams: Vec<OwnedFd>,
        gone: watch::Receiver<()>,
    ) -> Self {
        Self { datagrams: Shelf::new(datagrams), streams: Shelf::new(streams), gone }
    }

    /// Waits until the container has no resolver here any more.
    pub(crate) async fn gone(&self) {
        let mut gone = self.gone.clone();
        let _ = gone.changed().await;
    }
}

impl Shelf {
    fn new(sockets: Vec<OwnedFd>) -> Self {
        let most = sockets.len();
        Self { most, count: Semaphore::new(most), free: Mutex::new(sockets) }
    }

    /// A socket, when one is free.
    async fn lend(&self) -> io::Result<Loan<'_>> {
        if self.most == 0 {
            return Err(io::Error::other("no socket was handed over for this"));
        }
        let place = self.count.acquire().await.map_err(io::Error::other)?;
        let socket = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Loan { socket, shelf: self, _place: place })
    }
}

impl Loan<'_> {
    fn copy(&self) -> io::Result<OwnedFd> {
        match &self.socket {
            Some(socket) => socket.try_clone(),
            None => Err(io::Error::other("the socket is lent already")),
        }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.take() {
            let _ = connect_unspec(&socket);
            self.shelf.free.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
        }
    }
}

/// The address that says "any" in the same family.
fn any(to: SocketAddr) -> IpAddr {
    if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

/// As sockets of IPv6 know it.
fn mapped(to: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(v4) => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
        SocketAddr::V6(_) => to,
    }
}

//! Clients and their sockets.

use crate::dns::{
    limits::{CONNECTIONS, Quota, Room, Untaken},
    protocol::ClientId,
    upstream::Pool,
};
use rustix::net::{SocketType, sockopt};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::{Semaphore, watch},
};

/// Those who ask.
#[derive(Debug, Default)]
pub(super) struct Clients(Mutex<BTreeMap<ClientId, Served>>);

/// Its word or its end ends all that is done for a client.
pub(super) type Life = watch::Sender<()>;

/// While it lives, its client's sockets are answered.
#[derive(Debug)]
struct Served {
    client: Arc<Client>,
    life: Life,
}

/// One who asks, and its sockets.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: ClientId,
    pub(super) datagrams: UdpSocket,
    pub(super) streams: TcpListener,
    pub(super) connections: Arc<Semaphore>,
    pub(super) quota: Quota,
    pub(super) untaken: Untaken,
    pub(super) pool: Arc<Pool>,
    ended: watch::Receiver<()>,
}

impl Client {
    /// A client by what the agent handed over; within a runtime.
    ///
    /// # Errors
    /// Where a descriptor is not what it should be: what, in words.
    pub(super) fn new(
        id: ClientId,
        descriptors: Vec<OwnedFd>,
        datagrams: usize,
        all: &Room,
    ) -> Result<(Self, Life), String> {
        let mut descriptors = descriptors.into_iter();
        let (Some(udp), Some(tcp)) = (descriptors.next(), descriptors.next()) else {
            return Err("a client needs a UDP socket and a TCP listener".into());
        };
        let datagrams: Vec<_> = descriptors.by_ref().take(datagrams).collect();
        let streams: Vec<_> = descriptors.collect();
        for socket in [&udp].into_iter().chain(&datagrams) {
            must_be(socket, SocketType::DGRAM, "UDP")?;
        }
        for socket in [&tcp].into_iter().chain(&streams) {
            must_be(socket, SocketType::STREAM, "TCP")?;
        }
        let refused = |error: io::Error| format!("a socket can't be used: {error}");
        let (udp, tcp) = (std::net::UdpSocket::from(udp), std::net::TcpListener::from(tcp));
        udp.set_nonblocking(true).map_err(refused)?;
        tcp.set_nonblocking(true).map_err(refused)?;
        if !sockopt::socket_acceptconn(&tcp).map_err(|e| refused(e.into()))? {
            return Err("the TCP socket does not listen".into());
        }
        let (life, ended) = watch::channel(());
        let client = Self {
            id,
            datagrams: UdpSocket::from_std(udp).map_err(refused)?,
            streams: TcpListener::from_std(tcp).map_err(refused)?,
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
            quota: Quota::new(all),
            untaken: Untaken::new(all),
            pool: Arc::new(Pool::new(datagrams, streams, ended.clone())),
            ended,
        };
        Ok((client, life))
    }

    /// The work, which ends early where the client is released.
    pub(super) fn while_served<W: Future<Output = ()>>(
        &self,
        work: W,
    ) -> impl Future<Output = ()> + use<W> {
        let mut ended = self.ended.clone();
        async move {
            tokio::select! {
                _ = ended.changed() => {}
                () = work => {}
            }
        }
    }

    /// Where it has netd-dns.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.datagrams.local_addr().ok()
    }
}

impl Clients {
    pub(super) fn add(&self, client: Arc<Client>, life: Life) {
        self.lock().insert(client.id, Served { client, life });
    }

    /// Ends all that is done for a client; none where it was not there. When nobody listens to what
    /// is returned any more, its sockets are closed.
    pub(super) fn remove(&self, id: ClientId) -> Option<Life> {
        let Served { life, .. } = self.lock().remove(&id)?;
        life.send_replace(());
        Some(life)
    }

    pub(super) fn ids(&self) -> Vec<ClientId> {
        self.lock().keys().copied().collect()
    }

    /// Where the host has netd-dns.
    pub(super) fn host_address(&self) -> Option<SocketAddr> {
        self.lock().get(&ClientId::HOST)?.client.address()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ClientId, Served>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn must_be(socket: &OwnedFd, kind: SocketType, name: &str) -> Result<(), String> {
    match sockopt::socket_type(socket) {
        Ok(found) if found == kind => Ok(()),
        Ok(_) => Err(format!("a descriptor is not the {name} socket that it should be")),
        Err(error) => Err(format!("a descriptor is no socket: {error}")),
    }
}

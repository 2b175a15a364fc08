//! Word that something changed on the host: devices, addresses or routes.

use super::{Netlink, Reply, flagged, kernel, link, refused, reply, unopened, veths::LOOPBACK};
use crate::{
    error::{Error, Result},
    kernel::netns::visit,
};
use futures_util::FutureExt;
use nix::errno::Errno;
use rtnetlink::{
    MulticastGroup,
    packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage},
    sys::{AsyncSocket, AsyncSocketExt, Socket, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE},
};
use std::{io, os::fd::BorrowedFd, time::Duration};
use tokio::{
    sync::mpsc::{self, Receiver, error::TrySendError},
    task::AbortHandle,
    time,
};

impl Netlink {
    /// A channel that gets a unit whenever devices, addresses or routes of the calling thread's
    /// namespace change, netd's own changes included. Many changes at once may give one unit; none
    /// is lost. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// `Kernel` where the socket is refused.
    pub fn events() -> Result<Receiver<()>> {
        let socket = subscribe().map_err(|e| unopened(&e))?;
        // One place is enough: a unit that waits stands for every change until it is taken.
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(forward(socket, move || {
            !matches!(sender.try_send(()), Err(TrySendError::Closed(())))
        }));
        Ok(receiver)
    }

    /// Sets lo up in `namespace`, which a new one has down, and calls `tell` whenever devices, addresses,
    /// routes or programs change there, until it says false or the listener is dropped.
    ///
    /// # Errors
    /// As [`Netlink::open_in`]; the kernel refuses to set lo up.
    pub fn listen_in(
        namespace: BorrowedFd<'_>,
        tell: impl Fn() -> bool + Send + 'static,
    ) -> Result<Listener> {
        let socket = visit(namespace, || {
            let socket = subscribe().map_err(|e| unopened(&e))?;
            raise_loopback().map_err(refused("set lo up"))?;
            Ok::<_, Error>(socket)
        })??;
        Ok(Listener(tokio::spawn(forward(socket, tell)).abort_handle()))
    }
}

/// Sets the calling thread's lo up.
fn raise_loopback() -> Reply<()> {
    let errno = |e: io::Error| e.raw_os_error().map_or(Errno::EPROTO, Errno::from_raw);
    let mut request = flagged(link::raise(LOOPBACK), NLM_F_REQUEST | NLM_F_ACK);
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    let socket = Socket::new(NETLINK_ROUTE).map_err(errno)?;
    socket.send_to(&bytes, &kernel(), 0).map_err(errno)?;
    let mut answer = socket.recv_from_full().map_err(errno)?;
    // Whoever is in there may send something too.
    while answer.1.port_number() != 0 {
        answer = socket.recv_from_full().map_err(errno)?;
    }
    let (answer, _) = answer;
    let answer = NetlinkMessage::deserialize(&answer).map_err(|_| Errno::EPROTO)?;
    reply(answer.payload).unwrap_or(Err(Errno::EPROTO)).map(drop)
}

/// Listens to a namespace until it is dropped.
#[derive(Debug)]
pub struct Listener(AbortHandle);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn subscribe() -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
    let groups = GROUPS.iter().fold(0, |mask, group| mask | 1 << (*group as u32 - 1));
    socket.socket_mut().bind(&SocketAddr::new(0, groups))?;
    Ok(socket)
}

async fn forward(socket: TokioSocket, tell: impl Fn() -> bool) {
    let mut message = Vec::with_capacity(RECEIVE_BUFFER);
    loop {
        message.clear();
        match socket.recv(&mut message).await {
            Ok(()) => {}
            // More happened than the socket could hold.
            Err(e) if e.raw_os_error() == Some(Errno::ENOBUFS as i32) => {}
            Err(e) => {
                tracing::warn!("changes are no longer noticed at once: {e}");
                return;
            }
        }
        if !tell() {
            return;
        }
        // What made it makes more, and is not to wait for this.
        time::sleep(PAUSE).await;
        message.clear();
        let mut more = false;
        while let Some(received) = socket.recv(&mut message).now_or_never() {
            message.clear();
            more = true;
            if received.is_err() {
                break;
            }
        }
        if more && !tell() {
            return;
        }
    }
}

const GROUPS: [MulticastGroup; 8] = [
    MulticastGroup::Link,
    // A veth that somebody takes off the shared blocks has no program until it is put back.
    MulticastGroup::Tc,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
    // Forwarding and the like, which are switched for each device.
    MulticastGroup::Ipv4Netconf,
    MulticastGroup::Ipv6Netconf,
];
/// How long to let more of the same come.
const PAUSE: Duration = Duration::from_millis(10);
/// Bytes of one notification; what is longer is cut, which does no harm: nobody reads it.
const RECEIVE_BUFFER: usize = 256;

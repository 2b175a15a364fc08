//! Word that something changed on the host: devices, addresses or routes.

use super::{Netlink, unopened};
use crate::error::Result;
use futures_util::FutureExt;
use nix::errno::Errno;
use rtnetlink::{
    MulticastGroup,
    sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE},
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

    /// As [`Netlink::open_in`], with a second socket that calls `tell` whenever devices, addresses,
    /// routes or programs of `namespace` change, until it says false or the listener is dropped.
    ///
    /// # Errors
    /// As [`Netlink::open_in`].
    pub fn open_and_listen_in(
        namespace: BorrowedFd<'_>,
        tell: impl Fn() -> bool + Send + 'static,
    ) -> Result<(Self, Listener)> {
        Self::open_after(namespace, || {
            let socket = subscribe().map_err(|e| unopened(&e))?;
            Ok(Listener(tokio::spawn(forward(socket, tell)).abort_handle()))
        })
    }
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
        while let Some(Ok(())) = socket.recv(&mut message).now_or_never() {
            message.clear();
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

//! Word that something changed on the host: devices, addresses or routes.

use super::{Netlink, unopened};
use crate::error::Result;
use nix::errno::Errno;
use rtnetlink::{
    MulticastGroup,
    sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols::NETLINK_ROUTE},
};
use std::io;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};

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
        tokio::spawn(forward(socket, sender));
        Ok(receiver)
    }
}

fn subscribe() -> io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
    let groups = GROUPS.iter().fold(0, |mask, group| mask | 1 << (*group as u32 - 1));
    socket.socket_mut().bind(&SocketAddr::new(0, groups))?;
    Ok(socket)
}

async fn forward(socket: TokioSocket, sender: Sender<()>) {
    let mut message = Vec::with_capacity(RECEIVE_BUFFER);
    loop {
        message.clear();
        let received = tokio::select! {
            result = socket.recv(&mut message) => result,
            () = sender.closed() => return,
        };
        match received {
            Ok(()) => {}
            // More happened than the socket could hold.
            Err(e) if e.raw_os_error() == Some(Errno::ENOBUFS as i32) => {}
            Err(e) => {
                tracing::warn!("changes on the host are no longer noticed at once: {e}");
                return;
            }
        }
        if let Err(TrySendError::Closed(())) = sender.try_send(()) {
            return;
        }
    }
}

const GROUPS: [MulticastGroup; 6] = [
    MulticastGroup::Link,
    // A veth that somebody takes off the shared blocks has no program until it is put back.
    MulticastGroup::Tc,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Route,
];
/// Bytes of one notification; what is longer is cut, which does no harm: nobody reads it.
const RECEIVE_BUFFER: usize = 8192;

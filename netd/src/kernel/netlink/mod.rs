//! Netlink: devices, addresses, routes and traffic control, as verbs. The only user of rtnetlink.
//!
//! Sysctls that belong to a device are written by the calling thread, so the verbs for bridges and
//! veths must run in the namespace that the handle was opened in; the agent only ever has one.

mod addresses;
mod bridges;
mod cards;
mod departures;
mod events;
mod generic;
mod host;
mod link;
mod observe;
mod ownership;
pub(super) mod rehearsal;
mod rename;
mod routes;
mod sockets;
mod tc;
mod veths;

pub use bridges::is_switched;
pub use cards::Card;
pub use departures::Departures;
pub use events::Listener;
use ownership::Owner;

pub use observe::{Inside, LinkView};
pub use sockets::listening_ports;
pub use tc::{EGRESS_BLOCK, INGRESS_BLOCK};

use super::netns;
use crate::error::{Error, Result};
use futures_util::StreamExt;
use nix::errno::Errno;
use rtnetlink::{
    packet_core::{
        NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
    },
    packet_route::RouteNetlinkMessage,
    proto::ConnectionHandle,
    sys::SocketAddr,
};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    pin::pin,
    sync::PoisonError,
    time::Duration,
};
use tokio::{runtime, sync::Mutex, time::timeout};

/// A netlink socket in one network namespace. It keeps that namespace alive.
#[derive(Debug)]
pub struct Netlink {
    /// Made anew after it has ended, which a refusal to send brings about.
    connection: std::sync::Mutex<Connection>,
    namespace: Option<OwnedFd>,
    /// One request or dump at a time: the kernel refuses a second dump on a socket, and drops answers to
    /// one that is full.
    busy: Mutex<()>,
}

type Connection = ConnectionHandle<RouteNetlinkMessage>;

/// What the kernel says: an answer or its error number.
type Reply<T> = std::result::Result<T, Errno>;

/// What goes to the kernel.
type Request = NetlinkMessage<RouteNetlinkMessage>;

/// A socket in the calling thread's namespace, and who serves it.
fn connection() -> io::Result<Connection> {
    let (mut connection, handle, _) = rtnetlink::proto::new_connection_with_socket::<
        _,
        rtnetlink::sys::TokioSocket,
    >(rtnetlink::sys::protocols::NETLINK_ROUTE)?;
    let socket = rtnetlink::sys::AsyncSocket::socket_mut(connection.socket_mut());
    socket.set_netlink_get_strict_chk(true)?;
    // So that an answer can be told from a connection that has ended.
    connection.set_forward_ack(true);
    connection.set_forward_done(true);
    tokio::spawn(connection);
    Ok(handle)
}

/// Does `work` with a socket in the calling thread's namespace, where no runtime is yet.
pub(crate) fn alone<T>(work: impl AsyncFnOnce(&Netlink) -> Result<T>) -> Result<T> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::kernel(format!("cannot set up netlink: {e}")))?;
    runtime.block_on(async { work(&Netlink::open()?).await })
}

impl Netlink {
    /// A socket in the calling thread's namespace. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// `Kernel` where the socket is refused.
    pub fn open() -> Result<Self> {
        Self::connect(None).map_err(|e| unopened(&e))
    }

    /// A socket in `namespace`. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// `Kernel` where the namespace can't be entered or the socket is refused.
    pub fn open_in(namespace: BorrowedFd<'_>) -> Result<Self> {
        Self::open_after(namespace, || Ok(())).map(|(socket, ())| socket)
    }

    /// A socket in `namespace`, after `work` in there, on the runtime.
    fn open_after<T>(
        namespace: BorrowedFd<'_>,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<(Self, T)> {
        let runtime = runtime::Handle::current();
        let copy = namespace.try_clone_to_owned().map_err(|e| unopened(&e))?;
        netns::visit(namespace, move || {
            let _entered = runtime.enter();
            let done = work()?;
            let socket = Self::connect(Some(copy)).map_err(|e| unopened(&e))?;
            Ok((socket, done))
        })?
    }

    fn connect(namespace: Option<OwnedFd>) -> io::Result<Self> {
        let connection = std::sync::Mutex::new(connection()?);
        Ok(Self { connection, namespace, busy: Mutex::new(()) })
    }

    fn connection(&self) -> Connection {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another connection in the place of one that has ended, for the requests after this one.
    fn reconnect(&self) -> Reply<()> {
        let made = match &self.namespace {
            None => connection(),
            Some(namespace) => {
                let runtime = runtime::Handle::current();
                netns::visit(namespace.as_fd(), move || {
                    let _entered = runtime.enter();
                    connection()
                })
                .map_err(|_| Errno::EPIPE)?
            }
        };
        let made = made.map_err(|_| Errno::EPIPE)?;
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = made;
        Ok(())
    }

    /// Sends changes in one go; the kernel makes them in order. The first refusal counts.
    async fn change(&self, requests: Vec<Request>) -> Reply<()> {
        self.try_all(requests).await.into_iter().collect()
    }

    /// As [`Netlink::change`], with the outcome of each: a refusal does not keep the kernel from the
    /// next one.
    async fn try_all(&self, requests: Vec<Request>) -> Vec<Reply<()>> {
        let requests = requests.into_iter().map(|r| flagged(r, NLM_F_ACK)).collect();
        self.ask(requests).await.into_iter().map(|reply| reply.map(drop)).collect()
    }

    /// Sends requests in order and gives one answer for each.
    async fn ask(&self, requests: Vec<Request>) -> Vec<Reply<Option<RouteNetlinkMessage>>> {
        // A socket that a dump or too many answers have filled loses the next answer, and whoever
        // waits for that one would do so for ever.
        let _alone = self.busy.lock().await;
        let mut replies = Vec::with_capacity(requests.len());
        let mut requests = requests.into_iter();
        loop {
            // The connection sends one batch each time it is woken: behind an empty one, which gets
            // no answer to wake it, the next request would wait for ever.
            let some: Vec<Request> = requests.by_ref().take(MOST_AT_ONCE).collect();
            if some.is_empty() {
                return replies;
            }
            replies.extend(self.ask_some(some).await);
        }
    }

    async fn ask_some(&self, requests: Vec<Request>) -> Vec<Reply<Option<RouteNetlinkMessage>>> {
        let expected = requests.len();
        let requests = requests.into_iter().map(|r| flagged(r, NLM_F_REQUEST));
        let mut replies = Vec::with_capacity(expected);
        if let Ok(answers) = self.connection().request_batch(requests, kernel()) {
            let mut answers = pin!(answers);
            while let Ok(Some(answer)) = timeout(PATIENCE, answers.next()).await {
                replies.extend(reply(answer.payload));
            }
        }
        if replies.len() < expected {
            // What was asked may have been done or not; whoever asked looks again.
            let _ = self.reconnect();
        }
        replies.resize(expected, Err(Errno::EPIPE));
        replies
    }

    /// What is to be `kept` of everything of one kind, from one consistent moment. The answers
    /// themselves would be large: some KiB a device.
    async fn dump<T, I: IntoIterator<Item = T>>(
        &self,
        request: RouteNetlinkMessage,
        kept: impl Fn(RouteNetlinkMessage) -> I,
    ) -> Reply<Vec<T>> {
        let _alone = self.busy.lock().await;
        for _ in 0..DUMP_TRIES {
            let request = flagged(request.clone().into(), NLM_F_REQUEST | NLM_F_DUMP);
            if let Some(items) = self.dump_once(request, &kept).await? {
                return Ok(items);
            }
        }
        Err(Errno::EINTR)
    }

    /// One dump; none where things changed while it ran.
    async fn dump_once<T, I: IntoIterator<Item = T>>(
        &self,
        request: Request,
        kept: impl Fn(RouteNetlinkMessage) -> I,
    ) -> Reply<Option<Vec<T>>> {
        let Ok(answers) = self.connection().request(request, kernel()) else {
            self.reconnect()?;
            return Ok(None);
        };
        let mut answers = pin!(answers);
        let (mut items, mut consistent, mut end) = (Vec::new(), true, Err(Errno::EPIPE));
        while let Ok(Some(answer)) = timeout(PATIENCE, answers.next()).await {
            consistent &= answer.header.flags & NLM_F_DUMP_INTR == 0;
            match answer.payload {
                NetlinkPayload::InnerMessage(item) => items.extend(kept(item)),
                NetlinkPayload::Done(done) => end = errno(done.code),
                NetlinkPayload::Error(e) => end = errno(e.raw_code()),
                _ => {}
            }
        }
        if end == Err(Errno::EPIPE) {
            self.reconnect()?;
            return Ok(None);
        }
        end.map(|()| consistent.then_some(items))
    }
}

fn reply(
    payload: NetlinkPayload<RouteNetlinkMessage>,
) -> Option<Reply<Option<RouteNetlinkMessage>>> {
    match payload {
        NetlinkPayload::InnerMessage(message) => Some(Ok(Some(message))),
        NetlinkPayload::Error(e) => Some(errno(e.raw_code()).map(|()| None)),
        _ => None,
    }
}

fn errno(code: i32) -> Reply<()> {
    if code == 0 { Ok(()) } else { Err(Errno::from_raw(code.saturating_neg())) }
}

fn flagged(mut request: Request, flags: u16) -> Request {
    request.header.flags |= flags;
    request
}

/// The kernel's own netlink address.
fn kernel() -> SocketAddr {
    SocketAddr::new(0, 0)
}

fn unopened(error: &io::Error) -> Error {
    Error::refused(error.raw_os_error(), format!("cannot open a netlink socket: {error}"))
}

/// Turns the kernel's refusal of `what` into the line that a person reads.
fn refused(what: impl std::fmt::Display) -> impl FnOnce(Errno) -> Error {
    move |errno| {
        let why = match errno {
            Errno::EPERM | Errno::EACCES => "permission denied; run netd as root".to_owned(),
            Errno::EPIPE => "the netlink connection has ended; it is made anew".to_owned(),
            e => e.desc().to_lowercase(),
        };
        Error::kernel(format!("cannot {what}: {why}"))
    }
}

/// How long to wait for one answer. The kernel has it ready when it has taken the request, so one that
/// is late was lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests whose answers a socket holds for sure: each takes less than a KiB of some 200.
const MOST_AT_ONCE: usize = 64;
/// How often a dump is tried again because things changed meanwhile.
const DUMP_TRIES: usize = 32;

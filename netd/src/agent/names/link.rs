//! The connection to a netd-dns that runs, and what it has been told.

use super::keeper::Event;
use crate::dns::{
    channel::Channel,
    protocol::{Answer, ClientId, Message, Names},
};
use crate::error::{Error, Result};
use crate::kernel::resolver::{Running, Sockets};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use std::{
    collections::BTreeSet,
    io,
    net::Shutdown,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

/// A connection; it ends when dropped, and netd-dns goes on.
pub(super) struct Link {
    channel: Channel,
    /// The same socket, to see it end by.
    watch: UnixStream,
    process: Option<Running>,
    served: BTreeSet<ClientId>,
    names: Option<Arc<Names>>,
    broken: bool,
    /// Tells this connection from those before it.
    pub(super) number: u64,
    /// The protocol that netd-dns speaks.
    pub(super) version: u32,
    since: Instant,
}

impl Link {
    /// Greets the netd-dns at the other end, which is `process` where that is sure. Its end will be
    /// an event with this `number`.
    pub(super) fn greet(
        stream: UnixStream,
        process: Option<Running>,
        number: u64,
        events: mpsc::Sender<Event>,
    ) -> io::Result<Self> {
        let watch = stream.try_clone()?;
        let mut channel = Channel::new(stream)?;
        let welcome = channel.greet()?;
        let watched = watch.try_clone()?;
        thread::Builder::new().name("names-watch".to_owned()).spawn(move || {
            hung_up(&watched, PollTimeout::NONE);
            // The receiver is gone only when the agent is.
            let _ = events.send(Event::Lost(number));
        })?;
        Ok(Self {
            channel,
            watch,
            process,
            served: welcome.clients.into_iter().collect(),
            names: None,
            broken: false,
            number,
            version: welcome.version,
            since: Instant::now(),
        })
    }

    /// After a failure of the connection itself, which is of no use any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// It has lived long enough to be worth another one when it ends.
    pub(super) fn is_sound(&self) -> bool {
        self.since.elapsed() > SOUND
    }

    /// Whose sockets it has.
    pub(super) fn served(&self) -> &BTreeSet<ClientId> {
        &self.served
    }

    /// Tells all names, where they are not what it was told last.
    pub(super) fn tell(&mut self, names: &Arc<Names>) -> Result<()> {
        if self.names.as_ref() == Some(names) {
            return Ok(());
        }
        self.ask(&Message::Names(Names::clone(names)), &[])?;
        self.names = Some(names.clone());
        Ok(())
    }

    /// Hands a client's sockets over.
    pub(super) fn serve(&mut self, client: ClientId, sockets: &Sockets) -> Result<()> {
        self.ask(&sockets.message(client), &sockets.descriptors())?;
        self.served.insert(client);
        Ok(())
    }

    /// Has it let go of a client's sockets.
    pub(super) fn release(&mut self, client: ClientId) -> Result<()> {
        self.ask(&Message::Release { client }, &[])?;
        self.served.remove(&client);
        Ok(())
    }

    /// Ends it, by force where it does not listen.
    pub(super) fn quit(mut self) {
        // Going away at once is an answer, too.
        let _ = self.ask(&Message::Quit, &[]);
        if !hung_up(&self.watch, PollTimeout::from(GOODBYE)) {
            self.kill();
        }
    }

    /// Ends one that is silent by force, and waits for that. One that hung up has ended, or does
    /// not want this connection: another one can be had.
    pub(super) fn kill(&self) {
        if hung_up(&self.watch, PollTimeout::ZERO) {
            return;
        }
        let Some(process) = self.process else { return };
        match process.kill() {
            Ok(()) => drop(hung_up(&self.watch, PollTimeout::from(GOODBYE))),
            Err(error) => tracing::warn!("{error}"),
        }
    }

    fn ask(&mut self, message: &Message, descriptors: &[BorrowedFd<'_>]) -> Result<()> {
        match self.channel.ask(message, descriptors) {
            Ok(Answer::Done) => Ok(()),
            Ok(Answer::Refused(why)) => Err(Error::kernel(format!("netd-dns refuses: {why}"))),
            Ok(Answer::Welcome { .. }) => {
                self.broken = true;
                Err(Error::internal("netd-dns gave an answer to another question"))
            }
            Err(error) => {
                self.broken = true;
                Err(Error::kernel(format!("netd-dns does not answer: {error}")))
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Ends the watch as well. An error means that the other side was first.
        let _ = self.watch.shutdown(Shutdown::Both);
    }
}

/// Waits until the other side has hung up; false where it has not by then.
fn hung_up(socket: &UnixStream, limit: PollTimeout) -> bool {
    loop {
        // Asked for nothing, the kernel still tells of the end.
        match poll(&mut [PollFd::new(socket.as_fd(), PollFlags::empty())], limit) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(Errno::EINTR) => {}
            Err(error) => {
                tracing::warn!("cannot watch netd-dns: {error}");
                return false;
            }
        }
    }
}

const SOUND: Duration = Duration::from_secs(1);
/// How long netd-dns may take to end, in milliseconds.
const GOODBYE: u16 = 1_000;

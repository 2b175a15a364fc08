//! The agent's side: one agent at a time, the newest. A lost one changes nothing.

use super::{Client, Server};
use crate::dns::{
    channel::{Incoming, send},
    protocol::{Answer, ClientId, Message, VERSION},
};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{getsockopt, sockopt::PeerCredentials},
    unistd::{Uid, getpid},
};
use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

/// Does what agents say that come to `listener`, until one says to quit. Blocks; has a thread of its
/// own. Only root and `owner` may come.
///
/// # Errors
/// Where nobody can come any more.
pub fn control(
    server: &Arc<Server>,
    runtime: &Handle,
    listener: &UnixListener,
    owner: Uid,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut agent: Option<Agent> = None;
    loop {
        let (comes, speaks) = wait(listener, agent.as_ref())?;
        if comes && let Some(newer) = accept(listener, owner) {
            agent = Some(newer);
        } else if speaks && let Some(present) = &mut agent {
            let _within = runtime.enter();
            match present.listen(server) {
                Ok(State::Here) => {}
                Ok(State::Quit) => return Ok(()),
                Ok(State::Gone) => agent = None,
                Err(error) => {
                    tracing::warn!("the agent is given up: {error}");
                    agent = None;
                }
            }
        }
    }
}

/// A connected agent.
struct Agent {
    socket: UnixStream,
    incoming: Incoming,
}

enum State {
    Here,
    Gone,
    /// It wants the process to end.
    Quit,
}

/// Whether an agent comes, and whether the present one says something.
fn wait(listener: &UnixListener, agent: Option<&Agent>) -> io::Result<(bool, bool)> {
    let mut all = vec![PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    all.extend(agent.map(|agent| PollFd::new(agent.socket.as_fd(), PollFlags::POLLIN)));
    match poll(&mut all, PollTimeout::NONE) {
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok((false, false)),
        Err(error) => return Err(error.into()),
    }
    let ready = |at: usize| all.get(at).and_then(PollFd::any).unwrap_or(false);
    Ok((ready(0), ready(1)))
}

fn accept(listener: &UnixListener, owner: Uid) -> Option<Agent> {
    let socket = match listener.accept() {
        Ok((socket, _)) => socket,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
        Err(error) => {
            tracing::warn!("cannot take an agent's connection: {error}");
            sleep(PAUSE);
            return None;
        }
    };
    let peer = getsockopt(&socket, PeerCredentials).ok()?;
    if peer.uid() != 0 && peer.uid() != owner.as_raw() {
        tracing::warn!("user {} may not speak to netd-dns", peer.uid());
        return None;
    }
    socket.set_nonblocking(true).ok()?;
    Some(Agent { socket, incoming: Incoming::default() })
}

impl Agent {
    /// Does what has come; the agent waits for each answer.
    fn listen(&mut self, server: &Arc<Server>) -> io::Result<State> {
        let more = self.incoming.read(&self.socket)?;
        while let Some(message) = self.incoming.message::<Message>()? {
            let descriptors = self.incoming.descriptors(message.descriptors());
            let whole = descriptors.is_some();
            let quit = message == Message::Quit;
            let answer = server.obey(message, descriptors);
            send(&self.socket, &answer, &[], Instant::now() + ANSWER_TIME)?;
            if quit {
                server.quit.notify_one();
                return Ok(State::Quit);
            }
            if !whole {
                return Err(io::Error::other("its descriptors are not those that it names"));
            }
        }
        Ok(if more { State::Here } else { State::Gone })
    }
}

impl Server {
    fn obey(self: &Arc<Self>, message: Message, descriptors: Option<Vec<OwnedFd>>) -> Answer {
        match message {
            Message::Hello { .. } => Answer::Welcome {
                version: VERSION,
                pid: getpid().as_raw().unsigned_abs(),
                clients: self.clients.ids(),
            },
            Message::Names(names) => {
                self.know(&names);
                Answer::Done
            }
            Message::Serve { client, datagrams, .. } => {
                self.take(client, descriptors, datagrams.into())
            }
            Message::Release { client } => {
                self.release(client);
                Answer::Done
            }
            Message::Quit => Answer::Done,
        }
    }

    fn take(
        self: &Arc<Self>,
        client: ClientId,
        descriptors: Option<Vec<OwnedFd>>,
        datagrams: usize,
    ) -> Answer {
        let Some(descriptors) = descriptors else {
            return Answer::Refused("more or fewer descriptors came than the message names".into());
        };
        match Client::new(client, descriptors, datagrams, &self.room) {
            Ok((client, life)) => {
                self.serve(client, life);
                Answer::Done
            }
            Err(why) => Answer::Refused(why),
        }
    }
}

/// How long an agent may take to hear an answer.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// After a failure to accept, as where descriptors run out.
const PAUSE: Duration = Duration::from_millis(100);

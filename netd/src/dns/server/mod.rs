//! The process: clients and their sockets, and what they share.

mod clients;
mod control;
mod datagrams;
mod streams;

pub use control::control;

use super::{
    cache::{Kept, Key, Set},
    limits::{Place, Room},
    message::{
        Query, code, foreign,
        reply::{self, Reply},
    },
    protocol::{ClientId, Names},
    resolv::{self, HostResolvers},
    upstream::{Resolver, Sockets},
    zone::{Asker, Tables},
};
use clients::{Client, Clients, Life};
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{runtime::Handle, sync::Notify, time::timeout};

/// Everything that netd-dns knows and does.
#[derive(Debug)]
pub struct Server {
    tables: RwLock<Arc<Tables>>,
    clients: Clients,
    resolver: Arc<Resolver>,
    host: HostResolvers,
    room: Room,
    quit: Notify,
}

/// A question that others are to answer, with its place in the room for such.
struct Question {
    key: Key,
    sockets: Sockets,
    place: Place,
}

/// What a client's packet came to.
enum Turn {
    /// The answer is written.
    Answer,
    /// It gets none.
    Silence,
    /// Others are to be asked.
    Ask(Question),
}

impl Server {
    /// Nobody's server yet; the host's resolvers are those of the file at `resolv_conf`.
    #[must_use]
    pub fn new(resolv_conf: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            tables: RwLock::default(),
            clients: Clients::default(),
            resolver: Arc::new(Resolver::new()),
            host: HostResolvers::new(resolv_conf),
            room: Room::default(),
            quit: Notify::new(),
        })
    }

    /// Waits until an agent wants the process to end.
    pub async fn told_to_quit(&self) {
        self.quit.notified().await;
    }

    /// Answers by these names from now on.
    fn know(&self, names: &Names) {
        let tables = Arc::new(Tables::new(names));
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = tables;
    }

    fn tables(&self) -> Arc<Tables> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers a packet into `out` as far as that takes no waiting.
    fn turn(&self, client: &Client, packet: &[u8], stream: bool, out: &mut Vec<u8>) -> Turn {
        let tables = self.tables();
        match super::respond::respond(&tables, client.id, packet, stream, out) {
            super::respond::Next::Answer => Turn::Answer,
            super::respond::Next::Silence => Turn::Silence,
            super::respond::Next::Ask(asker) => match Query::parse(packet) {
                Ok(query) => self.elsewhere(client, asker, &query, stream, out),
                Err(_) => Turn::Silence,
            },
        }
    }

    /// What others said before, or the question to them.
    fn elsewhere(
        &self,
        client: &Client,
        asker: &Asker,
        query: &Query<'_>,
        stream: bool,
        out: &mut Vec<u8>,
    ) -> Turn {
        let (set, sockets) = self.resolvers(client, asker);
        let key = Key { set, question: query.key() };
        if let Some((kept, age)) = self.resolver.known(&key) {
            tell(query, Some(&kept), age, stream, out);
            return Turn::Answer;
        }
        let Some(place) = client.quota.place() else {
            reply::write(query, Reply::Code(code::REFUSED), query.room(stream), out);
            return Turn::Answer;
        };
        Turn::Ask(Question { key, sockets, place })
    }

    fn resolvers(&self, client: &Client, asker: &Asker) -> (Arc<Set>, Sockets) {
        if asker.resolvers.is_empty() {
            return (self.host.current(self.clients.host_address()), Sockets::Host);
        }
        let all = asker.resolvers.iter().map(|ip| SocketAddr::new(*ip, resolv::PORT));
        let servers = resolv::usable(&all.collect::<Vec<_>>(), client.address());
        (Arc::new(Set { place: client.id, servers }), Sockets::Own(Arc::clone(&client.pool)))
    }

    /// Asks, and writes what came of it.
    async fn ask(&self, question: Question, packet: &[u8], stream: bool, out: &mut Vec<u8>) {
        let Ok(query) = Query::parse(packet) else { return };
        let kept = self.resolver.ask(question.key, &query, &question.sockets).await;
        tell(&query, kept.as_deref(), 0, stream, out);
        drop(question.place);
    }

    /// Takes a client's sockets, in place of those it had.
    fn serve(self: &Arc<Self>, client: Client, life: Life) {
        self.release(client.id);
        let client = Arc::new(client);
        tokio::spawn(client.while_served(datagrams::answer(Arc::clone(self), Arc::clone(&client))));
        tokio::spawn(client.while_served(streams::answer(Arc::clone(self), Arc::clone(&client))));
        self.clients.add(client, life);
    }

    /// Closes a client's sockets, and waits until they are: others may be bound in their place as soon
    /// as the agent hears of it.
    fn release(&self, client: ClientId) {
        let Some(life) = self.clients.remove(client) else { return };
        let closed = Handle::current().block_on(timeout(CLOSE_TIME, life.closed()));
        if closed.is_err() {
            tracing::warn!("the sockets of {client:?} are not closed yet");
        }
        self.resolver.forget(client);
    }
}

/// How long what is done for a client may take to end.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// Writes what others said, or that nobody did.
fn tell(query: &Query<'_>, kept: Option<&Kept>, age: u32, stream: bool, out: &mut Vec<u8>) {
    let room = query.room(stream);
    match kept {
        // A server that failed did not repeat the question, as the client expects.
        Some(kept) if kept.facts.bare => {
            reply::write(query, Reply::Code(kept.facts.code), room, out)
        }
        Some(kept) => foreign::pass(query, &kept.packet, &kept.facts, age, room, out),
        None => reply::write(query, Reply::Code(code::SERVFAIL), room, out),
    }
}

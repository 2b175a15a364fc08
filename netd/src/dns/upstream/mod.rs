//! Asking others: whom, in which order, for how long; one question for all who ask the same.

mod exchange;
mod health;
mod sockets;

pub(crate) use sockets::{Pool, Sockets};

use super::{
    cache::{Cache, Kept, Key},
    limits::{KEPT, KEPT_BYTES, LONGEST_QUESTION, PATIENCE},
    message::{Query, code},
    protocol::ClientId,
};
use health::Health;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::{
    sync::watch,
    time::{error::Elapsed, timeout},
};

/// What is known from others, and who is being asked.
#[derive(Debug)]
pub(crate) struct Resolver {
    cache: Mutex<Cache>,
    asking: Mutex<BTreeMap<Key, watch::Receiver<Outcome>>>,
    health: Mutex<Health>,
}

/// Of a question: nothing yet, or what it came to; none where nobody answered.
type Outcome = Option<Option<Arc<Kept>>>;

impl Resolver {
    pub(crate) fn new() -> Self {
        Self {
            cache: Mutex::new(Cache::new(KEPT, KEPT_BYTES)),
            asking: Mutex::default(),
            health: Mutex::default(),
        }
    }

    /// An answer that is still known, and its age in seconds.
    pub(crate) fn known(&self, key: &Key) -> Option<(Arc<Kept>, u32)> {
        lock(&self.cache).get(key, Instant::now())
    }

    /// Forgets what a container's own resolvers said and how they were.
    pub(crate) fn forget(&self, place: ClientId) {
        lock(&self.cache).forget(place);
        lock(&self.health).forget(place);
    }

    /// Asks, or waits with those who asked the same before. None where nobody answers.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        key: Key,
        query: &Query<'_>,
        sockets: &Sockets,
    ) -> Option<Arc<Kept>> {
        let mut outcome = self.join(key, query, sockets);
        let heard = outcome.wait_for(Option::is_some).await.ok()?;
        heard.clone().flatten()
    }

    fn join(
        self: &Arc<Self>,
        key: Key,
        query: &Query<'_>,
        sockets: &Sockets,
    ) -> watch::Receiver<Outcome> {
        let mut asking = lock(&self.asking);
        if let Some(outcome) = asking.get(&key) {
            return outcome.clone();
        }
        let (tell, outcome) = watch::channel(None);
        asking.insert(key.clone(), outcome.clone());
        let mut question = Vec::with_capacity(128);
        query.forward(0, &mut question);
        let asked = Asked { resolver: Arc::clone(self), key, question, sockets: sockets.clone() };
        let length = query.question().len();
        tokio::spawn(async move {
            let kept = match &asked.sockets {
                Sockets::Host => asked.all(length).await,
                Sockets::Own(pool) => tokio::select! {
                    kept = asked.all(length) => kept,
                    () = pool.gone() => None,
                },
            };
            if let Some(kept) = &kept {
                let mut cache = lock(&asked.resolver.cache);
                cache.put(asked.key.clone(), Arc::clone(kept), Instant::now());
            }
            drop(asked);
            let _ = tell.send(Some(kept));
        });
        outcome
    }
}

/// A question under way; whoever asks the same while it lives shares its answer.
struct Asked {
    resolver: Arc<Resolver>,
    key: Key,
    question: Vec<u8>,
    sockets: Sockets,
}

impl Drop for Asked {
    fn drop(&mut self) {
        lock(&self.resolver.asking).remove(&self.key);
    }
}

impl Asked {
    async fn all(&self, question: usize) -> Option<Arc<Kept>> {
        timeout(LONGEST_QUESTION, self.rounds(question)).await.ok().flatten()
    }

    /// Each server once, and those that were silent once more where nobody said anything.
    async fn rounds(&self, question: usize) -> Option<Arc<Kept>> {
        let mut servers = self.order();
        for patience in PATIENCE {
            let (mut failed, mut silent) = (None, Vec::new());
            for server in servers {
                let exchange = exchange::ask(&self.sockets, server, &self.question, question);
                let outcome = timeout(patience, exchange).await;
                self.mark(server, &outcome);
                match outcome {
                    Ok(Ok(kept)) if !passed_over(&kept) => return Some(Arc::new(kept)),
                    Ok(Ok(kept)) => failed = Some(Arc::new(kept)),
                    Ok(Err(error)) => tracing::debug!("{server}: {error}"),
                    Err(_) => silent.push(server),
                }
            }
            if failed.is_some() || silent.is_empty() {
                return failed;
            }
            servers = silent;
        }
        None
    }

    /// The servers in their order, those that were silent of late last.
    fn order(&self) -> Vec<SocketAddr> {
        let mut health = lock(&self.resolver.health);
        let (place, now) = (self.key.set.place, Instant::now());
        let mut servers = self.key.set.servers.clone();
        servers.sort_by_cached_key(|server| health.sulks(place, *server, now));
        servers
    }

    /// Takes note of how a server was. A failure to send says nothing of it.
    fn mark(&self, server: SocketAddr, outcome: &Result<io::Result<Kept>, Elapsed>) {
        let mut health = lock(&self.resolver.health);
        match outcome {
            Ok(Ok(_)) => health.heard(self.key.set.place, server),
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                health.heard(self.key.set.place, server);
            }
            Ok(Err(_)) => {}
            Err(_) => health.missed(self.key.set.place, server, Instant::now()),
        }
    }
}

/// Another server may know better.
fn passed_over(kept: &Kept) -> bool {
    matches!(kept.facts.code, code::SERVFAIL | code::REFUSED)
}

/// What a lock guards is right at all times: whoever panics does not leave it half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

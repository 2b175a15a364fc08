//! Names: what netd-dns is told, and when. A thread of its own keeps netd-dns running and up to
//! date; a change waits for it a little, and never fails for its sake.

mod keeper;
mod link;
mod place;

use super::Inner;
use crate::config::HostNames;
use crate::dns::protocol::{Client, ClientId};
use crate::error::{Error, Result};
use crate::kernel::{netns::Namespace, resolver::Home};
use crate::names::names;
use crate::state::Netns;
use futures_util::{FutureExt, future::BoxFuture};
use keeper::{Event, Keeper, Order};
use place::Place;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};

/// The agent's end of the thread that keeps netd-dns.
pub(super) struct Resolver {
    events: mpsc::Sender<Event>,
    report: Arc<Mutex<Report>>,
    /// Where processes of the host ask.
    host: Option<Place>,
}

/// What the thread says of its work.
#[derive(Debug, Default)]
struct Report {
    /// What is amiss, one sentence each.
    problems: Vec<String>,
    /// There is no netd-dns: nobody needs to wait for what it is told.
    down: bool,
}

impl Resolver {
    /// Starts the thread. It starts nothing itself before it is told that somebody has names.
    ///
    /// # Errors
    /// The kernel has no thread to give.
    pub(super) fn new(home: Home, host: HostNames) -> Result<Self> {
        let own = Arc::new(Namespace::current()?);
        let (sender, receiver) = mpsc::channel();
        let report = Arc::<Mutex<Report>>::default();
        let keeper = Keeper::new(home, sender.clone(), report.clone());
        thread::Builder::new()
            .name("names".to_owned())
            .spawn(move || keeper.run(&receiver))
            .map_err(|e| Error::kernel(format!("cannot start a thread: {e}")))?;
        let host = match host {
            HostNames::Off => None,
            HostNames::WhereFree(address) => Some(Place::Host(own, address, false)),
            HostNames::At(address) => Some(Place::Host(own, address, true)),
        };
        Ok(Self { events: sender, report, host })
    }

    /// What tells how it is, also while others hold the resolver.
    pub(super) fn reporter(&self) -> Reporter {
        Reporter(self.report.clone())
    }

    /// Has netd-dns told; what is given waits until it is, for as long as that makes sense.
    fn tell(&self, order: Order) -> BoxFuture<'static, ()> {
        self.ask(|done| Event::Order(Box::new(order), done), PATIENCE)
    }

    /// Lets nobody stay who is only waiting for somebody that has names: the agent is about to end.
    pub(super) async fn leave(&self) {
        self.ask(Event::Leave, LAST_WORD).await;
    }

    /// Ends netd-dns, and waits for that.
    pub(super) async fn end(&self) {
        self.ask(Event::End, LAST_WORD).await;
    }

    fn ask(
        &self,
        event: impl FnOnce(oneshot::Sender<()>) -> Event,
        patience: Duration,
    ) -> BoxFuture<'static, ()> {
        let down = self.reporter().report().down;
        let (sender, done) = oneshot::channel();
        if self.events.send(event(sender)).is_err() {
            tracing::error!("the thread that keeps netd-dns has ended; restart netd");
        }
        let patience = if down { IMPATIENCE } else { patience };
        let answered = async move {
            if timeout(patience, done).await.is_err() {
                tracing::debug!("netd-dns takes its time");
            }
        };
        answered.boxed()
    }
}

/// What the thread says of its work, for anybody to read.
pub(super) struct Reporter(Arc<Mutex<Report>>);

impl Reporter {
    /// What is amiss, one sentence each.
    pub(super) fn problems(&self) -> Vec<String> {
        self.report().problems.clone()
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Has netd-dns told what the spec says by now, where it does not know; what is given waits for that.
    pub(super) fn announce(&self) -> BoxFuture<'static, ()> {
        let names = names(&self.spec, self.resolver.host.is_some());
        let place = |(id, client): (&ClientId, &Client)| {
            if *id == ClientId::HOST {
                return Some((*id, self.resolver.host.clone()?));
            }
            let namespace = self.live.namespace(Netns(id.0))?;
            Some((*id, Place::Container(namespace, !client.resolvers.is_empty())))
        };
        let places = names.clients.iter().filter_map(place).collect();
        self.resolver.tell(Order { names: Arc::new(names), places })
    }
}

/// How long a request waits for names: longer than they ever take where all is well.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same where there is no netd-dns.
const IMPATIENCE: Duration = Duration::from_millis(50);
/// How long netd-dns may take to end.
const LAST_WORD: Duration = Duration::from_secs(8);

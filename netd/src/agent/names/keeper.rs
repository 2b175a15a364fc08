//! The thread that keeps netd-dns: starts it while somebody has names, tells it which, hands it the
//! sockets, and does all that again as soon as it is gone. The sockets stay here as well, so that
//! questions wait in them meanwhile.

use super::{Report, link::Link, place::Place};
use crate::dns::protocol::{ClientId, Names, VERSION};
use crate::error::{Error, Result};
use crate::kernel::resolver::{self, Home, Running, Sockets};
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    io,
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// What the thread is told.
pub(super) enum Event {
    /// What netd-dns is to know from now on. The answer comes when that was tried.
    Order(Box<Order>, oneshot::Sender<()>),
    /// The connection of this number has ended.
    Lost(u64),
    /// netd-dns is to end where nobody asks it any more. The answer comes when it has.
    Leave(oneshot::Sender<()>),
    /// netd-dns is to end. The answer comes when it has.
    End(oneshot::Sender<()>),
}

/// What netd-dns is to know.
#[derive(Default)]
pub(super) struct Order {
    pub(super) names: Arc<Names>,
    /// Where each client asks.
    pub(super) places: BTreeMap<ClientId, Place>,
}

pub(super) struct Keeper {
    home: Home,
    events: Sender<Event>,
    report: Arc<Mutex<Report>>,
    order: Order,
    sockets: BTreeMap<ClientId, Sockets>,
    link: Option<Link>,
    links: u64,
    retry: Option<Instant>,
    pause: Duration,
    /// When netd-dns is to end, which nobody asks any more.
    leave: Option<Instant>,
}

impl Keeper {
    pub(super) fn new(home: Home, events: Sender<Event>, report: Arc<Mutex<Report>>) -> Self {
        Self {
            home,
            events,
            report,
            order: Order::default(),
            sockets: BTreeMap::new(),
            link: None,
            links: 0,
            retry: None,
            pause: FIRST_PAUSE,
            leave: None,
        }
    }

    pub(super) fn run(mut self, events: &Receiver<Event>) {
        loop {
            let event = match self.retry.into_iter().chain(self.leave).min() {
                Some(due) => events.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => events.recv().map_err(RecvTimeoutError::from),
            };
            // Nobody waits for an answer where a request has given up on it.
            match event {
                Ok(Event::Order(order, done)) => {
                    self.order = *order;
                    self.provide();
                    let _ = done.send(());
                }
                Ok(Event::Lost(number)) => self.lost(number),
                Ok(Event::Leave(done)) => {
                    if self.leave.is_some() {
                        self.end();
                    }
                    let _ = done.send(());
                }
                Ok(Event::End(done)) => {
                    self.order = Order::default();
                    self.end();
                    self.note(Vec::new());
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => self.provide(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// A netd-dns that ends as soon as it was started is not started again at once.
    fn lost(&mut self, number: u64) {
        let Some(link) = self.link.take_if(|link| link.number == number) else { return };
        tracing::warn!("netd-dns is gone; starting it again");
        if link.is_sound() {
            self.provide();
        } else {
            self.note(vec![resolver::ends_at_once().message]);
        }
    }

    /// Does what was ordered, as far as that goes now.
    fn provide(&mut self) {
        let problems = if self.order.places.is_empty() && !self.home.is_a_service() {
            self.linger();
            Vec::new()
        } else {
            self.leave = None;
            self.serve()
        };
        self.note(problems);
    }

    /// Nobody has names for now: nobody is to answer, unless somebody has some in a moment. To start
    /// netd-dns takes longer than all else that a container needs.
    fn linger(&mut self) {
        let now = Instant::now();
        let leave = *self.leave.get_or_insert(now + LINGER);
        if let Some(mut link) = self.link.take_if(|_| now < leave) {
            // It needs nobody's sockets; whether it has let go of them is told by its end.
            self.bring_up_to_date(&mut link);
            if !link.is_broken() {
                self.link = Some(link);
                return;
            }
            link.kill();
        }
        self.end();
    }

    fn note(&mut self, problems: Vec<String>) {
        self.retry = None;
        if !problems.is_empty() {
            self.retry = Some(Instant::now() + self.pause);
            self.pause = (2 * self.pause).min(LONGEST_PAUSE);
        } else if self.link.as_ref().is_none_or(Link::is_sound) {
            self.pause = FIRST_PAUSE;
        }
        let down = self.link.is_none() && !self.order.places.is_empty();
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        for problem in problems.iter().filter(|problem| !report.problems.contains(problem)) {
            tracing::error!("{problem}");
        }
        *report = Report { problems, down };
    }

    /// Nobody is to answer any more.
    fn end(&mut self) {
        self.leave = None;
        self.sockets.clear();
        self.links += 1;
        let link = self.link.take();
        let found = || {
            let (stream, process) = self.home.find()?;
            self.greet(stream, process).ok()
        };
        if let Some(link) = link.or_else(found) {
            link.quit();
            self.home.remove();
        }
    }

    /// What is amiss after it, one sentence each.
    fn serve(&mut self) -> Vec<String> {
        let mut problems = Vec::new();
        // Twice, for one that turns out to be gone.
        for _ in 0..2 {
            let mut link = match self.link.take().map_or_else(|| self.connect(), Ok) {
                Ok(link) => link,
                Err(error) => return vec![format!("containers find no names: {error}")],
            };
            problems = self.bring_up_to_date(&mut link);
            if !link.is_broken() {
                self.link = Some(link);
                return problems;
            }
            link.kill();
        }
        problems
    }

    /// A connection to a netd-dns that speaks as this agent does, and is of the build that is
    /// installed.
    fn connect(&mut self) -> Result<Link> {
        self.links += 1;
        let found = self.home.find();
        match found.map(|(stream, process)| (self.greet(stream, process), process)) {
            Some((Ok(link), process))
                if link.version == VERSION
                    && !process.is_some_and(|process| self.home.has_other_build(process)) =>
            {
                tracing::info!("found netd-dns, which answers {} clients", link.served().len());
                return Ok(link);
            }
            Some((Ok(link), _)) => {
                tracing::info!("ending a netd-dns of another build; the installed one takes over");
                link.quit();
            }
            Some((Err(error), process)) => {
                tracing::warn!("a netd-dns does not answer: {error}");
                process.map(Running::kill).transpose()?;
            }
            None => {}
        }
        self.links += 1;
        let (stream, process) = self.home.start()?;
        match self.greet(stream, process) {
            Ok(link) if link.version == VERSION => Ok(link),
            Ok(link) => {
                let version = link.version;
                link.quit();
                Err(Error::internal(format!(
                    "netd-dns speaks version {version} to netd, not {VERSION}; install both from one release"
                )))
            }
            Err(error) => {
                process.map(Running::kill).transpose()?;
                match error.kind() {
                    io::ErrorKind::ConnectionReset
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::UnexpectedEof => Err(resolver::ends_at_once()),
                    _ => Err(Error::kernel(format!("netd-dns does not answer: {error}"))),
                }
            }
        }
    }

    fn greet(&self, stream: UnixStream, process: Option<Running>) -> io::Result<Link> {
        Link::greet(stream, process, self.links, self.events.clone())
    }

    /// Names come first: a client that is served and unknown would be refused.
    fn bring_up_to_date(&mut self, link: &mut Link) -> Vec<String> {
        let places = &self.order.places;
        let mut errors: Vec<Error> = link.tell(&self.order.names).err().into_iter().collect();
        self.sockets.retain(|client, _| places.contains_key(client));
        let wanted: BTreeSet<ClientId> = places.keys().copied().collect();
        let gone: Vec<ClientId> = link.served().difference(&wanted).copied().collect();
        let new: Vec<ClientId> = wanted.difference(link.served()).copied().collect();
        for client in gone {
            if !link.is_broken() {
                errors.extend(link.release(client).err());
            }
        }
        for client in new {
            if !link.is_broken() {
                errors.extend(self.hand_over(link, client).err());
            }
        }
        errors.iter().map(|error| format!("names: {error}")).collect()
    }

    fn hand_over(&mut self, link: &mut Link, client: ClientId) -> Result<()> {
        let Some(place) = self.order.places.get(&client) else { return Ok(()) };
        let sockets = match self.sockets.entry(client) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => match place.open() {
                Ok(sockets) => vacant.insert(sockets),
                Err(error) if place.matters(&error) => return Err(error),
                Err(error) => {
                    tracing::debug!("{error}; names are not answered there");
                    return Ok(());
                }
            },
        };
        link.serve(client, sockets)
    }
}

/// How long netd-dns stays when nobody has names.
const LINGER: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

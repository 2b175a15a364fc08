//! What happens without a request: containers end, the host's devices and routes change, and
//! every now and then everything is looked at again.

use super::{
    Agent, Inner,
    lifecycle::{ended as note_end, is_running},
    namespaces,
};
use crate::error::Result;
use crate::kernel::{
    dataplane::{FlowTables, Swept},
    process::Process,
};
use crate::spec::{
    container::{Container, Source, Status},
    name::Id,
};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender},
    task::AbortHandle,
    time::{self, Interval, MissedTickBehavior},
};

/// Waits for the end of a container's first process; gives up when dropped.
pub(super) struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the agent hears of without a request.
pub(super) struct Events {
    /// Something changed on the host.
    pub(super) host: Receiver<()>,
    /// Something changed in a container.
    pub(super) inside: Receiver<()>,
    /// A container's first process has ended.
    pub(super) dead: UnboundedReceiver<Id>,
}

/// Keeps the kernel as it should be, for as long as the agent lives.
pub(super) async fn run(agent: Arc<Agent>, mut events: Events) {
    tokio::spawn(sweep_ever(agent.clone()));
    tokio::spawn(glance_ever(agent.clone()));
    tokio::spawn(namespaces::look_ever(agent.clone()));
    let mut timer = interval(PERIOD);
    let (mut gather, mut due, mut due_inside) = (GATHER, None, None);
    loop {
        let agent = agent.clone();
        tokio::select! {
            Some(id) = events.dead.recv() => apart(async move { agent.seen_to_end(&id).await }).await,
            // Changes come in swarms, most of them netd's own.
            Some(()) = events.host.recv(), if due.is_none() => {
                due = Some(time::Instant::now() + gather);
            }
            // What happens in there concerns nobody else, and may go on all the time.
            Some(()) = events.inside.recv(), if due_inside.is_none() => {
                due_inside = Some(time::Instant::now() + gather.max(GATHER_INSIDE));
            }
            () = reached(due.into_iter().chain(due_inside).min()) => {
                (due, due_inside) = (None, None);
                let _ = (events.host.try_recv(), events.inside.try_recv());
                let start = Instant::now();
                apart(async move { agent.look_again().await }).await;
                gather = pause(start.elapsed());
            }
            _ = timer.tick() => apart(async move {
                agent.inner.lock().await.live.look_everywhere();
                agent.look_again().await;
            })
            .await,
        }
    }
}

/// Keeps the flow tables in order; many flows take their time, and nothing else waits for it.
async fn sweep_ever(agent: Arc<Agent>) {
    let mut timer = interval(PERIOD);
    loop {
        timer.tick().await;
        let agent = agent.clone();
        apart(async move { agent.sweep().await }).await;
    }
}

/// Looks after what can be taken away without an event.
async fn glance_ever(agent: Arc<Agent>) {
    let mut timer = interval(GLANCE);
    loop {
        timer.tick().await;
        let agent = agent.clone();
        apart(async move { agent.glance().await }).await;
    }
}

pub(super) fn interval(period: Duration) -> Interval {
    let mut timer = time::interval(period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}

async fn reached(due: Option<time::Instant>) {
    match due {
        Some(due) => time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// How long to gather changes after a look that took this long: a host whose routes change all the
/// time takes a quarter of one processor at most, and is followed within a second where a look
/// takes no longer than a fifth of that.
fn pause(look: Duration) -> Duration {
    (3 * look).clamp(GATHER, GATHER_AT_MOST)
}

/// Does it in a task of its own, so that a panic ends that task and not what comes after it.
pub(super) async fn apart(work: impl Future<Output = ()> + Send + 'static) {
    if tokio::spawn(work).await.is_err() {
        tracing::error!("netd failed at keeping things as they should be; it will try again");
    }
}

impl Agent {
    /// Makes room in the flow tables.
    async fn sweep(&self) {
        if *self.over.borrow() {
            return;
        }
        let start = Instant::now();
        match self.flows.ask(FlowTables::sweep).await {
            Ok(Swept { removed, established }) => {
                let took = start.elapsed();
                tracing::debug!("swept {removed} flows, left {established}, in {took:?}");
            }
            Err(error) => tracing::warn!("{error}"),
        }
    }

    async fn glance(&self) {
        let mut inner = self.inner.lock().await;
        if *self.over.borrow() {
            return;
        }
        let glance = inner.live.glance();
        inner.note_repairs();
        let amiss = *glance.as_ref().unwrap_or(&false) || inner.problems.due();
        inner.problems.note_unmended(glance.err());
        match amiss {
            true => inner.settle().await,
            false => inner.show(),
        }
    }

    async fn look_again(&self) {
        let mut inner = self.inner.lock().await;
        if *self.over.borrow() {
            return;
        }
        inner.settle().await;
        inner.announce().await;
    }

    /// The first process of a container has ended and nobody told how.
    async fn seen_to_end(&self, id: &Id) {
        let mut inner = self.inner.lock().await;
        if !inner.spec.containers.get(id).is_some_and(is_running) {
            return;
        }
        let code = inner.store.exit_code(id).unwrap_or(UNSEEN);
        if let Err(error) = inner.record(|spec| note_end(spec, id, code)).await {
            tracing::error!("{error}");
        }
    }
}

/// Watches every running container, and no other.
pub(super) fn watch_running(inner: &mut Inner) {
    let containers = inner.spec.containers.values();
    let running: BTreeSet<&Id> = containers.filter(|c| is_running(c)).map(|c| &c.id).collect();
    inner.watches.retain(|id, _| running.contains(id));
    let new: Vec<Id> =
        running.into_iter().filter(|id| !inner.watches.contains_key(*id)).cloned().collect();
    for id in new {
        if let Some(watch) = inner.spec.containers.get(&id).and_then(|c| watch(c, &inner.deaths)) {
            inner.watches.insert(id, watch);
        }
    }
}

/// None where there is no process to watch.
fn watch(container: &Container, deaths: &UnboundedSender<Id>) -> Option<Watch> {
    let Status::Running { pid, start_time, .. } = container.status else { return None };
    if matches!(container.source, Source::Path(_)) {
        return None;
    }
    let (id, deaths) = (container.id.clone(), deaths.clone());
    let process = Process::open(pid, start_time);
    // The supervisor of `netctl run` knows the exit code; it comes first if it lives.
    let patience = if container.source == Source::Run { SUPERVISOR } else { Duration::ZERO };
    let task = tokio::spawn(async move {
        if let Err(error) = ended(process).await {
            tracing::debug!("container {}: {error}", id.short());
        }
        time::sleep(patience).await;
        // The receiver is gone only when the agent is.
        let _ = deaths.send(id);
    });
    Some(Watch(task.abort_handle()))
}

async fn ended(process: Result<Process>) -> Result<()> {
    process?.ended().await
}

/// The exit code where nobody saw the end.
pub(super) const UNSEEN: i32 = -1;
/// How often everything is looked at without a cause.
pub(super) const PERIOD: Duration = Duration::from_secs(30);
/// How often pins, hooks and switches are looked at, and files of namespaces.
pub(super) const GLANCE: Duration = Duration::from_secs(2);
/// How long to wait for more of what happens in containers.
const GATHER_INSIDE: Duration = Duration::from_secs(1);
/// How long to wait for more of a swarm of events.
const GATHER: Duration = Duration::from_millis(100);
const GATHER_AT_MOST: Duration = Duration::from_secs(5);
/// How long the supervisor of a container may take to tell its exit code.
const SUPERVISOR: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_of_events_leaves_time_for_everything_else() {
        assert_eq!(pause(Duration::from_millis(3)), GATHER);
        assert_eq!(pause(Duration::from_millis(200)), Duration::from_millis(600));
        assert_eq!(pause(Duration::from_secs(60)), GATHER_AT_MOST);
    }
}

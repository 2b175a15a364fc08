//! The agent: owns what was asked for, remembers it and makes the kernel provide it.
//!
//! Every change goes one way: edit a copy of the spec, store it, reconcile; where the kernel
//! refuses, everything goes back. One lock makes changes happen one after the other.

mod alive;
mod apply;
mod background;
mod containers;
mod files;
mod flows;
mod lifecycle;
mod names;
mod namespaces;
mod networks;
mod pace;
mod ports;
mod problems;
mod reconcile;
mod reload;
mod repairs;
mod report;
mod resolve;
mod snapshot;
mod start;
mod status;

use crate::desired::UplinkChoice;
use crate::error::{Error, Result};
use crate::kernel::live::Live;
use crate::kernel::lock::Lock;
use crate::kernel::netlink::Departures;
use crate::spec::{Spec, container::Source, name::Id};
use crate::store::Store;
use problems::Problems;
use reconcile::{Memory, advance, by_memory, settle};
use repairs::{Repairs, Seen};
use std::{
    collections::BTreeMap,
    mem,
    path::PathBuf,
    sync::Arc,
    time::{Instant, SystemTime},
};
use tokio::{
    runtime::Handle,
    sync::{Mutex, mpsc, watch},
};

/// The agent.
pub struct Agent {
    inner: Mutex<Inner>,
    flows: flows::Flows,
    readers: snapshot::Readers,
    departures: Departures,
    /// Ticks after every change of the spec.
    changed: watch::Receiver<()>,
    /// Whether a teardown is done.
    over: watch::Sender<bool>,
    started: Instant,
    /// Where changes are made.
    runtime: Handle,
    /// Where the files are that declare what should exist.
    spec_dir: PathBuf,
    /// Held for as long as the agent lives.
    _locks: [Lock; 3],
}

/// What the lock guards.
struct Inner {
    spec: Arc<Spec>,
    store: Store,
    live: Live,
    resolver: names::Resolver,
    flows: flows::Flows,
    latest: snapshot::Latest,
    uplinks: UplinkChoice,
    /// Random bits of this host's own IPv6 subnets.
    seed: [u8; 5],
    /// Where picking host ports goes on.
    cursor: Option<u16>,
    /// The host's resolv.conf, which those of containers are made from.
    resolv_conf: PathBuf,
    problems: Problems,
    seen: Seen,
    repairs: Repairs,
    watches: BTreeMap<Id, background::Watch>,
    changed: watch::Sender<()>,
    deaths: mpsc::UnboundedSender<Id>,
}

impl Agent {
    /// The runtime that the agent was started on, which makes its changes.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Waits until a teardown is done.
    pub async fn torn_down(&self) {
        // An error means that the sender is gone, and it lives in `self`.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }

    /// Waits until the change in progress is done, and lets no other begin: the agent is about to end.
    pub async fn freeze(&self) {
        let inner = self.inner.lock().await;
        inner.resolver.leave().await;
        // Forgetting the guard keeps the lock for good.
        mem::forget(inner);
    }
}

impl Inner {
    /// Makes a change wholly or not at all.
    ///
    /// # Errors
    /// `edit`'s own, or the first refusal of the store or the kernel; everything is as it was
    /// then, unless the error says that the way back failed too.
    async fn change<T>(&mut self, edit: impl FnOnce(&mut Spec) -> Result<T>) -> Result<T> {
        let mut next = Spec::clone(&self.spec);
        let value = edit(&mut next)?;
        self.advance_to(next).await?;
        Ok(value)
    }

    /// Provides `next` in the place of the spec, wholly or not at all.
    ///
    /// # Errors
    /// As those of [`Inner::change`].
    async fn advance_to(&mut self, next: Spec) -> Result<()> {
        let before = self.store_spec(Arc::new(next))?;
        // Beside the kernel, which takes as long.
        let told = self.announce();
        let advanced =
            advance(&mut self.live, &mut self.seen, &before, &self.spec, &self.uplinks).await;
        self.void_vanished();
        self.note_repairs();
        match advanced {
            Ok(()) => {
                self.follow(&before);
                told.await;
                Ok(())
            }
            Err(error) => Err(self.put_back(before, error).await),
        }
    }

    /// Takes note of what has happened, whatever the kernel says to it: what it refuses is tried
    /// again later and shown as a problem.
    ///
    /// # Errors
    /// `edit`'s own; nothing is changed then.
    async fn record<T>(&mut self, edit: impl FnOnce(&mut Spec) -> Result<T>) -> Result<T> {
        let mut next = Spec::clone(&self.spec);
        let value = edit(&mut next)?;
        let next = Arc::new(next);
        let before = match self.store_spec(next.clone()) {
            Ok(before) => before,
            Err(error) => {
                tracing::error!("{error}");
                mem::replace(&mut self.spec, next)
            }
        };
        self.settle_from(&before).await;
        self.follow(&before);
        self.announce().await;
        Ok(value)
    }

    /// Provides the spec as it is, as far as the kernel lets it.
    async fn settle(&mut self) {
        // Nothing else was wanted before: whatever is amiss was so made by others.
        let spec = &self.spec;
        let errors = settle(&mut self.live, &mut self.seen, spec, spec, &self.uplinks).await;
        self.settled(&errors);
    }

    /// As [`Inner::settle`], where `before` was wanted up to now.
    async fn settle_from(&mut self, before: &Spec) {
        let (live, seen, spec) = (&mut self.live, &mut self.seen, &self.spec);
        let errors = match by_memory(live, spec, &self.uplinks).await {
            Memory::Served => Vec::new(),
            // What a try has left is nothing that others did.
            Memory::Tried => settle(live, &mut Seen::default(), before, spec, &self.uplinks).await,
            Memory::Unfit => settle(live, seen, before, spec, &self.uplinks).await,
        };
        self.settled(&errors);
    }

    fn settled(&mut self, errors: &[Error]) {
        self.void_vanished();
        self.note_repairs();
        self.problems.replace(errors);
        self.show();
    }

    /// Logs and counts what was put back.
    fn note_repairs(&mut self) {
        let mut repairs = self.live.take_repairs();
        repairs.append(&mut self.seen.repairs);
        self.repairs.note(&repairs);
    }

    /// Stores `next` and takes it as the spec; gives the one before.
    fn store_spec(&mut self, next: Arc<Spec>) -> Result<Arc<Spec>> {
        let mut new = gone(&next, &self.spec);
        // Others have their own files.
        new.retain(|id| next.containers.get(id).is_some_and(|c| c.source == Source::Run));
        let mut store = || {
            new.iter().try_for_each(|id| self.store.make_container_directory(id))?;
            self.store.save(&self.spec, &next)
        };
        if let Err(error) = store() {
            self.remove_directories(&new);
            return Err(error);
        }
        Ok(mem::replace(&mut self.spec, next))
    }

    /// Goes back to `before` after `error`, and says so where that fails too.
    async fn put_back(&mut self, before: Arc<Spec>, error: Error) -> Error {
        tracing::warn!("{error}; putting back what was");
        let failed = mem::replace(&mut self.spec, before);
        let unsaved = self.store.save(&failed, &self.spec).err();
        let known = self.problems.current.clone();
        self.settle_from(&failed).await;
        self.follow(&failed);
        self.announce().await;
        let new = self.problems.current.iter().find(|problem| !known.contains(problem));
        match unsaved.map(|e| e.to_string()).or(new.cloned()) {
            Some(second) => Error::new(
                error.code,
                format!("{error}; what was before is not whole again: {second}"),
            ),
            None => error,
        }
    }

    /// What hangs on the spec beside the kernel: directories, open namespaces, watches.
    fn follow(&mut self, before: &Spec) {
        self.remove_directories(&gone(before, &self.spec));
        self.follow_in_files(before);
        self.release();
        background::watch_running(self);
        self.show();
        // Nobody listens where no request waits for a container's end.
        let _ = self.changed.send(());
    }

    fn remove_directories(&self, ids: &[Id]) {
        for id in ids {
            if let Err(error) = self.store.remove_container_directory(id) {
                tracing::warn!("{error}");
            }
        }
    }
}

/// Containers of `a` that `b` lacks.
fn gone(a: &Spec, b: &Spec) -> Vec<Id> {
    a.containers.keys().filter(|id| !b.containers.contains_key(*id)).cloned().collect()
}

/// Seconds since 1970.
fn seconds() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::samples::{container, spec};

    #[test]
    fn a_container_that_is_to_be_forgotten_is_gone_with_its_end() {
        let mut kept = container(1);
        let mut forgotten = container(2);
        forgotten.auto_remove = true;
        let before = spec([], [kept.clone(), forgotten.clone()]);
        let mut after = before.clone();
        lifecycle::ended(&mut after, &kept.id, 7).unwrap();
        lifecycle::ended(&mut after, &forgotten.id, 0).unwrap();
        kept.status = crate::spec::container::Status::Exited { code: 7 };
        assert_eq!(after, spec([], [kept]));
        assert_eq!(gone(&before, &after), [forgotten.id]);
        assert_eq!(gone(&after, &before), []);
    }
}

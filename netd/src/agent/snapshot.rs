//! What requests that only look are answered from: the last state that was whole. They wait for no
//! change, however long it takes.

use super::{
    Inner,
    names::{Reporter, Resolver},
    pace::Pace,
    resolve::Looks,
};
use crate::api::protocol::ContainerInspect;
use crate::config::Config;
use crate::error::Result;
use crate::kernel::{
    dataplane::Counters,
    live::{Live, Seen},
};
use crate::spec::{Spec, container::Container, view::container_inspect};
use crate::state::Netns;
use crate::store;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

/// What requests that only look are answered from, and what they look with.
pub(super) struct Readers {
    pub(super) latest: Latest,
    pub(super) counters: Arc<Counters>,
    pub(super) pace: Pace,
    pub(super) names: Reporter,
    pub(super) looks: Looks,
    /// Where programs and maps are pinned.
    pub(super) bpf_dir: PathBuf,
}

impl Readers {
    /// Those of an agent that is about to start.
    ///
    /// # Errors
    /// After the teardown.
    pub(super) fn new(config: &Config, live: &Live, resolver: &Resolver) -> Result<Self> {
        Ok(Self {
            latest: Latest::new(&config.state_dir),
            counters: live.counters()?,
            pace: Pace::default(),
            names: resolver.reporter(),
            looks: Looks::default(),
            bpf_dir: config.bpf_dir.clone(),
        })
    }
}

/// The agent as of its last change.
#[derive(Default)]
pub(super) struct Snapshot {
    pub(super) spec: Arc<Spec>,
    pub(super) seen: Arc<Seen>,
    /// What is amiss, one sentence each.
    pub(super) problems: Vec<String>,
    /// Namespaces of containers that could not be opened so far.
    pub(super) closed: BTreeSet<Netns>,
    /// What was put back since the start, by kind.
    pub(super) repairs: BTreeMap<String, u64>,
    store: PathBuf,
}

/// Where the last snapshot is.
#[derive(Clone)]
pub(super) struct Latest(Arc<RwLock<Arc<Snapshot>>>);

impl Latest {
    /// An empty one; `store` is the directory of the store.
    pub(super) fn new(store: &Path) -> Self {
        let empty = Snapshot { store: store.to_owned(), ..Snapshot::default() };
        Self(Arc::new(RwLock::new(Arc::new(empty))))
    }

    pub(super) fn get(&self) -> Arc<Snapshot> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, next: Snapshot) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}

impl Snapshot {
    /// A container as the API shows it.
    pub(super) fn view(&self, container: &Container) -> ContainerInspect {
        let directory = store::container_directory(&self.store, &container.id);
        container_inspect(&self.spec, container, &directory)
    }
}

impl Inner {
    /// Lets those who only look see everything as it is now.
    pub(super) fn show(&self) {
        self.latest.put(Snapshot {
            spec: self.spec.clone(),
            seen: self.live.seen(),
            problems: self.problems.all(),
            closed: self.problems.closed.keys().copied().collect(),
            repairs: self.repairs.counts(),
            store: self.latest.get().store.clone(),
        });
    }
}

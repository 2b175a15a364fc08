//! What requests that only look are answered from: the last state that was whole. They wait for no
//! change, however long it takes.

use super::Inner;
use crate::api::protocol::ContainerInspect;
use crate::kernel::live::Seen;
use crate::spec::{Spec, container::Container, view::container_inspect};
use crate::store;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

/// The agent as of its last change.
#[derive(Default)]
pub(super) struct Snapshot {
    pub(super) spec: Arc<Spec>,
    pub(super) seen: Arc<Seen>,
    /// What is amiss, one sentence each.
    pub(super) problems: Vec<String>,
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
            store: self.latest.get().store.clone(),
        });
    }
}

//! How many connections there may be: enough for everybody, and always some more for root.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts connections.
pub(super) struct Gate {
    all: Arc<Semaphore>,
    ordinary: Arc<Semaphore>,
    refused: Arc<Semaphore>,
}

/// A connection's place; free again when dropped.
pub(super) struct Place {
    _all: OwnedSemaphorePermit,
    _own: Option<OwnedSemaphorePermit>,
}

/// What becomes of a connection.
pub(super) enum Admission {
    /// It is served.
    Served(Place),
    /// It is told to come again.
    Busy(Place),
    /// Not even that.
    Dropped,
}

impl Gate {
    pub(super) fn new() -> Self {
        let semaphore = |places| Arc::new(Semaphore::new(places));
        Self {
            all: semaphore(MOST_CONNECTIONS),
            ordinary: semaphore(MOST_ORDINARY),
            refused: semaphore(MOST_REFUSED),
        }
    }

    /// Waits until one more connection may be accepted; those that come meanwhile wait in the
    /// socket's queue. None after the end.
    pub(super) async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        self.all.clone().acquire_owned().await.ok()
    }

    /// Finds a place for a connection that was accepted.
    pub(super) fn admit(&self, all: OwnedSemaphorePermit, root: bool) -> Admission {
        if root {
            return Admission::Served(Place { _all: all, _own: None });
        }
        match self.ordinary.clone().try_acquire_owned() {
            Ok(own) => Admission::Served(Place { _all: all, _own: Some(own) }),
            Err(_) => self.refuse(all),
        }
    }

    /// Finds a place for a connection that is told why it is not served.
    pub(super) fn refuse(&self, all: OwnedSemaphorePermit) -> Admission {
        match self.refused.clone().try_acquire_owned() {
            Ok(own) => Admission::Busy(Place { _all: all, _own: Some(own) }),
            Err(_) => Admission::Dropped,
        }
    }
}

/// How many connections there may be.
const MOST_CONNECTIONS: usize = 1024;
/// How many of them may be of others than root.
pub(super) const MOST_ORDINARY: usize = 512;
/// How many may wait for a refusal.
const MOST_REFUSED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn root_finds_a_place_when_others_have_taken_all_of_theirs() {
        let gate = Gate::new();
        let mut held = Vec::new();
        for _ in 0..MOST_ORDINARY {
            held.push(gate.admit(gate.wait().await.unwrap(), false));
        }
        assert!(held.iter().all(|one| matches!(one, Admission::Served(_))));
        let mut busy = Vec::new();
        for _ in 0..MOST_REFUSED {
            busy.push(gate.admit(gate.wait().await.unwrap(), false));
        }
        assert!(busy.iter().all(|one| matches!(one, Admission::Busy(_))));
        let next = gate.admit(gate.wait().await.unwrap(), false);
        assert!(matches!(next, Admission::Dropped));
        let root = gate.admit(gate.wait().await.unwrap(), true);
        assert!(matches!(root, Admission::Served(_)));
        held.pop();
        let next = gate.admit(gate.wait().await.unwrap(), false);
        assert!(matches!(next, Admission::Served(_)));
    }
}

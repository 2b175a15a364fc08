//! How much anybody may take, so that nobody takes it from others. With these, netd-dns holds at most
//! its names, 8 MiB of answers of others, 64 MiB of answers on their way (1,024 of the longest, 64 KiB), and
//! for each client 32 connections of a few KiB and 8 long answers each.

use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Questions of one client that others are to answer, at a time.
pub const CLIENT_QUESTIONS: usize = 128;
/// Of all clients.
pub const QUESTIONS: usize = 1024;
/// TCP connections of one client.
pub const CONNECTIONS: usize = 32;
/// Questions of one connection whose answer is not yet taken.
pub const PIPELINE: usize = 8;
/// How long a client may take for its next whole question over TCP, or to take an answer.
pub const STREAM_TIME: Duration = Duration::from_secs(5);
/// Resolvers of a set that are asked.
pub const SERVERS: usize = 3;
/// How long a resolver has for its answer: the first time, and where all were silent, the second.
pub const PATIENCE: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(4)];
/// How long a question may take in all; no client waits longer.
pub const LONGEST_QUESTION: Duration = Duration::from_secs(10);
/// How long a resolver that was silent is asked after the others.
pub const SULK: Duration = Duration::from_secs(5);
/// Answers that are kept.
pub const KEPT: usize = 10_000;
/// Their bytes, with all that keeping costs.
pub const KEPT_BYTES: usize = 8 << 20;
/// Packets that a client's socket gives before others have their turn.
pub const BURST: usize = 32;

/// The room for questions of one client, in the room of all.
#[derive(Clone, Debug)]
pub(crate) struct Quota {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// A question's place in the room; given back when it goes.
#[derive(Debug)]
pub(crate) struct Place {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Quota {
    /// A client's, in the room `all`.
    pub(crate) fn new(all: &Arc<Semaphore>) -> Self {
        Self { own: Arc::new(Semaphore::new(CLIENT_QUESTIONS)), all: Arc::clone(all) }
    }

    /// A place, if there is one now.
    pub(crate) fn place(&self) -> Option<Place> {
        let own = Arc::clone(&self.own).try_acquire_owned().ok()?;
        let all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Place { _own: own, _all: all })
    }
}

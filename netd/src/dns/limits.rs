//! How much anybody may take, so that nobody takes it from others. With these, netd-dns holds at most
//! its names, 8 MiB of answers of others, 64 MiB of answers on their way (1,024 of the longest, 64 KiB), 32 MiB of
//! answers that clients have yet to take over TCP, and for each client 32 connections of a few KiB.

use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Questions of one client that others are to answer, at a time.
pub const CLIENT_QUESTIONS: usize = 128;
/// Of all clients.
pub const QUESTIONS: usize = 1024;
/// Questions of one client while fewer than [`LAST_QUARTER`] places are free.
pub const CLIENT_QUESTIONS_WHEN_CROWDED: usize = 64;
/// Fewer free places than these are few.
pub const LAST_QUARTER: usize = QUESTIONS / 4;
/// Places that only clients get which have none.
pub const KEPT_BACK: usize = 64;
/// TCP connections of one client.
pub const CONNECTIONS: usize = 32;
/// Bytes of answers over TCP that one client has yet to take; a connection with one that is too many ends.
pub const CLIENT_UNTAKEN: usize = 1 << 20;
/// Of all clients.
pub const UNTAKEN: usize = 32 << 20;
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
/// How long a resolver that was silent several times in a row is asked after the others.
pub const SULK: Duration = Duration::from_secs(5);
/// Answers that are kept.
pub const KEPT: usize = 10_000;
/// Their bytes, with all that keeping costs.
pub const KEPT_BYTES: usize = 8 << 20;
/// Packets that a client's socket gives before others have their turn.
pub const BURST: usize = 32;

/// The room that clients share.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    questions: Arc<Semaphore>,
    untaken: Arc<Semaphore>,
}

/// The room for answers that one client has yet to take, in bytes, in the room of all.
#[derive(Clone, Debug)]
pub(crate) struct Untaken {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// The room for questions of one client, in the room of all.
#[derive(Clone, Debug)]
pub(crate) struct Quota {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// A question's or an answer's place in the room; given back when it goes.
#[derive(Debug)]
pub(crate) struct Place {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            untaken: Arc::new(Semaphore::new(UNTAKEN)),
        }
    }
}

impl Untaken {
    /// A client's, in the room `all`.
    pub(crate) fn new(all: &Room) -> Self {
        Self { own: Arc::new(Semaphore::new(CLIENT_UNTAKEN)), all: Arc::clone(&all.untaken) }
    }

    /// A place for an answer of so many bytes, if there is one now.
    pub(crate) fn place(&self, bytes: usize) -> Option<Place> {
        let bytes = u32::try_from(bytes).ok()?;
        let own = Arc::clone(&self.own).try_acquire_many_owned(bytes).ok()?;
        let all = Arc::clone(&self.all).try_acquire_many_owned(bytes).ok()?;
        Some(Place { _own: own, _all: all })
    }
}

impl Quota {
    /// A client's, in the room `all`.
    pub(crate) fn new(all: &Room) -> Self {
        let own = Arc::new(Semaphore::new(CLIENT_QUESTIONS));
        Self { own, all: Arc::clone(&all.questions) }
    }

    /// A place, if there is one now. The more there are taken, the fewer are for those who have many.
    pub(crate) fn place(&self) -> Option<Place> {
        let own = Arc::clone(&self.own).try_acquire_owned().ok()?;
        let mine = CLIENT_QUESTIONS.saturating_sub(self.own.available_permits());
        let enough = match self.all.available_permits() {
            0..=KEPT_BACK => 1,
            free if free <= LAST_QUARTER => CLIENT_QUESTIONS_WHEN_CROWDED,
            _ => CLIENT_QUESTIONS,
        };
        if mine > enough {
            return None;
        }
        let all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Place { _own: own, _all: all })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many places as a client gets.
    fn greedy(client: &Quota) -> Vec<Place> {
        std::iter::from_fn(|| client.place()).collect()
    }

    #[test]
    fn those_who_take_all_they_can_leave_something_to_the_others() {
        let all = Room::default();
        let clients: Vec<_> = (0..100).map(|_| Quota::new(&all)).collect();
        let taken: Vec<_> = clients[..20].iter().map(greedy).collect();
        assert_eq!(taken[0].len(), CLIENT_QUESTIONS);
        assert_eq!(taken[7].len(), CLIENT_QUESTIONS_WHEN_CROWDED);
        assert!(taken.iter().all(|places| !places.is_empty()));
        let others: Vec<_> = clients[20..60].iter().map(Quota::place).collect();
        assert!(others.iter().all(Option::is_some), "each has one");
        drop(taken);
        assert_eq!(greedy(&clients[99]).len(), CLIENT_QUESTIONS, "as before");
    }

    #[test]
    fn answers_that_nobody_takes_are_bounded_for_one_and_for_all() {
        let all = Room::default();
        let clients: Vec<_> = (0..40).map(|_| Untaken::new(&all)).collect();
        let take = |client: &Untaken| -> Vec<Place> {
            std::iter::from_fn(|| client.place(1 << 16)).collect()
        };
        let taken: Vec<_> = clients.iter().map(take).collect();
        assert_eq!(taken[0].len() << 16, CLIENT_UNTAKEN);
        assert_eq!(taken.iter().map(Vec::len).sum::<usize>() << 16, UNTAKEN);
        drop(taken);
        assert!(clients[39].place(CLIENT_UNTAKEN).is_some(), "given back");
    }
}

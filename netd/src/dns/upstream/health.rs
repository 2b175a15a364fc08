//! Which servers have been silent of late. A name that a server can't find out about in time says little of
//! the server: only several questions in a row without any answer from it do.

use crate::dns::{limits::SULK, protocol::ClientId};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Servers that have missed questions, by where they were asked from.
#[derive(Debug, Default)]
pub(super) struct Health(BTreeMap<(ClientId, SocketAddr), Silence>);

#[derive(Debug)]
struct Silence {
    /// Questions that it left unanswered in a row.
    missed: u32,
    /// When it missed the last of them, or was last given a chance.
    since: Instant,
}

impl Health {
    /// Whether the server is to be asked after the others. Once in each [`SULK`] it is not, so that
    /// one question finds out whether it is back.
    pub(super) fn sulks(&mut self, place: ClientId, server: SocketAddr, now: Instant) -> bool {
        match self.0.get_mut(&(place, server)) {
            Some(silence) if silence.missed < MISSES => false,
            Some(silence) if now.duration_since(silence.since) < SULK => true,
            Some(silence) => {
                silence.since = now;
                false
            }
            None => false,
        }
    }

    /// It has said something, whatever it was.
    pub(super) fn heard(&mut self, place: ClientId, server: SocketAddr) {
        self.0.remove(&(place, server));
    }

    /// It has not answered a question in time.
    pub(super) fn missed(&mut self, place: ClientId, server: SocketAddr, now: Instant) {
        self.0.retain(|_, silence| now.duration_since(silence.since) < MEMORY);
        let silence = self.0.entry((place, server)).or_insert(Silence { missed: 0, since: now });
        silence.missed = silence.missed.saturating_add(1);
        silence.since = now;
    }

    /// Nobody asks from there any more.
    pub(super) fn forget(&mut self, place: ClientId) {
        self.0.retain(|(from, _), _| *from != place);
    }
}

/// So many questions in a row without an answer: the server is silent.
const MISSES: u32 = 3;
/// What was longer ago says nothing.
const MEMORY: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: ClientId = ClientId(7);

    fn server() -> SocketAddr {
        "192.0.2.1:53".parse().unwrap()
    }

    #[test]
    fn only_several_questions_in_a_row_without_an_answer_make_a_server_silent() {
        let (mut health, now) = (Health::default(), Instant::now());
        for _ in 0..5 {
            health.missed(HERE, server(), now);
            health.missed(HERE, server(), now);
            assert!(!health.sulks(HERE, server(), now));
            health.heard(HERE, server());
        }
        for _ in 0..3 {
            health.missed(HERE, server(), now);
        }
        assert!(health.sulks(HERE, server(), now));
        assert!(!health.sulks(ClientId(8), server(), now), "asked from elsewhere it may answer");
        health.heard(HERE, server());
        assert!(!health.sulks(HERE, server(), now));
    }

    #[test]
    fn one_question_finds_out_whether_a_silent_server_is_back() {
        let (mut health, start) = (Health::default(), Instant::now());
        for _ in 0..3 {
            health.missed(HERE, server(), start);
        }
        let later = start + SULK;
        assert!(!health.sulks(HERE, server(), later), "the first asks it");
        assert!(health.sulks(HERE, server(), later), "others don't wait for it as well");
        health.missed(HERE, server(), later + Duration::from_secs(2));
        assert!(health.sulks(HERE, server(), later + SULK));
        assert!(!health.sulks(HERE, server(), later + Duration::from_secs(2) + SULK));
        health.forget(HERE);
        assert!(!health.sulks(HERE, server(), later));
    }
}

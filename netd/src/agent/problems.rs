//! What is amiss, for people to know; and when the agent tries again what it could not do.

use super::background::{GLANCE, PERIOD};
use crate::error::Error;
use crate::state::Netns;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// What people should know of, one sentence each.
#[derive(Debug, Default)]
pub(super) struct Problems {
    /// Since the start.
    pub(super) lasting: Vec<String>,
    /// Of containers whose namespaces could not be opened so far.
    pub(super) closed: BTreeMap<Netns, String>,
    /// Of the last reconcile.
    pub(super) current: Vec<String>,
    /// When to try again what it could not do.
    again: Option<Again>,
    /// Of the agent's own files, when they were read last.
    pub(super) declared: Vec<String>,
    /// Of the last look at pins and hooks.
    unmended: Option<String>,
}

impl Problems {
    /// Those that last.
    pub(super) fn new(lasting: impl IntoIterator<Item = String>) -> Self {
        Self { lasting: lasting.into_iter().collect(), ..Self::default() }
    }

    /// Takes over what the last reconcile could not do; logs what is new about it.
    pub(super) fn replace(&mut self, errors: &[Error]) {
        let mut next: Vec<String> = Vec::new();
        for error in errors.iter().map(ToString::to_string) {
            if !self.current.contains(&error) {
                tracing::error!("{error}");
            }
            if !next.contains(&error) {
                next.push(error);
            }
        }
        if next.is_empty() && !self.current.is_empty() {
            tracing::info!("everything is provided again");
        }
        self.again = (!next.is_empty()).then(|| Again::after(self.again, Instant::now()));
        self.current = next;
    }

    /// Whether it is time to try again what the last reconcile could not do.
    pub(super) fn due(&self) -> bool {
        self.again.is_some_and(|again| Instant::now() >= again.at)
    }

    /// Takes over what the last look at pins and hooks could not put back; logs what is new.
    pub(super) fn note_unmended(&mut self, error: Option<Error>) {
        let next = error.map(|error| error.to_string());
        if let Some(error) = next.as_ref().filter(|_| next != self.unmended) {
            tracing::error!("{error}");
        }
        self.unmended = next;
    }

    pub(super) fn all(&self) -> Vec<String> {
        let all = self.lasting.iter().chain(self.closed.values());
        let all = all.chain(&self.current).chain(&self.declared);
        all.chain(&self.unmended).cloned().collect()
    }
}

/// When something that failed is tried again.
#[derive(Clone, Copy, Debug)]
struct Again {
    at: Instant,
    /// How long after the last time.
    pause: Duration,
}

impl Again {
    /// After a failure that followed `last`, or the first one: soon, and then less and less often.
    fn after(last: Option<Self>, now: Instant) -> Self {
        let pause = last.map_or(GLANCE, |last| 2 * last.pause);
        let pause = pause.min(PERIOD);
        Self { at: now + pause, pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_those_of_the_last_reconcile_and_those_that_last() {
        let mut problems = Problems { lasting: vec!["damaged".into()], ..Problems::default() };
        let error = Error::kernel("refused");
        problems.replace(&[error.clone(), error]);
        assert_eq!(problems.all(), ["damaged", "refused"]);
        problems.replace(&[]);
        assert_eq!(problems.all(), ["damaged"]);
    }

    #[test]
    fn what_failed_is_tried_again_soon_and_less_and_less_often() {
        let now = Instant::now();
        let mut again = None;
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let next = Again::after(again, now);
            pauses.push((next.at - now).as_secs());
            again = Some(next);
        }
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30]);
        let mut problems = Problems::default();
        problems.replace(&[Error::kernel("refused")]);
        assert!(problems.again.is_some() && !problems.due());
        problems.replace(&[]);
        assert!(problems.again.is_none() && !problems.due());
    }
}

//! How fast drops come: samples taken now and then, so that a look at the rate need not wait for one.

use super::Agent;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::time;

/// What was counted, and when.
#[derive(Default)]
pub(super) struct Pace(Mutex<VecDeque<(Instant, u64)>>);

impl Pace {
    fn note(&self, now: Instant, total: u64) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.truncate(1);
        samples.push_front((now, total));
    }

    /// How much was added in a second, rounded up, since the last sample that is old enough.
    pub(super) fn rate(&self, now: Instant, total: u64) -> u64 {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let old = |(at, _): &&(Instant, u64)| now.saturating_duration_since(*at) >= LEAST;
        let Some((at, before)) = samples.iter().find(old) else { return 0 };
        let millis = u64::try_from(now.duration_since(*at).as_millis()).unwrap_or(u64::MAX);
        total.saturating_sub(*before).saturating_mul(1_000).div_ceil(millis.max(1))
    }
}

/// Takes samples for as long as the agent lives.
pub(super) async fn keep(agent: Arc<Agent>) {
    let mut timer = time::interval(PERIOD);
    loop {
        timer.tick().await;
        if *agent.over.borrow() {
            return;
        }
        match agent.dropped() {
            Ok(total) => agent.readers.pace.note(Instant::now(), total),
            Err(error) => tracing::debug!("{error}"),
        }
    }
}

/// How often a sample is taken.
const PERIOD: Duration = Duration::from_secs(10);
/// The least time between a sample and the count that it is compared with.
const LEAST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_since_the_last_sample_that_is_old_enough() {
        let (pace, start) = (Pace::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(pace.rate(at(0), 7), 0);
        pace.note(at(0), 100);
        assert_eq!(pace.rate(at(500), 200), 0);
        assert_eq!(pace.rate(at(2_000), 103), 2);
        pace.note(at(10_000), 200);
        assert_eq!(pace.rate(at(10_500), 310), 20);
        assert_eq!(pace.rate(at(11_000), 200), 0);
        pace.note(at(20_000), 200);
        pace.note(at(30_000), 1_200);
        // Counters that began anew.
        assert_eq!(pace.rate(at(31_000), 5), 0);
        assert_eq!(pace.rate(at(32_000), 3_200), 1_000);
    }
}

//! How long each request took, in buckets that are two percent wide: small enough to travel as JSON,
//! and to be added up over rounds.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Counts by bucket; bucket `n` holds what is longer than `BASE^n` ns, up to `BASE^(n+1)`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    counts: BTreeMap<u32, u64>,
}

impl Histogram {
    /// So many requests that took so long.
    pub(crate) fn record(&mut self, nanoseconds: f64, times: u64) {
        let bucket = nanoseconds.max(1.0).ln() / BASE.ln();
        *self.counts.entry(bucket as u32).or_default() += times;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (bucket, count) in &other.counts {
            *self.counts.entry(*bucket).or_default() += count;
        }
    }

    /// What `share` (0 to 1) of the requests took at most, in microseconds; 0 where there were none.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let reached = self.cumulative().into_iter().find(|(_, below)| *below >= share);
        reached.map_or(0.0, |(time, _)| time)
    }

    /// Microseconds, and the share of the requests that took no longer.
    pub(crate) fn cumulative(&self) -> Vec<(f64, f64)> {
        let all: u64 = self.counts.values().sum();
        let mut below = 0;
        let step = |(bucket, count): (&u32, &u64)| {
            below += count;
            (BASE.powf(f64::from(*bucket) + 0.5) / 1e3, below as f64 / all as f64)
        };
        self.counts.iter().map(step).collect()
    }

    /// `[[bucket, count], ...]`.
    pub(crate) fn json(&self) -> Value {
        self.counts.iter().map(|(bucket, count)| json!([bucket, count])).collect()
    }

    /// Of what [`json`](Self::json) wrote; nothing where it is something else.
    pub(crate) fn parse(value: &Value) -> Option<Self> {
        let pairs = value.as_array()?.iter();
        let pair = |pair: &Value| Some((u32::try_from(pair[0].as_u64()?).ok()?, pair[1].as_u64()?));
        Some(Self { counts: pairs.map(pair).collect::<Option<_>>()? })
    }
}

const BASE: f64 = 1.02;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(microseconds: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        microseconds.iter().for_each(|time| histogram.record(*time as f64 * 1e3, 1));
        histogram
    }

    #[test]
    fn quantiles_are_within_two_percent() {
        let tens: Vec<u64> = (1..=1000).collect();
        for (share, wanted) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let found = of(&tens).quantile(share);
            assert!((found / wanted - 1.0).abs() < 0.02, "{share}: {found}");
        }
        assert!(Histogram::default().quantile(0.5).abs() < 1e-9);
    }

    #[test]
    fn rounds_add_up_and_travel() {
        let mut all = of(&[10, 10]);
        all.add(&of(&[10, 2000]));
        let back = Histogram::parse(&all.json()).unwrap();
        assert_eq!(back.counts, all.counts);
        assert_eq!(back.cumulative().last().map(|(_, share)| *share), Some(1.0));
        assert!(back.quantile(0.75) < 11.0 && back.quantile(0.76) > 1900.0);
        assert!(Histogram::parse(&json!("none")).is_none());
    }
}

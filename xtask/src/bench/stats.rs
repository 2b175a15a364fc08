//! Medians and spreads.

use serde_json::{Value, json};

/// The middle of the numbers; 0 where there are none.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    quantile(numbers, 0.5)
}

/// The number that `share` (0 to 1) of the numbers are below, between two of them where need be.
pub(crate) fn quantile(numbers: &[f64], share: f64) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    match (sorted.get(below), sorted.get((below + 1).min(last))) {
        (Some(low), Some(high)) => low + (high - low) * place.fract(),
        _ => 0.0,
    }
}

/// A ratio or a cost: the median of the rounds, and what eight rounds of ten lie between.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// Of the numbers of the rounds.
    pub(crate) fn of(numbers: &[f64]) -> Self {
        Self { median: median(numbers), low: quantile(numbers, 0.1), high: quantile(numbers, 0.9) }
    }

    /// As a ratio: neither side can be called the faster one.
    pub(crate) fn no_difference(self) -> bool {
        self.low <= 1.0 && self.high >= 1.0
    }

    /// What eight of ten lie between, for a table.
    pub(crate) fn range(self) -> String {
        format!("{:.2}-{:.2}", self.low, self.high)
    }

    /// For a machine.
    pub(crate) fn json(self) -> Value {
        json!({"median": self.median, "low": self.low, "high": self.high})
    }
}

#[cfg(test)]
mod tests {
    use super::{Spread, median, quantile};

    #[test]
    fn the_median_of_an_even_count_is_between_the_middle_two() {
        assert!((median(&[4.0, 1.0, 100.0, 2.0]) - 3.0).abs() < 1e-9);
        assert!((median(&[100.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!(median(&[]).abs() < 1e-9);
    }

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        let tens: Vec<f64> = (0..=10).map(f64::from).collect();
        assert!((quantile(&tens, 0.1) - 1.0).abs() < 1e-9);
        assert!((quantile(&tens, 0.25) - 2.5).abs() < 1e-9);
        assert!((quantile(&[7.0], 0.9) - 7.0).abs() < 1e-9);
    }

    #[test]
    fn a_difference_inside_the_spread_is_none() {
        assert!(Spread::of(&[0.9, 1.0, 1.2]).no_difference());
        assert!(!Spread::of(&[1.1, 1.2, 1.3]).no_difference());
    }
}

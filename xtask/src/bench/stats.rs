//! Medians and spreads.

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

#[cfg(test)]
mod tests {
    use super::{median, quantile};

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
}

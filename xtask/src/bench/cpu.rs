//! What the processors did.

use anyhow::{Context, Result};
use std::fs;

/// Seconds that all processors worked since the machine started.
pub(crate) fn busy() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    Ok(worked(&stat) as f64 / TICKS_PER_SECOND)
}

/// Ticks in user, system, irq and softirq; neither idle nor stolen, nor nice: what keeps processors
/// awake is that.
fn worked(stat: &str) -> u64 {
    let total = stat.lines().next().unwrap_or_default();
    let fields: Vec<u64> =
        total.split_whitespace().skip(1).map(|field| field.parse().unwrap_or(0)).collect();
    [0, 2, 5, 6].iter().filter_map(|place| fields.get(*place)).sum()
}

/// USER_HZ: the same on every architecture that netd runs on.
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::worked;

    #[test]
    fn idle_and_stolen_time_is_nobody_s_work() {
        assert_eq!(worked("cpu  1 10 100 7000 7000 1000 10000 7000 7 7\ncpu0 9 9\n"), 11_101);
        assert_eq!(worked(""), 0);
    }
}

//! What the processors did.

use anyhow::{Context, Result};
use std::fs;

/// A process as /proc/PID/stat has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) parent: u32,
    /// Its own time and that of the children it waited for, in ticks.
    pub(crate) ticks: u64,
}

impl Process {
    /// The second field is a name in brackets that may hold anything.
    pub(crate) fn parse(stat: &str) -> Option<Self> {
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>().unwrap_or(0)).sum();
        Some(Self { parent: fields.get(1)?.parse().ok()?, ticks })
    }
}

/// Seconds that all processors worked since the machine started.
pub(crate) fn busy() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    Ok(ticks(&stat) as f64 / TICKS_PER_SECOND)
}

/// Milliseconds of processor time that the process has taken so far, its threads that ended included; in
/// steps of 10.
pub(crate) fn worked(pid: i32) -> Result<f64> {
    let file = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    let process = Process::parse(&stat).with_context(|| format!("{file} has another form"))?;
    Ok(process.ticks as f64 * 1e3 / TICKS_PER_SECOND)
}

/// Ticks in user, system, irq and softirq; neither idle nor stolen, nor nice: what keeps processors
/// awake is that.
fn ticks(stat: &str) -> u64 {
    let total = stat.lines().next().unwrap_or_default();
    let fields: Vec<u64> =
        total.split_whitespace().skip(1).map(|field| field.parse().unwrap_or(0)).collect();
    [0, 2, 5, 6].iter().filter_map(|place| fields.get(*place)).sum()
}

/// USER_HZ: the same on every architecture that netd runs on.
pub(crate) const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_stolen_time_is_nobody_s_work() {
        assert_eq!(ticks("cpu  1 10 100 7000 7000 1000 10000 7000 7 7\ncpu0 9 9\n"), 11_101);
        assert_eq!(ticks(""), 0);
    }

    #[test]
    fn a_stat_line_is_read_behind_any_name() {
        let line = "7 (a) b (c) S 3 7 7 0 -1 4 1 1 0 0 10 20 30 40 20 0 1 0 5";
        assert_eq!(Process::parse(line), Some(Process { parent: 3, ticks: 100 }));
        assert_eq!(Process::parse("7 (a) S"), None);
    }
}

//! How quiet the machine was: processor time of processes that are not the bench's, and time that a
//! hypervisor took.

use super::{
    cpu::{Process, TICKS_PER_SECOND},
    machine,
    stats::Spread,
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Instant,
};

/// Shares of the time of all processors, 0 to 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Noise {
    /// What other processes took.
    pub(crate) foreign: f64,
    /// What the hypervisor took.
    pub(crate) steal: f64,
}

impl Noise {
    /// Nobody can judge by what was measured meanwhile.
    pub(crate) fn loud(self) -> bool {
        self.foreign > 0.1 || self.steal > 0.02
    }

    /// A line below a table; `again` is `who` over itself, a round later.
    pub(crate) fn told(self, who: &str, again: Spread) -> String {
        format!(
            "noise: {who} against itself {:.2} ({}), other processes {:.0} % of the processors, stolen {:.0} %{}",
            again.median,
            again.range(),
            self.foreign * 100.0,
            self.steal * 100.0,
            if self.loud() { ": too loud to judge by" } else { "" },
        )
    }

    /// For machines; `again` is netd over itself, a round later.
    pub(crate) fn json(self, again: Spread) -> Value {
        json!({
            "netd_again": again.json(),
            "foreign": self.foreign,
            "steal": self.steal,
            "too_loud": self.loud(),
        })
    }
}

/// Between two moments.
pub(crate) struct Meter {
    begun: Instant,
    before: Ticks,
}

#[derive(Clone, Copy)]
struct Ticks {
    foreign: u64,
    steal: u64,
}

impl Meter {
    pub(crate) fn start() -> Result<Self> {
        Ok(Self { begun: Instant::now(), before: Ticks::now()? })
    }

    pub(crate) fn stop(self) -> Result<Noise> {
        let after = Ticks::now()?;
        let processors = machine::processors();
        let all = self.begun.elapsed().as_secs_f64() * TICKS_PER_SECOND * processors as f64;
        // A process that nobody waited for takes its time with it.
        let share = |after: u64, before: u64| after.saturating_sub(before) as f64 / all;
        Ok(Noise {
            foreign: share(after.foreign, self.before.foreign),
            steal: share(after.steal, self.before.steal),
        })
    }
}

impl Ticks {
    fn now() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
        let total = stat.lines().next().unwrap_or_default();
        let steal = total.split_whitespace().nth(8).and_then(|field| field.parse().ok());
        let supervisor = nix::unistd::getppid().as_raw().unsigned_abs();
        Ok(Self { foreign: foreign(&processes(), supervisor), steal: steal.unwrap_or(0) })
    }
}

/// Ticks of processes that do not descend from `root`. Kernel threads are nobody's: they work for
/// the bench, too.
fn foreign(processes: &BTreeMap<u32, Process>, root: u32) -> u64 {
    let ours = descendants(processes, root);
    let kernel = descendants(processes, KTHREADD);
    let others = processes.iter().filter(|(pid, _)| !ours.contains(pid) && !kernel.contains(pid));
    others.map(|(_, process)| process.ticks).sum()
}

/// `root` and what it started.
fn descendants(processes: &BTreeMap<u32, Process>, root: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::from([root]);
    loop {
        let children = processes.iter().filter(|(_, process)| found.contains(&process.parent));
        let children: Vec<u32> = children.map(|(pid, _)| *pid).collect();
        let before = found.len();
        found.extend(children);
        if found.len() == before {
            return found;
        }
    }
}

fn processes() -> BTreeMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, Process::parse(&stat)?))
    })
    .collect()
}

/// The parent of kernel threads.
const KTHREADD: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loud_machine_is_told_to_people_and_to_machines() {
        let again = Spread::of(&[1.0, 1.1]);
        let quiet = Noise { foreign: 0.04, steal: 0.01 };
        let told = quiet.told("1", again);
        assert!(told.starts_with("noise: 1 against itself 1.05 (1.01-1.09), "), "{told}");
        assert!(told.ends_with("other processes 4 % of the processors, stolen 1 %"), "{told}");
        let loud = Noise { steal: 0.03, ..quiet };
        assert!(loud.told("netd", again).ends_with("stolen 3 %: too loud to judge by"));
        assert_eq!(
            (&quiet.json(again)["too_loud"], &loud.json(again)["too_loud"]),
            (&json!(false), &json!(true))
        );
    }

    #[test]
    fn only_what_neither_the_bench_nor_the_kernel_started_is_foreign() {
        let tree = [(1, 0), (2, 0), (9, 2), (50, 1), (51, 50), (52, 51), (70, 1)];
        let all = tree.map(|(pid, parent)| (pid, Process { parent, ticks: u64::from(pid) }));
        assert_eq!(foreign(&BTreeMap::from(all), 50), 1 + 70);
    }
}

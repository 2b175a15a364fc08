//! What netd's programs took of a workload, by the kernel's own statistics. Counting costs more than some
//! programs do, so it is on for a sample of its own only, and off while anybody is compared.

use super::workload::{Sample, Workload};
use crate::{build, run, stage};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// One of the agent's programs during a workload.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Program {
    pub(crate) name: String,
    /// Runs for each packet, request or connection, or for each megabyte of a stream.
    pub(crate) runs: f64,
    /// Mean of a run, the counting included.
    pub(crate) nanoseconds: f64,
    /// Seconds in the program, per unit of [`Workload::cost`](super::workload::Workload::cost).
    pub(crate) cpu: f64,
}

/// Runs and nanoseconds, by the name of the program.
type Counts = BTreeMap<String, (f64, f64)>;

/// Takes a sample while the kernel counts, on the stage `name`; `agent` is the agent's socket.
pub(crate) fn during(
    name: &str,
    agent: &Path,
    workload: Workload,
    sample: impl FnOnce() -> Result<Sample>,
) -> Result<Vec<Program>> {
    let before = counts(agent)?;
    let switch = Switch::on(name)?;
    let sample = sample();
    drop(switch);
    Ok(programs(&before, &counts(agent)?, workload, sample?.amount))
}

/// The busiest first; those that did not run are left out.
fn programs(before: &Counts, after: &Counts, workload: Workload, amount: f64) -> Vec<Program> {
    let each = if matches!(workload, Workload::Stream(_)) { 1e3 } else { 1e6 };
    let mut found = Vec::new();
    for (name, (runs, nanoseconds)) in after {
        let earlier = before.get(name).copied().unwrap_or_default();
        let (runs, nanoseconds) = (runs - earlier.0, nanoseconds - earlier.1);
        if runs > 0.0 {
            found.push(Program {
                name: name.clone(),
                runs: runs / (amount * each),
                nanoseconds: nanoseconds / runs,
                cpu: nanoseconds / 1e9 / amount,
            });
        }
    }
    found.sort_by(|one, other| other.cpu.total_cmp(&one.cpu));
    found
}

/// As the agent lists its programs; one name may have several.
fn counts(agent: &Path) -> Result<Counts> {
    let mut netctl = Command::new(build::binary("netctl"));
    netctl.env("NETD_SOCKET", agent).args(["status", "--format", "json"]);
    let status: Value = serde_json::from_str(&run::read(&mut netctl)?).context("netctl status")?;
    let mut counts = Counts::new();
    for program in status["Programs"].as_array().context("netctl status names no programs")? {
        let name = program["Name"].as_str().unwrap_or_default().to_owned();
        let sum = counts.entry(name).or_default();
        sum.0 += program["Runs"].as_f64().unwrap_or_default();
        sum.1 += program["Nanoseconds"].as_f64().unwrap_or_default();
    }
    Ok(counts)
}

/// The kernel counts while this lives.
struct Switch<'a> {
    stage: &'a str,
}

impl<'a> Switch<'a> {
    fn on(stage: &'a str) -> Result<Self> {
        let before = fs::read_to_string(SWITCH).with_context(|| format!("cannot read {SWITCH}"))?;
        // Where this process is killed, the supervisor puts back what this says.
        fs::create_dir_all(stage::folder(stage))?;
        fs::write(stage::folder(stage).join(BEFORE), &before)?;
        fs::write(SWITCH, "1").with_context(|| format!("cannot write {SWITCH}"))?;
        Ok(Self { stage })
    }
}

impl Drop for Switch<'_> {
    fn drop(&mut self) {
        restore(self.stage);
    }
}

/// Puts the switch back as it was before the stage `name` used it, best effort.
pub(crate) fn restore(name: &str) {
    let file = stage::folder(name).join(BEFORE);
    if let Ok(before) = fs::read_to_string(&file) {
        let _ = fs::write(SWITCH, before);
        let _ = fs::remove_file(file);
    }
}

const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";
/// What the switch was.
const BEFORE: &str = "bpf_stats_enabled";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ran_meanwhile_counts() {
        let counts = |one: (f64, f64), other: (f64, f64)| {
            Counts::from([("out".to_owned(), one), ("in".to_owned(), other)])
        };
        let before = counts((1e6, 2e8), (5.0, 5.0));
        let after = counts((5e6, 1e9), (5.0, 5.0));
        let found = programs(&before, &after, Workload::Requests, 2.0);
        let wanted = Program { name: "out".into(), runs: 2.0, nanoseconds: 200.0, cpu: 0.4 };
        assert_eq!(found, [wanted]);
    }
}

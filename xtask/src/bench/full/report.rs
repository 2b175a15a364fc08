//! What is told: on the terminal while it goes, then as Markdown, JSON and plots.

use super::{
    Options,
    contest::{Outcome, Side},
    engine,
    peers::Peers,
    tables::{SHARES, tables},
    workload::{Sample, Workload},
};
use crate::{
    bench::{machine, plot, table::Table},
    build, run,
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// The files of a report, by their names.
pub(super) fn files() -> Vec<String> {
    let plots = Workload::ALL.map(|workload| format!("{}.svg", workload.word()));
    let all = [JSON, MARKDOWN, LATENCY].map(str::to_owned);
    all.into_iter().chain(plots).collect()
}

/// Everything so far.
pub(super) struct Report {
    skipped: Vec<String>,
    head: Value,
    quick: bool,
    outcomes: Vec<Outcome>,
    tables: Vec<Table>,
    failed: Vec<String>,
}

impl Report {
    pub(super) fn new(options: &Options, peers: &Peers) -> Self {
        let netd = build::binary("netd").to_string_lossy().into_owned();
        let head = json!({
            "schema": SCHEMA,
            "quick": options.quick,
            "rounds": options.rounds,
            "seconds": options.seconds,
            "processors": options.placement.word(),
            "machine": machine::record(),
            "versions": {
                "netd": machine::version(&netd, &["--version"]),
                "iperf3": machine::version("iperf3", &["--version"]),
                "iproute2": machine::version("ip", &["-Version"]),
                "iptables": machine::version("iptables-nft", &["--version"]),
                "docker": engine::version(),
            },
        });
        Self {
            skipped: peers.skipped.clone(),
            head,
            quick: options.quick,
            outcomes: Vec::new(),
            tables: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Prints what came of a workload, or why nothing did, and keeps it.
    pub(super) fn take(&mut self, workload: Workload, done: Result<Outcome>) {
        let outcome = match done {
            Ok(outcome) => outcome,
            Err(e) => {
                println!("error: {e:#}");
                return self.failed.push(format!("{}: {e:#}", workload.title()));
            }
        };
        for table in tables(&outcome, self.quick) {
            println!("{}", table.text());
            self.tables.push(table);
        }
        self.outcomes.push(outcome);
    }

    /// What failed and what is below its target.
    pub(super) fn open(&self) -> Vec<String> {
        let open = self.tables.iter().flat_map(|table| &table.open);
        self.failed.iter().chain(open).cloned().collect()
    }

    /// Writes the files into `folder`.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let mut json = self.head.clone();
        json["skipped"] = json!(self.skipped);
        json["failed"] = json!(self.failed);
        json["workloads"] = self.outcomes.iter().map(workload).collect();
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        put(&folder.join(JSON), &format!("{json:#}\n"))?;
        let plots = self.plots(folder)?;
        put(&folder.join(MARKDOWN), &self.markdown(&plots))?;
        run::say(format!(
            "written: {MARKDOWN}, {JSON} and {} plots in {}",
            plots.len(),
            folder.display()
        ));
        // A plot of another run would be taken for one of this.
        for file in files().into_iter().filter(|file| file.ends_with(".svg")) {
            if !plots.contains(&file) {
                let _ = fs::remove_file(folder.join(file));
            }
        }
        Ok(())
    }

    /// Draws, and returns the files' names.
    fn plots(&self, folder: &Path) -> Result<Vec<String>> {
        let mut drawn = Vec::new();
        for outcome in &self.outcomes {
            let (scale, file) =
                (outcome.workload.scale(), format!("{}.svg", outcome.workload.word()));
            let bars = outcome
                .sides
                .iter()
                .map(|side| (side.name.clone(), side.spread(|sample| sample.rate / scale)));
            let title = format!("{} ({})", outcome.workload.title(), outcome.workload.unit());
            plot::bars(&folder.join(&file), &title, &bars.collect::<Vec<_>>())?;
            drawn.push(file);
        }
        let latency = self
            .outcomes
            .iter()
            .flat_map(|outcome| &outcome.sides)
            .filter_map(|side| Some((side.name.clone(), side.latency()?.cumulative())));
        let curves: Vec<plot::Curve> = latency.collect();
        if !curves.is_empty() {
            plot::shares(&folder.join(LATENCY), "How long a request takes (µs)", &curves)?;
            drawn.push(LATENCY.into());
        }
        Ok(drawn)
    }

    fn markdown(&self, plots: &[String]) -> String {
        let (head, machine) = (&self.head, &self.head["machine"]);
        let mut text = format!(
            "# Container to container\n\nLinux {}, {}, {} processors ({}); {} rounds, samples of {} s, `--processors {}`.{}\n",
            plain(&machine["kernel"]),
            plain(&machine["distribution"]),
            machine["processors"],
            plain(&machine["processor"]),
            head["rounds"],
            head["seconds"],
            plain(&head["processors"]),
            if self.quick { " A look only: too short to judge anybody by." } else { "" },
        );
        let versions = head["versions"].as_object().into_iter().flatten();
        let versions = versions.filter_map(|(name, version)| Some((name, version.as_str()?)));
        let versions: Vec<String> =
            versions.map(|(name, version)| format!("{name}: {version}")).collect();
        let _ = writeln!(text, "\n{}.", versions.join("; "));
        let skipped = self.skipped.iter().map(|who| format!("Skipped: {who}."));
        let failed = self.failed.iter().map(|what| format!("Failed: {what}."));
        for note in skipped.chain(failed) {
            let _ = writeln!(text, "\n{note}");
        }
        for table in &self.tables {
            let _ = write!(text, "\n{}", table.markdown());
        }
        for file in plots {
            let _ = write!(text, "\n![{file}]({file})\n");
        }
        text
    }
}

fn workload(outcome: &Outcome) -> Value {
    let word = |place: usize| outcome.sides[place].word;
    let ratios = outcome.ratios.iter().map(|ratio| {
        json!({
            "subject": word(ratio.subject), "rival": word(ratio.rival), "rounds": ratio.rounds,
            "ratio": ratio.spread.json(), "no_difference": ratio.spread.no_difference(),
            "target": ratio.goal, "met": ratio.met(),
        })
    });
    json!({
        "workload": outcome.workload.word(),
        "unit": outcome.workload.unit(),
        "per_unit": outcome.workload.scale(),
        "cpu_unit": outcome.workload.cost(),
        "noise": {
            "netd_again": outcome.again.json(),
            "foreign": outcome.noise.foreign,
            "steal": outcome.noise.steal,
            "too_loud": outcome.noise.loud(),
        },
        "peers": outcome.sides.iter().map(side).collect::<Vec<_>>(),
        "ratios": ratios.collect::<Vec<_>>(),
    })
}

fn side(side: &Side) -> Value {
    let column = |of: fn(&Sample) -> f64| side.samples.iter().map(of).collect::<Vec<f64>>();
    let latency = side.latency().map(|all| {
        let shares =
            SHARES.iter().map(|(name, share)| ((*name).to_owned(), json!(all.quantile(*share))));
        json!({
            "microseconds": shares.collect::<serde_json::Map<_, _>>(),
            "cumulative": all.cumulative(),
        })
    });
    json!({
        "peer": side.word,
        "name": side.name,
        "samples": column(|sample| sample.rate),
        "cpu": column(|sample| sample.cpu),
        "loss": side.loss().map(|_| column(|sample| sample.loss.unwrap_or_default())),
        "latency": latency,
    })
}

fn put(file: &PathBuf, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Changes when a field changes its meaning or goes.
const SCHEMA: &str = "netd-bench-full/1";
const JSON: &str = "full.json";
const MARKDOWN: &str = "full.md";
const LATENCY: &str = "latency.svg";

#[cfg(test)]
mod tests {
    use super::{super::contest::played, *};

    #[test]
    fn a_workload_says_who_was_held_against_whom() {
        let json = workload(&played(Workload::Datagrams(64)));
        assert_eq!(json["workload"], "udp-64");
        assert_eq!(json["peers"][1]["loss"], json!([0.25, 0.25, 0.25]));
        assert_eq!(json["ratios"][0]["subject"], "netd");
        assert_eq!(json["ratios"][0]["rival"], "veth");
        assert_eq!(json["peers"][0]["latency"], Value::Null);
    }

    #[test]
    fn every_file_has_a_name_of_its_own() {
        let mut names = files();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}

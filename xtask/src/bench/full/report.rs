//! What is told: on the terminal while it goes, then as Markdown, JSON and plots.

use super::{
    Options,
    contest::{Outcome, Ratio, Side},
    engine,
    peers::Peers,
    workload::Workload,
};
use crate::{
    bench::{
        machine, plot,
        table::{Table, met},
    },
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
            "# Container to container\n\nLinux {}, {}, {} processors ({}); {} rounds, samples of {} s.{}\n",
            plain(&machine["kernel"]),
            plain(&machine["distribution"]),
            machine["processors"],
            plain(&machine["processor"]),
            head["rounds"],
            head["seconds"],
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

/// Rates and ratios, and where there were requests, how long they took.
fn tables(outcome: &Outcome, quick: bool) -> Vec<Table> {
    let mut tables = Vec::new();
    let mut subjects: Vec<usize> = outcome.ratios.iter().map(|ratio| ratio.subject).collect();
    subjects.dedup();
    // netd alone, where every peer was left out.
    if subjects.is_empty() {
        subjects.push(super::NETD);
    }
    for subject in subjects {
        tables.push(rates(outcome, subject, quick));
    }
    tables.extend(latencies(outcome));
    tables
}

fn rates(outcome: &Outcome, subject: usize, quick: bool) -> Table {
    let ours = |ratio: &&Ratio| ratio.subject == subject;
    let shown: Vec<(&Side, Option<&Ratio>)> = [(&outcome.sides[subject], None)]
        .into_iter()
        .chain(
            outcome
                .ratios
                .iter()
                .filter(ours)
                .map(|ratio| (&outcome.sides[ratio.rival], Some(ratio))),
        )
        .collect();
    let name = &outcome.sides[subject].name;
    let open = outcome.ratios.iter().filter(ours).filter(|ratio| ratio.met() == Some(false));
    let title = format!("{}, {name} and its peers", outcome.workload.title());
    Table {
        head: vec![
            "",
            outcome.workload.unit(),
            "10-90 %",
            outcome.workload.cost(),
            "lost",
            "netd/peer",
            "10-90 %",
            "target",
            "",
        ],
        rows: shown
            .iter()
            .map(|(side, ratio)| row(outcome.workload, side, *ratio, quick))
            .collect(),
        note: outcome.noise.told(outcome.again),
        open: open
            .map(|ratio| {
                let rival = &outcome.sides[ratio.rival].name;
                let goal = ratio.goal.unwrap_or_default();
                format!("{title}, against {rival}: {:.2} of {goal:.2}", ratio.spread.median)
            })
            .collect(),
        title,
        json: Value::Null,
    }
}

fn row(workload: Workload, side: &Side, ratio: Option<&Ratio>, quick: bool) -> Vec<String> {
    let rate = side.spread(|sample| sample.rate / workload.scale());
    let none = || "-".to_owned();
    let mut row = vec![
        side.name.clone(),
        format!("{:.2}", rate.median),
        rate.range(),
        format!("{:.2}", side.spread(|sample| sample.cpu).median),
        side.loss().map_or_else(none, |loss| format!("{:.1} %", loss.median * 100.0)),
    ];
    let Some(ratio) = ratio else {
        row.extend([none(), none(), none(), String::new()]);
        return row;
    };
    let verdict = if quick { "" } else { met(ratio.met()) };
    let difference = if ratio.spread.no_difference() { "no difference" } else { "" };
    row.extend([
        format!("{:.2}", ratio.spread.median),
        ratio.spread.range(),
        ratio.goal.map_or_else(none, |goal| format!("{goal:.2}")),
        [verdict, difference].join(" ").trim().to_owned(),
    ]);
    row
}

fn latencies(outcome: &Outcome) -> Option<Table> {
    let row = |side: &Side| {
        let all = side.latency()?;
        let times = SHARES.iter().map(|(_, share)| format!("{:.1}", all.quantile(*share)));
        Some([side.name.clone()].into_iter().chain(times).collect())
    };
    let rows: Vec<Vec<String>> = outcome.sides.iter().filter_map(row).collect();
    Some(Table {
        title: "how long a request takes (µs)".into(),
        head: [""].into_iter().chain(SHARES.map(|(name, _)| name)).collect(),
        rows,
        note: "All requests of all rounds, in steps of 2 %.".into(),
        open: Vec::new(),
        json: Value::Null,
    })
    .filter(|table| !table.rows.is_empty())
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
    let column =
        |of: fn(&super::workload::Sample) -> f64| side.samples.iter().map(of).collect::<Vec<f64>>();
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

/// The shares of the requests that the tables name.
const SHARES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

#[cfg(test)]
mod tests {
    use super::{super::contest::played, *};

    #[test]
    fn a_table_says_rates_ratios_and_the_verdict() {
        let all = tables(&played(Workload::Stream(1)), false);
        let line = "| veth | 6.00 | 4.40-7.60 | 0.50 | - | 1.10 | 1.10-1.10 | 1.10 | met |";
        assert!(all[1].markdown().contains(line), "{}", all[1].markdown());
        assert_eq!(all.len(), 2, "netd's, and the internal network's");
        assert!(all.iter().all(|table| table.open.is_empty()));
    }

    #[test]
    fn a_quick_run_judges_nobody() {
        let text = tables(&played(Workload::Stream(1)), true)[1].text();
        assert!(!text.contains("met") && text.contains("1.10"), "{text}");
    }

    #[test]
    fn lost_datagrams_are_shown() {
        let outcome = played(Workload::Datagrams(64));
        assert!(tables(&outcome, false)[0].text().contains("25.0 %"));
        let json = workload(&outcome);
        assert_eq!(json["peers"][1]["loss"], json!([0.25, 0.25, 0.25]));
        assert_eq!(json["ratios"][0]["rival"], "veth");
    }
}

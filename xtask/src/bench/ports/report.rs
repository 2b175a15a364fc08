//! What is told: on the terminal while it goes, then as JSON and Markdown.

use super::{
    Options,
    contest::{Outcome, Row},
    publishing::Cost,
};
use crate::{
    bench::{
        machine,
        stats::median,
        table::{Table, met},
    },
    run,
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{fmt::Write, fs};

/// Below the workspace: for machines, and for people.
pub(super) const FILES: [&str; 2] = ["target/bench/ports.json", "target/bench/ports.md"];

/// Everything so far.
pub(super) struct Report {
    /// Who does not take part, and why.
    pub(super) skipped: Vec<String>,
    machine: Value,
    tables: Vec<Table>,
    failed: Vec<String>,
}

impl Report {
    pub(super) fn new(options: &Options) -> Self {
        let machine = json!({
            "kernel": machine::kernel(),
            "processor": machine::processor(),
            "processors": machine::processors(),
            "rounds": options.rounds,
            "seconds": options.seconds,
            "placement": options.placement.word(),
        });
        Self { skipped: Vec::new(), machine, tables: Vec::new(), failed: Vec::new() }
    }

    /// Prints a table, or why there is none, and keeps it.
    pub(super) fn take(&mut self, table: Result<Table>) {
        match table {
            Ok(table) => {
                println!("{}", table.text());
                self.tables.push(table);
            }
            Err(e) => {
                println!("error: {e:#}");
                self.failed.push(format!("{e:#}"));
            }
        }
    }

    /// What failed and what is below its target.
    pub(super) fn open(&self) -> Vec<String> {
        let open = self.tables.iter().flat_map(|table| &table.open);
        self.failed.iter().chain(open).cloned().collect()
    }

    /// Writes the files.
    pub(super) fn write(&self) -> Result<()> {
        let json = json!({
            "machine": self.machine,
            "skipped": self.skipped,
            "failed": self.failed,
            "tables": self.tables.iter().map(|table| &table.json).collect::<Vec<_>>(),
        });
        let contents = [format!("{json:#}\n"), self.markdown()];
        for (file, content) in FILES.into_iter().zip(contents) {
            let path = run::root().join(file);
            fs::write(&path, content).with_context(|| format!("cannot write {file}"))?;
            run::say(format!("written: {file}"));
        }
        Ok(())
    }

    fn markdown(&self) -> String {
        let machine = &self.machine;
        let mut text = format!(
            "Linux {}, {} processors ({}); {} rounds, samples of {} s, `--processors {}`.\n",
            plain(&machine["kernel"]),
            machine["processors"],
            plain(&machine["processor"]),
            machine["rounds"],
            machine["seconds"],
            plain(&machine["placement"]),
        );
        let notes = self.skipped.iter().map(|who| format!("Skipped: {who}."));
        let failed = self.failed.iter().map(|what| format!("Failed: {what}."));
        for note in notes.chain(failed) {
            let _ = writeln!(text, "\n{note}");
        }
        for table in &self.tables {
            let _ = write!(text, "\n{}", table.markdown());
        }
        text
    }
}

/// The table of a comparison.
pub(super) fn outcome(outcome: &Outcome) -> Table {
    let scale = outcome.workload.scale();
    let netd = median(&outcome.netd) / scale;
    let rows = outcome.rows.iter().map(|row| {
        let rival = median(&row.samples) / scale;
        let difference = if row.ratio.no_difference() { "no difference" } else { "" };
        vec![
            row.rival.clone(),
            format!("{netd:.2}"),
            format!("{rival:.2}"),
            format!("{:.2}", row.ratio.median),
            row.ratio.range(),
            row.target.map_or_else(|| "-".into(), |target| format!("{target:.2}")),
            [met(row.met()), difference].join(" ").trim().to_owned(),
        ]
    });
    let open = outcome.rows.iter().filter(|row| row.met() == Some(false));
    Table {
        title: format!("{} ({})", outcome.title, outcome.workload.unit()),
        head: vec!["rival", "netd", "rival's", "netd/rival", "10-90 %", "target", ""],
        rows: rows.collect(),
        note: outcome.noise.told(outcome.again),
        open: open.map(|row| told(&outcome.title, row)).collect(),
        json: json!({
            "title": outcome.title,
            "unit": outcome.workload.unit(),
            "per_unit": scale,
            "netd": outcome.netd,
            "noise": {
                "netd_again": outcome.again.json(),
                "foreign": outcome.noise.foreign,
                "steal": outcome.noise.steal,
            },
            "rows": outcome.rows.iter().map(row).collect::<Vec<_>>(),
        }),
    }
}

/// The table of what publishing costs.
pub(super) fn costs(costs: &[Cost]) -> Table {
    let rows = costs.iter().map(|cost| {
        vec![
            cost.what.clone(),
            format!("{:.1} {}", cost.spread.median, cost.unit),
            cost.spread.range(),
            cost.target
                .map_or_else(|| "-".into(), |target| format!("below {target} {}", cost.unit)),
            met(cost.met()).to_owned(),
        ]
    });
    let open = costs.iter().filter(|cost| cost.met() == Some(false));
    let json = costs.iter().map(|cost| {
        json!({
            "what": cost.what, "unit": cost.unit, "cost": cost.spread.json(),
            "target": cost.target, "met": cost.met(),
        })
    });
    Table {
        title: "publishing 10,000 ports".into(),
        head: vec!["", "median", "10-90 %", "target", ""],
        rows: rows.collect(),
        note: "A run of `iptables` per rule, as Docker does it, costs milliseconds a rule.".into(),
        open: open.map(|cost| format!("{}: {:.1}", cost.what, cost.spread.median)).collect(),
        json: json!({"title": "publishing 10,000 ports", "rows": json.collect::<Vec<_>>()}),
    }
}

fn row(row: &Row) -> Value {
    json!({
        "rival": row.rival, "samples": row.samples, "ratio": row.ratio.json(),
        "target": row.target, "met": row.met(), "no_difference": row.ratio.no_difference(),
    })
}

fn told(title: &str, row: &Row) -> String {
    let target = row.target.unwrap_or_default();
    format!("{title}, against {}: {:.2} of {target:.2}", row.rival, row.ratio.median)
}

fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{noise::Noise, ports::contest::Workload, stats::Spread};

    fn sample(target: f64) -> Outcome {
        Outcome {
            title: "from outside".into(),
            workload: Workload::Requests,
            netd: vec![60_000.0, 60_000.0],
            again: Spread::of(&[1.0]),
            rows: vec![Row {
                rival: "iptables, 1 port".into(),
                samples: vec![50_000.0],
                ratio: Spread::of(&[1.2]),
                target: Some(target),
            }],
            noise: Noise { foreign: 0.5, steal: 0.0 },
        }
    }

    #[test]
    fn a_table_says_both_figures_their_ratio_and_the_verdict() {
        let table = outcome(&sample(1.1));
        let line = "| iptables, 1 port | 60.00 | 50.00 | 1.20 | 1.20-1.20 | 1.10 | met |";
        assert!(table.markdown().contains(line), "{}", table.markdown());
        assert!(table.text().contains("too loud to judge by"));
        assert!(table.open.is_empty());
    }

    #[test]
    fn what_is_below_its_target_stays_open() {
        assert_eq!(
            outcome(&sample(1.25)).open,
            ["from outside, against iptables, 1 port: 1.20 of 1.25"]
        );
        let slow = Cost::time("publish", &[30.0], Some(20.0));
        assert_eq!(costs(&[slow]).open, ["publish: 30.0"]);
    }
}

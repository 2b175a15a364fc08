//! What is told: on the terminal while it goes, then as Markdown, JSON and plots.

use super::{Outcome, Size, Workload};
use crate::{
    bench::{
        machine, plot,
        stats::Spread,
        table::{Table, met},
    },
    run,
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{fmt::Write, fs, path::Path};

/// The files of a report, by their names.
pub(super) fn files() -> [&'static str; 4] {
    [JSON, MARKDOWN, plot_of(Workload::Connections).0, plot_of(Workload::Packets).0]
}

/// Everything so far.
pub(super) struct Report {
    head: Value,
    quick: bool,
    outcomes: Vec<Outcome>,
    tables: Vec<Table>,
    failed: Vec<String>,
}

impl Report {
    pub(super) fn new(quick: bool, rounds: usize, seconds: f64) -> Self {
        let head = json!({
            "schema": SCHEMA, "quick": quick, "rounds": rounds, "seconds": seconds,
            "machine": machine::record(),
        });
        Self { head, quick, outcomes: Vec::new(), tables: Vec::new(), failed: Vec::new() }
    }

    /// Prints what came of a comparison, or why nothing did, and keeps it.
    pub(super) fn take(&mut self, title: &str, done: Result<Outcome>) {
        match done {
            Ok(outcome) => {
                let table = table(&outcome, self.quick);
                println!("{}", table.text());
                self.tables.push(table);
                self.outcomes.push(outcome);
            }
            Err(e) => {
                println!("error: {e:#}");
                self.failed.push(format!("{title}: {e:#}"));
            }
        }
    }

    /// What failed and what is below its target.
    pub(super) fn open(&self) -> Vec<String> {
        let open = self.tables.iter().flat_map(|table| &table.open);
        self.failed.iter().chain(open).cloned().collect()
    }

    /// Writes the files into `folder`.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut json = self.head.clone();
        json["failed"] = json!(self.failed);
        json["comparisons"] = self.tables.iter().map(|table| table.json.clone()).collect();
        for (file, text) in [(JSON, format!("{json:#}\n")), (MARKDOWN, self.markdown())] {
            let path = folder.join(file);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        for workload in [Workload::Connections, Workload::Packets] {
            let (file, title) = plot_of(workload);
            let curves = self.curves(workload);
            plot::over(&folder.join(file), title, &curves)?;
        }
        run::say(format!("written: {} in {}", files().join(", "), folder.display()));
        Ok(())
    }

    /// One per axis.
    fn curves(&self, workload: Workload) -> Vec<plot::Curve> {
        let wanted = self.outcomes.iter().filter(|outcome| outcome.workload == workload);
        let curve = |outcome: &Outcome| {
            let points = outcome.sizes.iter().map(|size| {
                let figure = match workload {
                    Workload::Connections => size.spread(|sample| sample.per_second / 1e3),
                    Workload::Packets => size.spread(|sample| sample.cost),
                };
                (size.count as f64, figure.median)
            });
            (outcome.axis.name().to_owned(), points.collect())
        };
        wanted.map(curve).collect()
    }

    fn markdown(&self) -> String {
        let machine = &self.head["machine"];
        let word = |name: &str| machine[name].as_str().unwrap_or_default().to_owned();
        let mut text = format!(
            "# From 1 to 1,000\n\nLinux {}, {}, {} processors ({}); {} rounds, samples of {} s.{}\n",
            word("kernel"),
            word("distribution"),
            machine["processors"],
            word("processor"),
            self.head["rounds"],
            self.head["seconds"],
            if self.quick { " A look only: too short to judge anybody by." } else { "" },
        );
        for what in &self.failed {
            let _ = writeln!(text, "\nFailed: {what}.");
        }
        for table in &self.tables {
            let _ = write!(text, "\n{}", table.markdown());
        }
        for workload in [Workload::Connections, Workload::Packets] {
            let (file, title) = plot_of(workload);
            let _ = write!(text, "\n![{title}]({file})\n");
        }
        text
    }
}

fn table(outcome: &Outcome, quick: bool) -> Table {
    let (axis, workload) = (outcome.axis, outcome.workload);
    let title = format!("{} over the number of {}", workload.name(), axis.name());
    let open = outcome.sizes.iter().filter(|size| size.met() == Some(false));
    let told = |size: &Size| {
        let ratio = size.ratio.map_or(0.0, |ratio| ratio.median);
        format!("{title}: {ratio:.2} of {:.2}", size.goal().unwrap_or_default())
    };
    Table {
        head: vec![axis.name(), "k/s", "10-90 %", "CPU µs each", "n/1", "10-90 %", "target", ""],
        rows: outcome.sizes.iter().map(|size| row(size, quick)).collect(),
        // The smallest host stands where netd does elsewhere.
        note: outcome.noise.told(outcome.again).replace("netd against itself", "1 against itself"),
        open: open.map(told).collect(),
        json: comparison(outcome),
        title,
    }
}

fn row(size: &Size, quick: bool) -> Vec<String> {
    let rate = size.spread(|sample| sample.per_second / 1e3);
    let none = || "-".to_owned();
    let difference =
        if size.ratio.is_some_and(Spread::no_difference) { "no difference" } else { "" };
    let verdict = if quick { "" } else { met(size.met()) };
    vec![
        size.count.to_string(),
        format!("{:.2}", rate.median),
        rate.range(),
        format!("{:.2}", size.spread(|sample| sample.cost).median),
        size.ratio.map_or_else(none, |ratio| format!("{:.2}", ratio.median)),
        size.ratio.map_or_else(none, Spread::range),
        size.goal().map_or_else(none, |goal| format!("{goal:.2}")),
        [verdict, difference].join(" ").trim().to_owned(),
    ]
}

fn comparison(outcome: &Outcome) -> Value {
    let size = |size: &Size| {
        let column =
            |of: fn(&super::Sample) -> f64| -> Vec<f64> { size.samples.iter().map(of).collect() };
        json!({
            "count": size.count,
            "samples": column(|sample| sample.per_second),
            "cpu_microseconds": column(|sample| sample.cost),
            "ratio": size.ratio.map(Spread::json),
            "no_difference": size.ratio.map(Spread::no_difference),
            "target": size.goal(),
            "met": size.met(),
        })
    };
    json!({
        "axis": outcome.axis.name(),
        "workload": outcome.workload.word(),
        "noise": {
            "again": outcome.again.json(), "foreign": outcome.noise.foreign,
            "steal": outcome.noise.steal, "too_loud": outcome.noise.loud(),
        },
        "sizes": outcome.sizes.iter().map(size).collect::<Vec<_>>(),
    })
}

/// A file, and its title.
fn plot_of(workload: Workload) -> (&'static str, &'static str) {
    match workload {
        Workload::Connections => {
            ("connections.svg", "New connections (k/s) over networks, endpoints, ports")
        }
        Workload::Packets => ("packets.svg", "CPU µs per packet over networks, endpoints, ports"),
    }
}

/// Changes when a field changes its meaning or goes.
const SCHEMA: &str = "netd-bench-scale/1";
const JSON: &str = "scale.json";
const MARKDOWN: &str = "scale.md";

#[cfg(test)]
mod tests {
    use super::{
        super::{Axis, played},
        *,
    };

    #[test]
    fn the_largest_is_judged_and_a_quick_run_judges_nobody() {
        let outcome = played(0.9);
        let table = table(&outcome, false);
        let line = "| 1000 | 9.00 | 8.28-9.72 | 2.50 | 0.90 | 0.90-0.90 | 0.95 | not met |";
        assert!(table.markdown().contains(line), "{}", table.markdown());
        assert_eq!(table.open.len(), 1);
        assert!(!super::table(&outcome, true).text().contains("met"));
        assert_eq!(table.json["sizes"][2]["met"], false);
        assert_eq!(table.json["axis"], Axis::Endpoints.name());
    }
}

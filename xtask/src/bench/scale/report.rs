//! What is told of scale: tables, JSON and curves.

use super::{Outcome, Size, WORKLOADS};
use crate::bench::{
    plot,
    stats::Spread,
    table::{Table, met},
    workload::{Sample, Workload},
};
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;

/// Draws a curve for each axis, in a plot for each workload; returns the files' names.
pub(super) fn draw(folder: &Path, outcomes: &[Outcome]) -> Result<Vec<String>> {
    let mut drawn = Vec::new();
    for workload in WORKLOADS {
        let file = format!("{}.svg", workload.word());
        let title = format!("{} over networks, endpoints, ports, flows", figure(workload));
        plot::over(&folder.join(&file), &title, &curves(outcomes, workload))?;
        drawn.push(file);
    }
    Ok(drawn)
}

/// One per axis.
fn curves(outcomes: &[Outcome], workload: Workload) -> Vec<plot::Curve> {
    let wanted = outcomes.iter().filter(|outcome| outcome.workload == workload);
    let curve = |outcome: &Outcome| {
        let points = outcome.sizes.iter().map(|size| {
            let figure = match workload {
                Workload::Connections => size.spread(|sample| sample.rate / 1e3),
                _ => size.spread(|sample| sample.cpu),
            };
            (size.count as f64, figure.median)
        });
        (outcome.axis.name().to_owned(), points.collect())
    };
    wanted.map(curve).collect()
}

/// For machines.
pub(super) fn json(outcomes: &[Outcome]) -> Value {
    outcomes.iter().map(comparison).collect()
}

/// The sizes of an axis under each other.
pub(super) fn table(outcome: &Outcome, quick: bool) -> Table {
    let (axis, workload) = (outcome.axis, outcome.workload);
    let title = format!("{} over the number of {}", workload.title(), axis.name());
    let open = outcome.sizes.iter().filter(|size| size.met() == Some(false));
    let told = |size: &Size| {
        let ratio = size.ratio.map_or(0.0, |ratio| ratio.median);
        format!("{title}: {ratio:.2} of {:.2}", size.goal().unwrap_or_default())
    };
    Table {
        head: vec![axis.name(), "k/s", "10-90 %", "CPU µs each", "n/1", "10-90 %", "target", ""],
        rows: outcome.sizes.iter().map(|size| row(size, quick)).collect(),
        // What the smallest host's row is called.
        note: outcome.noise.told("1", outcome.again),
        open: open.map(told).collect(),
        title,
    }
}

fn row(size: &Size, quick: bool) -> Vec<String> {
    let rate = size.spread(|sample| sample.rate / 1e3);
    let none = || "-".to_owned();
    let difference =
        if size.ratio.is_some_and(Spread::no_difference) { "no difference" } else { "" };
    let verdict = if quick { "" } else { met(size.met()) };
    vec![
        size.count.to_string(),
        format!("{:.2}", rate.median),
        rate.range(),
        format!("{:.2}", size.spread(|sample| sample.cpu).median),
        size.ratio.map_or_else(none, |ratio| format!("{:.2}", ratio.median)),
        size.ratio.map_or_else(none, Spread::range),
        size.goal().map_or_else(none, |goal| format!("{goal:.2}")),
        [verdict, difference].join(" ").trim().to_owned(),
    ]
}

fn comparison(outcome: &Outcome) -> Value {
    let size = |size: &Size| {
        let column = |of: fn(&Sample) -> f64| -> Vec<f64> { size.samples.iter().map(of).collect() };
        json!({
            "count": size.count,
            "samples": column(|sample| sample.rate),
            "cpu_microseconds": column(|sample| sample.cpu),
            "ratio": size.ratio.map(Spread::json),
            "no_difference": size.ratio.map(Spread::no_difference),
            "target": size.goal(),
            "met": size.met(),
        })
    };
    json!({
        "axis": outcome.axis.name(),
        "workload": outcome.workload.word(),
        "noise": outcome.noise.json(outcome.again),
        "sizes": outcome.sizes.iter().map(size).collect::<Vec<_>>(),
    })
}

/// What the plot's vertical axis has.
fn figure(workload: Workload) -> &'static str {
    match workload {
        Workload::Connections => "New connections (k/s)",
        _ => "CPU µs per frame",
    }
}

#[cfg(test)]
mod tests {
    use super::{super::played, *};

    #[test]
    fn the_largest_is_judged_and_a_quick_run_judges_nobody() {
        let outcome = played(0.9);
        let table = table(&outcome, false);
        let line = "| 1000 | 9.00 | 8.28-9.72 | 2.50 | 0.90 | 0.90-0.90 | 0.95 | not met |";
        assert!(table.markdown().contains(line), "{}", table.markdown());
        assert_eq!(table.open.len(), 1);
        assert!(!super::table(&outcome, true).text().contains("met"));
        let json = comparison(&outcome);
        assert_eq!(json["sizes"][2]["met"], false);
        assert_eq!((&json["axis"], &json["workload"]), (&json!("endpoints"), &json!("frames")));
    }
}

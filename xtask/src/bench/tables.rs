//! Tables of one contest: rates, processor time and ratios; how long requests took; and what netd's
//! programs did meanwhile.

use super::{
    contest::{NETD, Outcome, Ratio, Side},
    table::{Table, met},
    workload::Workload,
};

/// Rates and ratios, and where there were requests, how long they took; and netd's programs.
pub(crate) fn tables(outcome: &Outcome, quick: bool) -> Vec<Table> {
    let mut tables = Vec::new();
    let mut subjects: Vec<usize> = outcome.ratios.iter().map(|ratio| ratio.subject).collect();
    subjects.dedup();
    // netd alone, where every peer was left out.
    if subjects.is_empty() {
        subjects.push(NETD);
    }
    for subject in subjects {
        tables.push(rates(outcome, subject, quick));
    }
    tables.extend(latencies(outcome));
    tables.extend(programs(outcome));
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
    let head = ["", outcome.workload.unit(), "10-90 %", outcome.workload.cost()];
    let lost: &[&str] = if outcome.sides[subject].loss().is_some() { &["lost"] } else { &[] };
    let title = match subject {
        NETD => outcome.title.clone(),
        _ => format!("{}, {name}", outcome.title),
    };
    Table {
        head: [&head[..], lost, &["netd/peer", "10-90 %", "target", ""]].concat(),
        rows: shown
            .iter()
            .map(|(side, ratio)| row(outcome.workload, side, *ratio, quick))
            .collect(),
        note: outcome.noise.told("netd", outcome.again),
        open: open
            .map(|ratio| {
                let rival = &outcome.sides[ratio.rival].name;
                let goal = ratio.goal.unwrap_or_default();
                format!("{title}, against {rival}: {:.2} of {goal:.2}", ratio.spread.median)
            })
            .collect(),
        title,
    }
}

fn row(workload: Workload, side: &Side, ratio: Option<&Ratio>, quick: bool) -> Vec<String> {
    let rate = side.spread(|sample| sample.rate / workload.scale());
    let cpu = side.spread(|sample| sample.cpu).median;
    let mut row =
        vec![side.name.clone(), format!("{:.2}", rate.median), rate.range(), format!("{cpu:.2}")];
    row.extend(side.loss().map(|loss| format!("{:.1} %", loss.median * 100.0)));
    let none = || "-".to_owned();
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
        title: format!("{}: how long one takes (µs)", outcome.title),
        head: [""].into_iter().chain(SHARES.map(|(name, _)| name)).collect(),
        rows,
        note: "All requests of all rounds, in steps of 2 %.".into(),
        open: Vec::new(),
    })
    .filter(|table| !table.rows.is_empty())
}

fn programs(outcome: &Outcome) -> Option<Table> {
    // What the machine does meanwhile runs some, too.
    let all: f64 = outcome.programs.iter().map(|program| program.cpu).sum();
    let shown = outcome.programs.iter().filter(|program| program.cpu >= all / 100.0);
    let rows = shown.map(|program| {
        let figures = [program.runs, program.nanoseconds, program.cpu];
        let figures = figures.iter().zip([2, 0, 3]);
        let figures = figures.map(|(figure, places)| format!("{figure:.places$}"));
        [program.name.clone()].into_iter().chain(figures).collect()
    });
    let runs = match outcome.workload {
        Workload::Stream(_) => "runs/MB",
        Workload::Datagrams(_) | Workload::Frames => "runs/packet",
        Workload::Requests | Workload::Http => "runs/request",
        Workload::Connections => "runs/connection",
    };
    Some(Table {
        title: format!("{}: netd's programs", outcome.title),
        head: vec!["", runs, "ns/run", outcome.workload.cost()],
        rows: rows.collect(),
        note: "By the kernel's statistics, in a sample of their own; to count takes time itself."
            .into(),
        open: Vec::new(),
    })
    .filter(|table| !table.rows.is_empty())
}

/// The shares of the requests that the tables name.
pub(crate) const SHARES: [(&str, f64); 4] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

#[cfg(test)]
mod tests {
    use super::{
        super::{
            contest::{Course, played},
            programs::Program,
        },
        *,
    };

    #[test]
    fn a_table_says_rates_ratios_and_the_verdict() {
        let all = tables(&played(Course::Containers, Workload::Stream(1)), false);
        let line = "| veth | 6.00 | 4.40-7.60 | 0.50 | 1.10 | 1.10-1.10 | 1.10 | met |";
        assert!(all[1].markdown().contains(line), "{}", all[1].markdown());
        assert_eq!(all.len(), 2, "netd's, and the internal network's");
        assert!(all.iter().all(|table| table.open.is_empty()));
    }

    #[test]
    fn a_quick_run_judges_nobody() {
        let text = tables(&played(Course::Containers, Workload::Stream(1)), true)[1].text();
        assert!(!text.contains("met") && text.contains("1.10"), "{text}");
    }

    #[test]
    fn lost_datagrams_are_shown() {
        let text = tables(&played(Course::Containers, Workload::Datagrams(64)), false)[0].text();
        assert!(text.contains("25.0 %") && text.contains("lost"), "{text}");
        assert!(
            !tables(&played(Course::Containers, Workload::Requests), false)[0]
                .text()
                .contains("lost")
        );
    }

    #[test]
    fn the_programs_that_ran_are_shown() {
        let mut outcome = played(Course::Containers, Workload::Connections);
        assert!(programs(&outcome).is_none());
        let name = "container_out".to_owned();
        outcome.programs.push(Program { name, runs: 9.0, nanoseconds: 250.0, cpu: 2.25 });
        let text = programs(&outcome).unwrap().markdown();
        assert!(text.contains("| container_out | 9.00 | 250 | 2.250 |"), "{text}");
    }
}

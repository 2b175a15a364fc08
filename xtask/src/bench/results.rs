//! What contests came to: as tables, as JSON and as plots.

use super::{
    contest::{Contest, Course, Outcome, Side},
    options::Options,
    plot,
    programs::Program,
    report::Report,
    tables::{SHARES, tables},
    workload::{Sample, Workload},
};
use crate::run;
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;

/// All contests so far.
#[derive(Default)]
pub(crate) struct Results {
    outcomes: Vec<Outcome>,
}

impl Results {
    /// Runs `contest` on the stage `stage`; what came of it, or why nothing did, goes into the report.
    pub(crate) fn hold(
        &mut self,
        mut contest: Contest,
        (stage, options): (&str, &Options),
        report: &mut Report,
    ) {
        contest.clients_on(options.placement.client(contest.workload.waiting()));
        let title = contest.title();
        let done = run::stage(&title, || contest.run(options.rounds, options.seconds));
        match done {
            Ok(outcome) => self.keep(outcome, contest.programs(stage, options.seconds), report),
            Err(e) => report.fail(&title, &e),
        }
    }

    /// What the rounds came to is kept where nobody knows what netd's programs took, too.
    fn keep(&mut self, outcome: Outcome, programs: Result<Vec<Program>>, report: &mut Report) {
        let programs = programs.unwrap_or_else(|e| {
            report.fail(&format!("{}: netd's programs", outcome.title), &e);
            Vec::new()
        });
        let outcome = Outcome { programs, ..outcome };
        tables(&outcome, report.quick()).into_iter().for_each(|table| report.add(table));
        self.outcomes.push(outcome);
    }

    /// The outcomes on the courses that `wanted` says yes to.
    pub(crate) fn json(&self, wanted: impl Fn(Course) -> bool) -> Value {
        self.outcomes.iter().filter(|outcome| wanted(outcome.course)).map(outcome_json).collect()
    }

    /// All outcomes.
    pub(crate) fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Draws each outcome's bars, and how long its requests took; returns the files' names.
    pub(crate) fn draw(&self, folder: &Path) -> Result<Vec<String>> {
        let mut drawn = Vec::new();
        // What has many ports is held against itself, or has a plot of its own.
        let shown =
            |outcome: &&Outcome| ![Course::Ports, Course::Crowded].contains(&outcome.course);
        for outcome in self.outcomes.iter().filter(shown) {
            let scale = outcome.workload.scale();
            let bar = |side: &Side| (side.name.clone(), side.spread(|sample| sample.rate / scale));
            let bars: Vec<_> = outcome.sides.iter().map(bar).collect();
            let file = file(outcome, "");
            let title = format!("{} ({})", outcome.title, outcome.workload.unit());
            plot::bars(&folder.join(&file), &title, &bars)?;
            drawn.push(file);
        }
        for outcome in self.outcomes.iter().filter(shown) {
            let curve = |side: &Side| Some((side.name.clone(), side.latency()?.cumulative()));
            let curves: Vec<plot::Curve> = outcome.sides.iter().filter_map(curve).collect();
            if !curves.is_empty() {
                let file = file(outcome, "latency");
                let title = format!("{}: how long one takes (µs)", outcome.title);
                plot::shares(&folder.join(&file), &title, &curves)?;
                drawn.push(file);
            }
        }
        Ok(drawn)
    }
}

/// The course is named where it is not from container to container; `latency` is that of requests.
fn file(outcome: &Outcome, kind: &str) -> String {
    let mut words = Vec::from([kind.to_owned()]);
    if outcome.course != Course::Containers {
        words.push(outcome.course.word().to_owned());
    }
    if kind.is_empty() || outcome.workload != Workload::Requests {
        words.push(outcome.workload.word());
    }
    words.retain(|word| !word.is_empty());
    format!("{}.svg", words.join("-"))
}

fn outcome_json(outcome: &Outcome) -> Value {
    let word = |place: usize| outcome.sides[place].word;
    let ratios = outcome.ratios.iter().map(|ratio| {
        json!({
            "subject": word(ratio.subject), "rival": word(ratio.rival), "rounds": ratio.rounds,
            "ratio": ratio.spread.json(), "no_difference": ratio.spread.no_difference(),
            "target": ratio.goal, "met": ratio.met(),
        })
    });
    let programs = outcome.programs.iter().map(|program| {
        json!({
            "program": program.name, "runs": program.runs, "nanoseconds": program.nanoseconds,
            "cpu": program.cpu,
        })
    });
    json!({
        "course": outcome.course.word(),
        "workload": outcome.workload.word(),
        "unit": outcome.workload.unit(),
        "per_unit": outcome.workload.scale(),
        "cpu_unit": outcome.workload.cost(),
        "noise": outcome.noise.json(outcome.again),
        "peers": outcome.sides.iter().map(side).collect::<Vec<_>>(),
        "ratios": ratios.collect::<Vec<_>>(),
        "programs": programs.collect::<Vec<_>>(),
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

#[cfg(test)]
mod tests {
    use super::{
        super::{contest::played, options::Verb},
        *,
    };

    #[test]
    fn the_rounds_outlive_a_failed_look_at_the_programs() {
        let options = Verb { name: "t", rounds: (1, 1), takes: &[] }.parse(&[]).unwrap();
        let mut report = Report::new("t", "Title", 1, &options);
        let mut results = Results::default();
        let outcome = played(Course::Containers, Workload::Requests);
        let title = outcome.title.clone();
        results.keep(outcome, Err(anyhow::anyhow!("no answer")), &mut report);
        assert_eq!(results.outcomes().len(), 1);
        assert_eq!(results.json(|_| true)[0]["ratios"][0]["rival"], "veth");
        assert_eq!(report.open(), [format!("{title}: netd's programs: no answer")]);
    }

    #[test]
    fn a_workload_says_who_was_held_against_whom() {
        let json = outcome_json(&played(Course::Containers, Workload::Datagrams(64)));
        assert_eq!((&json["workload"], &json["course"]), (&json!("udp-64"), &json!("containers")));
        assert_eq!(json["peers"][1]["loss"], json!([0.25, 0.25, 0.25]));
        assert_eq!(json["ratios"][0]["subject"], "netd");
        assert_eq!(json["ratios"][0]["rival"], "veth");
        assert_eq!(json["peers"][0]["latency"], Value::Null);
    }

    #[test]
    fn every_plot_has_a_name_of_its_own() {
        let of = |course, workload, kind| file(&played(course, workload), kind);
        assert_eq!(of(Course::Containers, Workload::Stream(1), ""), "tcp-1.svg");
        assert_eq!(of(Course::Containers, Workload::Requests, ""), "requests.svg");
        assert_eq!(of(Course::Containers, Workload::Requests, "latency"), "latency.svg");
        assert_eq!(of(Course::Containers, Workload::Http, "latency"), "latency-http.svg");
        assert_eq!(of(Course::Host, Workload::Requests, "latency"), "latency-host.svg");
        assert_eq!(of(Course::Host, Workload::Requests, ""), "host-requests.svg");
    }
}

//! `cargo xtask bench full`: netd next to a raw veth pair, loopback, Linux bridges, Docker's rules, CNI
//! plugins, proxies and a Docker engine: from container to container, to published ports and to the
//! outside. All are up at the same time and measured in turns; docs/performance.md says how.

mod peers;

use super::{
    contest::{Contest, Course},
    options::Verb,
    ports::{self, field::Field},
    report::Report,
    results::Results,
    workload::Workload,
};
use crate::{run, stage};
use anyhow::Result;
use peers::Peers;

const VERB: Verb = Verb {
    name: stage::FULL,
    rounds: (7, 1),
    takes: &["--out", "--peers", "--courses", "--processors"],
};

/// Builds everything and runs the comparison.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let options = VERB.parse(words)?;
    options.list("--peers", &peers::WORDS)?;
    options.list("--courses", &COURSES.map(Course::word))?;
    VERB.run(words, &options)
}

/// The comparison itself, on the stage `name`.
pub(crate) fn play(name: &str, words: &[&str]) -> Result<()> {
    let options = VERB.begin(words)?;
    let wanted = options.list("--peers", &peers::WORDS)?;
    let courses = options.list("--courses", &COURSES.map(Course::word))?;
    let on = |course: Course| courses.contains(&course.word());
    let mut report = Report::new(VERB.name, "netd and its peers", 1, &options);
    let mut results = Results::default();
    options.placement.begin()?;
    if on(Course::Containers) {
        let what = "setting up containers of netd and its peers";
        let peers = run::stage(what, || Peers::set_up(name, &wanted))?;
        report.skip(&peers.skipped);
        for workload in CONTAINERS {
            let (course, peers) = (Course::Containers, peers.up.clone());
            let contest = Contest { course, workload, peers };
            results.hold(contest, (name, &options), &mut report);
        }
    }
    if [Course::Published, Course::Host, Course::Outside].into_iter().any(on) {
        let what = "setting up published ports of netd and its peers";
        let mut field = run::stage(what, || Field::set_up(name, &wanted))?;
        let contests = contests(&mut field, on, &mut report);
        report.skip(&field.skipped);
        for contest in contests {
            ports::hold(contest, &field, (name, &options), &mut results, &mut report);
        }
    }
    let drawn = results.draw(&options.out)?;
    let open = report.open();
    let containers = results.json(|course| course == Course::Containers);
    let others = results.json(|course| course != Course::Containers);
    report.write(&options.out, vec![("workloads", containers), ("ports", others)], &drawn)?;
    options.judge(&open)
}

/// Those that need another machine or the host.
fn contests(field: &mut Field, on: impl Fn(Course) -> bool, report: &mut Report) -> Vec<Contest> {
    let mut contests = Vec::new();
    if on(Course::Published) {
        contests.extend(ports::PUBLISHED.map(|workload| field.published(workload)));
    }
    if on(Course::Host) {
        contests.extend(ports::HOST.map(|workload| field.on_the_host(workload)));
    }
    if on(Course::Outside) {
        match field.outward(&ports::OUTSIDE) {
            Ok(outward) => contests.extend(outward),
            Err(e) => report.fail(Course::Outside.title(), &e),
        }
    }
    contests
}

/// The words of `--courses`.
const COURSES: [Course; 4] = [Course::Containers, Course::Published, Course::Host, Course::Outside];

/// From container to container, in the order of the report.
const CONTAINERS: [Workload; 8] = [
    Workload::Stream(1),
    Workload::Stream(4),
    Workload::Datagrams(64),
    Workload::Datagrams(512),
    Workload::Datagrams(1400),
    Workload::Requests,
    Workload::Connections,
    Workload::Http,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_and_courses_are_known_by_their_words() {
        let list = |words: &[&str], option: &str, known: &[&'static str]| {
            VERB.parse(words).and_then(|options| options.list(option, known))
        };
        let known = peers::WORDS;
        assert_eq!(list(&["--peers", "veth,docker"], "--peers", &known).unwrap().len(), 2);
        assert!(list(&["--peers", "cisco"], "--peers", &known).is_err());
        let known = COURSES.map(Course::word);
        assert_eq!(list(&["--courses", "host"], "--courses", &known).unwrap(), ["host"]);
        assert!(list(&["--courses", "home"], "--courses", &known).is_err());
    }
}

//! `cargo xtask bench ports`: published ports of netd next to iptables, nftables, CNI plugins, a Docker
//! engine and proxies, all of them up at the same time and measured in turns; docs/performance.md says how.

pub(in crate::bench) mod field;
mod netd;
mod plots;
mod publishing;
mod relay;
pub(in crate::bench) mod rivals;
pub(in crate::bench) mod rules;
pub(in crate::bench) mod site;

use crate::{
    bench::{
        LOAD,
        contest::Contest,
        cost, load,
        options::{Options, Verb},
        report::Report,
        results::Results,
        web,
        workload::Workload,
    },
    run, stage,
};
use anyhow::{Result, bail};
use field::Field;

const VERB: Verb = Verb { name: stage::PORTS, rounds: (9, 2), takes: &["--out", "--processors"] };

/// Builds everything and runs the comparison of published ports.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    VERB.run(words, &VERB.parse(words)?)
}

/// The comparison itself, on the stage `name`.
pub(crate) fn play(name: &str, words: &[&str]) -> Result<()> {
    let options = VERB.begin(words)?;
    let mut report = Report::new(VERB.name, "Published ports", 1, &options);
    let mut field = run::stage("setting up netd and its rivals", || Field::with_many(name))?;
    options.placement.begin()?;
    let mut results = Results::default();
    let contests = contests(&mut field, &mut report);
    report.skip(&field.skipped);
    for contest in contests {
        hold(contest, &field, (name, &options), &mut results, &mut report);
    }
    let mut all = Vec::new();
    let mut skipped = Vec::new();
    let costs = run::stage("publishing 1 to 10,000 ports", || {
        publishing::measure(name, &options, &mut skipped)
    });
    report.skip(&skipped);
    match costs {
        Ok(costs) => {
            all = [costs, field.entered()].concat();
            report.add(publishing::table(&all, options.quick));
        }
        Err(e) => report.fail("publishing", &e),
    }
    let mut drawn = results.draw(&options.out)?;
    drawn.extend(plots::over_ports(&options.out, results.outcomes())?);
    let open = report.open();
    let fields = vec![("workloads", results.json(|_| true)), ("costs", cost::json(&all))];
    report.write(&options.out, fields, &drawn)?;
    options.judge(&open)
}

/// All, in the order of the report.
fn contests(field: &mut Field, report: &mut Report) -> Vec<Contest> {
    let mut contests: Vec<Contest> = PUBLISHED.map(|workload| field.published(workload)).into();
    contests.push(field.published(Workload::Frames));
    contests.extend(HOST.map(|workload| field.on_the_host(workload)));
    match field.outward(&OUTSIDE) {
        Ok(outward) => contests.extend(outward),
        Err(e) => report.fail("from a container to the outside", &e),
    }
    contests.push(field.over_ports());
    contests.extend(field.among_many());
    contests
}

/// Holds one, with the proxies where the placement wants them.
pub(in crate::bench) fn hold(
    contest: Contest,
    field: &Field,
    (stage, options): (&str, &Options),
    results: &mut Results,
    report: &mut Report,
) {
    let placed = options.placement.place(contest.workload.waiting(), &field.proxies());
    if let Err(e) = placed {
        return report.fail(&contest.title(), &e);
    }
    results.hold(contest, (stage, options), report);
}

/// The hidden verb's words after it.
pub(crate) fn load(words: &[&str]) -> Result<()> {
    match words {
        ["serve", address] => load::serve(address),
        ["http", address] => web::serve(address),
        ["hold", address, count] => web::hold(address, count),
        ["ask", workload, address, seconds] => load::ask(workload, address, seconds),
        ["relay", address, target] => relay::run(address, target),
        _ => bail!(
            "{LOAD} serve ADDRESS | http ADDRESS | hold ADDRESS COUNT | ask WORKLOAD ADDRESS SECONDS | relay ADDRESS TARGET"
        ),
    }
}

/// From outside to a published port.
pub(in crate::bench) const PUBLISHED: [Workload; 5] = [
    Workload::Stream(1),
    Workload::Stream(4),
    Workload::Requests,
    Workload::Connections,
    Workload::Http,
];
/// From the host, by 127.0.0.1.
pub(in crate::bench) const HOST: [Workload; 3] =
    [Workload::Stream(1), Workload::Requests, Workload::Connections];
/// From a container to the outside.
pub(in crate::bench) const OUTSIDE: [Workload; 3] =
    [Workload::Stream(1), Workload::Requests, Workload::Connections];

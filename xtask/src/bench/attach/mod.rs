//! `cargo xtask bench attach`: what attaching a container costs (veth, address, routes, programs, one
//! published port; its namespace is there), next to the CNI plugins bridge and portmap where they are
//! installed; and what an agent with a thousand endpoints costs: its start, its memory and its idling.

mod agent;
mod grown;

use super::{
    cni::Cni,
    cost::{self, Cost, Target},
    options::{Options, Verb},
    ports::site::Published,
    report::Report,
};
use crate::{run, stage, world::World};
use agent::Netd;
use anyhow::{Result, anyhow};
use std::{thread, time::Instant};

const VERB: Verb = Verb { name: stage::ATTACH, rounds: (25, 3), takes: &["--out"] };

/// Builds everything and runs the comparison.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    VERB.run(words, &VERB.parse(words)?)
}

/// The comparison itself, on the stage `name`.
pub(crate) fn play(name: &str, words: &[&str]) -> Result<()> {
    let options = VERB.begin(words)?;
    let mut report = Report::new(VERB.name, "Attaching containers", 1, &options);
    let world = World::new(name)?;
    let netd = Netd::start(&world)?;
    world.namespace("cni")?;
    let cni = Cni::new(&world, "cni").map_err(|e| report.skip(&[format!("CNI: {e:#}")])).ok();
    let mut all = Vec::new();
    let mut take = |title: &str, note: &str, part: &dyn Fn() -> Result<Vec<Cost>>| match run::stage(
        title, part,
    ) {
        Ok(costs) => {
            report.add(cost::table(title, note, &costs, options.quick));
            all.extend(costs);
        }
        Err(e) => report.fail(title, &e),
    };
    take("one by one", "In turns; the first round is dropped.", &|| {
        one_by_one(&world, &netd, cni.as_ref(), options.rounds)
    });
    take("a hundred side by side", "Each by a request of its own.", &|| {
        side_by_side(&world, &netd)
    });
    let note =
        "Memory is what /proc/PID/status and /proc/meminfo say; CPU time has steps of 0.3 ms/s.";
    take("an agent with many endpoints and ports", note, &|| {
        grown::measure(&world, &netd, &options)
    });
    finish(report, &all, &options)
}

fn finish(report: Report, all: &[Cost], options: &Options) -> Result<()> {
    let open = report.open();
    report.write(&options.out, vec![("costs", cost::json(all))], &[])?;
    options.judge(&open)
}

/// In turns: netd by its API, netd by its commands, CNI.
fn one_by_one(
    world: &World,
    netd: &Netd,
    cni: Option<&Cni<'_>>,
    rounds: usize,
) -> Result<Vec<Cost>> {
    let [mut api, mut gone, mut commands, mut theirs, mut their_end] = [const { Vec::new() }; 5];
    for round in 0..=rounds {
        let who = format!("c{round}");
        world.namespace(&who)?;
        let file = world.file(&who);
        let attached = timed(|| netd.attach(&file, round))?;
        let detached = timed(|| netd.detach(&file))?;
        let by_command = timed(|| netd.attach_by_command(world, &file, round))?;
        netd.detach(&file)?;
        let mut plugins = None;
        if let Some(cni) = cni {
            let ports = [published(round)];
            let add = timed(|| cni.add(&file, round, &ports).map(drop))?;
            plugins = Some((add, timed(|| cni.del(&file, round, &ports))?));
        }
        world.remove_namespace(&who)?;
        // The first warms up.
        if round > 0 {
            api.push(attached);
            gone.push(detached);
            commands.push(by_command);
            theirs.extend(plugins.map(|(add, _)| add));
            their_end.extend(plugins.map(|(_, del)| del));
        }
    }
    let mut costs = vec![
        Cost::time("netd attaches, by its API", &api, Some(ATTACH)),
        Cost::time("netd attaches, two netctl commands", &commands, None),
        Cost::time("netd detaches, by its API", &gone, None),
    ];
    if !theirs.is_empty() {
        let over = |ours: &[f64]| -> Vec<f64> {
            theirs.iter().zip(ours).map(|(cni, netd)| cni / netd).collect()
        };
        let faster = Some(Target::AtLeast(FASTER));
        costs.extend([
            Cost::time("CNI bridge and portmap, ADD", &theirs, None),
            Cost::time("CNI bridge and portmap, DEL", &their_end, None),
            Cost::of("CNI's ADD over netd's API", &over(&api), "times", faster),
            Cost::of("CNI's ADD over two netctl commands", &over(&commands), "times", None),
        ]);
    }
    Ok(costs)
}

fn side_by_side(world: &World, netd: &Netd) -> Result<Vec<Cost>> {
    let names: Vec<String> = (0..CROWD).map(|number| format!("s{number}")).collect();
    names.iter().try_for_each(|name| world.namespace(name))?;
    let files: Vec<String> = names.iter().map(|name| world.file(name)).collect();
    let each = |work: &(dyn Fn(usize, &str) -> Result<()> + Sync)| -> Result<f64> {
        timed(|| {
            thread::scope(|scope| {
                let one = |(number, file): (usize, &String)| {
                    let file = file.clone();
                    scope.spawn(move || work(number, &file))
                };
                let all: Vec<_> = files.iter().enumerate().map(one).collect();
                all.into_iter()
                    .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread failed"))?)
            })
        })
    };
    let attached = each(&|number, file| netd.attach(file, number))?;
    let detached = each(&|_, file| netd.detach(file))?;
    names.iter().try_for_each(|name| world.remove_namespace(name))?;
    let each = detached / CROWD as f64;
    Ok(vec![
        Cost::time("100 attached side by side", &[attached], Some(SIDE_BY_SIDE)),
        Cost::time("100 detached side by side, each", &[each], Some(DETACH)),
    ])
}

/// Milliseconds.
fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

/// The port of container number `number`.
fn published(number: usize) -> Published {
    ("tcp", 20_000 + u16::try_from(number).unwrap_or(0), 80)
}

const CROWD: usize = 100;
/// Milliseconds.
const ATTACH: f64 = 3.0;
const DETACH: f64 = 2.0;
const SIDE_BY_SIDE: f64 = 500.0;
/// How many times as fast as the plugins.
const FASTER: f64 = 30.0;

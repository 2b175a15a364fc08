//! `cargo xtask bench attach`: what attaching a container costs (veth, address, routes, programs, one
//! published port; its namespace is there), next to the CNI plugins bridge and portmap where they are
//! installed; and what an agent with a thousand endpoints costs: its start and its memory.

mod agent;
mod cni;

use super::stats::{median, quantile};
use crate::{build, run, stage, world::World};
use agent::Netd;
use anyhow::{Context, Result, ensure};
use cni::Cni;
use std::{thread, time::Instant};

/// Builds everything and runs the comparison.
pub(crate) fn run(options: &[&str]) -> Result<()> {
    rounds(options)?;
    build::run()?;
    stage::run(stage::ATTACH, options)
}

fn rounds(options: &[&str]) -> Result<usize> {
    match options {
        [] => Ok(25),
        ["--rounds", rounds] => rounds.parse().context("--rounds takes a number"),
        _ => anyhow::bail!("bench attach [--rounds N]"),
    }
}

/// The comparison itself, on the stage `name`.
pub(crate) fn play(name: &str, options: &[&str]) -> Result<()> {
    let rounds = rounds(options)?;
    let world = World::new(name)?;
    let netd = Netd::start(&world)?;
    let mut missed = Vec::new();
    run::stage("one by one", || one_by_one(&world, &netd, rounds, &mut missed))?;
    run::stage("a hundred side by side", || side_by_side(&world, &netd, &mut missed))?;
    run::stage("a thousand endpoints, 10,000 ports", || netd.grow(&world, &mut missed))?;
    ensure!(missed.is_empty(), "not as it should be: {}", missed.join("; "));
    Ok(())
}

/// In turns: netd by its API, netd by its commands, CNI.
fn one_by_one(world: &World, netd: &Netd, rounds: usize, missed: &mut Vec<String>) -> Result<()> {
    let cni = match Cni::new(world)? {
        Ok(cni) => Some(cni),
        Err(missing) => {
            run::say(format!("skipped: {missing}"));
            None
        }
    };
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
        if let Some(cni) = &cni {
            let (add, first) = (timed(|| cni.add(&file, round))?, round == 0);
            plugins = Some((add, timed(|| cni.del(&file, round))?)).filter(|_| !first);
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
    row("netd attaches, by its API", &api, Some(ATTACH), missed);
    row("netd attaches, two netctl commands", &commands, None, missed);
    row("netd detaches, by its API", &gone, None, missed);
    row("CNI bridge and portmap, ADD", &theirs, None, missed);
    row("CNI bridge and portmap, DEL", &their_end, None, missed);
    if !theirs.is_empty() {
        let ratios: Vec<_> = theirs.iter().zip(&api).map(|(cni, netd)| cni / netd).collect();
        let whole: Vec<_> = theirs.iter().zip(&commands).map(|(cni, netd)| cni / netd).collect();
        println!(
            "CNI over netd: {:.0} times its API ({:.0}-{:.0}), {:.0} times its commands",
            median(&ratios),
            quantile(&ratios, 0.1),
            quantile(&ratios, 0.9),
            median(&whole)
        );
        if median(&ratios) < FASTER {
            missed.push(format!("{:.0} of {FASTER} times as fast as CNI", median(&ratios)));
        }
    }
    Ok(())
}

fn side_by_side(world: &World, netd: &Netd, missed: &mut Vec<String>) -> Result<()> {
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
                all.into_iter().try_for_each(|thread| {
                    thread.join().map_err(|_| anyhow::anyhow!("a thread failed"))?
                })
            })
        })
    };
    let attached = each(&|number, file| netd.attach(file, number))?;
    let detached = each(&|_, file| netd.detach(file))?;
    row("100 attached side by side", &[attached], Some(SIDE_BY_SIDE), missed);
    row("100 detached side by side, each", &[detached / CROWD as f64], Some(DETACH), missed);
    names.iter().try_for_each(|name| world.remove_namespace(name))
}

/// Milliseconds.
fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn row(what: &str, times: &[f64], target: Option<f64>, missed: &mut Vec<String>) {
    if times.is_empty() {
        return;
    }
    let middle = median(times);
    let (low, high) = (quantile(times, 0.1), quantile(times, 0.9));
    let verdict = match target {
        Some(target) if middle > target => {
            missed.push(format!("{what}: {middle:.1} of {target} ms"));
            format!("at most {target} ms: not met")
        }
        Some(target) => format!("at most {target} ms: met"),
        None => String::new(),
    };
    println!("{what:<40} {middle:>9.2} ms  {low:>8.2}-{high:<8.2} {verdict}");
}

const CROWD: usize = 100;
/// Milliseconds.
const ATTACH: f64 = 3.0;
const DETACH: f64 = 2.0;
const SIDE_BY_SIDE: f64 = 500.0;
/// How many times as fast as the plugins.
const FASTER: f64 = 30.0;

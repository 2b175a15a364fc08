//! netd's task runner: `cargo xtask VERB`. One file per verb; this one is the table of contents.

mod bench;
mod bpf;
mod build;
mod check;
mod demo;
mod dist;
mod fuzz;
mod run;
mod setup;
mod stage;
mod sweep;
mod test;
mod world;

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["setup"] => setup::run(),
        ["build"] => build::run(),
        ["demo"] => demo::run(),
        ["test", filter @ ..] => test::run(filter),
        ["check"] => check::run(),
        ["dist", options @ ..] => dist::run(options),
        ["bench", "packet", options @ ..] => bench::packet(options),
        ["bench", "xdp", options @ ..] => bench::xdp(options),
        ["bench", "quick"] => bench::quick(),
        ["bench", "full", options @ ..] => bench::full::run(options),
        ["bench", "scale", options @ ..] => bench::scale::run(options),
        ["bench", "ports", options @ ..] => bench::ports::run(options),
        ["bench", "dns", options @ ..] => bench::dns::run(options),
        ["bench", "attach", options @ ..] => bench::attach::run(options),
        ["sweep", filter @ ..] => sweep::run(filter),
        ["fuzz", "packets", options @ ..] => fuzz::packets(options),
        ["fuzz", "dns", options @ ..] => fuzz::dns(options),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        // What the verbs above start by themselves.
        [stage::SUPERVISE, play, options @ ..] => return stage::supervise(play, options),
        [stage::PLAY, "demo", name] => demo::play(name),
        [stage::PLAY, "dist", name, tree, package] => dist::play(name, tree, package),
        [stage::PLAY, "bench", name] => bench::play(name),
        [stage::PLAY, stage::FULL, name, options @ ..] => bench::full::play(name, options),
        [stage::PLAY, stage::SCALE, name, options @ ..] => bench::scale::play(name, options),
        [stage::PLAY, stage::PORTS, name, options @ ..] => bench::ports::play(name, options),
        [stage::PLAY, stage::DNS, name, options @ ..] => bench::dns::play(name, options),
        [stage::PLAY, stage::ATTACH, name, options @ ..] => bench::attach::play(name, options),
        [bench::ECHO, "server", address] => bench::echo::serve(address),
        [bench::ECHO, "client", address, seconds] => bench::echo::ask(address, seconds),
        [bench::LOAD, words @ ..] => bench::ports::load(words),
        [bench::dns::TOOL, words @ ..] => bench::dns::tool(words),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

const USAGE: &str = "\
usage: cargo xtask VERB

  setup          find or install what building, demo and tests need
  build          setup, then target/release/netd and netctl
  demo           setup and build, then netd at work in network namespaces of its own (root or sudo)
  test [FILTER]  setup and build, then every test (root or sudo)
  check          formatting, lints, the architecture's rules, licenses of the dependencies
  dist [--check] a Debian package and a static tarball, in target/dist; --check boots a clean Debian in
                 namespaces of its own and installs, uses, upgrades and removes the package there
  bench packet   nanoseconds and instructions per packet of each program
  bench xdp [ROUNDS]
                 packets from outside by XDP, by TCX and by iptables
  bench quick    throughput and latency between two containers, next to a veth pair and a bridge
  bench full [--rounds N] [--quick] [--processors two|awake|one] [--courses A,B] [--peers A,B] [--out DIR]
                 netd next to a raw veth pair, loopback, Linux bridges, Docker's rules, CNI plugins, docker-proxy
                 and a Docker engine, from container to container (course containers), from outside to published
                 ports (published), from the host (host), to the outside (outside): table, Markdown, JSON and
                 plots in target/bench/full
  bench scale [--rounds N] [--quick] [--axes networks,endpoints,ports,flows] [--out DIR]
                 connections and packets over the number of networks, endpoints, published ports and flows: 1 to
                 1,000; tables, JSON and plots in target/bench/scale
  bench ports [--rounds N] [--quick] [--processors two|awake|one] [--out DIR]
                 published ports at length: 1 to 60,000 of them, and what publishing costs; in target/bench/ports
  bench attach [--rounds N] [--quick] [--out DIR]
                 what attaching a container costs next to CNI plugins; an agent with 1,000 endpoints
  bench dns [--rounds N] [--quick]
                 questions for a container's name next to dnsmasq and aardvark-dns, where they are
                 installed
  fuzz dns [--seconds N | --count N] [--seed S]
                 random DNS messages through what netd-dns does with them; a find is kept in
                 tests/corpus/dns and replayed by every test
  fuzz packets [--seconds N | --count N] [--seed S]
                 random packets on random tables: the packet logic in memory against the loaded
                 programs; a difference is kept in tests/corpus/packets and replayed by every test
  sweep [FILTER] kills the agent, and refuses it, at every system call of its start and of every
                 kind of change; takes hours; FILTER is part of a name of the tests that do it, such as
                 crash or killed
";

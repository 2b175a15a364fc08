//! `netctl status`, `drops` and `teardown`.

use super::{
    args::{DropsArgs, ForceArgs, StatusArgs},
    inspect, listing, output, time,
};
use crate::api::client::Client;
use crate::api::protocol::{Drop, FlowTable, NetworkInspect, ProgramStatus, Status};
use crate::error::Result;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// `netctl status`. Returns the exit code.
///
/// # Errors
/// What failed, in one line.
pub(super) fn status(client: &Client, args: &StatusArgs) -> Result<u8> {
    let status: Status = client.get("/v1/status")?;
    output::print(match args.format.as_deref() {
        None => screen(&status),
        Some(template) => inspect::format(&status, template)?,
    })?;
    Ok(0)
}

/// `netctl drops`. Returns the exit code.
///
/// # Errors
/// What failed, in one line.
pub(super) fn drops(client: &Client, args: &DropsArgs) -> Result<u8> {
    let list = listing::ListArgs { format: args.format.clone(), ..Default::default() };
    let mut before: Vec<Drop> = client.get("/v1/drops")?;
    if !args.follow {
        listing::print(&COLUMNS, &rows(&before), &list)?;
        return Ok(0);
    }
    output::print(listing::text(&COLUMNS, &[], &list)?)?;
    loop {
        std::thread::sleep(PERIOD);
        let now: Vec<Drop> = client.get("/v1/drops")?;
        let text = listing::text(&COLUMNS, &rows(&added(&before, &now)), &list)?;
        let header = if list.is_table() { 1 } else { 0 };
        output::print(text.split_inclusive('\n').skip(header).collect::<String>())?;
        before = now;
    }
}

/// `netctl teardown`. Returns the exit code.
///
/// # Errors
/// What failed, in one line.
pub(super) fn teardown(client: &Client, args: ForceArgs) -> Result<u8> {
    if !args.force {
        let status: Status = client.get("/v1/status")?;
        let networks: Vec<NetworkInspect> = client.get("/v1/networks")?;
        output::confirm(&warning(&status, &networks))
            .map_err(|e| e.context("cannot tear down netd"))?;
    }
    client.post::<IgnoredAny>("/v1/teardown", &json!({}))?;
    output::print("netd has removed its networks, devices, programs and state, and has ended\n")?;
    Ok(0)
}

/// The status on one screen.
pub(super) fn screen(status: &Status) -> String {
    let uplinks: Vec<_> = status
        .uplinks
        .iter()
        .map(|(name, to)| uplink(name, to, status.xdp.contains(name)))
        .collect();
    let lines = [
        ("netd", format!("{} (pid {}, ABI {})", status.version, status.pid, status.abi)),
        ("up for", time::phrase(status.uptime).to_lowercase()),
        ("networks", status.networks.to_string()),
        ("containers", format!("{} running, {} endpoints", status.containers, status.endpoints)),
        ("published", format!("{} ports", status.ports)),
        ("flows", none_or(status.flows.iter().map(flow_table).collect())),
        ("packets", none_or(status.paths.iter().filter_map(path).collect())),
        ("drops", format!("{} packets, {} per second", status.drops, status.drops_per_second)),
        ("uplinks", none_or(uplinks)),
        ("programs", programs(&status.programs)),
    ];
    let lines = lines.iter().map(|(name, value)| wrapped(name, value));
    let problems = status.problems.iter().map(|problem| format!("{:<12}{problem}\n", "problem"));
    lines.chain(problems).collect()
}

/// A list goes on below itself where it is too wide for a terminal.
fn wrapped(name: &str, value: &str) -> String {
    let mut text = format!("{name:<INDENT$}");
    let mut column = INDENT;
    for (number, item) in value.split(", ").enumerate() {
        let width = item.chars().count();
        if number > 0 && column + width + 2 >= WIDTH {
            text += &format!(",\n{:<INDENT$}", "");
            column = INDENT;
        } else if number > 0 {
            text += ", ";
            column += 2;
        }
        text += item;
        column += width;
    }
    text + "\n"
}

/// How many there are, and how often those run that are counted.
fn programs(programs: &[ProgramStatus]) -> String {
    let mut ran: Vec<&ProgramStatus> = programs.iter().filter(|p| p.runs > 0).collect();
    if ran.is_empty() {
        return format!(
            "{} loaded (sysctl kernel.bpf_stats_enabled=1 counts runs)",
            programs.len()
        );
    }
    ran.sort_by_key(|program| std::cmp::Reverse(program.runs));
    let each = ran.iter().take(BUSIEST).map(|program| {
        let ProgramStatus { name, runs, nanoseconds, .. } = program;
        format!("{name} {runs} runs of {} ns", nanoseconds / runs)
    });
    format!("{} loaded, {}", programs.len(), each.collect::<Vec<_>>().join(", "))
}

fn none_or(items: Vec<String>) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

fn flow_table(table: &FlowTable) -> String {
    let FlowTable { name, flows, capacity, percent } = table;
    format!("{flows} of {capacity} {name} ({percent} %)")
}

/// None for a way that no packet took.
fn path((name, packets): (&String, &u64)) -> Option<String> {
    (*packets > 0).then(|| format!("{packets} {name}"))
}

fn uplink(name: &str, addresses: &[std::net::IpAddr], xdp: bool) -> String {
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let hook = if xdp { "xdp" } else { "tcx" };
    if addresses.is_empty() {
        format!("{name} (no address, {hook})")
    } else {
        format!("{name} ({}, {hook})", addresses.join(", "))
    }
}

fn rows(drops: &[Drop]) -> Vec<Value> {
    drops.iter().map(|drop| json!(drop)).collect()
}

/// What `now` counts beyond `before`; a counter that fell was begun anew.
fn added(before: &[Drop], now: &[Drop]) -> Vec<Drop> {
    let key = |drop: &Drop| (drop.reason, drop.source.clone());
    let before: BTreeMap<_, _> = before.iter().map(|drop| (key(drop), drop.packets)).collect();
    let added = |drop: &Drop| {
        let known = before.get(&key(drop)).copied().unwrap_or(0);
        let packets = drop.packets.checked_sub(known).unwrap_or(drop.packets);
        (packets > 0).then(|| Drop { packets, ..drop.clone() })
    };
    now.iter().filter_map(added).collect()
}

fn warning(status: &Status, networks: &[NetworkInspect]) -> String {
    let names: Vec<_> = networks.iter().map(|network| network.name.as_str()).collect();
    format!(
        "This ends or cuts off {} running containers and removes the networks {}, {} published ports, \
         every device, program and map of netd's and its stored state, and ends the agent. Continue?",
        status.containers,
        names.join(", "),
        status.ports
    )
}

/// Where values begin, and where a terminal ends.
const INDENT: usize = 12;
const WIDTH: usize = 80;
/// How many programs are shown.
const BUSIEST: usize = 4;
const COLUMNS: [(&str, &str); 4] =
    [("REASON", "Reason"), ("NAME", "Name"), ("SOURCE", "Source"), ("PACKETS", "Packets")];
const PERIOD: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn drop(reason: u8, source: &str, packets: u64) -> Drop {
        Drop { reason, name: "isolation".to_owned(), source: source.to_owned(), packets }
    }

    #[test]
    fn only_what_is_added_is_followed() {
        let before = [drop(1, "web", 5), drop(2, "web", 7), drop(3, "web", 9)];
        let now = [drop(1, "web", 5), drop(2, "web", 8), drop(3, "web", 2), drop(2, "db", 3)];
        assert_eq!(added(&before, &now), [drop(2, "web", 1), drop(3, "web", 2), drop(2, "db", 3)]);
    }

    #[test]
    fn the_screen_shows_how_full_the_tables_are_and_which_ways_packets_took() {
        let table = |name: &str, flows, percent| FlowTable {
            name: name.to_owned(),
            flows,
            capacity: 16_384,
            percent,
        };
        let flows = vec![table("established", 8_192, 50), table("unreplied", 1, 0)];
        let paths = [("outside", 7), ("xdp", 0), ("hairpin", 2)];
        let paths = paths.map(|(name, packets)| (name.to_owned(), packets)).into();
        let screen = screen(&Status { flows, paths, ..Status::default() });
        let line = "flows       8192 of 16384 established (50 %), 1 of 16384 unreplied (0 %)\n";
        assert!(screen.contains(line), "{screen}");
        assert!(screen.contains("packets     2 hairpin, 7 outside\n"), "{screen}");
    }

    #[test]
    fn a_busy_host_fits_a_small_terminal() {
        let program = |name: &str, runs| ProgramStatus {
            name: name.to_owned(),
            runs,
            nanoseconds: runs * 210,
            ..ProgramStatus::default()
        };
        let names = ["container_out", "container_in", "uplink_in", "uplink_out", "host_connect4"];
        let programs = names.iter().zip(1u64..).map(|(name, n)| program(name, n << 40)).collect();
        let table = |name: &str| FlowTable {
            name: name.to_owned(),
            flows: 1_048_576,
            capacity: 1_048_576,
            percent: 100,
        };
        let flows = ["established", "unreplied", "crowded", "fragments"].map(table).into();
        let uplinks = (0..4).map(|n| {
            let addresses = ["192.0.2.2", "2001:db8:1111:2222:3333:4444:5555:6666"];
            (format!("eth{n}"), addresses.map(|a| a.parse().unwrap()).into())
        });
        let status = Status { programs, flows, uplinks: uplinks.collect(), ..Status::default() };
        let screen = screen(&status);
        assert!(screen.lines().count() <= 23, "{screen}");
        assert!(screen.lines().all(|line| line.chars().count() <= WIDTH), "{screen}");
        assert!(
            screen.contains("programs    5 loaded, host_connect4 5497558138880 runs of 210 ns,\n"),
            "{screen}"
        );
        assert!(!screen.contains("container_out"), "{screen}");
    }

    #[test]
    fn the_screen_ends_with_the_problems() {
        let problems = vec!["uplink eth1 has no driver support".to_owned()];
        let uplinks = BTreeMap::from([
            ("eth0".to_owned(), vec!["10.0.0.1".parse().unwrap()]),
            ("eth1".to_owned(), Vec::new()),
        ]);
        let xdp = BTreeSet::from(["eth0".to_owned()]);
        let screen = screen(&Status { uptime: 300, problems, uplinks, xdp, ..Status::default() });
        assert!(screen.contains("up for      5 minutes\n"), "{screen}");
        assert!(
            screen.contains("uplinks     eth0 (10.0.0.1, xdp), eth1 (no address, tcx)\n"),
            "{screen}"
        );
        assert!(screen.ends_with("problem     uplink eth1 has no driver support\n"), "{screen}");
    }
}

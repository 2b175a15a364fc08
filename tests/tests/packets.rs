//! The case table, on bytes in memory and in the kernel.

#![allow(clippy::unwrap_used, reason = "a helper that fails ends the test that uses it")]

use netd_common::{
    abi::{Flow, FlowKey, programs},
    conntrack::State,
    verdict::DropReason,
};
use netd_tests::{
    budget, bytes,
    cases::{self, Table},
    kernel::{Kernel, Written},
    ns::is_root,
    world::World,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

fn states(flows: &BTreeMap<FlowKey, Flow>) -> impl Iterator<Item = (FlowKey, State)> + '_ {
    flows.iter().map(|(key, flow)| (*key, State::from_number(flow.state)))
}

fn is_in(world: &World, key: &FlowKey, table: Table) -> bool {
    match table {
        Table::Established => world.flows.contains_key(key),
        Table::Unreplied => world.unreplied.contains_key(key),
        Table::Crowded => world.crowded.contains_key(key),
    }
}

#[test]
fn every_case_holds_on_bytes() {
    let mut wrong = Vec::new();
    for case in cases::all() {
        let (verdict, packet, world) = bytes::run(&case);
        let tables = [&world.flows, &world.unreplied, &world.crowded];
        let mut flows: Vec<_> = tables.into_iter().flat_map(states).collect();
        let mut wanted = case.flows.clone();
        flows.sort_by_key(|f| f.0);
        wanted.sort_by_key(|f| f.0);
        if verdict != case.verdict {
            wrong.push(format!("{}: {:?}, not {:?}", case.name, verdict, case.verdict));
        } else if packet != case.out {
            wrong.push(format!("{}: bytes\n  {packet:02x?}\n  {:02x?}", case.name, case.out));
        } else if flows != wanted {
            wrong.push(format!("{}: flows\n  {flows:?}\n  {wanted:?}", case.name));
        } else if let Some((key, table)) = case.places.iter().find(|(k, t)| !is_in(&world, k, *t)) {
            wrong.push(format!("{}: not {table:?}: {key:?}", case.name));
        } else if case.still && world != case.world {
            let difference = Written::of(&world).difference(&Written::of(&case.world));
            wrong.push(format!("{}: tables, or a time in them\n  {difference}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} cases fail:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_case_holds_in_the_kernel() {
    if !is_root() {
        return;
    }
    let mut kernel = Kernel::new().unwrap();
    let mut wrong = Vec::new();
    for case in cases::all() {
        if !bytes::kernel_takes(&case.packet) {
            continue;
        }
        let (verdict, packet, world) = bytes::run(&case);
        let outcome = match kernel.run(&case) {
            Ok(outcome) => outcome,
            Err(error) => {
                wrong.push(format!("{}: {error:#}", case.name));
                continue;
            }
        };
        let written = Written::of(&world);
        if (outcome.action, outcome.reason) != bytes::action(verdict) {
            let got = (outcome.action, outcome.reason);
            wrong.push(format!("{}: {got:?}, not {:?}", case.name, verdict));
        } else if outcome.out != packet {
            wrong.push(format!("{}: bytes\n  {:02x?}\n  {packet:02x?}", case.name, outcome.out));
        } else if outcome.written != written {
            let difference = outcome.written.difference(&written);
            wrong.push(format!("{}: tables\n  {difference}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} cases fail:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for case in cases::all() {
        assert!(names.insert(case.name.clone()), "two cases are called {:?}", case.name);
    }
}

#[test]
fn every_drop_reason_of_a_packet_has_a_case() {
    let seen: BTreeSet<_> =
        cases::all().into_iter().filter_map(|c| bytes::action(c.verdict).1).collect();
    // A table in memory is never full, and its edits never fail.
    let outside = [DropReason::TableFull, DropReason::EditFailed];
    let missing: Vec<_> =
        DropReason::ALL.iter().filter(|r| !seen.contains(r) && !outside.contains(r)).collect();
    assert!(missing.is_empty(), "no case drops for {missing:?}");
}

#[test]
fn no_program_outgrows_its_budget() {
    let budget = budget::parse(&fs::read_to_string(budget::file()).unwrap()).unwrap();
    let sizes = budget::measure(netd::kernel::dataplane::OBJECT).unwrap();
    assert_eq!(budget.keys().collect::<Vec<_>>(), sizes.keys().collect::<Vec<_>>());
    for (name, size) in sizes {
        let limit = budget[&name];
        let instructions = limit.instructions + limit.instructions / 10;
        assert!(size.instructions <= instructions, "{name}: {size:?}, budget {limit:?}");
        assert!(size.stack <= 512, "{name}: {size:?}");
    }
}

/// The kernel gives up after a million, and an agent starts no sooner than it is through.
#[test]
fn no_program_takes_the_verifier_long() {
    if !is_root() {
        return;
    }
    for (name, count) in Kernel::new().unwrap().verified().unwrap() {
        assert!(count <= 300_000, "{name}: {count} instructions");
    }
}

#[test]
fn the_object_has_every_program_and_map() {
    let sizes = budget::measure(netd::kernel::dataplane::OBJECT).unwrap();
    let uplinks_and_veths = [
        programs::UPLINK_XDP,
        programs::CONTAINER_OUT,
        programs::CONTAINER_IN,
        programs::UPLINK_IN,
        programs::UPLINK_OUT,
        programs::RESOLVER_LO,
    ];
    let others = programs::HOST.iter().chain(&programs::CROSS);
    let wanted: BTreeSet<_> = uplinks_and_veths.iter().chain(others).copied().collect();
    assert_eq!(sizes.keys().map(String::as_str).collect::<BTreeSet<_>>(), wanted);
}

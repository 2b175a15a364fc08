//! The case table, on bytes in memory and in the kernel.

#![allow(clippy::unwrap_used, reason = "a helper that fails ends the test that uses it")]

use netd_common::{
    abi::{Flow, FlowKey, programs},
    conntrack::State,
    parse::Parsed,
    pipeline, rewrite,
    verdict::{DropReason, Verdict},
};
use netd_tests::{
    budget,
    cases::{self, Case, Hook},
    kernel::Kernel,
    ns::is_root,
    world::World,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// The verdict, the packet and the tables afterwards, by netd-common alone.
fn on_bytes(case: &Case) -> (Verdict, Vec<u8>, World) {
    let mut world = case.world.clone();
    let mut packet = case.packet.clone();
    let (verdict, parsed) = decide(case.hook, &packet, &mut world);
    if let Some(parsed) = &parsed {
        rewrite::apply(&mut packet[..], parsed, &verdict).unwrap();
    }
    (verdict, packet, world)
}

fn decide(hook: Hook, packet: &[u8], world: &mut World) -> (Verdict, Option<Parsed>) {
    let (ifindex, ingress) = (hook.ifindex(), hook.ingress());
    let ether_type = [packet[12], packet[13]];
    let settled = match hook {
        Hook::ContainerOut(_) => match pipeline::inspect_sent(packet, world, ifindex, false) {
            Ok(sent) => return (pipeline::from_container(world, &sent), Some(sent.parsed)),
            Err(verdict) => verdict,
        },
        Hook::ContainerIn(..) => pipeline::to_container(packet, world, ifindex, ingress),
        Hook::UplinkIn => {
            let parsed = &mut { Parsed::EMPTY };
            match pipeline::inspect_arriving(packet, world, ifindex, ether_type, false, parsed) {
                Ok(()) => return (pipeline::from_uplink(world, parsed), Some(*parsed)),
                Err(verdict) => verdict,
            }
        }
        Hook::UplinkOut(_) => {
            let parsed = &mut { Parsed::EMPTY };
            match pipeline::inspect_leaving(packet, world, ifindex, ingress, ether_type, parsed) {
                Ok(origin) => {
                    return (pipeline::to_uplink(world, parsed, &origin), Some(*parsed));
                }
                Err(verdict) => verdict,
            }
        }
    };
    (settled, None)
}

fn states(flows: &BTreeMap<FlowKey, Flow>) -> impl Iterator<Item = (FlowKey, State)> + '_ {
    flows.iter().map(|(key, flow)| (*key, State::from_number(flow.state)))
}

#[test]
fn every_case_holds_on_bytes() {
    let mut wrong = Vec::new();
    for case in cases::all() {
        let (verdict, packet, world) = on_bytes(&case);
        let mut flows: Vec<_> = states(&world.flows).chain(states(&world.unreplied)).collect();
        let mut wanted = case.flows.clone();
        flows.sort_by_key(|f| f.0);
        wanted.sort_by_key(|f| f.0);
        if verdict != case.verdict {
            wrong.push(format!("{}: {:?}, not {:?}", case.name, verdict, case.verdict));
        } else if packet != case.out {
            wrong.push(format!("{}: bytes\n  {packet:02x?}\n  {:02x?}", case.name, case.out));
        } else if flows != wanted {
            wrong.push(format!("{}: flows\n  {flows:?}\n  {wanted:?}", case.name));
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
        if !takes(&case.packet) {
            continue;
        }
        let (verdict, packet, world) = on_bytes(&case);
        let outcome = match kernel.run(&case) {
            Ok(outcome) => outcome,
            Err(error) => {
                wrong.push(format!("{}: {error:#}", case.name));
                continue;
            }
        };
        let timeless = |flows: &BTreeMap<FlowKey, Flow>| -> Vec<_> {
            flows.iter().map(|(k, f)| (*k, Flow { last_seen: 0, ..*f })).collect()
        };
        let flows = (timeless(&world.flows), timeless(&world.unreplied));
        if (outcome.action, outcome.reason) != action(verdict) {
            let got = (outcome.action, outcome.reason);
            wrong.push(format!("{}: {got:?}, not {:?}", case.name, verdict));
        } else if outcome.out != packet {
            wrong.push(format!("{}: bytes\n  {:02x?}\n  {packet:02x?}", case.name, outcome.out));
        } else if outcome.flows != flows {
            wrong.push(format!("{}: flows\n  {:?}\n  {flows:?}", case.name, outcome.flows));
        }
    }
    assert!(wrong.is_empty(), "{} cases fail:\n{}", wrong.len(), wrong.join("\n"));
}

/// `BPF_PROG_TEST_RUN` takes no frame that is too short for the IP header its EtherType promises.
fn takes(packet: &[u8]) -> bool {
    match packet[12..14] {
        [0x08, 0x00] => packet.len() >= 34,
        [0x86, 0xdd] => packet.len() >= 54,
        _ => packet.len() >= 14,
    }
}

/// What TC does with a verdict: `TC_ACT_OK`, `TC_ACT_SHOT` or `TC_ACT_REDIRECT`.
fn action(verdict: Verdict) -> (u32, Option<DropReason>) {
    match verdict {
        Verdict::Pass | Verdict::Translate(_) => (0, None),
        Verdict::Drop(reason) => (2, Some(reason)),
        Verdict::Deliver(_) | Verdict::Route(_) => (7, None),
    }
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
    let seen: BTreeSet<_> = cases::all()
        .into_iter()
        .filter_map(|c| if let Verdict::Drop(reason) = c.verdict { Some(reason) } else { None })
        .collect();
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

#[test]
fn the_object_has_every_program_and_map() {
    let sizes = budget::measure(netd::kernel::dataplane::OBJECT).unwrap();
    let classifiers = [
        programs::CONTAINER_OUT,
        programs::CONTAINER_IN,
        programs::UPLINK_IN,
        programs::UPLINK_OUT,
    ];
    let wanted: BTreeSet<_> = classifiers.iter().chain(&programs::HOST).copied().collect();
    assert_eq!(sizes.keys().map(String::as_str).collect::<BTreeSet<_>>(), wanted);
}

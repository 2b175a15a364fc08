//! netd-common alone, on bytes in memory and tables in memory: one of the two sides that must agree.

use crate::{
    cases::{Case, Hook},
    world::World,
};
use netd_common::{
    parse::Parsed,
    pipeline, rewrite,
    verdict::{DropReason, Verdict},
};

/// The verdict, the packet and the tables afterwards.
pub fn run(case: &Case) -> (Verdict, Vec<u8>, World) {
    let mut world = case.world.clone();
    let mut packet = case.packet.clone();
    let verdict = step(case.hook, &mut packet, &mut world);
    (verdict, packet, world)
}

/// Runs one packet, and edits it and the tables.
pub fn step(hook: Hook, packet: &mut [u8], world: &mut World) -> Verdict {
    let (verdict, parsed) = decide(hook, packet, world);
    if let Some(parsed) = &parsed {
        rewrite::apply(packet, parsed, &verdict).unwrap();
    }
    verdict
}

/// What the programs' entry points do between the packet and the verdict.
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

/// What TC does with a verdict: `TC_ACT_OK`, `TC_ACT_SHOT` or `TC_ACT_REDIRECT`.
#[must_use]
pub fn action(verdict: Verdict) -> (u32, Option<DropReason>) {
    match verdict {
        Verdict::Pass | Verdict::Translate(_) => (0, None),
        Verdict::Drop(reason) => (2, Some(reason)),
        Verdict::Deliver(_) | Verdict::Route(_) => (7, None),
    }
}

/// `BPF_PROG_TEST_RUN` takes no frame that is too short for the IP header its EtherType promises.
#[must_use]
pub fn kernel_takes(packet: &[u8]) -> bool {
    match packet.get(12..14) {
        Some([0x08, 0x00]) => packet.len() >= 34,
        Some([0x86, 0xdd]) => packet.len() >= 54,
        Some(_) => true,
        None => false,
    }
}

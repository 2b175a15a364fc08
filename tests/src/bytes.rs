//! netd-common alone, on bytes in memory and tables in memory: one of the two sides that must agree.

use crate::{
    cases::{Case, Hook},
    world::{UPLINK_MAC, World},
};
use netd_common::{
    address::Address,
    answer::PacketLength,
    flow::End,
    packet::{Packet, PacketMut},
    parse::Headers,
    pipeline, resolver,
    rewrite::{self, Side},
    verdict::{DropReason, Orders, Ruling, Translation, Verdict},
    wire::Header,
};

/// The verdict, the packet and the tables afterwards.
pub fn run(case: &Case) -> (Verdict, Vec<u8>, World) {
    let mut world = case.world.clone();
    let mut packet = case.packet.clone();
    let verdict = step(case.hook, &mut packet, &mut world);
    (verdict, packet, world)
}

/// Runs one packet, and edits it and the tables.
pub fn step(hook: Hook, packet: &mut Vec<u8>, world: &mut World) -> Verdict {
    if matches!(hook, Hook::ResolverLo) {
        return on_lo(packet);
    }
    let (mut headers, mut orders) = (Headers::EMPTY, Orders::NONE);
    match decide(hook, packet, world, (&mut headers, &mut orders)) {
        Ok(ruling) => {
            let verdict = orders.verdict(ruling);
            let mut buffer = Buffer(std::mem::take(packet));
            rewrite::apply(&mut buffer, &headers, &verdict).unwrap();
            *packet = buffer.0;
            verdict
        }
        Err(ruling) => orders.verdict(ruling),
    }
}

/// What a container sends to itself.
fn on_lo(packet: &mut [u8]) -> Verdict {
    let Some(swap) = resolver::swap(packet, [packet[12], packet[13]]) else { return Verdict::Pass };
    // One that ends before its checksum goes on as it is.
    if resolver::apply(packet, &swap).is_none() {
        return Verdict::Pass;
    }
    let end = Some(End { address: Address::v4(resolver::RESOLVER), port: swap.new });
    Verdict::Translate(match swap.side {
        Side::Source => Translation { source: end, ..Translation::NONE },
        Side::Destination => Translation { destination: end, ..Translation::NONE },
    })
}

/// A packet in memory whose length can change.
struct Buffer(Vec<u8>);

impl Packet for Buffer {
    fn length(&self) -> usize {
        self.0.len()
    }
    fn header<H: Header>(&self, offset: usize) -> Option<H> {
        self.0[..].header(offset)
    }
}

impl PacketMut for Buffer {
    fn set_header<H: Header>(&mut self, offset: usize, header: H) -> Option<()> {
        self.0[..].set_header(offset, header)
    }
}

impl PacketLength for Buffer {
    fn cut(&mut self, length: usize) -> Option<()> {
        self.0.truncate(length);
        Some(())
    }
    fn widen(&mut self, count: usize) -> Option<()> {
        self.0.splice(14..14, std::iter::repeat_n(0, count));
        Some(())
    }
}

/// What the programs' entry points do between the packet and the verdict. An error is a verdict
/// that edits nothing.
fn decide(
    hook: Hook,
    packet: &[u8],
    world: &mut World,
    (headers, orders): (&mut Headers, &mut Orders),
) -> Result<Ruling, Ruling> {
    let (ifindex, ingress) = (hook.ifindex(), hook.ingress());
    let ether_type = [packet[12], packet[13]];
    match hook {
        Hook::ContainerOut(_) => {
            let sender = pipeline::inspect_sent(packet, world, ifindex, false, headers)?;
            if let Some(ruling) = pipeline::to_neighbour(world, &sender, headers, orders) {
                return Ok(ruling);
            }
            if let Some(ruling) = pipeline::error_from_container(world, headers, orders) {
                return Ok(ruling);
            }
            if let Some(ruling) = pipeline::answer_from_container(world, &sender, headers, orders) {
                return Ok(ruling);
            }
            Ok(match pipeline::from_container(world, &sender, headers, orders) {
                Some(ruling) => ruling,
                None => pipeline::to_host(world, &sender, headers, orders),
            })
        }
        Hook::ContainerIn(..) => {
            Err(pipeline::to_container(packet, world, (ifindex, ingress), headers))
        }
        Hook::UplinkIn => {
            let foreign = is_foreign(packet);
            pipeline::inspect_arriving(packet, world, ifindex, ether_type, foreign, headers)?;
            if let Some(ruling) = pipeline::error_from_uplink(world, headers, orders) {
                return Ok(ruling);
            }
            Ok(pipeline::from_uplink(world, headers, packet[0] & 1 != 0, orders))
        }
        Hook::UplinkOut(_) => {
            if pipeline::is_hosts(ingress) {
                return Err(Ruling::Pass);
            }
            let origin =
                pipeline::inspect_leaving(packet, world, ifindex, ingress, ether_type, headers)?;
            Ok(pipeline::to_uplink(world, headers, &origin, orders))
        }
        // It asks no tables, and has been run before.
        Hook::ResolverLo => Err(Ruling::Pass),
    }
}

/// The kernel finds that a frame on the uplink is for another machine.
fn is_foreign(packet: &[u8]) -> bool {
    packet[0] & 1 == 0 && packet[..6] != UPLINK_MAC
}

/// What TC does with a verdict: `TC_ACT_OK`, `TC_ACT_SHOT` or `TC_ACT_REDIRECT`.
#[must_use]
pub fn action(verdict: Verdict) -> (u32, Option<DropReason>) {
    match verdict {
        Verdict::Pass | Verdict::Translate(_) => (0, None),
        Verdict::Drop(reason) => (2, Some(reason)),
        Verdict::Deliver(_) | Verdict::Route(_) => (7, None),
        Verdict::Answer(answer) => (7, Some(answer.reason)),
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

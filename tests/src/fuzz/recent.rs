//! What came out lately, so that packets follow from packets: on to the next hook, answers, errors
//! about them, repetitions. Most flows grow this way.

use super::{bodies, build::seal, packets::Step, random::Random};
use crate::{
    cases::Hook,
    world::{ALL, ROUTER_MAC, UPLINK_MAC},
};
use netd_common::{
    address::Address,
    parse::{ICMP, ICMPV6, TCP, UDP},
    verdict::Verdict,
};

/// The last packets that were let through.
#[derive(Default)]
pub(super) struct Recent {
    all: Vec<(Step, Came)>,
    next: usize,
}

/// Where a packet came out.
#[derive(Clone, Copy, Debug)]
enum Came {
    /// At the uplink, on its way out; of the container with this veth.
    Uplink(u32),
    /// On the wire.
    Wire,
    /// In the container with this veth.
    Container(u32),
}

impl Recent {
    /// Notes a packet that went on, as it is now.
    pub(super) fn note(&mut self, hook: Hook, verdict: Verdict, packet: &[u8]) {
        let came = match (hook, verdict) {
            (_, Verdict::Deliver(delivery)) => Came::Container(delivery.ifindex),
            (Hook::ContainerOut(container), Verdict::Route(_)) => Came::Uplink(container.ifindex()),
            (Hook::UplinkOut(_), Verdict::Translate(_)) => Came::Wire,
            _ => return,
        };
        let entry = (Step { hook, packet: packet.to_vec() }, came);
        if self.all.len() < KEPT {
            self.all.push(entry);
        } else {
            self.all[self.next % KEPT] = entry;
        }
        self.next += 1;
    }

    /// A packet that follows from one of them.
    pub(super) fn follow(&self, random: &mut Random) -> Option<Step> {
        if self.all.is_empty() {
            return None;
        }
        let (step, came) = &self.all[random.below(self.all.len())];
        if let Came::Uplink(veth) = came {
            // bpf_redirect_neigh fills the Ethernet addresses in.
            let mut packet = step.packet.clone();
            packet[..6].copy_from_slice(&ROUTER_MAC);
            packet[6..12].copy_from_slice(&UPLINK_MAC);
            return Some(Step { hook: Hook::UplinkOut(*veth), packet });
        }
        let back = match came {
            Came::Container(veth) => {
                Hook::ContainerOut(*ALL.iter().find(|c| c.ifindex() == *veth)?)
            }
            _ => Hook::UplinkIn,
        };
        if random.chance(12) {
            return error(&step.packet, back, random);
        }
        let packet = answer(&step.packet, random)?;
        Some(Step { hook: back, packet })
    }
}

/// An IP packet without options or extension headers, taken apart.
struct Plain {
    source: Address,
    destination: Address,
    protocol: u8,
    l4: usize,
}

fn plain(frame: &[u8]) -> Option<Plain> {
    match frame.get(12..14)? {
        [0x08, 0x00] if frame.len() >= 34 && frame[14] == 0x45 => Some(Plain {
            source: Address::v4(frame[26..30].try_into().ok()?),
            destination: Address::v4(frame[30..34].try_into().ok()?),
            protocol: frame[23],
            l4: 34,
        }),
        [0x86, 0xdd] if frame.len() >= 54 => Some(Plain {
            source: Address::v6(frame[22..38].try_into().ok()?),
            destination: Address::v6(frame[38..54].try_into().ok()?),
            protocol: frame[20],
            l4: 54,
        }),
        _ => None,
    }
}

/// The packet's ends swapped, and what else makes an answer.
fn answer(frame: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let Plain { source, destination, protocol, l4 } = plain(frame)?;
    let mut packet = frame.to_vec();
    packet[..6].copy_from_slice(&frame[6..12]);
    packet[6..12].copy_from_slice(&frame[..6]);
    let (at, length) = if source.is_v4() { (26, 4) } else { (22, 16) };
    packet[at..at + length].copy_from_slice(&frame[at + length..at + 2 * length]);
    packet[at + length..at + 2 * length].copy_from_slice(&frame[at..at + length]);
    let body = packet.get_mut(l4..).filter(|b| b.len() >= 8)?;
    if matches!(protocol, ICMP | ICMPV6) {
        body[0] = match (protocol, body[0]) {
            (ICMP, 8) => 0,
            (ICMP, 0) => 8,
            (_, 128) => 129,
            (_, 129) => 128,
            (_, other) => other,
        };
    } else {
        let ports = [body[2], body[3], body[0], body[1]];
        body[..4].copy_from_slice(&ports);
    }
    if protocol == TCP && body.len() >= 20 {
        answer_tcp(body, random);
    }
    let at = match protocol {
        TCP if body.len() >= 20 => 16,
        // No checksum stays none.
        UDP if body[6..8] != [0; 2] => 6,
        ICMP | ICMPV6 => 2,
        _ => return Some(packet),
    };
    body[at..at + 2].copy_from_slice(&[0; 2]);
    seal(body, protocol, &source, &destination);
    Some(packet)
}

/// What a peer would send next, or nearly.
fn answer_tcp(body: &mut [u8], random: &mut Random) {
    let word = |at: usize| u32::from_be_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]]);
    let (seq, ack, flags) = (word(4), word(8), body[13]);
    let taken = u32::from(flags & 0x03 != 0) + (body.len() as u32).saturating_sub(20);
    let answer = match (flags & 0x17, random.below(10)) {
        (_, 0) => random.pick(&[0x04, 0x14, 0x11, 0x02, 0x01]),
        (0x02, _) => 0x12,
        (0x11, 0..5) => 0x11,
        _ => 0x10,
    };
    let mut off = || if random.chance(80) { 0 } else { random.pick(&[1, u32::MAX, 70_000]) };
    let seq_now = if flags & 0x10 == 0 { 5_000 } else { ack }.wrapping_add(off());
    let ack_now = seq.wrapping_add(taken).wrapping_add(off());
    body[4..8].copy_from_slice(&seq_now.to_be_bytes());
    body[8..12].copy_from_slice(&ack_now.to_be_bytes());
    body[13] = answer;
}

/// An ICMP error about the packet, back to who sent it.
fn error(frame: &[u8], back: Hook, random: &mut Random) -> Option<Step> {
    let Plain { source, destination, .. } = plain(frame)?;
    let teller =
        if random.chance(50) { destination } else { super::pools::remote(random, source.is_v4()) };
    let (protocol, message) = bodies::error(&frame[14..], &teller, &source, random);
    let mut packet = Vec::from(&frame[6..12]);
    packet.extend(&frame[..6]);
    packet.extend(&frame[12..14]);
    packet.extend(super::build::Ip::new(teller, source).packet(protocol, &message));
    Some(Step { hook: back, packet })
}

/// How many are kept.
const KEPT: usize = 64;

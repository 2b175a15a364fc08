//! Messages as clients and resolvers send them, and what attackers make of them.

use super::Side;
use crate::fuzz::random::Random;

/// Makes messages; of those before some parts come again.
#[derive(Default)]
pub(super) struct Builder {
    last: Vec<u8>,
}

impl Builder {
    pub(super) fn message(&mut self, random: &mut Random) -> (Side, Vec<u8>) {
        let side = if random.chance(50) { Side::Client } else { Side::Resolver };
        let mut packet = match side {
            Side::Client => query(random),
            Side::Resolver => answer(random),
        };
        if random.chance(70) {
            for _ in 0..1 + random.below(4) {
                self.spoil(&mut packet, random);
            }
        }
        self.last.clone_from(&packet);
        (side, packet)
    }

    fn spoil(&self, packet: &mut Vec<u8>, random: &mut Random) {
        let length = packet.len();
        if length == 0 {
            return;
        }
        let at = random.below(length);
        match random.below(12) {
            0..3 => packet[at] ^= 1 << random.below(8),
            3 => packet[at] = random.byte(),
            4 => packet[at] = random.pick(&[0, 1, 63, 64, 0x7f, 0x80, 0xbf, 0xc0, 0xff]),
            // A pointer: back, forward, to itself.
            5..7 if at + 1 < length => {
                let to = match random.below(4) {
                    0 => at,
                    1 => 12,
                    _ => random.below(length + 4),
                };
                packet[at..at + 2].copy_from_slice(&(0xc000 | to as u16).to_be_bytes());
            }
            // A count, or flags.
            7 if length >= 12 => {
                let word = random.pick(&[0_u16, 1, 2, 3, 255, 65_535]);
                let place = 2 + 2 * random.below(5);
                packet[place..place + 2].copy_from_slice(&word.to_be_bytes());
            }
            8 => packet.truncate(at),
            9 => packet.extend((0..random.below(40)).map(|_| random.byte())),
            10 => {
                let from = random.below(self.last.len().max(1)).min(self.last.len());
                let part = &self.last[from..];
                packet.splice(at.., part.iter().copied());
            }
            _ => {
                let end = (at + 1 + random.below(30)).min(length);
                let part = packet[at..end].to_vec();
                for _ in 0..random.below(4) {
                    packet.splice(at..at, part.iter().copied());
                }
            }
        }
    }
}

/// The first bytes of a name that others point to.
const QUESTION: u16 = 0xc00c;

fn query(random: &mut Random) -> Vec<u8> {
    let edns = random.chance(40);
    let flags = random.pick(&[0x0100, 0x0000, 0x0120, 0x0110, 0x2800, 0x8180]);
    let flags = if random.chance(90) { 0x0100 } else { flags };
    let mut packet = header(random, flags, [1, 0, 0, u16::from(edns)]);
    packet.extend(name(random));
    packet.extend(kind(random).to_be_bytes());
    packet.extend(if random.chance(95) { [0, 1] } else { [0, random.byte()] });
    if edns {
        packet.extend(opt(random));
    }
    packet
}

fn answer(random: &mut Random) -> Vec<u8> {
    let counts = [1, random.below(5) as u16, random.below(3) as u16, random.below(3) as u16];
    let code = if random.chance(80) { 0 } else { random.below(16) as u16 };
    let truncated = if random.chance(5) { 0x0200 } else { 0 };
    let mut packet = header(random, 0x8180 | truncated | code, counts);
    packet.extend(name(random));
    packet.extend(kind(random).to_be_bytes());
    packet.extend([0, 1]);
    let opt_last = random.chance(40) && counts[3] > 0;
    let records = counts[1] + counts[2] + counts[3] - u16::from(opt_last);
    for _ in 0..records {
        record(&mut packet, random);
    }
    if opt_last {
        packet.extend(opt(random));
    }
    packet
}

fn header(random: &mut Random, flags: u16, counts: [u16; 4]) -> Vec<u8> {
    let id = u16::from_be_bytes([random.byte(), random.byte()]);
    [id, flags].into_iter().chain(counts).flat_map(u16::to_be_bytes).collect()
}

fn record(packet: &mut Vec<u8>, random: &mut Random) {
    owner(packet, random);
    let kind = random.pick(&[1, 28, 5, 6, 2, 12, 15, 16, 33, 39, 46, 64, 65, 257]);
    packet.extend(u16::to_be_bytes(kind));
    packet.extend([0, 1]);
    packet.extend(random.pick(&[0_u32, 1, 60, 3600, 1 << 31, u32::MAX]).to_be_bytes());
    let length_at = packet.len();
    packet.extend([0, 0]);
    match kind {
        1 => packet.extend((0..4).map(|_| random.byte())),
        28 => packet.extend((0..16).map(|_| random.byte())),
        5 | 2 | 12 | 39 => owner(packet, random),
        6 => {
            owner(packet, random);
            owner(packet, random);
            packet.extend((0..20).map(|_| random.byte()));
        }
        15 | 33 => {
            packet.extend((0..if kind == 15 { 2 } else { 6 }).map(|_| random.byte()));
            owner(packet, random);
        }
        _ => packet.extend((0..random.below(40)).map(|_| random.byte())),
    }
    let length = (packet.len() - length_at - 2) as u16;
    packet[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
}

/// A name of its own, the question's, or the end of one that was before.
fn owner(packet: &mut Vec<u8>, random: &mut Random) {
    match random.below(4) {
        0 => packet.extend(name(random)),
        1 => {
            packet.extend(b"\x01z");
            packet.extend(QUESTION.to_be_bytes());
        }
        2 => {
            let to = 12 + random.below(packet.len().saturating_sub(12).max(1));
            packet.extend((0xc000 | to as u16).to_be_bytes());
        }
        _ => packet.extend(QUESTION.to_be_bytes()),
    }
}

fn name(random: &mut Random) -> Vec<u8> {
    let known: [&[u8]; 12] = [
        b"\x03Web\0",
        b"\x05crowd\0",
        b"\x02v6\x03net\0",
        b"\x02v4\x03net\x04netd\0",
        b"\x09localhost\0",
        b"\x011\x010\x0218\x03172\x07in-addr\x04arpa\0",
        b"\x03www\x07example\x03com\0",
        b"\x03com\0",
        b"\0",
        b"\x04netd\0",
        b"\x05alias\0",
        b"\x04host\x06docker\x08internal\0",
    ];
    if random.chance(70) {
        return random.pick(&known).to_vec();
    }
    let mut name = Vec::new();
    for _ in 0..random.below(6) {
        let length = if random.chance(80) { 1 + random.below(12) } else { 1 + random.below(63) };
        name.push(length as u8);
        name.extend((0..length).map(|_| random.byte()));
    }
    name.push(0);
    name
}

fn kind(random: &mut Random) -> u16 {
    let usual = [1, 28, 12, 15, 16, 33, 65, 255, 252, 41, 2, 6];
    if random.chance(95) { random.pick(&usual) } else { random.word() as u16 }
}

fn opt(random: &mut Random) -> Vec<u8> {
    let mut options = Vec::new();
    for _ in 0..random.below(3) {
        let length = random.below(24) as u16;
        options.extend(random.pick(&[3_u16, 8, 10, 11, 12, 65_001]).to_be_bytes());
        options.extend(length.to_be_bytes());
        options.extend((0..length).map(|_| random.byte()));
    }
    let room = random.pick(&[0_u16, 512, 1232, 4096, 65_535]);
    let version = if random.chance(95) { 0 } else { random.byte() };
    let signatures = random.pick(&[0, 0x80]);
    let [high, low] = room.to_be_bytes();
    let mut record = vec![0, 0, 41, high, low, 0, version, signatures, 0];
    record.extend((options.len() as u16).to_be_bytes());
    record.extend(options);
    record
}

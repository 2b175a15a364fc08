//! Ways to spoil a packet.

use super::random::Random;

/// Changes a few bits, a byte, a length, or cuts or lengthens the frame.
pub(super) fn spoil(packet: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(2) {
        let last = packet.len().min(14 + 100);
        if last <= 14 {
            return;
        }
        match random.below(12) {
            0..3 => packet[random.below(last)] ^= 1 << random.below(8),
            3..5 => packet[random.below(last)] = random.byte(),
            // The IP header's first bytes: version, lengths, fragments, protocol.
            5..7 => packet[14 + random.below((last - 14).min(12))] = random.byte(),
            7 => {
                let at = 16 + 2 * random.below(2);
                if at + 2 <= packet.len() {
                    let off = random.pick(&[0_u16, 1, 7, 0xffff, 0x0100]);
                    packet[at..at + 2].copy_from_slice(&off.to_be_bytes());
                }
            }
            8..10 => packet.truncate(14 + random.below(packet.len() - 14)),
            10 => packet.extend((0..random.below(20)).map(|_| random.byte())),
            _ => {
                let at = 14 + random.below(last - 14);
                let other = random.pick(&[0, 0xff, 0x7f, 0x80, 1]);
                packet[at] = other;
            }
        }
    }
}

//! SCTP's checksum (RFC 9260 6.8, appendix A): CRC-32C, and what a change of the ports does to it
//! without reading the rest of the packet.

/// The checksum field after the packet's first four bytes `old` became `new`, for a packet of
/// `length` bytes from the SCTP header on. A field of zero is still to be computed by a device, and
/// stays zero. `multiply` is [`multiply`].
#[inline(always)]
#[must_use]
pub fn replace(
    check: u32,
    old: u32,
    new: u32,
    length: u32,
    multiply: impl Fn(u32, u32) -> u32,
) -> u32 {
    if check == 0 || length < 4 {
        return check;
    }
    // The remainder is linear: a difference at the front counts as if followed by zeroes.
    let difference = multiply(POLYNOMIAL, u32::from_le(old ^ new));
    check ^ advance(difference, length - 4, multiply)
}

/// The remainder after `bytes` more bytes of zero: times x to the power of eight times as many.
#[inline(always)]
fn advance(remainder: u32, bytes: u32, multiply: impl Fn(u32, u32) -> u32) -> u32 {
    let mut product = remainder;
    // x^8, then its square for each bit of the count.
    let mut power = 1 << (31 - 8);
    for bit in 0..16 {
        let factor = if bytes & 1 << bit != 0 { power } else { ONE };
        product = multiply(factor, product);
        power = multiply(power, power);
    }
    product
}

/// The product of two polynomials modulo CRC-32C's, lowest power in the highest bit.
#[inline(always)]
#[must_use]
pub const fn multiply(one: u32, other: u32) -> u32 {
    let (mut product, mut shifted, mut factor) = (0, other, one);
    let mut bit = 0;
    while bit < 32 {
        product ^= shifted & mask(factor >> 31);
        factor <<= 1;
        shifted = halve(shifted);
        bit += 1;
    }
    product
}

/// Times x.
#[inline(always)]
const fn halve(value: u32) -> u32 {
    value >> 1 ^ POLYNOMIAL & mask(value & 1)
}

/// All ones for 1, nothing for 0: without a branch, as each would double what BPF's verifier
/// follows.
#[inline(always)]
const fn mask(bit: u32) -> u32 {
    0_u32.wrapping_sub(bit)
}

/// The polynomial 1.
const ONE: u32 = 1 << 31;

/// Castagnoli's, reflected: what x^32 is modulo it.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The checksum of `packet`, whose checksum field holds zero, from nothing.
#[must_use]
pub fn of(packet: &[u8]) -> u32 {
    let mut remainder = u32::MAX;
    for byte in packet {
        remainder ^= u32::from(*byte);
        for _ in 0..8 {
            remainder = halve(remainder);
        }
    }
    !remainder
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn rfc3720_b4_examples() {
        assert_eq!(of(&[0; 32]), 0x8a91_36aa);
        assert_eq!(of(&[0xff; 32]), 0x62a8_ab43);
    }

    proptest! {
        #[test]
        fn incremental_equals_from_nothing(
            mut packet in prop::collection::vec(any::<u8>(), 12..2000),
            new: [u8; 4],
        ) {
            let before = of(&packet);
            prop_assume!(before != 0);
            let old: [u8; 4] = packet[..4].try_into().unwrap();
            packet[..4].copy_from_slice(&new);
            let after: Vec<u8> = packet;
            let changed = (u32::from_ne_bytes(old), u32::from_ne_bytes(new));
            prop_assert_eq!(replace(before, changed.0, changed.1, after.len() as u32, multiply), of(&after));
        }
    }
}

//! Internet checksums: incremental update (RFC 1624, equation 3) and, for tests, from nothing.

/// A checksum field after 32-bit words `old` became `new`; all in network order.
#[inline(always)]
#[must_use]
pub fn replace(check: [u8; 2], old: &[u32], new: &[u32]) -> [u8; 2] {
    let mut sum = u64::from(!u16::from_ne_bytes(check));
    for word in old {
        sum += u64::from(!word);
    }
    for word in new {
        sum += u64::from(*word);
    }
    (!fold(sum)).to_ne_bytes()
}

/// A checksum field after the 16-bit word `old` became `new`; all in network order.
#[inline(always)]
#[must_use]
pub fn replace_u16(check: [u8; 2], old: [u8; 2], new: [u8; 2]) -> [u8; 2] {
    let sum = u64::from(!u16::from_ne_bytes(check))
        + u64::from(!u16::from_ne_bytes(old))
        + u64::from(u16::from_ne_bytes(new));
    (!fold(sum)).to_ne_bytes()
}

/// The checksum field for a sum of words in network order.
#[inline(always)]
#[must_use]
pub fn finish(sum: u64) -> [u8; 2] {
    (!fold(sum)).to_ne_bytes()
}

/// The checksum of `bytes` behind the partial sum `start` (a pseudo-header's, or 0).
#[must_use]
pub fn of(start: u64, bytes: &[u8]) -> [u8; 2] {
    (!fold(start + sum(bytes))).to_ne_bytes()
}

/// The unfolded sum of `bytes`, an odd last one padded with zero.
#[must_use]
pub fn sum(bytes: &[u8]) -> u64 {
    bytes
        .chunks(2)
        .map(|c| u64::from(u16::from_ne_bytes([c[0], c.get(1).copied().unwrap_or(0)])))
        .sum()
}

#[inline(always)]
fn fold(mut sum: u64) -> u16 {
    sum = (sum & 0xffff_ffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn incremental_equals_from_nothing(mut bytes: [u8; 32], at in 0usize..7, new: [u8; 4]) {
            let before = of(0, &bytes);
            let old: [u8; 4] = bytes[at * 4..][..4].try_into().unwrap();
            bytes[at * 4..][..4].copy_from_slice(&new);
            let after = replace(before, &[u32::from_ne_bytes(old)], &[u32::from_ne_bytes(new)]);
            // 0 and 0xffff are the same number in one's complement.
            let zero = |c: [u8; 2]| if c == [0xff; 2] { [0; 2] } else { c };
            prop_assert_eq!(zero(after), zero(of(0, &bytes)));
        }
    }

    #[test]
    fn rfc_1071_example() {
        assert_eq!(of(0, &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), [0x22, 0x0d]);
    }
}

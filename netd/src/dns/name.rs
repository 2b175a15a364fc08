//! Domain names as they stand in messages (RFC 1035 3.1), without the root's empty label at the end:
//! labels, each behind a byte with its length. Tables hold them in lower case.

use std::net::IpAddr;

/// A name in lower case.
pub type Name = Box<[u8]>;

/// A name as people write it, its case kept; none where it can't be one: an empty label, one of more
/// than 63 bytes, more than 255 in all (RFC 1035 2.3.4).
#[must_use]
pub fn wire(text: &str) -> Option<Name> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let mut name = Vec::with_capacity(text.len() + 1);
    for label in text.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        name.push(length);
        name.extend_from_slice(label.as_bytes());
    }
    (name.len() <= LONGEST).then(|| name.into())
}

/// The same for looking up: in lower case.
#[must_use]
pub fn key(text: &str) -> Option<Name> {
    let mut name = wire(text)?;
    name.make_ascii_lowercase();
    Some(name)
}

/// A name as people read it; what is no plain character stands as `\DDD`.
#[must_use]
pub fn text(name: &[u8]) -> String {
    let mut text = String::new();
    for label in labels(name) {
        if !text.is_empty() {
            text.push('.');
        }
        for byte in label {
            match byte {
                b'.' | b'\\' => text.extend(['\\', char::from(*byte)]),
                b'!'..=b'~' => text.push(char::from(*byte)),
                other => text.push_str(&format!("\\{other:03}")),
            }
        }
    }
    text
}

/// The labels of a name, first to last.
pub fn labels(mut name: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = name.split_first()?;
        let (label, rest) = rest.split_at_checked(usize::from(*length))?;
        name = rest;
        Some(label)
    })
}

/// The ways to part a name in two between labels, the longest first part first; the second part
/// is never empty.
pub fn splits(name: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let count = labels(name).count();
    (1..count).rev().filter_map(move |kept| {
        let at = labels(name).take(kept).map(|label| label.len() + 1).sum();
        name.split_at_checked(at)
    })
}

/// What is before a suffix, both in lower case; the whole name is no suffix of itself.
#[must_use]
pub fn before<'a>(name: &'a [u8], suffix: &[u8]) -> Option<&'a [u8]> {
    splits(name).find(|(_, end)| *end == suffix).map(|(start, _)| start)
}

/// The address that a name of the reverse tree stands for (RFC 1035 3.5, RFC 3596 2.5); none for a
/// part of the tree and for any other name.
#[must_use]
pub fn reversed(name: &[u8]) -> Option<IpAddr> {
    if let Some(start) = before(name, IN_ADDR_ARPA) {
        let mut bytes = [0; 4];
        fill(&mut bytes, labels(start), decimal)?;
        bytes.reverse();
        return Some(IpAddr::from(bytes));
    }
    let mut nibbles = [0; 32];
    fill(&mut nibbles, labels(before(name, IP6_ARPA)?), nibble)?;
    nibbles.reverse();
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(nibbles.chunks_exact(2)) {
        *byte = pair.iter().fold(0, |value, nibble| value << 4 | nibble);
    }
    Some(IpAddr::from(bytes))
}

/// As many labels as there are places, no more and no fewer.
fn fill<'a>(
    places: &mut [u8],
    mut labels: impl Iterator<Item = &'a [u8]>,
    value: impl Fn(&[u8]) -> Option<u8>,
) -> Option<()> {
    for place in places {
        *place = value(labels.next()?)?;
    }
    labels.next().is_none().then_some(())
}

fn decimal(label: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(label).ok()?;
    text.parse().ok().filter(|value: &u8| value.to_string() == text)
}

fn nibble(label: &[u8]) -> Option<u8> {
    let [digit] = label else { return None };
    char::from(*digit).to_digit(16).and_then(|value| value.try_into().ok())
}

/// Bytes of a name at most, without the root's label.
pub const LONGEST: usize = 254;

const IN_ADDR_ARPA: &[u8] = b"\x07in-addr\x04arpa";
const IP6_ARPA: &[u8] = b"\x03ip6\x04arpa";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_labels_and_what_can_be_none_is_refused() {
        assert_eq!(wire("Web.b").as_deref(), Some(&b"\x03Web\x01b"[..]));
        assert_eq!(key("Web.b.").as_deref(), Some(&b"\x03web\x01b"[..]));
        let long = "x".repeat(64);
        let longest = ["y".repeat(63), "y".repeat(63), "y".repeat(63), "y".repeat(61)].join(".");
        assert!(wire(&longest).is_some());
        for wrong in ["", ".", "a..b", ".a", &long, &format!("{longest}y")] {
            assert_eq!(wire(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_name_is_parted_between_labels_only() {
        let name = wire("a.b.c").unwrap();
        let parts: Vec<_> = splits(&name).map(|(a, b)| (text(a), text(b))).collect();
        assert_eq!(parts, [("a.b".into(), "c".into()), ("a".into(), "b.c".into())]);
        assert_eq!(splits(b"\x03a.b").count(), 0);
        assert_eq!(text(b"\x04a.b\x07"), "a\\.b\\007");
    }

    fn reverse_tree(address: IpAddr) -> String {
        match address {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            IpAddr::V6(v6) => {
                let digits = format!("{:032x}", v6.to_bits());
                let digits: Vec<_> = digits.chars().rev().map(String::from).collect();
                format!("{}.ip6.arpa", digits.join("."))
            }
        }
    }

    proptest! {
        #[test]
        fn every_address_is_found_by_its_reverse_name(address: IpAddr) {
            let name = key(&reverse_tree(address)).unwrap();
            prop_assert_eq!(reversed(&name), Some(address));
        }

        #[test]
        fn no_bytes_are_too_strange_for_a_name(bytes: Vec<u8>) {
            let _ = (text(&bytes), reversed(&bytes), splits(&bytes).count());
        }
    }

    #[test]
    fn other_names_stand_for_no_address() {
        for name in ["3.2.1.in-addr.arpa", "1.2.3.4.5.in-addr.arpa", "01.2.3.4.in-addr.arpa"] {
            assert_eq!(reversed(&key(name).unwrap()), None, "{name}");
        }
        for name in
            ["256.2.3.4.in-addr.arpa", "in-addr.arpa", "1.2.3.4.in-addr.arpa.net", "g.ip6.arpa"]
        {
            assert_eq!(reversed(&key(name).unwrap()), None, "{name}");
        }
    }
}

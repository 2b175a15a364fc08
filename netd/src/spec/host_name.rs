//! What can be a name in the DNS and in /etc/hosts. Docker's names are wider than host names: they
//! have capitals and underscores.

/// Why nobody could look `text` up as a name, as the end of a sentence; none where it is fine: labels
/// of 1 to 63 bytes and 253 in all (RFC 1035 2.3.4), of letters, digits, `-` and `_`.
#[must_use]
pub fn fault(text: &str) -> Option<&'static str> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() {
        Some("it is empty")
    } else if !text.chars().all(inner) {
        Some("use letters, digits, '_', '.' or '-'")
    } else if text.len() > LONGEST {
        Some("it is longer than 253 characters")
    } else if text.split('.').any(str::is_empty) {
        Some("it has an empty part before or behind a dot")
    } else if text.split('.').any(|label| label.len() > LONGEST_LABEL) {
        Some("it has a part of more than 63 characters")
    } else {
        None
    }
}

/// Whether `text` is `localhost` or a name below it, which always is who asks (RFC 6761 6.3).
#[must_use]
pub fn is_localhost(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    last.eq_ignore_ascii_case("localhost")
}

/// Whether programs take `text` for an IPv4 address, and so would never look it up: one to four
/// numbers, which may be octal or hexadecimal, as `inet_aton` reads them.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let number = |part: &str| match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        Some(digits) => !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit()),
        None => !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()),
    };
    text.split('.').count() <= 4 && text.split('.').all(number)
}

/// The longest domain name in text form, bytes.
pub(super) const LONGEST: usize = 253;
/// The longest part between dots.
const LONGEST_LABEL: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels_that_fit_a_question() {
        let label = "x".repeat(63);
        let longest = [&*label, &label, &label, &"x".repeat(61)].join(".");
        for good in ["a", "_srv", "A.b-c_d", &label, &longest] {
            assert_eq!(fault(good), None, "{good}");
        }
        for (bad, why) in [
            ("", "empty"),
            ("a b", "use letters"),
            ("ä", "use letters"),
            ("a\n", "use letters"),
            (".", "empty part"),
            ("a..b", "empty part"),
            ("a.", "empty part"),
            (&format!("a.{label}x"), "more than 63"),
            (&format!("{longest}x"), "253"),
        ] {
            assert!(fault(bad).is_some_and(|fault| fault.contains(why)), "{bad:?}");
        }
    }

    #[test]
    fn addresses_in_any_of_their_forms_are_told_from_names() {
        for address in ["10.0.0.1", "127.1", "2130706433", "0x7f.1", "010.0.0.1", "1.2.3.4"] {
            assert!(is_address(address), "{address}");
        }
        for name in ["a", "10.0.0.1.x", "1.2.3.4.5", "0x", "1e", "10-0", ""] {
            assert!(!is_address(name), "{name}");
        }
    }

    #[test]
    fn localhost_is_localhost_in_all_its_forms() {
        assert!(
            is_localhost("localhost") && is_localhost("LocalHost") && is_localhost("a.localhost")
        );
        assert!(!is_localhost("localhost.lan") && !is_localhost("mylocalhost"));
    }
}

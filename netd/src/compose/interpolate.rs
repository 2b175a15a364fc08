//! Variables in values, as Compose writes them: `$NAME`, `${NAME}`, `${NAME:-default}`,
//! `${NAME:?error}`, `${NAME:+replacement}`, each also without the colon, and `$$` for a dollar.

use std::collections::BTreeSet;

/// The variables that files may use, and those that they asked for in vain.
pub(super) struct Variables<'a> {
    pub(super) value: &'a dyn Fn(&str) -> Option<String>,
    pub(super) used: BTreeSet<String>,
    pub(super) unset: BTreeSet<String>,
    /// Bytes that came of variables so far.
    made: usize,
}

impl<'a> Variables<'a> {
    pub(super) fn new(value: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { value, used: BTreeSet::new(), unset: BTreeSet::new(), made: 0 }
    }

    /// The text with every variable replaced; the error is the rule that it breaks.
    pub(super) fn replace(&mut self, text: &str) -> Result<String, String> {
        self.inner(text, 0)
    }

    fn inner(&mut self, text: &str, depth: usize) -> Result<String, String> {
        if depth > MOST_DEEP {
            return Err(format!("variables are nested more than {MOST_DEEP} deep"));
        }
        let mut done = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            done += &rest[..dollar];
            let after = &rest[dollar + 1..];
            if self.made > MOST_BYTES {
                return Err(format!("variables stand for more than {MOST_BYTES} bytes in all"));
            }
            if let Some(after) = after.strip_prefix('$') {
                done.push('$');
                rest = after;
            } else if let Some(inside) = after.strip_prefix('{') {
                let end = closing(inside).ok_or("a \"${\" has no closing \"}\"")?;
                done += &self.braced(&inside[..end], depth)?;
                rest = &inside[end + 1..];
            } else {
                let end = name_length(after);
                if end == 0 {
                    return Err("a \"$\" has no name behind it; write \"$$\" for a dollar".into());
                }
                done += &self.plain(&after[..end]);
                rest = &after[end..];
            }
        }
        Ok(done + rest)
    }

    fn braced(&mut self, inside: &str, depth: usize) -> Result<String, String> {
        let (name, operation) = inside.split_at(name_length(inside));
        if name.is_empty() {
            return Err(format!("\"${{{inside}}}\" has no variable's name; write ${{NAME}}"));
        }
        if operation.is_empty() {
            return Ok(self.plain(name));
        }
        let (counts_empty, operation) = match operation.strip_prefix(':') {
            Some(operation) => (false, operation),
            None => (true, operation),
        };
        let value = self.look(name).filter(|value| counts_empty || !value.is_empty());
        let mut letters = operation.chars();
        match (letters.next(), value) {
            (Some('-'), Some(value)) | (Some('?'), Some(value)) => Ok(value),
            (Some('-'), None) | (Some('+'), Some(_)) => self.inner(letters.as_str(), depth + 1),
            (Some('+'), None) => Ok(String::new()),
            (Some('?'), None) => {
                let why = self.inner(letters.as_str(), depth + 1)?;
                let why = if why.is_empty() { "it must be set".into() } else { why };
                Err(format!("variable {name} is not set: {why}"))
            }
            _ => Err(format!("\"${{{inside}}}\" is not understood; write ${{NAME:-default}}")),
        }
    }

    /// Without a value it is empty, as in Compose, and somebody should be told.
    fn plain(&mut self, name: &str) -> String {
        self.look(name).unwrap_or_else(|| {
            self.unset.insert(name.to_owned());
            String::new()
        })
    }

    fn look(&mut self, name: &str) -> Option<String> {
        self.used.insert(name.to_owned());
        let value = (self.value)(name);
        self.made = self.made.saturating_add(value.as_ref().map_or(0, String::len));
        value
    }
}

/// Where the brace closes that was opened in front of `text`.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
        before = c;
    }
    None
}

fn name_length(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

const MOST_DEEP: usize = 8;
/// What the values of all variables of a file may come to, each counted as often as it is used.
const MOST_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn replace(text: &str) -> Result<String, String> {
        let value = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        Variables::new(&value).replace(text)
    }

    #[test]
    fn every_form_of_compose_is_known() {
        for (text, expected) in [
            ("plain", "plain"),
            ("$A-$A", "a-a"),
            ("${A}b", "ab"),
            ("$$A $${A}", "$A ${A}"),
            ("${B:-x}${EMPTY:-y}${EMPTY-z}", "xy"),
            ("${B-x}", "x"),
            ("${A:+set}${B:+set}${EMPTY:+set}${EMPTY+set}", "setset"),
            ("${B:-${C:-deep}}", "deep"),
            ("${B:-$A}", "a"),
            ("${A:?}", "a"),
            ("[$B]", "[]"),
            ("${B:-http://x:1}", "http://x:1"),
        ] {
            assert_eq!(replace(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for (text, why) in [
            ("${A", "no closing"),
            ("$", "no name"),
            ("$-", "no name"),
            ("${}", "no variable's name"),
            ("${A*b}", "not understood"),
            ("${B:?give a port}", "variable B is not set: give a port"),
            ("${B?}", "variable B is not set: it must be set"),
            (&"${B:-".repeat(20), "no closing"),
        ] {
            let error = replace(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        let deep = "${B:-".repeat(20) + &"}".repeat(20);
        assert!(replace(&deep).unwrap_err().contains("nested"));
    }

    #[test]
    fn the_variables_are_told() {
        let value = |_: &str| None;
        let mut all = Variables::new(&value);
        all.replace("$A ${B:-x} ${C}").unwrap();
        assert_eq!(all.used.iter().collect::<Vec<_>>(), ["A", "B", "C"]);
        assert_eq!(all.unset.iter().collect::<Vec<_>>(), ["A", "C"]);
    }

    #[test]
    fn values_do_not_swell_without_end() {
        let value = |_: &str| Some("x".repeat(1 << 16));
        let error = Variables::new(&value).replace(&"$A".repeat(1000)).unwrap_err();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[${}:?+\\-A-Cä ]{0,40}") {
            let _ = replace(&text);
        }
    }
}

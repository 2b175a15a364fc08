//! From a tree to typed words, all faults at once: what can't be read is reported and left out,
//! and the reading goes on.

use super::interpolate::Variables;
use super::tree::{Entry, Node, Value};
use crate::spec::declaration::{Fault, Place};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::{borrow::Cow, fmt::Display};

/// Collects what is wrong.
pub(super) struct Reader<'a> {
    pub(super) variables: Variables<'a>,
    pub(super) faults: Vec<Fault>,
}

impl Reader<'_> {
    pub(super) fn fault(&mut self, place: Place, message: impl Into<String>) {
        self.faults.push(Fault::new(place, message));
    }

    /// Parses a value, or reports that it can't be: `KEY "VALUE": why`.
    pub(super) fn parse<T, E: Display>(
        &mut self,
        key: &str,
        text: &At<String>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        parse(&text.value)
            .map_err(|why| self.fault(text.place, format!("{key} {:?}: {why}", text.value)))
            .ok()
    }
}

/// What can be read from a node. `key` is what errors call it.
pub(super) trait Read: Sized {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self>;
}

/// A value with its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct At<T> {
    pub(super) place: Place,
    pub(super) value: T,
}

impl<T: Read> Read for At<T> {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let value = T::read(node, key, reader)?;
        Some(Self { place: node.place, value })
    }
}

/// What netd refuses whatever it holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Anything {}

impl JsonSchema for Anything {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Anything".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }
}

impl Read for Anything {
    fn read(_: &Node, _: &str, _: &mut Reader<'_>) -> Option<Self> {
        Some(Self {})
    }
}

impl Read for String {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let text = match &node.value {
            Value::Text(text) => text,
            Value::Null => {
                reader.fault(node.place, format!("{key} has no value; write one, or leave it out"));
                return None;
            }
            Value::List(_) => return mismatch(node, key, "text", "a list", reader),
            Value::Map(_) => return mismatch(node, key, "text", "a mapping", reader),
        };
        let replaced = reader.variables.replace(text);
        replaced.map_err(|why| reader.fault(node.place, format!("{key} {text:?}: {why}"))).ok()
    }
}

impl Read for bool {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let text = At::<String>::read(node, key, reader)?;
        match text.value.to_ascii_lowercase().as_str() {
            // YAML 1.1 said yes and on as well, and so does Compose.
            "true" | "yes" | "on" | "y" | "1" => Some(true),
            "false" | "no" | "off" | "n" | "0" => Some(false),
            _ => {
                let value = &text.value;
                reader.fault(node.place, format!("{key} {value:?}: write true or false"));
                None
            }
        }
    }
}

impl Read for i64 {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let text = At::<String>::read(node, key, reader)?;
        reader.parse(key, &text, |text| text.parse().map_err(|_| "it is not a whole number"))
    }
}

/// A key without a value counts as left out.
impl<T: Read> Read for Option<T> {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        match node.value {
            Value::Null => Some(None),
            _ => T::read(node, key, reader).map(Some),
        }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let items = match &node.value {
            Value::List(items) => items,
            Value::Null => return Some(Vec::new()),
            Value::Text(_) => return mismatch(node, key, "a list", "text", reader),
            Value::Map(_) => return mismatch(node, key, "a list", "a mapping", reader),
        };
        Some(items.iter().filter_map(|item| T::read(item, key, reader)).collect())
    }
}

/// A mapping whose keys are names, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names<T>(pub(super) Vec<(At<String>, T)>);

impl<T: Read> Read for Names<T> {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let entries = entries(node, key, reader)?;
        let one = |entry: &Entry| {
            let name = At { place: entry.place, value: entry.key.clone() };
            Some((name, T::read(&entry.value, &format!("{key}.{}", entry.key), reader)?))
        };
        Some(Self(entries.iter().filter(|e| !is_extension(&e.key)).filter_map(one).collect()))
    }
}

/// The fields of a mapping while they are read.
pub(super) struct Fields<'n> {
    entries: Vec<&'n Entry>,
    /// Words of this mapping, for those who mistype one.
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    pub(super) fn open(node: &'n Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        let entries = entries(node, key, reader)?.iter().collect();
        Some(Self { entries, known: Vec::new() })
    }

    /// The field's value; what stands for none where it is left out or can't be read.
    pub(super) fn take<T: Read + Default>(
        &mut self,
        field: &'static str,
        reader: &mut Reader<'_>,
    ) -> T {
        self.known.push(field);
        let Some(at) = self.entries.iter().position(|entry| entry.key == field) else {
            return T::default();
        };
        let entry = self.entries.remove(at);
        T::read(&entry.value, field, reader).unwrap_or_default()
    }

    /// Refuses what nobody took, but for what is `ignored` and extensions (`x-...`).
    pub(super) fn close(self, ignored: Ignored, key: &str, reader: &mut Reader<'_>) {
        for entry in self.entries.iter().filter(|entry| !is_extension(&entry.key)) {
            let near = nearest(&entry.key, &self.known);
            let refuse = match ignored {
                Ignored::Nothing => true,
                Ignored::These(words) => !words.contains(&entry.key.as_str()),
                Ignored::But(words) => !words.contains(&entry.key.as_str()) && near.is_some(),
            };
            if refuse {
                let fix = match near {
                    Some(word) => format!("did you mean {word}?"),
                    None => format!("the known ones are {}", self.known.join(", ")),
                };
                let why = format!("{key} has no key {:?}; {fix}", entry.key);
                reader.fault(entry.place, why);
            }
        }
    }
}

/// Which keys a mapping may have that are not read.
#[derive(Clone, Copy)]
pub(super) enum Ignored {
    Nothing,
    These(&'static [&'static str]),
    /// Any but those that look like a mistyped word; these don't, though they are near one.
    But(&'static [&'static str]),
}

fn entries<'n>(node: &'n Node, key: &str, reader: &mut Reader<'_>) -> Option<&'n [Entry]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        Value::Null => Some(&[]),
        Value::Text(_) => mismatch(node, key, "a mapping", "text", reader),
        Value::List(_) => mismatch(node, key, "a mapping", "a list", reader),
    }
}

pub(super) fn mismatch<T>(
    node: &Node,
    key: &str,
    wanted: &str,
    found: &str,
    reader: &mut Reader<'_>,
) -> Option<T> {
    let shown = match &node.value {
        Value::Text(text) => format!(" {text:?}"),
        _ => String::new(),
    };
    reader.fault(node.place, format!("{key}{shown} is {found}; write {wanted}"));
    None
}

fn is_extension(key: &str) -> bool {
    key.starts_with("x-")
}

/// The known word that was probably meant.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let near = known.iter().map(|known| (distance(word, known), *known));
    let allowed = if word.len() > 4 { 2 } else { 1 };
    near.filter(|(distance, _)| *distance <= allowed).min().map(|(_, known)| known)
}

/// How many letters have to be put in, taken out or changed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(MOST_LETTERS).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = change.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// No word is longer.
const MOST_LETTERS: usize = 32;

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for Names<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Names_of_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        std::collections::BTreeMap::<String, T>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_is_near_the_one_that_was_meant() {
        let known = ["ports", "dns", "networks", "ipv4_address"];
        for (word, meant) in [
            ("port", Some("ports")),
            ("netwrks", Some("networks")),
            ("ipv4_adress", Some("ipv4_address")),
            ("dsn", None),
            ("dn", Some("dns")),
            ("image", None),
        ] {
            assert_eq!(nearest(word, &known), meant, "{word}");
        }
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}

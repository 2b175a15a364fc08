//! YAML text to a tree whose every value knows its place. What YAML lets grow (aliases, depth) is
//! bounded here, so that nothing behind it has to fear its input.

use crate::spec::declaration::{Fault, Place};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What YAML knows. Whether text is a number or a truth is for its reader to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a mapping with its value; no key comes twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) key: String,
    pub(super) value: Node,
}

/// Reads one document; `file` is its number in the places.
///
/// # Errors
/// The first thing that is no YAML, or more of it than can be meant.
pub(super) fn parse(text: &str, file: u16) -> Result<Node, Fault> {
    let start = Place { file, line: 1, column: 1 };
    if text.len() > MOST_BYTES {
        let why = format!("the file is larger than {MOST_BYTES} bytes; split it");
        return Err(Fault::new(start, why));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder { file, ..Builder::default() };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            Fault::new(place(file, *error.marker()), format!("this is no YAML: {}", error.info()))
        })?;
        builder.take(event, span)?;
    }
    builder.root.ok_or_else(|| Fault::new(start, "the file is empty"))
}

#[derive(Default)]
struct Builder {
    file: u16,
    open: Vec<Open>,
    /// Anchored values with their size in nodes.
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
    root: Option<Node>,
}

/// A list or mapping whose end is yet to come.
struct Open {
    place: Place,
    anchor: usize,
    /// How many nodes there were before it.
    before: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(Place, String)> },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let at = place(self.file, span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(text, style, tag.as_deref());
                self.add(Node { place: at, value }, anchor, 1)
            }
            Event::SequenceStart(anchor, _) => self.open(at, anchor, Inside::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                self.open(at, anchor, Inside::Map { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => {
                let Some(size) = self.anchors.get(&anchor).map(|(_, size)| *size) else {
                    return Err(Fault::new(at, "an alias can't stand inside what it stands for"));
                };
                self.count(at, size)?;
                let node = self.anchors.get(&anchor).map(|(node, _)| node.clone());
                node.map_or(Ok(()), |node| self.put(node))
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(Fault::new(at, "a file holds one document; write the second one to another"))
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(&mut self, place: Place, anchor: usize, inside: Inside) -> Result<(), Fault> {
        if self.open.len() >= MOST_DEEP {
            let why = format!("this is nested more than {MOST_DEEP} deep; write it flatter");
            return Err(Fault::new(place, why));
        }
        self.open.push(Open { place, anchor, before: self.nodes, inside });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let Some(Open { place, anchor, before, inside }) = self.open.pop() else { return Ok(()) };
        let value = match inside {
            Inside::List(items) => Value::List(items),
            Inside::Map { entries, .. } => Value::Map(merged(entries)?),
        };
        let size = self.nodes.saturating_sub(before) + 1;
        self.add(Node { place, value }, anchor, size)
    }

    /// Adds a new value of this size, of which only the last node was not counted yet.
    fn add(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Fault> {
        self.count(node.place, 1)?;
        if anchor != 0 {
            // A copy is kept, which takes as much room again.
            self.count(node.place, size)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        self.put(node)
    }

    fn count(&mut self, place: Place, more: usize) -> Result<(), Fault> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > MOST_NODES {
            let why =
                format!("the file has more than {MOST_NODES} values, aliases counted in full");
            return Err(Fault::new(place, why));
        }
        Ok(())
    }

    fn put(&mut self, node: Node) -> Result<(), Fault> {
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map { entries, key }) => match key.take() {
                Some((place, key)) => entries.push(Entry { place, key, value: node }),
                None => *key = Some(as_key(node)?),
            },
        }
        Ok(())
    }
}

fn as_key(node: Node) -> Result<(Place, String), Fault> {
    match node.value {
        Value::Text(text) => Ok((node.place, text)),
        Value::Null => Ok((node.place, String::new())),
        Value::List(_) | Value::Map(_) => {
            Err(Fault::new(node.place, "a key is text; this one is a list or a mapping"))
        }
    }
}

/// Refuses keys that come twice and puts in what `<<` stands for, behind what is written out.
fn merged(entries: Vec<Entry>) -> Result<Vec<Entry>, Fault> {
    let mut known = BTreeSet::new();
    if let Some(twice) = entries.iter().find(|entry| !known.insert(entry.key.clone())) {
        let first = entries.iter().find(|entry| entry.key == twice.key);
        let line = first.map_or(0, |first| first.place.line);
        let why = format!("the key {:?} is there twice, first in line {line}; keep one", twice.key);
        return Err(Fault::new(twice.place, why));
    }
    if !known.contains(MERGE) {
        return Ok(entries);
    }
    let (merges, mut all): (Vec<_>, Vec<_>) = entries.into_iter().partition(|e| e.key == MERGE);
    for merge in merges {
        let bases = match merge.value.value {
            Value::List(items) => items,
            _ => vec![merge.value],
        };
        for base in bases {
            let Value::Map(base) = base.value else {
                return Err(Fault::new(merge.place, "<< takes a mapping or a list of mappings"));
            };
            all.extend(base.into_iter().filter(|entry| known.insert(entry.key.clone())));
        }
    }
    Ok(all)
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let null = matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
    match tag {
        // Compose's way to take back what another file says.
        Some(tag) if tag.handle == "!" && tag.suffix == "reset" => Value::Null,
        None if style == ScalarStyle::Plain && null => Value::Null,
        _ => Value::Text(text.into_owned()),
    }
}

fn place(file: u16, marker: saphyr_parser::Marker) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { file, line: number(marker.line()), column: number(marker.col()).saturating_add(1) }
}

const MERGE: &str = "<<";
/// Largest file in bytes.
pub(super) const MOST_BYTES: usize = 1 << 20;
const MOST_DEEP: usize = 64;
const MOST_NODES: usize = 200_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(node: &Node) -> String {
        let list = |items: Vec<String>| items.join(",");
        match &node.value {
            Value::Null => "null".into(),
            Value::Text(text) => text.clone(),
            Value::List(items) => format!("[{}]", list(items.iter().map(shown).collect())),
            Value::Map(entries) => {
                let one = |e: &Entry| format!("{}:{}", e.key, shown(&e.value));
                format!("{{{}}}", list(entries.iter().map(one).collect()))
            }
        }
    }

    fn read(text: &str) -> String {
        shown(&parse(text, 0).unwrap())
    }

    fn refusal(text: &str) -> String {
        let fault = parse(text, 0).unwrap_err();
        fault.line(&["f".into()])
    }

    #[test]
    fn values_have_their_places() {
        let root = parse("a:\n  - b\n  - c: 'd'\n", 3).unwrap();
        let Value::Map(entries) = &root.value else { panic!("{root:?}") };
        let Value::List(items) = &entries[0].value.value else { panic!("{root:?}") };
        let at = |line, column| Place { file: 3, line, column };
        assert_eq!(entries[0].place, at(1, 1));
        assert_eq!((items[0].place, items[1].place), (at(2, 5), at(3, 5)));
    }

    #[test]
    fn nothing_is_only_what_is_written_plainly() {
        assert_eq!(read("[~, null, '', \"null\", !reset x, a]"), "[null,null,,null,null,a]");
        assert_eq!(parse("''", 0).unwrap().value, Value::Text(String::new()));
        assert_eq!(parse("null", 0).unwrap().value, Value::Null);
        assert_eq!(read("ports: [22:22]"), "{ports:[22:22]}");
    }

    #[test]
    fn aliases_and_merges_are_what_they_stand_for() {
        assert_eq!(read("a: &x [1, 2]\nb: *x"), "{a:[1,2],b:[1,2]}");
        assert_eq!(read("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3"), "{a:{p:1,q:2},b:{q:3,p:1}}");
        assert_eq!(
            read("a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc:\n  <<: [*x, *y]"),
            "{a:{p:1},b:{p:2,q:2},c:{p:1,q:2}}"
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert!(refusal("a: [1, 2").starts_with("f:2:1: this is no YAML"));
        assert_eq!(
            refusal("a: 1\nb: 2\na: 3"),
            "f:3:1: the key \"a\" is there twice, first in line 1; keep one"
        );
        assert!(refusal("").contains("empty"));
        assert!(refusal("a: 1\n---\nb: 2").starts_with("f:2:1: a file holds one document"));
        assert!(refusal("a: 1\nb:\n  <<: 5").contains("<< takes a mapping"));
        assert!(refusal("? [a]\n: b").contains("a key is text"));
        assert!(refusal("a: *nowhere").starts_with("f:1:"));
        assert!(refusal("a: &x [*x]").starts_with("f:1:8: an alias"), "{}", refusal("a: &x [*x]"));
    }

    #[test]
    fn bombs_are_refused_before_they_go_off() {
        let mut bomb = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let all = format!("*l{}, ", level - 1).repeat(10);
            bomb += &format!("l{level}: &l{level} [{all}]\n");
        }
        assert!(refusal(&bomb).contains("aliases counted in full"), "{}", refusal(&bomb));
        // The parser has a bound of its own here.
        assert!(refusal(&"[".repeat(1 << 19)).starts_with("f:1:"));
        assert!(refusal(&"[".repeat(100)).contains("nested more than 64 deep"));
        assert!(refusal(&"- ".repeat(1 << 18)).contains("nested more than 64 deep"));
        assert!(refusal(&"- a\n".repeat(1 << 18)).contains("more than 200000 values"));
        assert!(refusal(&"#".repeat((1 << 20) + 1)).contains("larger than 1048576 bytes"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}:,&*!|>'\"%@`#\\- \n\ta-c0-9<?~]{0,80}") {
            let _ = parse(&text, 0);
        }
    }
}

//! JSON values as YAML that people like to read.

use serde_json::Value;

/// A value as a YAML document. Dollars in values are doubled, so that they stay dollars when the
/// text is read as a spec.
#[must_use]
pub fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => entries(map, 0, &mut text),
        Value::Array(items) if !items.is_empty() => list(items, 0, &mut text),
        other => text = flat(other) + "\n",
    }
    text
}

fn entries(map: &serde_json::Map<String, Value>, depth: usize, text: &mut String) {
    for (key, value) in map {
        *text += &format!("{}{}:", " ".repeat(depth), quoted(key));
        below(value, depth + 2, text);
    }
}

fn list(items: &[Value], depth: usize, text: &mut String) {
    for item in items {
        let mut inner = String::new();
        match item {
            Value::Object(map) if !map.is_empty() => entries(map, depth + 2, &mut inner),
            Value::Array(items) if !items.is_empty() => list(items, depth + 2, &mut inner),
            other => inner = flat(other) + "\n",
        }
        *text += &format!("{}- {}", " ".repeat(depth), inner.trim_start());
    }
}

fn below(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('\n');
            entries(map, depth, text);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            list(items, depth, text);
        }
        other => *text += &format!(" {}\n", flat(other)),
    }
}

fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(&text.replace('$', "$$")),
        Value::Object(_) => "{}".into(),
        Value::Array(_) => "[]".into(),
        other => other.to_string(),
    }
}

/// Plain where nobody could take it for anything but text.
fn quoted(text: &str) -> String {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let lower = text.to_ascii_lowercase();
    let word = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
    if starts_well && text.chars().all(inner) && !word.contains(&lower.as_str()) {
        return text.to_owned();
    }
    // A JSON string is a double-quoted YAML one, once these two are escaped as well.
    let json = Value::String(text.to_owned()).to_string();
    json.replace('\u{7f}', "\\x7f").replace('\u{feff}', "\\ufeff")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::tree::{self, Node};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn it_looks_as_people_write_it() {
        let value = json!({
            "networks": { "backend": { "ipam": { "config": [{ "gateway": "10.0.0.1", "subnet": "10.0.0.0/8" }] } } },
            "services": { "web": { "ports": ["8080:80/tcp"], "networks": {}, "on": true, "a": [[1]] } }
        });
        let text = "networks:\n  backend:\n    ipam:\n      config:\n        - gateway: \"10.0.0.1\"\n          subnet: \"10.0.0.0/8\"\n\
                    services:\n  web:\n    a:\n      - - 1\n    networks: {}\n    \"on\": true\n    ports:\n      - \"8080:80/tcp\"\n";
        assert_eq!(to_yaml(&value), text);
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof!["[a-c:#\\[\\]{}&*!|>'\"%@`?~,\n\t -]{0,8}", "\\PC{0,6}"];
        let leaf = text.prop_map(Value::String);
        leaf.prop_recursive(4, 24, 4, |inner| {
            let map = prop::collection::btree_map("[a-z: #]{1,6}", inner.clone(), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::Array),
                map.prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn same(node: &Node, value: &Value) -> bool {
        match (&node.value, value) {
            (tree::Value::Text(a), Value::String(b)) => *a == b.replace('$', "$$"),
            (tree::Value::List(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (tree::Value::Map(a), Value::Object(b)) => {
                let found = |e: &tree::Entry| b.get(&e.key).is_some_and(|b| same(&e.value, b));
                a.len() == b.len() && a.iter().all(found)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in value()) {
            let text = to_yaml(&value);
            let node = tree::parse(&text, 0).map_err(|fault| TestCaseError::fail(format!("{fault:?}\n{text}")))?;
            prop_assert!(same(&node, &value), "{}", text);
        }
    }
}

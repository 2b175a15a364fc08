//! JSON Schema, as much of it as netd's has (draft 2020-12); any other keyword fails the test.

use serde_json::{Map, Value};

/// What is wrong with a value, by its path.
pub(super) fn errors(schema: &Value, value: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    check(schema, schema, value, "", &mut errors);
    errors
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    let Value::Object(keywords) = schema else {
        if *schema == Value::Bool(false) {
            errors.push(format!("{at}: nothing may be here"));
        }
        return;
    };
    for (keyword, says) in keywords {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" | "format" => {}
            "additionalProperties" | "patternProperties" => {}
            "$ref" => {
                let name = says.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                check(root, &root["$defs"][name], value, at, errors);
            }
            "type" => types(says, value, at, errors),
            "anyOf" | "oneOf" => {
                let fits = |schema: &&Value| {
                    let mut errors = Vec::new();
                    check(root, schema, value, at, &mut errors);
                    errors.is_empty()
                };
                let fitting = says.as_array().unwrap().iter().filter(fits).count();
                if fitting == 0 || (keyword == "oneOf" && fitting > 1) {
                    errors.push(format!("{at}: {value} fits {fitting} of {keyword}"));
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, says, item, &format!("{at}/{index}"), errors);
                }
            }
            "properties" => {}
            other => panic!("{at}: the schema has {other}, which this test does not know"),
        }
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        if let Some(schema) = property(keywords, key) {
            check(root, schema, inner, &format!("{at}/{key}"), errors);
        }
    }
}

/// The schema of a key: its own, that of its pattern, that of all others.
fn property<'s>(keywords: &'s Map<String, Value>, key: &str) -> Option<&'s Value> {
    let own = keywords.get("properties").and_then(|all| all.get(key));
    let pattern = || {
        let all = keywords.get("patternProperties")?.as_object()?;
        let fits = |pattern: &str| key.starts_with(pattern.strip_prefix('^').unwrap());
        all.iter().find(|(pattern, _)| fits(pattern)).map(|(_, schema)| schema)
    };
    own.or_else(pattern).or_else(|| keywords.get("additionalProperties"))
}

fn types(says: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    let is = |name: &Value| match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{at}: no type is called {other}"),
    };
    let fits = says.as_array().map_or_else(|| is(says), |names| names.iter().any(is));
    if !fits {
        errors.push(format!("{at}: {value} is not {says}"));
    }
}

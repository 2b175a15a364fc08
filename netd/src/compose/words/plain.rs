//! Values that may be written in several ways.

use crate::compose::reader::{At, Names, Read, Reader, mismatch};
use crate::compose::tree::{Node, Value};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// Text for which YAML may see a number or a truth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::compose) struct Scalar(pub(in crate::compose) String);

/// A truth, or a variable that stands for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::compose) struct Flag(pub(in crate::compose) bool);

/// A whole number, or a variable that stands for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::compose) struct Number(pub(in crate::compose) i64);

/// One value, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compose) struct OneOrMore<T>(pub(in crate::compose) Vec<T>);

/// Keys and values: a mapping, or a list of `KEY=VALUE`. A value may be a list in the mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::compose) struct Pairs(pub(in crate::compose) Vec<Pair>);

/// One of them; what is behind a bare `KEY` is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::compose) enum Pair {
    /// From a list: as it is written.
    Item(At<String>),
    /// From a mapping.
    Entry(At<String>, Vec<At<String>>),
}

impl Read for Scalar {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        String::read(node, key, reader).map(Self)
    }
}

impl Read for Flag {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        bool::read(node, key, reader).map(Self)
    }
}

impl Read for Number {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        i64::read(node, key, reader).map(Self)
    }
}

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Read> Read for OneOrMore<T> {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        match node.value {
            Value::Text(_) => T::read(node, key, reader).map(|one| Self(vec![one])),
            _ => Vec::read(node, key, reader).map(Self),
        }
    }
}

impl Read for Pairs {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        match node.value {
            Value::List(_) => {
                let items = Vec::<At<String>>::read(node, key, reader)?;
                Some(Self(items.into_iter().map(Pair::Item).collect()))
            }
            Value::Text(_) => mismatch(node, key, "a mapping or a list", "text", reader),
            Value::Null | Value::Map(_) => {
                let entries = Names::<OneOrMore<At<String>>>::read(node, key, reader)?.0;
                let pair = |(key, values): (At<String>, OneOrMore<_>)| Pair::Entry(key, values.0);
                Some(Self(entries.into_iter().map(pair).collect()))
            }
        }
    }
}

/// A schema of its own for a type of the above.
macro_rules! schema {
    ($type:ty, $name:literal, $schema:tt) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}
schema!(Scalar, "Scalar", { "type": ["string", "number", "boolean"] });
schema!(Flag, "Flag", { "type": ["boolean", "string"] });
schema!(Number, "Number", { "type": ["integer", "string"] });
schema!(Pairs, "Pairs", {
    "oneOf": [
        { "type": "array", "items": { "type": "string" } },
        {
            "type": "object",
            "additionalProperties": {
                "type": ["string", "number", "boolean", "null", "array"],
                "items": { "type": "string" }
            }
        }
    ]
});

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMore_of_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "oneOf": [one, { "type": "array", "items": one }] })
    }
}

//! A published port, in its two forms.

use super::{Scalar, words};
use crate::compose::reader::{At, Ignored, Read, Reader};
use crate::compose::tree::{Node, Value};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// What is published.
#[derive(Clone, Debug)]
pub(in crate::compose) enum Port {
    /// `[IP:][HOST[-END]:]CONTAINER[-END][/PROTOCOL][,from=CIDR...]`.
    Short(String),
    Long(Box<LongPort>),
}

words! {
    /// A port in parts.
    LongPort, "port", Ignored::Nothing, false,
    {
        /// The container's port or ports.
        "target" => target: Option<At<Scalar>>,
        /// The host's port or ports; one is picked where none is given.
        "published" => published: Option<At<Scalar>>,
        /// The host's address; all where none is given.
        "host_ip" => host_ip: Option<At<String>>,
        /// `tcp`, `udp` or `sctp`.
        "protocol" => protocol: Option<At<String>>,
        /// `host` or `ingress`, which are the same here.
        "mode" => mode: Option<At<String>>,
        /// For people.
        "name" => name: Option<At<String>>,
        /// For people.
        "app_protocol" => app_protocol: Option<At<String>>,
        /// What Compose has no word for.
        "x-netd" => extra: Extra,
    }
}

words! {
    /// What Compose has no word for on a port.
    Extra, "x-netd of a port", Ignored::Nothing, false,
    {
        /// Who may use it from outside, as CIDR; everybody where none is given.
        "from" => from: Vec<At<String>>,
    }
}

impl Read for Port {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        match node.value {
            Value::Map(_) => {
                LongPort::read(node, key, reader).map(|long| Self::Long(Box::new(long)))
            }
            _ => String::read(node, key, reader).map(Self::Short),
        }
    }
}

impl JsonSchema for Port {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Port".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<LongPort>();
        json_schema!({ "anyOf": [{ "type": ["string", "number"] }, long] })
    }
}

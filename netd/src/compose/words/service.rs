//! Words of a service.

use super::{Number, OneOrMore, Pairs, Port, Scalar, words};
use crate::compose::reader::{Anything, At, Ignored, Names, Read, Reader, mismatch};
use crate::compose::tree::{Node, Value};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

words! {
    /// A container.
    Service, "service", Ignored::But(OTHERS), true,
    {
        /// The networks that it is on; `default` where none is given.
        "networks" => networks: Option<At<Attachments>>,
        /// `bridge`, `host`, `none`, `service:KEY` or `container:NAME` in place of networks.
        "network_mode" => network_mode: Option<At<String>>,
        /// What it publishes.
        "ports" => ports: Vec<At<Port>>,
        /// Ports that it serves.
        "expose" => expose: Vec<At<Scalar>>,
        /// Other services that it calls by names of its own: `SERVICE[:ALIAS]`.
        "links" => links: Vec<At<String>>,
        /// Containers of other files likewise: `CONTAINER[:ALIAS]`.
        "external_links" => external_links: Vec<At<String>>,
        /// The name it gives itself.
        "hostname" => hostname: Option<At<String>>,
        /// The domain behind its hostname.
        "domainname" => domainname: Option<At<String>>,
        /// Its resolvers.
        "dns" => dns: OneOrMore<At<String>>,
        /// Its search domains.
        "dns_search" => dns_search: OneOrMore<At<String>>,
        /// Its resolver's options.
        "dns_opt" => dns_opt: Vec<At<String>>,
        /// Lines of its /etc/hosts.
        "extra_hosts" => extra_hosts: Pairs,
        /// Its name in place of the key's.
        "container_name" => container_name: Option<At<String>>,
        /// Ethernet address on its first network.
        "mac_address" => mac_address: Option<At<String>>,
        /// Not supported: use an anchor and `<<`.
        "extends" => extends: Option<At<Anything>>,
        /// What Compose has no word for.
        "x-netd" => extra: Extra,
    }
}

words! {
    /// What Compose has no word for on a service.
    Extra, "x-netd of a service", Ignored::Nothing, false,
    {
        /// Where its network namespace is: `netns:/run/netns/NAME` or `pid:NUMBER`. Without it, the
        /// container is the one that `netctl run --name` makes.
        "namespace" => namespace: Option<At<String>>,
    }
}

/// A service's networks: a list of keys, or a mapping.
#[derive(Clone, Debug, Default)]
pub(in crate::compose) struct Attachments(
    pub(in crate::compose) Vec<(At<String>, Option<Attachment>)>,
);

words! {
    /// A service on a network.
    Attachment, "service on a network", Ignored::Nothing, false,
    {
        /// Further names there.
        "aliases" => aliases: Vec<At<String>>,
        /// A fixed address.
        "ipv4_address" => ipv4_address: Option<At<String>>,
        /// A fixed address.
        "ipv6_address" => ipv6_address: Option<At<String>>,
        /// A fixed Ethernet address.
        "mac_address" => mac_address: Option<At<String>>,
        /// The network with the highest one gets the first device.
        "priority" => priority: Option<Number>,
        /// The device's name in the container.
        "interface_name" => interface_name: Option<At<String>>,
        /// Not supported: the gateway is chosen by the network's name.
        "gw_priority" => gw_priority: Option<At<Number>>,
        /// Not supported.
        "link_local_ips" => link_local_ips: Vec<At<String>>,
        /// Not supported.
        "driver_opts" => driver_opts: Names<At<Scalar>>,
    }
}

impl Read for Attachments {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        match node.value {
            Value::List(_) => {
                let keys = Vec::<At<String>>::read(node, key, reader)?;
                Some(Self(keys.into_iter().map(|key| (key, None)).collect()))
            }
            Value::Null | Value::Map(_) => {
                Names::read(node, key, reader).map(|names| Self(names.0))
            }
            Value::Text(_) => mismatch(node, key, "a list or a mapping", "text", reader),
        }
    }
}

impl JsonSchema for Attachments {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Attachments".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let map = generator.subschema_for::<Names<Option<Attachment>>>();
        json_schema!({ "anyOf": [{ "type": "array", "items": { "type": "string" } }, map] })
    }
}

/// Compose's own words that are near one of the above.
const OTHERS: &[&str] = &["pid", "ipc", "uts", "gpus", "cpus", "init", "tty", "user", "build"];

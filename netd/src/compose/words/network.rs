//! Words of `networks:` at the top.

use super::{Flag, Pairs, Scalar, words};
use crate::compose::reader::{At, Ignored, Names, Read, Reader};
use crate::compose::tree::{Node, Value};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

words! {
    /// A network.
    Network, "network", Ignored::Nothing, false,
    {
        /// `bridge`, the only kind.
        "driver" => driver: Option<At<String>>,
        /// What `netctl network create -o` takes.
        "driver_opts" => driver_opts: Names<At<Scalar>>,
        /// Subnets, gateways, ranges.
        "ipam" => ipam: Option<Ipam>,
        /// No way in or out but from the host.
        "internal" => internal: Flag,
        /// netd's networks always have IPv4.
        "enable_ipv4" => enable_ipv4: Option<At<Flag>>,
        /// IPv6 as well.
        "enable_ipv6" => enable_ipv6: Flag,
        /// Free metadata.
        "labels" => labels: Pairs,
        /// The name in place of the key's.
        "name" => name: Option<At<String>>,
        /// Somebody else makes it.
        "external" => external: Option<At<External>>,
        /// Every network is.
        "attachable" => attachable: Flag,
        /// What Compose has no word for.
        "x-netd" => extra: Extra,
    }
}

words! {
    /// What Compose has no word for on a network.
    Extra, "x-netd of a network", Ignored::Nothing, false,
    {
        /// `endpoint-independent` or `per-flow`: whether a UDP port keeps its host port.
        "nat_mapping" => nat_mapping: Option<At<Scalar>>,
        /// `clamp`, or the bytes that TCP segments have at most.
        "mss" => mss: Option<At<Scalar>>,
        /// `auto`, `on` or `off`: whether containers hand over more than 64 KiB of TCP at a time.
        "big_tcp" => big_tcp: Option<At<Scalar>>,
        /// The host's IPv4 address to masquerade behind.
        "host_ipv4" => host_ipv4: Option<At<Scalar>>,
        /// The host's IPv6 address to masquerade behind.
        "host_ipv6" => host_ipv6: Option<At<Scalar>>,
        /// The largest packet in bytes.
        "mtu" => mtu: Option<At<Scalar>>,
        /// Whether containers may talk to each other.
        "icc" => icc: Option<At<Scalar>>,
        /// Whether what leaves for the outside is masqueraded.
        "masquerade" => masquerade: Option<At<Scalar>>,
        /// The bridge's device name.
        "bridge" => bridge: Option<At<Scalar>>,
    }
}

words! {
    /// A network's addresses.
    Ipam, "ipam", Ignored::Nothing, false,
    {
        /// `default`, the only one.
        "driver" => driver: Option<At<String>>,
        /// One for each address family at most.
        "config" => config: Vec<Pool>,
        /// None so far.
        "options" => options: Names<At<Scalar>>,
    }
}

words! {
    /// The addresses of one family.
    Pool, "ipam.config", Ignored::Nothing, false,
    {
        /// ADDRESS/PREFIX.
        "subnet" => subnet: Option<At<String>>,
        /// ADDRESS/PREFIX that addresses are chosen from.
        "ip_range" => ip_range: Option<At<String>>,
        /// The bridge's address.
        "gateway" => gateway: Option<At<String>>,
        /// Addresses that no container gets, by name.
        "aux_addresses" => aux_addresses: Names<At<String>>,
    }
}

/// `true`, or Compose's old form with a name in it.
#[derive(Clone, Debug, Default)]
pub(in crate::compose) struct External {
    pub(in crate::compose) external: bool,
    pub(in crate::compose) name: Option<At<String>>,
}

words! {
    /// Compose's old form.
    Named, "external", Ignored::Nothing, false,
    {
        /// The network's name.
        "name" => name: Option<At<String>>,
    }
}

impl Read for External {
    fn read(node: &Node, key: &str, reader: &mut Reader<'_>) -> Option<Self> {
        match node.value {
            Value::Map(_) => {
                Named::read(node, key, reader).map(|n| Self { external: true, name: n.name })
            }
            _ => bool::read(node, key, reader).map(|external| Self { external, name: None }),
        }
    }
}

impl JsonSchema for External {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "External".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let named = generator.subschema_for::<Named>();
        json_schema!({ "anyOf": [{ "type": ["boolean", "string"] }, named] })
    }
}

//! The words of the Compose Specification that netd understands, as they are written. The JSON
//! Schema comes of these types.

mod network;
mod plain;
mod port;
mod service;

pub(super) use network::{External, Extra as NetworkExtra, Network, Pool};
pub(super) use plain::{Flag, Number, OneOrMore, Pair, Pairs, Scalar};
pub(super) use port::{LongPort, Port};
pub(super) use service::{Attachment, Service};

use super::reader::{Anything, At, Ignored, Names};

/// Makes a type of a mapping: what is read and what the schema says are one list. The literal in
/// front of the fields says whether the schema lets other keys be.
macro_rules! words {
    (
        $(#[$meta:meta])* $name:ident, $title:literal, $ignored:expr, $others:literal,
        { $($(#[$doc:meta])* $key:literal => $field:ident: $type:ty,)* }
    ) => {
        $(#[$meta])*
        #[allow(dead_code, reason = "what has no effect is still part of the grammar")]
        #[derive(Clone, Debug, Default, schemars::JsonSchema)]
        #[schemars(
            title = $title,
            extend("additionalProperties" = $others, "patternProperties" = { "^x-": {} })
        )]
        pub(in crate::compose) struct $name {
            $(
                $(#[$doc])*
                #[schemars(rename = $key, default)]
                pub(in crate::compose) $field: $type,
            )*
        }

        impl crate::compose::reader::Read for $name {
            fn read(
                node: &crate::compose::tree::Node,
                key: &str,
                reader: &mut crate::compose::reader::Reader<'_>,
            ) -> Option<Self> {
                let mut fields = crate::compose::reader::Fields::open(node, key, reader)?;
                let words = Self { $($field: fields.take($key, reader),)* };
                fields.close($ignored, key, reader);
                Some(words)
            }
        }
    };
}
use words;

words! {
    /// A compose file, as far as networks go.
    File, "netd spec", Ignored::These(&["version", "volumes", "secrets", "configs", "models"]), true,
    {
        /// The project: with it, names are Compose's (`shop_backend`, `shop-web-1`); without it,
        /// they are the keys.
        "name" => name: Option<At<String>>,
        /// Networks by key; `default` is where services go that name none.
        "networks" => networks: Names<Option<Network>>,
        /// Containers by key.
        "services" => services: Names<Service>,
        /// Not supported: give every file with `-f`.
        "include" => include: Option<At<Anything>>,
    }
}

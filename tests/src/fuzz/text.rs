//! Tables as text for people: `name=value` for every field that is not zero.

use anyhow::{Context, Result, ensure};
use netd_common::{
    abi::{
        Config, Device, Endpoint, Flow, FlowKey, FragmentEntry, FragmentKey, Network, Published,
        PublishedKey, Timeouts, Uplink, Usage, Window,
    },
    address::Address,
};
use std::{collections::BTreeMap, net::IpAddr};

/// The fields of a line that were not read yet.
pub(super) type Fields<'a> = BTreeMap<&'a str, &'a str>;

/// What can be a line's part.
pub(super) trait Text: Default + PartialEq {
    /// Adds ` path=value`, or the same for every field.
    fn put(&self, path: &str, line: &mut String);
    /// Takes what [`Text::put`] wrote; what is missing is zero.
    fn take(path: &str, fields: &mut Fields) -> Result<Self>;
}

/// A line's fields.
pub(super) fn fields(words: &str) -> Result<Fields<'_>> {
    let pair = |word| str::split_once(word, '=').with_context(|| format!("no `=` in {word:?}"));
    words.split_ascii_whitespace().map(pair).collect()
}

/// Nothing is left.
pub(super) fn done(fields: &Fields) -> Result<()> {
    ensure!(fields.is_empty(), "nothing is called {:?}", fields.keys().collect::<Vec<_>>());
    Ok(())
}

/// What is one word, by a way to write it and a way to read it.
macro_rules! words {
    ($($t:ty: $put:expr, $take:expr;)*) => {$(
        impl Text for $t {
            fn put(&self, path: &str, line: &mut String) {
                if *self != Self::default() {
                    let put: fn(&$t) -> String = $put;
                    line.push_str(&format!(" {path}={}", put(self)));
                }
            }
            fn take(path: &str, fields: &mut Fields) -> Result<Self> {
                let take: fn(&str) -> Option<$t> = $take;
                match fields.remove(path) {
                    Some(word) => take(word).with_context(|| format!("{path} can't be {word:?}")),
                    None => Ok(Self::default()),
                }
            }
        }
    )*};
}
words! {
    u8: u8::to_string, |word| word.parse().ok();
    u16: u16::to_string, |word| word.parse().ok();
    u32: u32::to_string, |word| word.parse().ok();
    u64: u64::to_string, |word| word.parse().ok();
    Address: |a| IpAddr::from(*a).to_string(),
        |word| word.parse::<IpAddr>().ok().map(Address::from);
    [u8; 2]: |port| u16::from_be_bytes(*port).to_string(),
        |word| word.parse().ok().map(u16::to_be_bytes);
    [u8; 4]: |id| u32::from_be_bytes(*id).to_string(),
        |word| word.parse().ok().map(u32::to_be_bytes);
    [u8; 6]: |mac| mac.map(|byte| format!("{byte:02x}")).join(":"),
        |word| {
            let bytes: Option<Vec<u8>> =
                word.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
            bytes?.try_into().ok()
        };
}

/// What has fields; those after the semicolon are always zero and left out.
macro_rules! structs {
    ($($t:ident { $($field:ident),* $(; $($zero:ident),*)? })*) => {$(
        impl Text for $t {
            fn put(&self, path: &str, line: &mut String) {
                // Complete, or it does not compile.
                let Self { $($field: _,)* $($($zero: _,)*)? } = self;
                $(self.$field.put(&joined(path, stringify!($field)), line);)*
            }
            fn take(path: &str, fields: &mut Fields) -> Result<Self> {
                let mut all = Self::default();
                $(all.$field = Text::take(&joined(path, stringify!($field)), fields)?;)*
                Ok(all)
            }
        }
    )*};
}
structs! {
    Config { host_cookie, unreplied_share, established_share, timeouts }
    Timeouts {
        tcp_established, tcp_transitory, tcp_reset, udp_one_way, udp_query, udp, icmp,
        sctp_opening, sctp, fragment, window, replies; pad
    }
    Device { network, container, slot, flags, ipv4, ipv6, mac; pad }
    Endpoint { ifindex, container, slot, mac; pad }
    Network { bridge, flags, gateway4, gateway6, link_local, mac, mtu, host4, host6, mss }
    Uplink { ipv4, ipv6, header, flags, mtu }
    Published { address, network, container, slot, port, first, clients; pad }
    PublishedKey { address, port, protocol; pad, rest }
    FlowKey { remote, local, remote_port, local_port, protocol, kind; pad }
    Window { next, end }
    Usage { window, opened, answered, established; pad }
    FragmentKey { source, destination, id, protocol; pad }
    FragmentEntry { flow, seen, direction; pad }
}
#[cfg(not(feature = "next-layout"))]
structs! {
    Flow {
        last_seen, peer, client, opener, answerer, ifindex, slot, generation, network, peer_port,
        client_port, mac, gateway_mac, mtu, state, inside, scales; rest
    }
}
#[cfg(feature = "next-layout")]
structs! {
    Flow {
        last_seen, peer, client, opener, answerer, ifindex, slot, generation, network, peer_port,
        client_port, mac, gateway_mac, mtu, state, inside, scales; rest, carried
    }
}

impl Text for () {
    fn put(&self, _: &str, _: &mut String) {}
    fn take(_: &str, _: &mut Fields) -> Result<Self> {
        Ok(())
    }
}

macro_rules! tuples {
    ($(($($t:ident $place:tt),*))*) => {$(
        impl<$($t: Text),*> Text for ($($t,)*) {
            fn put(&self, path: &str, line: &mut String) {
                $(self.$place.put(&joined(path, stringify!($place)), line);)*
            }
            fn take(path: &str, fields: &mut Fields) -> Result<Self> {
                Ok(($($t::take(&joined(path, stringify!($place)), fields)?,)*))
            }
        }
    )*};
}
tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.into() } else { format!("{path}.{name}") }
}

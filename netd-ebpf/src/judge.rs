//! What is to become of a packet: each hook's judgement, into the scratch memory of its processor.

use crate::{
    ctx::Skb,
    maps::{self, Maps, Scratch},
};
use aya_ebpf::{bindings::__sk_buff, programs::TcContext};
use netd_common::{
    nat::Origin,
    parse::{Headers, Parsed},
    pipeline::{self, Sender},
    verdict::{Orders, Ruling},
};

/// The functions that decide have names of their own: the verifier takes each by itself, and what
/// they need of the stack is free again when the packet is edited.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn judge_sent(ctx: *mut __sk_buff) -> u32 {
    let ctx = TcContext::new(ctx);
    let skb = Skb::new(&ctx);
    let mut tables = Maps::with_context(&ctx);
    let Some(Scratch { headers, orders, sender, ruling, .. }) = maps::scratch() else { return 0 };
    headers.parsed = Parsed::EMPTY;
    *ruling = match inspect_sent(&skb, &tables, headers, sender) {
        None => match pipeline::error_from_container(&mut tables, headers, orders) {
            None => match from_container(&mut tables, sender, headers, orders) {
                None => to_host(&mut tables, sender, headers, orders),
                Some(ruling) => ruling,
            },
            Some(ruling) => ruling,
        },
        Some(ruling) => ruling,
    };
    0
}

// The steps of a judgement have the stack one after the other.
#[inline(never)]
fn inspect_sent(
    skb: &Skb,
    tables: &Maps,
    headers: &mut Headers,
    sender: &mut Sender,
) -> Option<Ruling> {
    match pipeline::inspect_sent(skb, tables, skb.ifindex(), skb.is_tagged(), headers) {
        Ok(who) => {
            *sender = who;
            None
        }
        Err(ruling) => Some(ruling),
    }
}

#[inline(never)]
fn from_container(
    tables: &mut Maps,
    sender: &Sender,
    headers: &Headers,
    orders: &mut Orders,
) -> Option<Ruling> {
    pipeline::from_container(tables, sender, headers, orders)
}

#[inline(never)]
fn to_host(tables: &mut Maps, sender: &Sender, headers: &Headers, orders: &mut Orders) -> Ruling {
    pipeline::to_host(tables, sender, headers, orders)
}

#[inline(never)]
fn inspect_arriving(skb: &Skb, tables: &Maps, headers: &mut Headers) -> Option<Ruling> {
    let foreign = skb.is_tagged() || skb.is_for_another();
    let (ifindex, ether_type) = (skb.ifindex(), skb.ether_type());
    pipeline::inspect_arriving(skb, tables, ifindex, ether_type, foreign, headers).err()
}

#[inline(never)]
pub(crate) fn from_uplink(tables: &mut Maps, headers: &Headers, orders: &mut Orders) -> Ruling {
    pipeline::from_uplink(tables, headers, orders)
}

/// See [`judge_sent`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn judge_arriving(ctx: *mut __sk_buff) -> u32 {
    let ctx = TcContext::new(ctx);
    let skb = Skb::new(&ctx);
    let mut tables = Maps::with_context(&ctx);
    let Some(Scratch { headers, orders, ruling, .. }) = maps::scratch() else { return 0 };
    headers.parsed = Parsed::EMPTY;
    *ruling = match inspect_arriving(&skb, &tables, headers) {
        None => match pipeline::error_from_uplink(&mut tables, headers, orders) {
            None => from_uplink(&mut tables, headers, orders),
            Some(ruling) => ruling,
        },
        Some(ruling) => ruling,
    };
    0
}

/// See [`judge_sent`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn judge_leaving(ctx: *mut __sk_buff) -> u32 {
    let ctx = TcContext::new(ctx);
    let skb = Skb::new(&ctx);
    let mut tables = Maps::with_context(&ctx);
    let Some(Scratch { headers, orders, origin, ruling, .. }) = maps::scratch() else { return 0 };
    headers.parsed = Parsed::EMPTY;
    *ruling = match inspect_leaving(&skb, &tables, headers, origin) {
        None => to_uplink(&mut tables, headers, origin, orders),
        Some(ruling) => ruling,
    };
    0
}

#[inline(never)]
fn inspect_leaving(
    skb: &Skb,
    tables: &Maps,
    headers: &mut Headers,
    origin: &mut Origin,
) -> Option<Ruling> {
    let (ifindex, ingress, ether_type) = (skb.ifindex(), skb.ingress(), skb.ether_type());
    match pipeline::inspect_leaving(skb, tables, ifindex, ingress, ether_type, headers) {
        Ok(from) => {
            *origin = from;
            None
        }
        Err(ruling) => Some(ruling),
    }
}

#[inline(never)]
fn to_uplink(tables: &mut Maps, headers: &Headers, origin: &Origin, orders: &mut Orders) -> Ruling {
    pipeline::to_uplink(tables, headers, origin, orders)
}

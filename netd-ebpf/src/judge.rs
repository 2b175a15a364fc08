//! What is to become of a packet: each hook's judgement, into the scratch memory of its processor. Each
//! step is a function with a name of its own: the verifier takes it by itself, and what it needs of
//! the stack is free again afterwards. A return costs what ten instructions cost where processors
//! are kept from guessing it, so the way of most packets has few.

use crate::{
    ctx::Skb,
    maps::{self, Maps, Scratch},
};
use aya_ebpf::{bindings::__sk_buff, programs::TcContext};
use netd_common::{
    parse::{Headers, Parsed},
    pipeline::{self, Sender},
    verdict::{Orders, Ruling},
};

/// Reads what a container sends, and settles what needs no more than its headers: says 0 where the
/// rest is to be decided, by [`judge_sent`] or before.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inspect_sent(ctx: *mut __sk_buff) -> u32 {
    let ctx = TcContext::new(ctx);
    let skb = Skb::new(&ctx);
    let Some(Scratch { headers, sender, ruling, .. }) = maps::scratch() else { return 1 };
    headers.parsed = Parsed::EMPTY;
    let tables = Maps::new();
    match pipeline::inspect_sent(&skb, &tables, skb.ifindex(), skb.is_tagged(), headers) {
        Ok(who) => {
            *sender = who;
            0
        }
        Err(settled) => {
            *ruling = settled;
            1
        }
    }
}

/// Decides about what [`inspect_sent`] read.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn judge_sent(ctx: *mut __sk_buff) -> u32 {
    let ctx = TcContext::new(ctx);
    let mut tables = Maps::with_context(&ctx);
    let Some(Scratch { headers, orders, sender, ruling, .. }) = maps::scratch() else { return 0 };
    let found = pipeline::error_from_container(&mut tables, headers, orders)
        .or_else(|| answer_from_container(&mut tables, sender, headers, orders))
        .or_else(|| from_container(&mut tables, sender, headers, orders));
    *ruling = match found {
        Some(ruling) => ruling,
        None => to_host(&mut tables, sender, headers, orders),
    };
    0
}

#[inline(never)]
fn answer_from_container(
    tables: &mut Maps,
    sender: &Sender,
    headers: &Headers,
    orders: &mut Orders,
) -> Option<Ruling> {
    pipeline::answer_from_container(tables, sender, headers, orders)
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

/// As [`inspect_sent`], for what enters by an uplink.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inspect_arriving(ctx: *mut __sk_buff) -> u32 {
    let ctx = TcContext::new(ctx);
    let skb = Skb::new(&ctx);
    let Some(Scratch { headers, ruling, .. }) = maps::scratch() else { return 1 };
    headers.parsed = Parsed::EMPTY;
    let foreign = skb.is_tagged() || skb.is_for_another();
    let (tables, ifindex, ether_type) = (Maps::new(), skb.ifindex(), skb.ether_type());
    match pipeline::inspect_arriving(&skb, &tables, ifindex, ether_type, foreign, headers) {
        Ok(()) => 0,
        Err(settled) => {
            *ruling = settled;
            1
        }
    }
}

/// Decides about what [`inspect_arriving`] read.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn judge_arriving(ctx: *mut __sk_buff) -> u32 {
    let ctx = TcContext::new(ctx);
    let mut tables = Maps::with_context(&ctx);
    let Some(Scratch { headers, orders, ruling, .. }) = maps::scratch() else { return 0 };
    *ruling = match pipeline::error_from_uplink(&mut tables, headers, orders) {
        None => {
            let flooded = Skb::judged(&ctx).is_flooded();
            pipeline::from_uplink(&mut tables, headers, flooded, orders)
        }
        Some(ruling) => ruling,
    };
    0
}

/// The same for [`uplink_xdp`](crate::xdp::uplink_xdp), which has no errors to look
/// for, nor frames for everybody.
#[inline(never)]
pub(crate) fn from_uplink(tables: &mut Maps, headers: &Headers, orders: &mut Orders) -> Ruling {
    pipeline::from_uplink(tables, headers, false, orders)
}

/// As [`inspect_sent`], for what leaves by an uplink.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inspect_leaving(ctx: *mut __sk_buff) -> u32 {
    let ctx = TcContext::new(ctx);
    let skb = Skb::new(&ctx);
    let Some(Scratch { headers, origin, ruling, .. }) = maps::scratch() else { return 1 };
    headers.parsed = Parsed::EMPTY;
    let (ifindex, ingress, ether_type) = (skb.ifindex(), skb.ingress(), skb.ether_type());
    let tables = Maps::new();
    match pipeline::inspect_leaving(&skb, &tables, ifindex, ingress, ether_type, headers) {
        Ok(from) => {
            *origin = from;
            0
        }
        Err(settled) => {
            *ruling = settled;
            1
        }
    }
}

/// Decides about what [`inspect_leaving`] read.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn judge_leaving(ctx: *mut __sk_buff) -> u32 {
    let ctx = TcContext::new(ctx);
    let mut tables = Maps::with_context(&ctx);
    let Some(Scratch { headers, orders, origin, ruling, .. }) = maps::scratch() else { return 0 };
    *ruling = pipeline::to_uplink(&mut tables, headers, origin, orders);
    0
}

//! netd's eBPF programs: one entry point a hook, one match from verdict to action. What a packet
//! means is decided in netd-common; here is only the way there and back.
#![no_std]
#![no_main]
#![allow(unreachable_pub, reason = "programs are found by their exported names")]
#![allow(missing_docs, reason = "programs and maps are documented in netd_common::abi")]

mod crossing;
mod ctx;
mod edit;
mod host;
mod judge;
mod maps;
mod resolver;
mod xdp;

use aya_ebpf::{
    EbpfContext as _,
    bindings::{__sk_buff, TC_ACT_OK, TC_ACT_SHOT},
    macros::classifier,
    programs::TcContext,
};
use ctx::Skb;
use maps::{Maps, Scratch};
use netd_common::{
    answer,
    parse::{Headers, Parsed},
    pipeline,
    verdict::{Answer, Back, Delivery, DropReason, Path, Ruling},
    wire::Ipv4Ends,
};

/// TC ingress of every host-side veth: all that a container sends.
#[classifier]
pub fn container_out(ctx: TcContext) -> i32 {
    if judge::inspect_sent(raw(&ctx)) == 0 {
        let Some(Scratch { headers, orders, sender, .. }) = maps::scratch() else {
            return TC_ACT_SHOT;
        };
        match pipeline::to_neighbour(&Maps::new(), sender, headers, orders) {
            Some(Ruling::Deliver) => return neighbour(&ctx, &orders.delivery),
            Some(ruling) => return settle(Skb::judged(&ctx).ifindex(), ruling),
            None => {}
        }
        judge::judge_sent(raw(&ctx));
    }
    act(&ctx, Path::Hairpin)
}

/// To another container of the network, as it is.
#[inline(always)]
fn neighbour(ctx: &TcContext, delivery: &Delivery) -> i32 {
    maps::count(Path::SameNetwork);
    let mut skb = Skb::judged(ctx);
    match skb.deliver(delivery) {
        Some(action) => action,
        None => refuse(skb.ifindex(), DropReason::EditFailed),
    }
}

/// TC egress of every host-side veth: what the kernel sends into a container.
#[classifier]
pub fn container_in(ctx: TcContext) -> i32 {
    let skb = Skb::new(&ctx);
    let Some(Scratch { headers, .. }) = maps::scratch() else { return TC_ACT_SHOT };
    headers.parsed = Parsed::EMPTY;
    let devices = (skb.ifindex(), skb.ingress());
    let ruling = pipeline::to_container(&skb, &Maps::new(), devices, headers);
    settle(skb.ifindex(), ruling)
}

/// TCX ingress of every uplink.
#[classifier]
pub fn uplink_in(ctx: TcContext) -> i32 {
    if judge::inspect_arriving(raw(&ctx)) == 0 {
        judge::judge_arriving(raw(&ctx));
    }
    act(&ctx, Path::Inbound)
}

/// TCX egress of every uplink.
#[classifier]
pub fn uplink_out(ctx: TcContext) -> i32 {
    if pipeline::is_hosts(Skb::judged(&ctx).ingress()) {
        return TC_ACT_OK;
    }
    if judge::inspect_leaving(raw(&ctx)) == 0 {
        judge::judge_leaving(raw(&ctx));
    }
    act(&ctx, Path::Outbound)
}

fn raw(ctx: &TcContext) -> *mut __sk_buff {
    ctx.as_ptr().cast()
}

/// The one place where a ruling becomes an action. `path` is the way of what is translated.
#[inline(always)]
fn act(ctx: &TcContext, path: Path) -> i32 {
    let mut skb = Skb::judged(ctx);
    let Some(Scratch { headers, orders, ruling, .. }) = maps::scratch() else { return TC_ACT_SHOT };
    let action = match *ruling {
        Ruling::Pass | Ruling::Drop(_) => Some(settle(skb.ifindex(), *ruling)),
        Ruling::Deliver => deliver(&mut skb, headers, &orders.delivery, path),
        Ruling::Route => {
            maps::count(Path::Outside);
            skb.hop(&headers.parsed).and_then(|()| skb.route(&orders.hop))
        }
        Ruling::Translate => {
            count_translated(headers, path);
            edited(translate(raw(ctx), 0)).map(|()| TC_ACT_OK)
        }
        Ruling::Answer => reply(&mut skb, &orders.answer),
    };
    match action {
        Some(action) => action,
        None => refuse(skb.ifindex(), DropReason::EditFailed),
    }
}

/// Rulings that leave the packet as it is; one that would edit it needs its headers.
#[inline(always)]
fn settle(ifindex: u32, ruling: Ruling) -> i32 {
    match ruling {
        Ruling::Pass => TC_ACT_OK,
        Ruling::Drop(reason) => refuse(ifindex, reason),
        Ruling::Deliver | Ruling::Route | Ruling::Translate | Ruling::Answer => {
            refuse(ifindex, DropReason::EditFailed)
        }
    }
}

#[inline(always)]
fn deliver(skb: &mut Skb, headers: &Headers, delivery: &Delivery, path: Path) -> Option<i32> {
    let Some(routed) = &delivery.routed else {
        maps::count(Path::SameNetwork);
        return skb.deliver(delivery);
    };
    count_translated(headers, path);
    match translate(skb.raw(), 1) {
        0 => {}
        NOT_ROUTED => {
            skb.hop(&headers.parsed)?;
            skb.set_link(&headers.parsed, &routed.mac)?;
        }
        _ => return None,
    }
    skb.deliver(delivery)
}

/// What [`translate`] says where the packet has its ends, but is not on the container's link yet.
const NOT_ROUTED: u32 = 2;

/// Gives the packet the ends of the orders' delivery, or of their translation: 1 or 0. Says 0 where
/// it was done, [`NOT_ROUTED`] where half of it was.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn translate(ctx: *mut __sk_buff, delivery: u32) -> u32 {
    let ctx = TcContext::new(ctx);
    let Some(Scratch { headers, orders, .. }) = maps::scratch() else { return 1 };
    let (parsed, mut skb) = (&headers.parsed, Skb::judged(&ctx));
    let plain = Ipv4Ends::are_of(parsed);
    let (done, then) = match (&orders.delivery.routed, delivery) {
        (Some(routed), 1) if plain && parsed.l3 != 0 => {
            let delivery = Some((&orders.delivery, routed));
            (skb.translate_plain(parsed, &routed.translation, delivery), 0)
        }
        (Some(routed), 1) => (skb.translate(headers, &routed.translation), NOT_ROUTED),
        _ if plain => (skb.translate_plain(parsed, &orders.translation, None), 0),
        _ => (skb.translate(headers, &orders.translation), 0),
    };
    if done.is_some() { then } else { 1 }
}

/// Makes the packet the ICMP error of the orders' answer. Says 0 where it was done.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn write_error(ctx: *mut __sk_buff) -> u32 {
    let ctx = TcContext::new(ctx);
    let Some(Scratch { headers, orders, .. }) = maps::scratch() else { return 1 };
    match answer::write(&mut Skb::judged(&ctx), &headers.parsed, &orders.answer) {
        Some(()) => 0,
        None => 1,
    }
}

#[inline(always)]
const fn edited(failed: u32) -> Option<()> {
    if failed == 0 { Some(()) } else { None }
}

/// Sends an ICMP error back where the packet came from.
#[inline(always)]
fn reply(skb: &mut Skb, answer: &Answer) -> Option<i32> {
    maps::count_drop(answer.reason, skb.ifindex());
    if !maps::may_reply(answer.error) {
        return Some(TC_ACT_SHOT);
    }
    maps::count(Path::Reply);
    if write_error(skb.raw()) != 0 {
        return Some(TC_ACT_SHOT);
    }
    let device = match answer.back {
        Back::Sender => skb.ifindex(),
        Back::Container(ifindex, ..) => ifindex,
    };
    Some(skb.send(device))
}

#[inline(always)]
fn count_translated(headers: &Headers, path: Path) {
    maps::count(if headers.parsed.quotes { Path::Error } else { path });
}

#[inline(always)]
fn refuse(ifindex: u32, reason: DropReason) -> i32 {
    maps::count_drop(reason, ifindex);
    TC_ACT_SHOT
}

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

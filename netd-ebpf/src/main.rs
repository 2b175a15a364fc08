//! netd's eBPF programs: one entry point a hook, one match from verdict to action. What a packet
//! means is decided in netd-common; here is only the way there and back.
#![no_std]
#![no_main]
#![allow(unreachable_pub, reason = "programs are found by their exported names")]
#![allow(missing_docs, reason = "programs and maps are documented in netd_common::abi")]

mod ctx;
mod edit;
mod host;
mod maps;

use aya_ebpf::{
    bindings::{TC_ACT_OK, TC_ACT_SHOT},
    macros::classifier,
    programs::TcContext,
};
use ctx::Skb;
use maps::Maps;
use netd_common::{
    parse::Parsed,
    pipeline,
    verdict::{Delivery, DropReason, Verdict},
};

/// TC ingress of every host-side veth: all that a container sends.
#[classifier]
pub fn container_out(ctx: TcContext) -> i32 {
    let mut skb = Skb::new(&ctx);
    let tables = Maps::with_routes(&ctx);
    match pipeline::inspect_sent(&skb, &tables, skb.ifindex(), skb.is_tagged()) {
        Ok(sent) => {
            let verdict = pipeline::from_container(&tables, &sent);
            act(&mut skb, &sent.parsed, verdict)
        }
        Err(verdict) => settle(&skb, verdict),
    }
}

/// TC egress of every host-side veth: what the kernel sends into a container.
#[classifier]
pub fn container_in(ctx: TcContext) -> i32 {
    let skb = Skb::new(&ctx);
    let verdict = pipeline::to_container(&skb, &Maps::new(), skb.ifindex(), skb.ingress());
    settle(&skb, verdict)
}

/// TCX ingress of every uplink.
#[classifier]
pub fn uplink_in(ctx: TcContext) -> i32 {
    let mut skb = Skb::new(&ctx);
    let mut tables = Maps::new();
    let Some(parsed) = maps::scratch() else {
        return refuse(&skb, DropReason::EditFailed);
    };
    let foreign = skb.is_tagged() || skb.is_for_another();
    let (ifindex, ether_type) = (skb.ifindex(), skb.ether_type());
    let arriving = pipeline::inspect_arriving(&skb, &tables, ifindex, ether_type, foreign, parsed);
    if let Err(verdict) = arriving {
        return settle(&skb, verdict);
    }
    let verdict = pipeline::from_uplink(&mut tables, parsed);
    act(&mut skb, parsed, verdict)
}

/// TCX egress of every uplink.
#[classifier]
pub fn uplink_out(ctx: TcContext) -> i32 {
    let mut skb = Skb::new(&ctx);
    let mut tables = Maps::new();
    let Some(parsed) = maps::scratch() else {
        return refuse(&skb, DropReason::EditFailed);
    };
    let (ifindex, ingress) = (skb.ifindex(), skb.ingress());
    let leaving =
        pipeline::inspect_leaving(&skb, &tables, ifindex, ingress, skb.ether_type(), parsed);
    let origin = match leaving {
        Ok(origin) => origin,
        Err(verdict) => return settle(&skb, verdict),
    };
    let verdict = pipeline::to_uplink(&mut tables, parsed, &origin);
    act(&mut skb, parsed, verdict)
}

/// The one place where a verdict becomes an action.
#[inline(always)]
fn act(skb: &mut Skb, parsed: &Parsed, verdict: Verdict) -> i32 {
    let action = match verdict {
        Verdict::Pass | Verdict::Drop(_) => Some(settle(skb, verdict)),
        Verdict::Deliver(delivery) => deliver(skb, parsed, &delivery),
        Verdict::Route(hop) => skb.hop(parsed).and_then(|()| skb.route(&hop)),
        Verdict::Translate(rewrite) => skb.translate(parsed, &rewrite).map(|()| TC_ACT_OK),
    };
    match action {
        Some(action) => action,
        None => refuse(skb, DropReason::EditFailed),
    }
}

/// Verdicts that leave the packet as it is; one that would edit it needs its headers.
#[inline(always)]
fn settle(skb: &Skb, verdict: Verdict) -> i32 {
    match verdict {
        Verdict::Pass => TC_ACT_OK,
        Verdict::Drop(reason) => refuse(skb, reason),
        Verdict::Deliver(_) | Verdict::Route(_) | Verdict::Translate(_) => {
            refuse(skb, DropReason::EditFailed)
        }
    }
}

#[inline(always)]
fn deliver(skb: &mut Skb, parsed: &Parsed, delivery: &Delivery) -> Option<i32> {
    if let Some(routed) = &delivery.routed {
        skb.translate(parsed, &routed.rewrite)?;
        skb.hop(parsed)?;
        skb.set_source_mac(&routed.mac)?;
    }
    skb.deliver(delivery)
}

#[inline(always)]
fn refuse(skb: &Skb, reason: DropReason) -> i32 {
    maps::count_drop(reason, skb.ifindex());
    TC_ACT_SHOT
}

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

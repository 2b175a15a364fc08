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
    answer,
    parse::Headers,
    pipeline,
    verdict::{Answer, Back, Delivery, DropReason, Path, Translation, Verdict},
};

/// TC ingress of every host-side veth: all that a container sends.
#[classifier]
pub fn container_out(ctx: TcContext) -> i32 {
    let mut skb = Skb::new(&ctx);
    let mut tables = Maps::with_context(&ctx);
    let Some(headers) = maps::scratch() else {
        return refuse(&skb, DropReason::EditFailed);
    };
    let (ifindex, tagged) = (skb.ifindex(), skb.is_tagged());
    match pipeline::inspect_sent(&skb, &tables, ifindex, tagged, headers) {
        Ok(sender) => {
            let verdict = pipeline::from_container(&mut tables, &sender, headers);
            act(&mut skb, headers, verdict, Path::Hairpin)
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
    let Some(headers) = maps::scratch() else {
        return refuse(&skb, DropReason::EditFailed);
    };
    let foreign = skb.is_tagged() || skb.is_for_another();
    let (ifindex, ether_type) = (skb.ifindex(), skb.ether_type());
    let arriving = pipeline::inspect_arriving(&skb, &tables, ifindex, ether_type, foreign, headers);
    if let Err(verdict) = arriving {
        return settle(&skb, verdict);
    }
    let verdict = pipeline::from_uplink(&mut tables, headers);
    act(&mut skb, headers, verdict, Path::Inbound)
}

/// TCX egress of every uplink.
#[classifier]
pub fn uplink_out(ctx: TcContext) -> i32 {
    let mut skb = Skb::new(&ctx);
    let mut tables = Maps::with_context(&ctx);
    let Some(headers) = maps::scratch() else {
        return refuse(&skb, DropReason::EditFailed);
    };
    let (ifindex, ingress) = (skb.ifindex(), skb.ingress());
    let leaving =
        pipeline::inspect_leaving(&skb, &tables, ifindex, ingress, skb.ether_type(), headers);
    let origin = match leaving {
        Ok(origin) => origin,
        Err(verdict) => return settle(&skb, verdict),
    };
    let verdict = pipeline::to_uplink(&mut tables, headers, &origin);
    act(&mut skb, headers, verdict, Path::Outbound)
}

/// The one place where a verdict becomes an action. `path` is the way of what is translated.
#[inline(always)]
fn act(skb: &mut Skb, headers: &Headers, verdict: Verdict, path: Path) -> i32 {
    let action = match verdict {
        Verdict::Pass | Verdict::Drop(_) => Some(settle(skb, verdict)),
        Verdict::Deliver(delivery) => deliver(skb, headers, &delivery, path),
        Verdict::Route(hop) => {
            maps::count(Path::Outside);
            skb.hop(&headers.parsed).and_then(|()| skb.route(&hop))
        }
        Verdict::Translate(translation) => translate(skb, headers, &translation, path),
        Verdict::Answer(answer) => reply(skb, headers, &answer),
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
        Verdict::Deliver(_) | Verdict::Route(_) | Verdict::Translate(_) | Verdict::Answer(_) => {
            refuse(skb, DropReason::EditFailed)
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
    skb.translate(headers, &routed.translation)?;
    skb.hop(&headers.parsed)?;
    skb.set_link(&headers.parsed, &routed.mac)?;
    skb.deliver(delivery)
}

#[inline(always)]
fn translate(skb: &mut Skb, headers: &Headers, to: &Translation, path: Path) -> Option<i32> {
    count_translated(headers, path);
    skb.translate(headers, to).map(|()| TC_ACT_OK)
}

/// Sends an ICMP error back where the packet came from.
#[inline(never)]
fn reply(skb: &mut Skb, headers: &Headers, answer: &Answer) -> Option<i32> {
    maps::count(Path::Reply);
    maps::count_drop(answer.reason, skb.ifindex());
    answer::write(skb, &headers.parsed, answer)?;
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
fn refuse(skb: &Skb, reason: DropReason) -> i32 {
    maps::count_drop(reason, skb.ifindex());
    TC_ACT_SHOT
}

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

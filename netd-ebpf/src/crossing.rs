//! What is on the hooks while one map layout gives way to the next: each of these goes on to the old
//! program, and from one instant on all of them to the new one. A hook that has none drops.

use crate::maps;
use aya_ebpf::{
    bindings::{TC_ACT_SHOT, xdp_action::XDP_DROP},
    macros::{classifier, xdp},
    programs::{TcContext, XdpContext},
};
use netd_common::verdict::DropReason;

/// In place of [`container_out`](crate::container_out).
#[classifier]
pub fn cross_container_out(ctx: TcContext) -> i32 {
    cross(&ctx, 0)
}

/// In place of [`uplink_in`](crate::uplink_in).
#[classifier]
pub fn cross_uplink_in(ctx: TcContext) -> i32 {
    cross(&ctx, 1)
}

/// In place of [`uplink_out`](crate::uplink_out).
#[classifier]
pub fn cross_uplink_out(ctx: TcContext) -> i32 {
    cross(&ctx, 2)
}

/// In place of [`uplink_xdp`](crate::xdp::uplink_xdp).
#[xdp(frags)]
pub fn cross_uplink_xdp(ctx: XdpContext) -> u32 {
    maps::cross_xdp(&ctx);
    maps::count_drop(DropReason::EditFailed, ctx.ingress_ifindex() as u32);
    XDP_DROP
}

#[inline(always)]
fn cross(ctx: &TcContext, hook: u32) -> i32 {
    maps::cross(ctx, hook);
    maps::count_drop(DropReason::EditFailed, crate::ctx::Skb::judged(ctx).ifindex());
    TC_ACT_SHOT
}

//! The way to netd's resolver in a container, on the container's own lo.

use crate::ctx::Skb;
use aya_ebpf::{bindings::TC_ACT_OK, macros::classifier, programs::TcContext};
use netd_common::resolver;

/// TC egress of a container's lo.
#[classifier]
pub fn resolver_lo(ctx: TcContext) -> i32 {
    let mut skb = Skb::new(&ctx);
    if let Some(swap) = resolver::swap(&skb, skb.ether_type()) {
        // Lo is the container's own: what can't be edited goes on as it is.
        let _ = skb.swap_port(&swap);
    }
    TC_ACT_OK
}

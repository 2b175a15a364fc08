//! XDP on uplinks whose driver has it: the hot part of `uplink_in`, which decides about everything
//! that is passed.

use crate::{
    ctx::xdp::Frame,
    maps::{self, Maps},
};
use aya_ebpf::{
    bindings::xdp_action::{XDP_DROP, XDP_PASS},
    macros::xdp,
    programs::XdpContext,
};
use netd_common::{
    express::{self, Keeping},
    parse::Headers,
    rewrite,
    verdict::{DropReason, Path, Verdict},
};

/// XDP, native, on uplinks.
#[xdp(frags)]
pub fn uplink_xdp(ctx: XdpContext) -> u32 {
    let mut frame = Frame::new(&ctx);
    let ifindex = frame.ifindex();
    // An uplink without an entry is none that this program is to act on.
    let (Some(own), Some(headers)) = (maps::own_mac(ifindex), maps::scratch()) else {
        return XDP_PASS;
    };
    let mut maps = Maps::new();
    let mut tables = Keeping::new(&mut maps);
    let verdict = express::arriving(&frame, &mut tables, ifindex, own, headers);
    act(&mut frame, headers, verdict, tables.declined())
}

/// What could not be opened because a removal was declined is for `uplink_in` to open or refuse.
#[inline(always)]
fn act(frame: &mut Frame, headers: &Headers, verdict: Verdict, declined: bool) -> u32 {
    match verdict {
        Verdict::Deliver(delivery) => {
            maps::count(Path::Xdp);
            match rewrite::deliver(frame, headers, &delivery) {
                Some(()) => frame.redirect(delivery.ifindex),
                None => refuse(frame.ifindex(), DropReason::EditFailed),
            }
        }
        Verdict::Drop(reason) if !declined => refuse(frame.ifindex(), reason),
        _ => XDP_PASS,
    }
}

#[inline(always)]
fn refuse(ifindex: u32, reason: DropReason) -> u32 {
    maps::count_drop(reason, ifindex);
    XDP_DROP
}

//! XDP on uplinks whose driver has it: the hot part of `uplink_in`, which judges everything that is
//! passed.

use crate::{
    ctx::xdp::Frame,
    judge::from_uplink,
    maps::{self, Maps, Scratch},
};
use aya_ebpf::{
    bindings::xdp_action::{XDP_DROP, XDP_PASS},
    macros::xdp,
    programs::XdpContext,
};
use netd_common::{
    express,
    parse::{Fragment, Headers, Parsed, SCTP},
    rewrite,
    verdict::{Delivery, DropReason, Path, Ruling},
    wire::{EthHdr, Header, Ipv4Hdr, Ipv6Hdr},
};

/// XDP, native, on uplinks.
#[xdp(frags)]
pub fn uplink_xdp(ctx: XdpContext) -> u32 {
    let mut frame = Frame::new(&ctx);
    let Some(Scratch { headers, orders, .. }) = maps::scratch() else { return XDP_PASS };
    headers.parsed = Parsed::EMPTY;
    let ruling = match inspect(&frame, headers) {
        None => from_uplink(&mut Maps::with_context(&ctx), headers, orders),
        Some(ruling) => ruling,
    };
    match ruling {
        Ruling::Deliver => deliver(&mut frame, headers, &orders.delivery),
        Ruling::Drop(reason) => refuse(frame.ifindex(), reason),
        _ => XDP_PASS,
    }
}

#[inline(never)]
fn inspect(frame: &Frame, headers: &mut Headers) -> Option<Ruling> {
    let ifindex = frame.ifindex();
    // An uplink without an entry is none that this program is to act on.
    let Some(own) = maps::own_mac(ifindex) else { return Some(Ruling::Pass) };
    express::inspect(frame, &Maps::new(), ifindex, own, headers)
}

#[inline(always)]
fn deliver(frame: &mut Frame, headers: &Headers, delivery: &Delivery) -> u32 {
    maps::count(Path::Xdp);
    match edit(frame, &headers.parsed, delivery) {
        Some(()) => frame.redirect(delivery.ifindex),
        None => refuse(frame.ifindex(), DropReason::EditFailed),
    }
}

/// The headers again, with offsets that the verifier can follow: only plain packets get here.
#[inline(never)]
fn edit(frame: &mut Frame, parsed: &Parsed, delivery: &Delivery) -> Option<()> {
    if parsed.protocol == SCTP {
        return None;
    }
    let ip = if parsed.is_v4() { Ipv4Hdr::LEN } else { Ipv6Hdr::LEN };
    let parsed = Parsed {
        l3: EthHdr::LEN as u16,
        l4: (EthHdr::LEN + ip) as u16,
        fragment: Fragment::Whole,
        quotes: false,
        mss_at: 0,
        ..*parsed
    };
    rewrite::deliver(frame, &Headers { parsed, quoted: Parsed::EMPTY }, delivery)
}

#[inline(always)]
fn refuse(ifindex: u32, reason: DropReason) -> u32 {
    maps::count_drop(reason, ifindex);
    XDP_DROP
}

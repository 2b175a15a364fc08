//! Functions with names of their own: the verifier takes each by itself, once, and not again for each
//! way that leads to it.

use super::{Maps, RECORD, place::Place};
use aya_ebpf::{bindings::__sk_buff, programs::TcContext};
use netd_common::{
    abi::{Flow, FlowKey, Published},
    conntrack::Direction,
    flow::End,
    masquerade, nat,
    parse::Parsed,
    publish::{self, Holder, Opening},
    verdict::DropReason,
};

/// See [`nat::is_alive`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn is_alive(flow: *mut Flow, key: *const FlowKey) -> u32 {
    // SAFETY: the verifier sees to it that both point to as much memory as their types have.
    let Some(key) = (unsafe { key.as_ref() }) else { return 0 };
    if flow.is_null() {
        return 0;
    }
    nat::is_alive(&mut Maps::new(), Place(flow), key).into()
}

/// See [`nat::follow`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn follow(
    flow: *mut Flow,
    key: *const FlowKey,
    parsed: *const Parsed,
    back: u32,
) -> u32 {
    // SAFETY: the verifier sees to it that all point to as much memory as their types have.
    let (Some(key), Some(parsed)) = (unsafe { key.as_ref() }, unsafe { parsed.as_ref() }) else {
        return 0;
    };
    if flow.is_null() {
        return 0;
    }
    let direction = if back == 0 { Direction::Original } else { Direction::Reply };
    nat::follow(&mut Maps::new(), Place(flow), key, parsed, direction).into()
}

/// Functions with names of their own: verified once, and not again for each way that leads to them.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn open_outwards(
    ctx: *mut __sk_buff,
    parsed: *const Parsed,
    network: u32,
    host: *mut End,
) -> u32 {
    // SAFETY: the verifier sees to it that both point to as much memory as their types have.
    let (Some(parsed), Some(host)) = (unsafe { parsed.as_ref() }, unsafe { host.as_mut() }) else {
        return DropReason::PortsExhausted as u32;
    };
    let ctx = TcContext::new(ctx);
    match masquerade::open(&mut Maps::with_context(&ctx), parsed, network, host) {
        None => 0,
        Some(reason) => reason as u32,
    }
}

/// See [`open_outwards`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn is_taken(
    ctx: *mut __sk_buff,
    parsed: *const Parsed,
    host: *const End,
    key: *const FlowKey,
) -> u32 {
    // SAFETY: the verifier sees to it that all point to as much memory as their types have.
    let (Some(parsed), Some(host), Some(key)) =
        (unsafe { parsed.as_ref() }, unsafe { host.as_ref() }, unsafe { key.as_ref() })
    else {
        return 1;
    };
    let ctx = TcContext::new(ctx);
    masquerade::is_taken(&mut Maps::with_context(&ctx), parsed, host, key).into()
}

/// See [`open_outwards`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn look(parsed: *const Parsed, key: *const FlowKey) -> u32 {
    // SAFETY: the verifier sees to it that both point to as much memory as their types have.
    let (Some(parsed), Some(key)) = (unsafe { parsed.as_ref() }, unsafe { key.as_ref() }) else {
        return Holder::Taken as u32;
    };
    publish::look(&mut Maps::new(), parsed, key) as u32
}

/// See [`open_outwards`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn open_inwards(
    parsed: *const Parsed,
    published: *const Published,
    key: *const FlowKey,
    outside: u32,
) -> u32 {
    // SAFETY: the verifier sees to it that all point to as much memory as their types have.
    let (Some(parsed), Some(published), Some(key)) =
        (unsafe { parsed.as_ref() }, unsafe { published.as_ref() }, unsafe { key.as_ref() })
    else {
        return Opening::NotOurs.number();
    };
    let Some(record) = RECORD.get_ptr_mut(0) else { return Opening::NotOurs.number() };
    // SAFETY: the element is this processor's own, and nobody else uses it meanwhile.
    let record = unsafe { &mut *record };
    publish::open(&mut Maps::new(), parsed, published, key, outside != 0, record).number()
}

/// See [`open_outwards`].
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn displace(
    parsed: *const Parsed,
    published: *const Published,
    key: *mut FlowKey,
    outside: u32,
) -> u32 {
    // SAFETY: the verifier sees to it that all point to as much memory as their types have.
    let (Some(parsed), Some(published), Some(key)) =
        (unsafe { parsed.as_ref() }, unsafe { published.as_ref() }, unsafe { key.as_mut() })
    else {
        return Opening::NotOurs.number();
    };
    publish::displaced(&mut Maps::new(), parsed, published, key, outside != 0).number()
}

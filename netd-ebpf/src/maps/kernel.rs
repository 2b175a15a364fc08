//! What the kernel's own tables say: routes and sockets.

use crate::ctx::{AF_INET, AF_INET6};
use aya_ebpf::{
    bindings::{
        BPF_FIB_LKUP_RET_FRAG_NEEDED, BPF_FIB_LKUP_RET_NO_NEIGH, BPF_FIB_LKUP_RET_SUCCESS,
        BPF_FIB_LKUP_RET_UNSUPP_LWT, bpf_fib_lookup, bpf_sock_tuple,
        bpf_sock_tuple__bindgen_ty_1__bindgen_ty_1, bpf_sock_tuple__bindgen_ty_1__bindgen_ty_2,
    },
    helpers::{bpf_fib_lookup as fib_lookup, bpf_sk_lookup_tcp, bpf_sk_lookup_udp, bpf_sk_release},
};
use core::{ffi::c_void, mem::size_of};
use netd_common::{
    address::Address,
    flow::End,
    parse::{TCP, UDP},
    tables::{Route, RouteQuery},
    verdict::Hop,
};

/// Asks for a socket in the program's own namespace, by the ends as a packet to it would have them.
#[inline(always)]
pub(super) fn is_socket(ctx: *mut c_void, remote: &End, local: &End, protocol: u8) -> bool {
    // SAFETY: all-zero bytes are a valid `bpf_sock_tuple`.
    let mut tuple: bpf_sock_tuple = unsafe { core::mem::zeroed() };
    let length = if local.address.is_v4() {
        tuple.__bindgen_anon_1.ipv4 = bpf_sock_tuple__bindgen_ty_1__bindgen_ty_1 {
            saddr: u32::from_ne_bytes(remote.address.v4_bytes()),
            daddr: u32::from_ne_bytes(local.address.v4_bytes()),
            sport: u16::from_ne_bytes(remote.port),
            dport: u16::from_ne_bytes(local.port),
        };
        12
    } else {
        tuple.__bindgen_anon_1.ipv6 = bpf_sock_tuple__bindgen_ty_1__bindgen_ty_2 {
            saddr: remote.address.words(),
            daddr: local.address.words(),
            sport: u16::from_ne_bytes(remote.port),
            dport: u16::from_ne_bytes(local.port),
        };
        36
    };
    let at = &raw mut tuple;
    // SAFETY: a valid context; `tuple` outlives the calls and has the length that is passed; the
    // socket is given back at once.
    unsafe {
        let socket = match protocol {
            TCP => bpf_sk_lookup_tcp(ctx, at, length, CURRENT_NAMESPACE, 0),
            UDP => bpf_sk_lookup_udp(ctx, at, length, CURRENT_NAMESPACE, 0),
            _ => return false,
        };
        if socket.is_null() {
            return false;
        }
        bpf_sk_release(socket.cast());
        true
    }
}

/// BPF_F_CURRENT_NETNS of linux/bpf.h.
const CURRENT_NAMESPACE: u64 = u64::MAX;

/// Asks the kernel's routing table, which checks the length against the route's MTU. A next hop that
/// is not resolved yet is resolved on the way out.
#[inline(always)]
pub(super) fn route(ctx: *mut c_void, query: &RouteQuery) -> Route {
    // SAFETY: all-zero bytes are a valid `bpf_fib_lookup`.
    let mut fib: bpf_fib_lookup = unsafe { core::mem::zeroed() };
    let v4 = query.destination.is_v4();
    fib.l4_protocol = query.protocol;
    fib.__bindgen_anon_1.tot_len = query.length;
    fib.ifindex = query.ifindex;
    if v4 {
        fib.family = AF_INET as u8;
        fib.__bindgen_anon_3.ipv4_src = u32::from_ne_bytes(query.source.v4_bytes());
        fib.__bindgen_anon_4.ipv4_dst = u32::from_ne_bytes(query.destination.v4_bytes());
    } else {
        fib.family = AF_INET6 as u8;
        fib.__bindgen_anon_3.ipv6_src = query.source.words();
        fib.__bindgen_anon_4.ipv6_dst = query.destination.words();
    }
    // SAFETY: `fib` outlives the calls and has the length that is passed.
    let mut rc = unsafe { fib_lookup(ctx, &raw mut fib, size_of::<bpf_fib_lookup>() as i32, 0) };
    let too_long = rc == i64::from(BPF_FIB_LKUP_RET_FRAG_NEEDED);
    if too_long {
        // Once more, for the device.
        fib.__bindgen_anon_1.tot_len = 0;
        fib.ifindex = query.ifindex;
        // SAFETY: as above.
        rc = unsafe { fib_lookup(ctx, &raw mut fib, size_of::<bpf_fib_lookup>() as i32, 0) };
    }
    if rc == i64::from(BPF_FIB_LKUP_RET_UNSUPP_LWT) {
        return Route::Around;
    }
    let known = rc == i64::from(BPF_FIB_LKUP_RET_SUCCESS)
        || rc == i64::from(BPF_FIB_LKUP_RET_NO_NEIGH)
        || (too_long && rc == i64::from(BPF_FIB_LKUP_RET_FRAG_NEEDED));
    if !known {
        return Route::Stack;
    }
    if too_long {
        return Route::TooLong(fib.ifindex);
    }
    // SAFETY: every bit pattern is valid in each variant; the family says which was written.
    let next = unsafe {
        if u32::from(fib.family) == AF_INET {
            Address::v4(fib.__bindgen_anon_4.ipv4_dst.to_ne_bytes())
        } else {
            Address::from_words(fib.__bindgen_anon_4.ipv6_dst)
        }
    };
    Route::Via(Hop { ifindex: fib.ifindex, next })
}

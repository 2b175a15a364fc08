//! Packet access and redirects in XDP, before the kernel has made an skb. Checksums are complete
//! here: what a wire brings was computed by its sender.

use super::{Filled, Halves, Words};
use aya_ebpf::{
    bindings::xdp_md,
    helpers::{bpf_redirect, bpf_xdp_get_buff_len, bpf_xdp_load_bytes},
    programs::XdpContext,
};
use core::mem::size_of;
use netd_common::{
    packet::{Packet, PacketMut},
    wire::Header,
};

/// An XDP packet. Only the first buffer's bytes can be reached, which holds the headers.
pub(crate) struct Frame<'a> {
    ctx: &'a XdpContext,
    length: usize,
}

impl<'a> Frame<'a> {
    #[inline(always)]
    pub(crate) fn new(ctx: &'a XdpContext) -> Self {
        // SAFETY: the kernel hands each program a valid context.
        let length = unsafe { bpf_xdp_get_buff_len(ctx.ctx) } as usize;
        Self { ctx, length }
    }

    #[inline(always)]
    fn raw(&self) -> *mut xdp_md {
        self.ctx.ctx
    }

    #[inline(always)]
    pub(crate) fn ifindex(&self) -> u32 {
        // SAFETY: as in `new`.
        unsafe { (*self.raw()).ingress_ifindex }
    }

    /// To the other side of the veth `ifindex`, past the programs of this side.
    #[inline(always)]
    pub(crate) fn redirect(&self, ifindex: u32) -> u32 {
        // SAFETY: the helper takes plain numbers.
        unsafe { bpf_redirect(ifindex, 0) as u32 }
    }
}

impl Packet for Frame<'_> {
    const WINDING: bool = false;

    #[inline(always)]
    fn length(&self) -> usize {
        self.length
    }

    #[inline(always)]
    fn header<H: Header>(&self, offset: usize) -> Option<H> {
        let (start, end) = (self.ctx.data(), self.ctx.data_end());
        let at = start + offset;
        if at + size_of::<H>() > end {
            return None;
        }
        // SAFETY: the bytes were just checked to be there, and any bytes are a `Header`; the
        // alignment is claimed as in TC.
        Some(unsafe {
            if size_of::<H>().is_multiple_of(4) {
                (at as *const Words<H>).read().0
            } else {
                (at as *const Halves<H>).read().0
            }
        })
    }

    #[inline(always)]
    fn far_header<H: Header>(&self, offset: usize) -> Option<H> {
        const { assert!(size_of::<H>() <= size_of::<[u32; 10]>()) };
        let mut filled = Filled { empty: [0; 10] };
        // SAFETY: the helper checks the offset and writes no more than there is room for.
        let rc = unsafe {
            let (to, length) = ((&raw mut filled).cast(), size_of::<H>() as u32);
            bpf_xdp_load_bytes(self.raw(), offset as u32, to, length)
        };
        // SAFETY: any bytes are a `Header`.
        (rc == 0).then_some(unsafe { filled.header })
    }
}

impl PacketMut for Frame<'_> {
    #[inline(always)]
    fn set_header<H: Header>(&mut self, offset: usize, header: H) -> Option<()> {
        let (start, end) = (self.ctx.data(), self.ctx.data_end());
        let at = start + offset;
        if at + size_of::<H>() > end {
            return None;
        }
        // SAFETY: as in `header`; nobody else looks at the packet meanwhile.
        unsafe {
            if size_of::<H>().is_multiple_of(4) {
                (at as *mut Words<H>).write(Words(header));
            } else {
                (at as *mut Halves<H>).write(Halves(header));
            }
        }
        Some(())
    }
}

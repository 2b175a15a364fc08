//! Packet access and redirects in XDP, before the kernel has made an skb. Checksums are complete
//! here: what a wire brings was computed by its sender.

use super::{Halves, Words, fill, read};
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
        read(self.ctx.data(), self.ctx.data_end(), offset)
    }

    #[inline(always)]
    fn far_header<H: Header>(&self, offset: usize) -> Option<H> {
        // SAFETY: the helper checks the offset and writes no more than there is room for.
        fill(|to, length| unsafe {
            bpf_xdp_load_bytes(self.raw(), offset as u32, to.cast(), length) as i32
        })
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
        // SAFETY: as in `read`; nobody else looks at the packet meanwhile.
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

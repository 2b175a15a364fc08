//! Packet edits in TC, through helpers that know what part of a checksum is still to be computed
//! (skbs of local senders).

use crate::ctx::Skb;
use aya_ebpf::{
    bindings::{BPF_F_MARK_MANGLED_0, BPF_F_PSEUDO_HDR},
    helpers::{bpf_csum_diff, bpf_l3_csum_replace, bpf_l4_csum_replace, bpf_skb_store_bytes},
};
use core::mem::{offset_of, size_of};
use netd_common::{
    parse::{Parsed, UDP},
    rewrite::Edit,
    verdict::Rewrite,
    wire::{Ipv4Hdr, Ipv6Hdr},
};

impl Skb<'_> {
    #[inline(always)]
    pub(crate) fn store<T>(&mut self, offset: usize, value: &T, flags: u64) -> Option<()> {
        // SAFETY: the helper checks the offset and reads `size_of::<T>()` bytes of `value`.
        let rc = unsafe {
            bpf_skb_store_bytes(
                self.raw(),
                offset as u32,
                core::ptr::from_ref(value).cast(),
                size_of::<T>() as u32,
                flags,
            )
        };
        (rc == 0).then_some(())
    }

    /// Replaces one end of the flow, through helpers that know what part of the checksum is still
    /// to be computed (skbs of local senders).
    #[inline(never)]
    pub(crate) fn translate(&mut self, parsed: &Parsed, rewrite: &Rewrite) -> Option<()> {
        let edit = Edit::new(parsed, rewrite);
        let udp = if parsed.protocol == UDP { u64::from(BPF_F_MARK_MANGLED_0) } else { 0 };
        if edit.old_address != rewrite.address {
            if let Some(at) = edit.ip_check_at {
                self.translate_v4(&edit, rewrite, at, udp)?;
            } else {
                self.translate_v6(&edit, rewrite, udp)?;
            }
        }
        if edit.old_port == rewrite.port {
            return Some(());
        }
        let (old, new) = (port(edit.old_port), port(rewrite.port));
        // SAFETY: the helper checks the offset.
        let rc =
            unsafe { bpf_l4_csum_replace(self.raw(), edit.check_at as u32, old, new, udp | 2) };
        if rc != 0 {
            return None;
        }
        self.store(edit.port_at, &rewrite.port, 0)
    }

    #[inline(always)]
    fn translate_v4(
        &mut self,
        edit: &Edit,
        rewrite: &Rewrite,
        ip_check_at: usize,
        flags: u64,
    ) -> Option<()> {
        let old = u64::from(u32::from_ne_bytes(edit.old_address.v4_bytes()));
        let new = u64::from(u32::from_ne_bytes(rewrite.address.v4_bytes()));
        if edit.covers_addresses {
            let flags = flags | u64::from(BPF_F_PSEUDO_HDR) | 4;
            // SAFETY: the helper checks the offset.
            let rc =
                unsafe { bpf_l4_csum_replace(self.raw(), edit.check_at as u32, old, new, flags) };
            if rc != 0 {
                return None;
            }
        }
        // SAFETY: the helper checks the offset.
        let rc = unsafe { bpf_l3_csum_replace(self.raw(), ip_check_at as u32, old, new, 4) };
        if rc != 0 {
            return None;
        }
        self.store(edit.address_at, &rewrite.address.v4_bytes(), 0)
    }

    #[inline(always)]
    fn translate_v6(&mut self, edit: &Edit, rewrite: &Rewrite, flags: u64) -> Option<()> {
        let (mut old, mut new) = (edit.old_address.words(), rewrite.address.words());
        // SAFETY: both arrays are 16 bytes on this stack.
        let difference = unsafe { bpf_csum_diff(old.as_mut_ptr(), 16, new.as_mut_ptr(), 16, 0) };
        if difference < 0 {
            return None;
        }
        let flags = flags | u64::from(BPF_F_PSEUDO_HDR);
        // SAFETY: the helper checks the offset.
        let rc = unsafe {
            bpf_l4_csum_replace(self.raw(), edit.check_at as u32, 0, difference as u64, flags)
        };
        if rc != 0 {
            return None;
        }
        self.store(edit.address_at, &new, 0)
    }

    /// One hop less.
    #[inline(always)]
    pub(crate) fn hop(&mut self, parsed: &Parsed) -> Option<()> {
        let hops = parsed.hops.wrapping_sub(1);
        let l3 = usize::from(parsed.l3);
        if !parsed.is_v4() {
            return self.store(l3 + offset_of!(Ipv6Hdr, hop_limit), &hops, 0);
        }
        // TTL and protocol share a 16-bit word of the header checksum.
        let old = port([parsed.hops, parsed.ip_protocol]);
        let new = port([hops, parsed.ip_protocol]);
        let check = (l3 + offset_of!(Ipv4Hdr, check)) as u32;
        // SAFETY: the helper checks the offset.
        if unsafe { bpf_l3_csum_replace(self.raw(), check, old, new, 2) } != 0 {
            return None;
        }
        self.store(l3 + offset_of!(Ipv4Hdr, ttl), &hops, 0)
    }
}

/// A 16-bit field in the form that the checksum helpers take: as it lies in memory.
#[inline(always)]
fn port(bytes: [u8; 2]) -> u64 {
    u64::from(u16::from_ne_bytes(bytes))
}

//! Packet edits in TC, through helpers that know what part of a checksum is still to be computed
//! (skbs of local senders).

use crate::ctx::Skb;
use aya_ebpf::{
    bindings::{BPF_F_MARK_MANGLED_0, BPF_F_PSEUDO_HDR, BPF_F_RECOMPUTE_CSUM, bpf_adj_room_mode},
    helpers::{
        bpf_csum_diff, bpf_csum_update, bpf_l3_csum_replace, bpf_l4_csum_replace,
        bpf_skb_adjust_room, bpf_skb_change_tail, bpf_skb_store_bytes,
    },
};
use core::mem::{offset_of, size_of};
use netd_common::{
    answer::PacketLength,
    crc,
    flow::End,
    packet::{Packet as _, PacketMut},
    parse::{Headers, Parsed, SCTP, UDP},
    resolver::Swap,
    rewrite::{self, Edit, Side},
    verdict::{Delivery, Routed, Translation},
    wire::{EthHdr, EthIpv4Ends, Header, Ipv4Ends, Ipv4Hdr, Ipv6Hdr, TcpHdr, UdpHdr},
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

    /// Gives the packet its new ends, through helpers that know what part of the checksum is still
    /// to be computed (skbs of local senders). An ICMP error's is complete.
    #[inline(always)]
    pub(crate) fn translate(&mut self, headers: &Headers, to: &Translation) -> Option<()> {
        let parsed = &headers.parsed;
        if parsed.quotes {
            return rewrite::translate_error(self, headers, to);
        }
        if let Some(end) = &to.source {
            self.replace(parsed, Side::Source, end)?;
        }
        if let Some(end) = &to.destination {
            self.replace(parsed, Side::Destination, end)?;
        }
        if to.mss != 0 && parsed.mss_at != 0 {
            self.limit_segments(parsed, to.mss)?;
        }
        Some(())
    }

    #[inline(never)]
    fn limit_segments(&mut self, parsed: &Parsed, mss: u16) -> Option<()> {
        let (old, new) = rewrite::mss_words(parsed, mss);
        let at = u32::from(parsed.l4) + offset_of!(TcpHdr, check) as u32;
        // SAFETY: the helper checks the offset.
        if unsafe { bpf_l4_csum_replace(self.raw(), at, port(old), port(new), 2) } != 0 {
            return None;
        }
        self.store(parsed.mss_at.into(), &mss.to_be_bytes(), 0)
    }

    #[inline(never)]
    fn replace(&mut self, parsed: &Parsed, side: Side, end: &End) -> Option<()> {
        let edit = Edit::new(parsed, side);
        let udp = if parsed.protocol == UDP { u64::from(BPF_F_MARK_MANGLED_0) } else { 0 };
        if edit.old_address != end.address {
            if let Some(at) = edit.ip_check_at {
                self.replace_v4(&edit, end, at, udp)?;
            } else {
                self.replace_v6(&edit, end, udp)?;
            }
        }
        if !edit.has_port || edit.old_port == end.port {
            return Some(());
        }
        if parsed.protocol == SCTP {
            return rewrite::sctp_port(self, parsed, &edit, end.port);
        }
        let (old, new) = (port(edit.old_port), port(end.port));
        // SAFETY: the helper checks the offset.
        let rc =
            unsafe { bpf_l4_csum_replace(self.raw(), edit.check_at as u32, old, new, udp | 2) };
        if rc != 0 {
            return None;
        }
        self.store(edit.port_at, &end.port, 0)
    }

    /// Gives the packet the port that leads to the resolver, or away from it.
    #[inline(always)]
    pub(crate) fn swap_port(&mut self, swap: &Swap) -> Option<()> {
        let optional = if swap.optional_check { u64::from(BPF_F_MARK_MANGLED_0) } else { 0 };
        let (at, flags) = (swap.check_at as u32, optional | 2);
        // SAFETY: the helper checks the offset.
        let rc =
            unsafe { bpf_l4_csum_replace(self.raw(), at, port(swap.old), port(swap.new), flags) };
        if rc != 0 {
            return None;
        }
        self.store(swap.port_at, &swap.new, 0)
    }

    #[inline(always)]
    fn replace_v4(&mut self, edit: &Edit, end: &End, ip_check_at: usize, flags: u64) -> Option<()> {
        let old = u64::from(u32::from_ne_bytes(edit.old_address.v4_bytes()));
        let new = u64::from(u32::from_ne_bytes(end.address.v4_bytes()));
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
        self.store(edit.address_at, &end.address.v4_bytes(), 0)
    }

    #[inline(always)]
    fn replace_v6(&mut self, edit: &Edit, end: &End, flags: u64) -> Option<()> {
        let (mut old, mut new) = (edit.old_address.words(), end.address.words());
        // SAFETY: both arrays are 16 bytes on this stack.
        let difference = unsafe { bpf_csum_diff(old.as_mut_ptr(), 16, new.as_mut_ptr(), 16, 0) };
        if difference < 0 {
            return None;
        }
        if edit.covers_addresses {
            let flags = flags | u64::from(BPF_F_PSEUDO_HDR);
            // SAFETY: the helpers check the offset. The first takes the difference out of a sum that
            // the device made of the whole packet, where in IPv6 the address itself makes up for it:
            // the second puts it back, where there is such a sum.
            let rc = unsafe {
                let difference = difference as u64;
                let rc =
                    bpf_l4_csum_replace(self.raw(), edit.check_at as u32, 0, difference, flags);
                let _ = bpf_csum_update(self.raw(), difference as u32);
                rc
            };
            if rc != 0 {
                return None;
            }
        }
        // Without a transport's checksum nothing makes up for the new address in a device's sum.
        let flags = if edit.covers_addresses { 0 } else { BPF_F_RECOMPUTE_CSUM };
        self.store(edit.address_at, &new, flags.into())
    }

    /// One hop less.
    #[inline(always)]
    pub(crate) fn hop(&mut self, parsed: &Parsed) -> Option<()> {
        let l3 = usize::from(parsed.l3);
        if !parsed.is_v4() {
            let hops = parsed.hops.wrapping_sub(1);
            let at = l3 + offset_of!(Ipv6Hdr, hop_limit);
            return self.store(at, &hops, BPF_F_RECOMPUTE_CSUM.into());
        }
        let mut ip = self.ipv4(parsed)?;
        rewrite::one_hop_less(&mut ip);
        let [high, low] = ip.check;
        self.store(l3 + offset_of!(Ipv4Hdr, ttl), &[ip.ttl, ip.proto, high, low], 0)
    }

    /// The IPv4 header, at one of the two places where it is.
    #[inline(always)]
    fn ipv4(&self, parsed: &Parsed) -> Option<Ipv4Hdr> {
        if parsed.l3 == 0 { self.header(0) } else { self.header(EthHdr::LEN) }
    }

    /// As [`Skb::translate`], for a packet whose ends are in one piece; with a delivery all the way to the
    /// container's link. One write takes less than a fifth of the calls that others take one by one.
    #[inline(always)]
    pub(crate) fn translate_plain(
        &mut self,
        parsed: &Parsed,
        to: &Translation,
        delivery: Option<(&Delivery, &Routed)>,
    ) -> Option<()> {
        let mut ends = Ipv4Ends::new(self.ipv4(parsed)?, parsed);
        if let Some(end) = &to.source {
            self.recheck(parsed, &parsed.from(), end)?;
        }
        if let Some(end) = &to.destination {
            self.recheck(parsed, &parsed.to(), end)?;
        }
        ends.translate(to);
        match delivery {
            Some((delivery, routed)) => {
                self.store(0, &EthIpv4Ends::routed(ends, delivery, routed), 0)?;
            }
            None => self.store(parsed.l3.into(), &ends, 0)?,
        }
        if to.mss != 0 && parsed.mss_at != 0 {
            self.limit_segments(parsed, to.mss)?;
        }
        Some(())
    }

    /// Brings the checksum of TCP or UDP over IPv4 up to date with a new end.
    #[inline(always)]
    fn recheck(&mut self, parsed: &Parsed, old: &End, new: &End) -> Option<()> {
        let (udp, check) = match parsed.protocol {
            UDP => (u64::from(BPF_F_MARK_MANGLED_0), offset_of!(UdpHdr, check)),
            _ => (0, offset_of!(TcpHdr, check)),
        };
        let at = u32::from(parsed.l4) + check as u32;
        if old.address != new.address {
            let word = |end: &End| u64::from(u32::from_ne_bytes(end.address.v4_bytes()));
            let flags = udp | u64::from(BPF_F_PSEUDO_HDR) | 4;
            // SAFETY: the helper checks the offset.
            let rc = unsafe { bpf_l4_csum_replace(self.raw(), at, word(old), word(new), flags) };
            if rc != 0 {
                return None;
            }
        }
        if old.port != new.port {
            let (from, to) = (port(old.port), port(new.port));
            // SAFETY: as above.
            if unsafe { bpf_l4_csum_replace(self.raw(), at, from, to, udp | 2) } != 0 {
                return None;
            }
        }
        Some(())
    }
}

impl PacketMut for Skb<'_> {
    #[inline(always)]
    fn set_header<H: Header>(&mut self, offset: usize, header: H) -> Option<()> {
        self.store(offset, &header, BPF_F_RECOMPUTE_CSUM.into())
    }

    #[inline(always)]
    fn multiply(&self, one: u32, other: u32) -> u32 {
        crc_multiply(one, other)
    }
}

/// A function with a name of its own is verified once, and not again for each way that leads to it.
// SAFETY: no other symbol of the object has the name.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn crc_multiply(one: u32, other: u32) -> u32 {
    crc::multiply(one, other)
}

impl PacketLength for Skb<'_> {
    #[inline(always)]
    fn cut(&mut self, length: usize) -> Option<()> {
        // SAFETY: the helper checks the length.
        (unsafe { bpf_skb_change_tail(self.raw(), length as u32, 0) } == 0).then_some(())
    }

    #[inline(always)]
    fn widen(&mut self, count: usize) -> Option<()> {
        let mode = bpf_adj_room_mode::BPF_ADJ_ROOM_MAC;
        // SAFETY: the helper checks the length.
        (unsafe { bpf_skb_adjust_room(self.raw(), count as i32, mode, 0) } == 0).then_some(())
    }
}

/// A 16-bit field in the form that the checksum helpers take: as it lies in memory.
#[inline(always)]
fn port(bytes: [u8; 2]) -> u64 {
    u64::from(u16::from_ne_bytes(bytes))
}

//! Packet access and redirects in TC. Edits of a packet's bytes are in `edit`.

pub(crate) mod xdp;

use aya_ebpf::{
    EbpfContext as _,
    bindings::{__sk_buff, bpf_redir_neigh, bpf_redir_neigh__bindgen_ty_1},
    helpers::{
        bpf_redirect, bpf_redirect_neigh, bpf_redirect_peer, bpf_skb_change_head,
        bpf_skb_change_type, bpf_skb_load_bytes,
    },
    programs::TcContext,
};
use core::mem::{offset_of, size_of};
use netd_common::{
    packet::Packet,
    parse::Parsed,
    verdict::{Delivery, Hop},
    wire::{ETH_IPV6, EthHdr, Header, Ipv4Hdr, Ipv6Hdr, TcpHdr},
};

/// PACKET_HOST of linux/if_packet.h.
const PACKET_HOST: u32 = 0;
/// PACKET_BROADCAST and PACKET_MULTICAST of linux/if_packet.h.
const PACKET_BROADCAST: u32 = 1;
const PACKET_MULTICAST: u32 = 2;
/// PACKET_OTHERHOST of linux/if_packet.h.
const PACKET_OTHERHOST: u32 = 3;
/// AF_INET and AF_INET6 of linux/socket.h.
pub(crate) const AF_INET: u32 = 2;
pub(crate) const AF_INET6: u32 = 10;

/// A TC packet. Reading borrows it, and every helper that may move its bytes wants it mutable: the
/// borrow checker enforces what the verifier would refuse.
pub(crate) struct Skb<'a> {
    ctx: &'a TcContext,
    /// Read once: the verifier refuses a computed address of a field of the context.
    ifindex: u32,
}

impl<'a> Skb<'a> {
    /// A packet whose headers were made readable before.
    #[inline(always)]
    pub(crate) fn judged(ctx: &'a TcContext) -> Self {
        // SAFETY: the kernel hands each program a valid context.
        let ifindex = unsafe { (*ctx.as_ptr().cast::<__sk_buff>()).ifindex };
        Self { ctx, ifindex }
    }

    /// Makes the headers of a plain packet readable: up to a TCP header without options, where the
    /// sender's own headers do not already end.
    #[inline(always)]
    pub(crate) fn new(ctx: &'a TcContext) -> Self {
        let skb = Self::judged(ctx);
        let ip = if skb.ether_type() == ETH_IPV6 { Ipv6Hdr::LEN } else { Ipv4Hdr::LEN };
        let want = EthHdr::LEN + ip + TcpHdr::LEN;
        let linear = ctx.data_end() - ctx.data();
        if linear < want && linear < ctx.len() as usize {
            let length = ctx.len().min(PULL);
            // What can't be pulled stays unreadable and is dropped as malformed.
            let _ = ctx.pull_data(length);
        }
        skb
    }

    #[inline(always)]
    pub(crate) fn raw(&self) -> *mut __sk_buff {
        self.ctx.as_ptr().cast()
    }

    #[inline(always)]
    pub(crate) fn ifindex(&self) -> u32 {
        self.ifindex
    }

    /// The device that the packet entered the host by; 0 where the host made it.
    #[inline(always)]
    pub(crate) fn ingress(&self) -> u32 {
        // SAFETY: as in `judged`.
        unsafe { (*self.raw()).ingress_ifindex }
    }

    #[inline(always)]
    pub(crate) fn ether_type(&self) -> [u8; 2] {
        // SAFETY: as in `judged`. The field holds the EtherType in network order.
        let protocol = unsafe { (*self.raw()).protocol } as u16;
        protocol.to_ne_bytes()
    }

    /// The frame's Ethernet destination is another machine's: a promiscuous device saw it.
    #[inline(always)]
    pub(crate) fn is_for_another(&self) -> bool {
        // SAFETY: as in `judged`.
        unsafe { (*self.raw()).pkt_type == PACKET_OTHERHOST }
    }

    /// The frame is for everybody, or many, on the link.
    #[inline(always)]
    pub(crate) fn is_flooded(&self) -> bool {
        // SAFETY: as in `judged`.
        let kind = unsafe { (*self.raw()).pkt_type };
        matches!(kind, PACKET_BROADCAST | PACKET_MULTICAST)
    }

    /// A VLAN tag was taken out of the frame's bytes.
    #[inline(always)]
    pub(crate) fn is_tagged(&self) -> bool {
        // SAFETY: as in `judged`.
        unsafe { (*self.raw()).vlan_present != 0 }
    }

    /// Says who sends the frame now. What came in by a layer-3 device gets its Ethernet header.
    #[inline(always)]
    pub(crate) fn set_link(&mut self, parsed: &Parsed, mac: &[u8; 6]) -> Option<()> {
        if parsed.l3 != 0 {
            return self.store(offset_of!(EthHdr, src), mac, 0);
        }
        let eth = EthHdr { dst: [0; 6], src: *mac, ether_type: self.ether_type() };
        // SAFETY: a valid context; the helper makes the room it is asked for or fails.
        if unsafe { bpf_skb_change_head(self.raw(), EthHdr::LEN as u32, 0) } != 0 {
            return None;
        }
        self.store(0, &eth, 0)
    }

    /// Out by a device, as it is.
    #[inline(always)]
    pub(crate) fn send(&mut self, device: u32) -> i32 {
        self.clear_mark();
        // SAFETY: plain numbers.
        unsafe { bpf_redirect(device, 0) as i32 }
    }

    /// Into the container, past its host-side programs. The frame must look as if it were for this
    /// host, or kernels before 6.15 drop it; a mark must not follow it.
    #[inline(always)]
    pub(crate) fn deliver(&mut self, delivery: &Delivery) -> Option<i32> {
        let known = self.header::<EthHdr>(0)?.dst == delivery.mac;
        if !known {
            self.store(offset_of!(EthHdr, dst), &delivery.mac, 0)?;
        }
        self.clear_mark();
        // SAFETY: a valid context; both helpers take plain numbers besides.
        let action = unsafe {
            if (*self.raw()).pkt_type != PACKET_HOST {
                bpf_skb_change_type(self.raw(), PACKET_HOST);
            }
            bpf_redirect_peer(delivery.ifindex, 0)
        };
        Some(action as i32)
    }

    /// Out by an uplink; the kernel's neighbour table knows the next hop's link address. The veth's
    /// queue number must not pin all containers to one of the uplink's queues.
    #[inline(always)]
    pub(crate) fn route(&mut self, hop: &Hop) -> Option<i32> {
        let mut next = if hop.next.is_v4() {
            let ipv4_nh = u32::from_ne_bytes(hop.next.v4_bytes());
            let mut address = bpf_redir_neigh__bindgen_ty_1 { ipv6_nh: [0; 4] };
            address.ipv4_nh = ipv4_nh;
            bpf_redir_neigh { nh_family: AF_INET, __bindgen_anon_1: address }
        } else {
            let address = bpf_redir_neigh__bindgen_ty_1 { ipv6_nh: hop.next.words() };
            bpf_redir_neigh { nh_family: AF_INET6, __bindgen_anon_1: address }
        };
        self.clear_mark();
        // SAFETY: a valid context; `next` outlives the call and has the length that is passed.
        let action = unsafe {
            (&raw mut (*self.raw()).queue_mapping).write_volatile(0);
            let length = size_of::<bpf_redir_neigh>() as i32;
            bpf_redirect_neigh(hop.ifindex, &raw mut next, length, 0)
        };
        Some(action as i32)
    }

    #[inline(always)]
    fn clear_mark(&mut self) {
        // SAFETY: the field is writable in TC programs; volatile, because the verifier wants each
        // field of the context written on its own.
        unsafe { (&raw mut (*self.raw()).mark).write_volatile(0) }
    }
}

impl Packet for Skb<'_> {
    #[inline(always)]
    fn length(&self) -> usize {
        self.ctx.len() as usize
    }

    #[inline(always)]
    fn segment(&self) -> Option<u16> {
        // SAFETY: as in `judged`; volatile keeps the load as wide as the verifier wants it.
        let size = unsafe { (&raw const (*self.raw()).gso_size).read_volatile() };
        if size == 0 { None } else { Some(size as u16) }
    }

    #[inline(always)]
    fn header<H: Header>(&self, offset: usize) -> Option<H> {
        read(self.ctx.data(), self.ctx.data_end(), offset)
    }

    #[inline(always)]
    fn far_header<H: Header>(&self, offset: usize) -> Option<H> {
        // SAFETY: the helper checks the offset and writes no more than there is room for.
        fill(|to, length| unsafe {
            bpf_skb_load_bytes(self.raw().cast(), offset as u32, to.cast(), length) as i32
        })
    }
}

/// A header at an offset of the packet's bytes, which are from `start` to `end`.
#[inline(always)]
pub(crate) fn read<H: Header>(start: usize, end: usize, offset: usize) -> Option<H> {
    let at = start + offset;
    if at + size_of::<H>() > end {
        return None;
    }
    // SAFETY: the bytes were just checked to be there, and any bytes are a `Header`. The read
    // claims an alignment that the packet may not have: on this target that only decides between
    // loads of words and loads of bytes, and the verifier allows words wherever the processor does.
    Some(unsafe {
        if size_of::<H>().is_multiple_of(4) {
            (at as *const Words<H>).read().0
        } else {
            (at as *const Halves<H>).read().0
        }
    })
}

/// A header that a helper fills: `load` gets where to, and how many bytes, and says 0 where it could.
#[inline(always)]
pub(crate) fn fill<H: Header>(load: impl FnOnce(*mut Filled<H>, u32) -> i32) -> Option<H> {
    const { assert!(size_of::<H>() <= size_of::<[u32; 10]>()) };
    let mut filled = Filled { empty: [0; 10] };
    let rc = load(&raw mut filled, size_of::<H>() as u32);
    // SAFETY: any bytes are a `Header`.
    (rc == 0).then_some(unsafe { filled.header })
}

/// Room for a header that a helper fills.
pub(crate) union Filled<H: Copy> {
    empty: [u32; 10],
    header: H,
}

/// A header that is loaded by 32-bit words.
#[derive(Clone, Copy)]
#[repr(C, align(4))]
pub(crate) struct Words<H>(pub(crate) H);

/// A header that is loaded by 16-bit words.
#[derive(Clone, Copy)]
#[repr(C, align(2))]
pub(crate) struct Halves<H>(pub(crate) H);

/// Bytes that are made readable where the headers are not: Ethernet, IPv6, options and TCP.
const PULL: u32 = 192;

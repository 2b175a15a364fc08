//! The way a translation touches an ICMP error: its own addresses, and the packet that it quotes.

use super::{Edit, Side};
use crate::checksum;
use crate::flow::End;
use crate::packet::PacketMut;
use crate::parse::{Fragment, Headers, Parsed, SCTP, UDP};
use crate::verdict::Translation;
use crate::wire::{Bytes, IcmpHdr};
use core::mem::offset_of;

/// Gives an ICMP error the ends of `translation`, and its quotation the same on the other side.
/// Its own source stays where another host sent it than the flow's end.
#[inline(never)]
pub fn translate<P: PacketMut + ?Sized>(
    packet: &mut P,
    headers: &Headers,
    translation: &Translation,
) -> Option<()> {
    let Headers { parsed, quoted } = headers;
    let check_at = usize::from(parsed.l4) + offset_of!(IcmpHdr, check);
    let Bytes(mut check) = packet.far_header::<Bytes<2>>(check_at)?;
    if let Some(end) = &translation.destination {
        address(packet, parsed, Side::Destination, end, &mut check)?;
        quotation(packet, headers, Side::Source, end, &mut check)?;
    }
    if let Some(end) = &translation.source {
        if parsed.source == quoted.destination {
            address(packet, parsed, Side::Source, end, &mut check)?;
        }
        quotation(packet, headers, Side::Destination, end, &mut check)?;
    }
    packet.set_header(check_at, Bytes(check))
}

/// The error's own address; ICMPv6's checksum covers it.
#[inline(never)]
fn address<P: PacketMut + ?Sized>(
    packet: &mut P,
    parsed: &Parsed,
    side: Side,
    end: &End,
    check: &mut [u8; 2],
) -> Option<()> {
    let edit = Edit::new(parsed, side);
    let (old, new) = (edit.old_address.words(), end.address.words());
    let Some(at) = edit.ip_check_at else {
        *check = checksum::replace(*check, &old, &new);
        return packet.set_header(edit.address_at, Bytes(end.address.v6_bytes()));
    };
    let Bytes(ip) = packet.far_header::<Bytes<2>>(at)?;
    packet.set_header(at, Bytes(checksum::replace(ip, &old[3..], &new[3..])))?;
    packet.set_header(edit.address_at, Bytes(end.address.v4_bytes()))
}

/// The quoted packet's end, and as much of its checksums as is quoted. All of it is data to the
/// error's own checksum.
#[inline(never)]
fn quotation<P: PacketMut + ?Sized>(
    packet: &mut P,
    headers: &Headers,
    side: Side,
    end: &End,
    check: &mut [u8; 2],
) -> Option<()> {
    let edit = Edit::new(&headers.quoted, side);
    let (old, new) = (edit.old_address.words(), end.address.words());
    *check = checksum::replace(*check, &old, &new);
    if let Some(at) = edit.ip_check_at {
        let Bytes(ip) = packet.far_header::<Bytes<2>>(at)?;
        let now = checksum::replace(ip, &old[3..], &new[3..]);
        *check = checksum::replace_u16(*check, ip, now);
        packet.set_header(at, Bytes(now))?;
        packet.set_header(edit.address_at, Bytes(end.address.v4_bytes()))?;
    } else {
        packet.set_header(edit.address_at, Bytes(end.address.v6_bytes()))?;
    }
    if edit.has_port {
        *check = checksum::replace_u16(*check, edit.old_port, end.port);
        packet.set_header(edit.port_at, Bytes(end.port))?;
    }
    transport(packet, headers, &edit, end, check)
}

/// The quoted transport's checksum. SCTP's can't be told from a part of the packet, and is not what
/// a flow is recognised by.
#[inline(always)]
fn transport<P: PacketMut + ?Sized>(
    packet: &mut P,
    headers: &Headers,
    edit: &Edit,
    end: &End,
    check: &mut [u8; 2],
) -> Option<()> {
    let Headers { parsed, quoted } = headers;
    let last = usize::from(parsed.l3) + usize::from(parsed.length);
    if quoted.protocol == SCTP
        || matches!(quoted.fragment, Fragment::Later)
        || edit.check_at + 2 > last
    {
        return Some(());
    }
    let Some(Bytes(inner)) = packet.far_header::<Bytes<2>>(edit.check_at) else {
        return Some(());
    };
    if edit.optional_check && inner == [0; 2] {
        return Some(());
    }
    let mut now = inner;
    if edit.covers_addresses {
        now = checksum::replace(now, &edit.old_address.words(), &end.address.words());
    }
    if edit.has_port {
        now = checksum::replace_u16(now, edit.old_port, end.port);
    }
    if quoted.protocol == UDP && now == [0; 2] {
        now = [0xff; 2];
    }
    *check = checksum::replace_u16(*check, inner, now);
    packet.set_header(edit.check_at, Bytes(now))
}

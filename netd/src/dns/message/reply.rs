//! What netd-dns answers by itself.

use super::{DATAGRAM, HEADER, IN, Query, STREAM, bytes::u16_at, code, flag, kind};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What a question gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// Addresses, in this order.
    Ipv4(&'a [Ipv4Addr]),
    /// Addresses, in this order.
    Ipv6(&'a [Ipv6Addr]),
    /// The name of an address, its labels in two parts.
    Pointer(&'a [u8], &'a [u8]),
    /// A response code and nothing else. NOERROR: there is such a name, but nothing of that type.
    Code(u8),
}

/// Writes the answer into `out`, in place of what is there, at most `room` bytes: what does not fit is
/// left out, and said to be (RFC 2181 9).
pub fn write(query: &Query<'_>, reply: Reply<'_>, room: usize, out: &mut Vec<u8>) {
    let own_version = query.edns.is_none_or(|edns| edns.version == 0);
    let reply = if own_version { reply } else { Reply::Code(code::NOERROR) };
    let known = !matches!(reply, Reply::Code(code::REFUSED | code::SERVFAIL));
    let flags = if known && own_version { flag::AUTHORITATIVE } else { 0 };
    begin(query, flags, reply.code(), out);
    let room = room.min(STREAM).saturating_sub(if query.edns.is_some() { OPT } else { 0 });
    let mut records = 0_u16;
    let full = match reply {
        Reply::Ipv4(all) => all.iter().any(|a| !add(kind::A, &a.octets(), room, &mut records, out)),
        Reply::Ipv6(all) => {
            all.iter().any(|a| !add(kind::AAAA, &a.octets(), room, &mut records, out))
        }
        Reply::Pointer(first, second) => {
            let name = [first, second, &[0]].concat();
            !add(kind::PTR, &name, room, &mut records, out)
        }
        Reply::Code(_) => false,
    };
    if full {
        let flags = u16_at(out, 2).unwrap_or(0);
        set(out, 2, flags | flag::TRUNCATED);
    }
    set(out, 6, records);
    end(query, own_version, out);
}

/// The answer to what is no question, its header alone; the packet has at least a header.
pub fn refuse(packet: &[u8], code: u8, out: &mut Vec<u8>) {
    let asked = u16_at(packet, 2).unwrap_or(0);
    let kept = asked & (flag::OPCODE | flag::WANTS_RECURSION);
    out.clear();
    out.extend_from_slice(packet.get(..2).unwrap_or(&[0, 0]));
    out.extend_from_slice(&(kept | flag::RESPONSE | u16::from(code)).to_be_bytes());
    out.extend_from_slice(&[0; 8]);
}

/// An answer that is too long for the way it would take: the client asks again over TCP.
pub fn too_long(query: &Query<'_>, code: u8, out: &mut Vec<u8>) {
    begin(query, flag::TRUNCATED, code, out);
    end(query, true, out);
}

impl Reply<'_> {
    fn code(self) -> u8 {
        if let Self::Code(code) = self { code } else { code::NOERROR }
    }
}

fn begin(query: &Query<'_>, flags: u16, code: u8, out: &mut Vec<u8>) {
    let kept = query.flags() & (flag::WANTS_RECURSION | flag::UNCHECKED);
    let flags = flag::RESPONSE | flag::HAS_RECURSION | kept | flags | u16::from(code);
    let [high, low] = flags.to_be_bytes();
    let [first, second] = query.id();
    let additional = u8::from(query.edns.is_some());
    out.clear();
    out.extend_from_slice(&[first, second, high, low, 0, 1, 0, 0, 0, 0, 0, additional]);
    out.extend_from_slice(query.question());
}

/// One record that belongs to the name asked for; false where it does not fit.
fn add(kind: u16, data: &[u8], room: usize, records: &mut u16, out: &mut Vec<u8>) -> bool {
    if out.len() + 12 + data.len() > room {
        return false;
    }
    out.extend_from_slice(&(0xc000 | HEADER as u16).to_be_bytes());
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&IN.to_be_bytes());
    out.extend_from_slice(&TTL.to_be_bytes());
    out.extend_from_slice(&(data.len() as u16).to_be_bytes());
    out.extend_from_slice(data);
    *records += 1;
    true
}

/// The OPT record, if the client sent one (RFC 6891 6.1.1); BADVERS to a version nobody knows.
fn end(query: &Query<'_>, own_version: bool, out: &mut Vec<u8>) {
    let Some(edns) = query.edns else { return };
    let (code, signatures) = (u8::from(!own_version), u8::from(edns.signatures) << 7);
    let [high, low] = (DATAGRAM as u16).to_be_bytes();
    let record = [0, 0, kind::OPT as u8, high, low, code, 0, signatures, 0, 0, 0];
    out.extend_from_slice(&record);
}

pub(super) fn set(out: &mut [u8], at: usize, word: u16) {
    if let Some(place) = out.get_mut(at..at + 2) {
        place.copy_from_slice(&word.to_be_bytes());
    }
}

/// Seconds that a container's name may be remembered: a replaced container is found at once.
pub const TTL: u32 = 1;

/// Bytes of an OPT record without options.
const OPT: usize = 11;

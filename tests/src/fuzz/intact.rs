//! The checksum oracle: what netd sends on must have right checksums wherever what it got had, and
//! wrong ones where that was spoiled, for a translation never hides an error. Checksums are
//! computed from nothing here, by nothing that either side uses.

use super::build::crc32c;
use netd_common::verdict::Verdict;

/// Which checksums of a packet are right: of its IP header, its transport, and the same of the packet
/// that an ICMP error quotes. None where there is none, or no telling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    header: Option<bool>,
    transport: Option<bool>,
    quoted_header: Option<bool>,
    quoted_transport: Option<bool>,
}

/// Compares the checksums of a packet before and after.
///
/// # Errors
/// Says what has become wrong, or right.
pub(super) fn judge(verdict: Verdict, before: &[u8], after: &[u8]) -> Result<(), String> {
    if before == after || matches!(verdict, Verdict::Drop(_) | Verdict::Pass) {
        return Ok(());
    }
    let (was, is) = (sums(before), sums(after));
    // An ICMP error in the packet's place is netd's own; what it quotes is as it came.
    let own = matches!(verdict, Verdict::Answer(_));
    if own && is.header != Some(false) && is.transport == Some(true) || !own && was == is {
        return Ok(());
    }
    Err(format!("checksums were {was:?} and are {is:?} after {verdict:?}"))
}

/// The checksums of a frame.
#[must_use]
pub(super) fn sums(frame: &[u8]) -> Sums {
    let Some(outer) = frame.get(14..).and_then(open) else { return Sums::default() };
    let mut sums = Sums { header: outer.header, transport: outer.transport(), ..Sums::default() };
    let error = match (outer.protocol, outer.body.first()) {
        (1, Some(kind)) => matches!(kind, 3 | 4 | 5 | 11 | 12),
        (58, Some(kind)) => *kind < 128,
        _ => false,
    };
    if error
        && !outer.fragment
        && let Some(quoted) = outer.body.get(8..).and_then(open)
    {
        sums.quoted_header = quoted.header;
        // Of a quoted SCTP packet nobody looks at the checksum: it is hardly ever quoted whole.
        sums.quoted_transport = if quoted.protocol == 132 { None } else { quoted.transport() };
    }
    sums
}

/// An IP packet taken apart.
struct Open<'a> {
    header: Option<bool>,
    /// Both addresses as they lie in the header.
    addresses: &'a [u8],
    protocol: u8,
    fragment: bool,
    /// All of the body is there.
    whole: bool,
    body: &'a [u8],
}

fn open(ip: &[u8]) -> Option<Open<'_>> {
    match ip.first()? >> 4 {
        4 => open_v4(ip),
        6 => open_v6(ip),
        _ => None,
    }
}

fn open_v4(ip: &[u8]) -> Option<Open<'_>> {
    let length = usize::from(*ip.first()? & 15) * 4;
    let header = ip.get(..length).filter(|h| h.len() >= 20)?;
    let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
    let end = total.clamp(length, ip.len().max(length));
    Some(Open {
        header: Some(add(0, header) == 0xffff),
        addresses: &ip[12..20],
        protocol: ip[9],
        fragment: u16::from_be_bytes([ip[6], ip[7]]) & 0x3fff != 0,
        whole: total >= length && total <= ip.len(),
        body: &ip[length..end],
    })
}

fn open_v6(ip: &[u8]) -> Option<Open<'_>> {
    let addresses = ip.get(8..40)?;
    let total = 40 + usize::from(u16::from_be_bytes([ip[4], ip[5]]));
    let whole = total <= ip.len();
    let ip = &ip[..total.min(ip.len())];
    let (mut protocol, mut at, mut fragment) = (ip[6], 40, false);
    while matches!(protocol, 0 | 43 | 44 | 60) {
        let head = ip.get(at..at + 8)?;
        if protocol == 44 {
            fragment |= u16::from_be_bytes([head[2], head[3]]) & 0xfff9 != 0;
        }
        at += if protocol == 44 { 8 } else { 8 + usize::from(head[1]) * 8 };
        protocol = head[0];
    }
    Some(Open { header: None, addresses, protocol, fragment, whole, body: ip.get(at..)? })
}

impl Open<'_> {
    /// Whether the transport's checksum is right, where all that it covers is there.
    fn transport(&self) -> Option<bool> {
        if self.fragment || !self.whole {
            return None;
        }
        let body = self.body;
        match self.protocol {
            6 if body.len() >= 20 => Some(self.covers(body)),
            17 if body.len() >= 8 => {
                // Over IPv6, too: those of tunnels have none (RFC 6935).
                let none = body[6..8] == [0; 2];
                let length = usize::from(u16::from_be_bytes([body[4], body[5]]));
                if none || length != body.len() { None } else { Some(self.covers(body)) }
            }
            1 if body.len() >= 8 => Some(add(0, body) == 0xffff),
            58 if body.len() >= 8 => Some(self.covers(body)),
            132 if body.len() >= 12 => {
                let mut clear = body.to_vec();
                clear[8..12].fill(0);
                Some(crc32c(&clear).to_le_bytes() == body[8..12])
            }
            _ => None,
        }
    }

    /// The body and its pseudo-header add up.
    fn covers(&self, body: &[u8]) -> bool {
        let pseudo = add(0, self.addresses) + u32::from(self.protocol) + body.len() as u32;
        add(pseudo, body) == 0xffff
    }
}

/// The one's complement sum of big-endian words, folded.
fn add(start: u32, bytes: &[u8]) -> u32 {
    let mut sum = u64::from(start);
    for pair in bytes.chunks(2) {
        sum += u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Body, Frame};

    #[test]
    fn right_and_wrong_checksums_are_told_apart() {
        let ends = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let mut frame =
            Frame::new(([2; 6], [4; 6]), ends.0, ends.1, Body::Udp(1, 2, vec![3; 5])).bytes();
        let right = Sums { header: Some(true), transport: Some(true), ..Sums::default() };
        assert_eq!(sums(&frame), right);
        frame[14 + 20 + 9] ^= 1;
        assert_eq!(sums(&frame), Sums { transport: Some(false), ..right });
        frame[14 + 8] ^= 1;
        assert_eq!(sums(&frame).header, Some(false));
    }
}

//! What other resolvers answer.

use super::{
    HEADER, Query,
    bytes::{Record, record, sound, u16_at, u32_at},
    code, flag, kind,
    reply::{self, set},
};

/// What is to know about an answer that is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its response code, the four bits in the header.
    pub code: u8,
    /// It is not the whole answer.
    pub truncated: bool,
    /// Seconds that it may be kept; 0: not at all.
    pub lifetime: u32,
    /// How long it is; what came behind that is nothing.
    pub length: usize,
    /// Where its times to live stand.
    pub ttls: Vec<u16>,
    /// It does not repeat the question: a server that failed.
    pub bare: bool,
}

/// Whether a packet answers the question that was sent with this id: anything else that comes is
/// to be ignored, and waiting goes on (TuDoor, CVE-2023-29483). A server that failed may leave the question
/// out.
#[must_use]
pub fn answers(packet: &[u8], id: u16, question: &[u8]) -> bool {
    let Some([own_id, flags, questions]) = words(packet) else { return false };
    let response = flags & (flag::RESPONSE | flag::OPCODE) == flag::RESPONSE;
    let same = packet
        .get(HEADER..HEADER + question.len())
        .is_some_and(|theirs| theirs.eq_ignore_ascii_case(question));
    let failed = questions == 0 && flags & flag::CODE != 0;
    packet.len() >= HEADER && response && own_id == id && (failed || (questions == 1 && same))
}

fn words(packet: &[u8]) -> Option<[u16; 3]> {
    Some([u16_at(packet, 0)?, u16_at(packet, 2)?, u16_at(packet, 4)?])
}

/// Looks through an answer to a question of that many bytes; none where it is malformed.
#[must_use]
pub fn examine(packet: &[u8], question: usize) -> Option<Facts> {
    let [_, flags, questions] = words(packet)?;
    let mut at = if questions == 0 { HEADER } else { HEADER + question };
    let mut facts = Facts {
        code: (flags & flag::CODE) as u8,
        truncated: flags & flag::TRUNCATED != 0,
        lifetime: 0,
        length: 0,
        ttls: Vec::new(),
        bare: questions == 0,
    };
    let mut keep = Lifetime::default();
    for section in [6, 8, 10] {
        for _ in 0..u16_at(packet, section)? {
            let record = record(packet, at, &facts.ttls)?;
            at = record.end;
            if record.kind != kind::OPT {
                facts.ttls.push(u16::try_from(record.ttl_at).ok()?);
            }
            if !sound(packet, &record, &facts.ttls) {
                return None;
            }
            keep.hear(packet, section, &record)?;
        }
    }
    facts.length = packet.get(..at)?.len();
    facts.lifetime = keep.decide(&facts);
    Some(facts)
}

/// How long an answer holds, as its records come by.
#[derive(Default)]
struct Lifetime {
    shortest: Option<u32>,
    /// From the SOA record of an answer that there is none (RFC 2308 5).
    denial: Option<u32>,
    /// There is an answer, and not only other names for the name.
    answered: bool,
}

impl Lifetime {
    fn hear(&mut self, packet: &[u8], section: usize, record: &Record) -> Option<()> {
        if record.kind == kind::OPT {
            return Some(());
        }
        let ttl = ttl(packet, record.ttl_at)?;
        self.shortest = Some(self.shortest.map_or(ttl, |shortest| shortest.min(ttl)));
        match section {
            6 => self.answered |= record.kind != kind::CNAME && record.kind != kind::DNAME,
            8 if record.kind == kind::SOA => {
                self.denial = Some(ttl.min(u32_at(packet, record.end - 4)?));
            }
            _ => {}
        }
        Some(())
    }

    fn decide(&self, facts: &Facts) -> u32 {
        let shortest = self.shortest.unwrap_or(0);
        match facts.code {
            _ if facts.truncated || facts.bare => 0,
            code::NOERROR if self.answered => shortest.min(LONGEST),
            code::NOERROR | code::NXDOMAIN => {
                self.denial.map_or(0, |denial| denial.min(shortest).min(LONGEST_DENIAL))
            }
            _ => 0,
        }
    }
}

/// A time to live, seconds; one with the highest bit set means 0 (RFC 2181 8).
fn ttl(packet: &[u8], at: usize) -> Option<u32> {
    u32_at(packet, at).map(|ttl| if ttl >> 31 == 0 { ttl } else { 0 })
}

/// Writes an answer that was examined for a client, into `out`: with its id and its own spelling, `age`
/// seconds off each time to live, and cut to nothing where it is longer than `room`.
pub fn pass(
    query: &Query<'_>,
    packet: &[u8],
    facts: &Facts,
    age: u32,
    room: usize,
    out: &mut Vec<u8>,
) {
    if facts.length > room {
        return reply::too_long(query, facts.code, out);
    }
    let asked = flag::WANTS_RECURSION | flag::UNCHECKED;
    let theirs = u16_at(packet, 2).unwrap_or(0) & !asked;
    out.clear();
    out.extend_from_slice(packet.get(..facts.length).unwrap_or_default());
    set(out, 0, u16::from_be_bytes(query.id()));
    set(out, 2, theirs | flag::HAS_RECURSION | query.flags() & asked);
    let question = query.question();
    if !facts.bare
        && let Some(place) = out.get_mut(HEADER..HEADER + question.len())
    {
        place.copy_from_slice(question);
    }
    for at in &facts.ttls {
        let at = usize::from(*at);
        let left = ttl(out, at).unwrap_or(0).saturating_sub(age);
        if let Some(place) = out.get_mut(at..at + 4) {
            place.copy_from_slice(&left.to_be_bytes());
        }
    }
}

/// An answer is kept for a day at most, seconds.
const LONGEST: u32 = 86_400;
/// That there is none, for five minutes: what was forgotten is often made then.
const LONGEST_DENIAL: u32 = 300;

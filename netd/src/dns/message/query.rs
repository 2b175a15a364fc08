//! What clients ask.

use super::{
    DATAGRAM, HEADER, PLAIN, STREAM,
    bytes::{after_plain_name, record, u16_at, u32_at},
    code, flag, kind,
};
use crate::dns::name;

/// A question that can be read.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    packet: &'a [u8],
    /// The name in lower case, and how much of the room it takes.
    name: [u8; name::LONGEST],
    length: usize,
    question_end: usize,
    /// What type of records is asked for.
    pub kind: u16,
    /// Of which class.
    pub class: u16,
    /// What the client can do beyond the oldest rules; none where it doesn't say.
    pub edns: Option<Edns<'a>>,
}

/// A client's OPT record (RFC 6891).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns<'a> {
    /// The largest datagram it takes, bytes.
    pub room: u16,
    /// Only 0 is known.
    pub version: u8,
    /// It wants signatures, too (RFC 3225).
    pub signatures: bool,
    /// Its options, as they came.
    pub options: &'a [u8],
}

/// Why a packet is no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It gets no answer: too short for a header, or an answer itself.
    Silence,
    /// It gets this response code.
    Code(u8),
}

impl<'a> Query<'a> {
    /// Reads a packet.
    ///
    /// # Errors
    /// Where it is no question, or not one for a resolver.
    pub fn parse(packet: &'a [u8]) -> Result<Self, Fault> {
        let flags = u16_at(packet, 2).filter(|_| packet.len() >= HEADER).ok_or(Fault::Silence)?;
        if flags & flag::RESPONSE != 0 {
            return Err(Fault::Silence);
        }
        if flags & flag::OPCODE != 0 {
            return Err(Fault::Code(code::NOTIMP));
        }
        Self::read(packet).ok_or(Fault::Code(code::FORMERR))
    }

    fn read(packet: &'a [u8]) -> Option<Self> {
        let [questions, answers, authorities, additional] =
            [4, 6, 8, 10].map(|at| u16_at(packet, at).unwrap_or(0));
        if (questions, answers, authorities) != (1, 0, 0) {
            return None;
        }
        let name_end = after_plain_name(packet, HEADER)?;
        let question_end = name_end + 4;
        let (kind, class) = (u16_at(packet, name_end)?, u16_at(packet, name_end + 2)?);
        let edns = edns(packet, question_end, additional)?;
        let asked = packet.get(HEADER..name_end - 1)?;
        let (mut name, length) = ([0; name::LONGEST], asked.len());
        name.get_mut(..length)?.copy_from_slice(asked);
        name.make_ascii_lowercase();
        Some(Self { packet, name, length, question_end, kind, class, edns })
    }

    /// The name asked for, in lower case; a label's length is no letter, so it stays.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.name.get(..self.length).unwrap_or_default()
    }

    /// Name, type and class as the client wrote them.
    #[must_use]
    pub fn question(&self) -> &'a [u8] {
        self.packet.get(HEADER..self.question_end).unwrap_or_default()
    }

    /// What the client will know the answer by, in network byte order.
    #[must_use]
    pub fn id(&self) -> [u8; 2] {
        self.packet.first_chunk().copied().unwrap_or_default()
    }

    /// The flags in the header.
    pub(crate) fn flags(&self) -> u16 {
        u16_at(self.packet, 2).unwrap_or(0)
    }

    /// How long a datagram may be that answers, bytes.
    #[must_use]
    pub fn room(&self, stream: bool) -> usize {
        let said = self.edns.map_or(PLAIN, |edns| usize::from(edns.room));
        if stream { STREAM } else { said.clamp(PLAIN, DATAGRAM) }
    }

    /// The question as it is sent on, into `out`, in place of what is there: with this id, as the
    /// client wrote it, and only with what is not between the client and netd-dns alone.
    pub fn forward(&self, id: u16, out: &mut Vec<u8>) {
        let passed = flag::WANTS_RECURSION | flag::AUTHENTIC | flag::UNCHECKED;
        let additional = u16::from(self.edns.is_some());
        out.clear();
        for word in [id, self.flags() & passed, 1, 0, 0, additional] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(self.question());
        if let Some(edns) = self.edns {
            let options = edns.end_to_end();
            let length = options.iter().map(|option| option.len() as u16).sum::<u16>();
            let signatures = u16::from(edns.signatures) << 15;
            out.push(0);
            for word in [kind::OPT, DATAGRAM as u16, 0, signatures, length] {
                out.extend_from_slice(&word.to_be_bytes());
            }
            out.extend(options.into_iter().flatten());
        }
    }

    /// What questions have in common that may share an answer.
    #[must_use]
    pub fn key(&self) -> Box<[u8]> {
        let mut key = Vec::with_capacity(64);
        self.forward(0, &mut key);
        if let Some(name) = key.get_mut(HEADER..HEADER + self.length) {
            name.make_ascii_lowercase();
        }
        key.into()
    }
}

impl<'a> Edns<'a> {
    /// The options, without those that hold from one server to the next only: cookies (RFC 7873),
    /// keep-alive (RFC 7828), padding (RFC 7830).
    fn end_to_end(&self) -> Vec<&'a [u8]> {
        options(self.options)
            .filter(|(code, _)| !(10..=12).contains(code))
            .map(|(_, o)| o)
            .collect()
    }
}

/// The options, as code and as the whole of it.
fn options(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (code, length) = (u16_at(rest, 0)?, u16_at(rest, 2)?);
        let (option, after) = rest.split_at_checked(4 + usize::from(length))?;
        rest = after;
        Some((code, option))
    })
}

/// The OPT record among the additional ones, if there is one; no result where they can't be read, or
/// there are two (RFC 6891 6.1.1).
#[expect(clippy::option_option, reason = "unreadable and not there are different things")]
fn edns(packet: &[u8], mut at: usize, count: u16) -> Option<Option<Edns<'_>>> {
    let mut found = None;
    for _ in 0..count {
        let record = record(packet, at, &[])?;
        at = record.end;
        if record.kind != kind::OPT {
            continue;
        }
        if !record.root || found.is_some() {
            return None;
        }
        let bits = u32_at(packet, record.ttl_at)?;
        let data = packet.get(record.data..record.end)?;
        if options(data).map(|(_, option)| option.len()).sum::<usize>() != data.len() {
            return None;
        }
        found = Some(Edns {
            room: record.class,
            version: (bits >> 16) as u8,
            signatures: bits & 0x8000 != 0,
            options: data,
        });
    }
    Some(found)
}

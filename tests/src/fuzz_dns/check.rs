//! What must hold for any bytes.

use super::Side;
use hickory_proto::op::Message;
use netd::dns::{
    message::{DATAGRAM, HEADER, PLAIN, Query, STREAM, foreign},
    protocol::{Client, ClientId, Endpoint, Names, Zone},
    respond::{Next, respond},
    zone::Tables,
};
use std::net::Ipv4Addr;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// The client hears that its question can't be read.
    Malformed,
    /// The client is answered by that response code.
    Answered(u8),
    /// Others are asked.
    Elsewhere,
    /// It gets no answer.
    Silence,
    /// An answer of others is passed on.
    Passed,
    /// An answer of others is kept, too.
    Kept,
    /// An answer of others is malformed.
    Refused,
}

/// Names, and room for answers.
pub(super) struct Checker {
    tables: Tables,
    out: Vec<u8>,
    turn: usize,
}

impl Default for Checker {
    fn default() -> Self {
        Self { tables: Tables::new(&names()), out: Vec::new(), turn: 0 }
    }
}

impl Checker {
    pub(super) fn check(&mut self, side: Side, packet: &[u8]) -> Result<Reached, String> {
        self.turn += 1;
        match side {
            Side::Client => self.question(packet),
            Side::Resolver => self.answer(packet),
        }
    }

    fn question(&mut self, packet: &[u8]) -> Result<Reached, String> {
        let (client, stream) = (CLIENTS[self.turn % CLIENTS.len()], self.turn.is_multiple_of(3));
        let query = Query::parse(packet).ok();
        let room = query.map_or(PLAIN, |query| query.room(stream));
        let most = if stream { STREAM } else { DATAGRAM };
        must(room <= most && room >= PLAIN, "the room for an answer")?;
        match respond(&self.tables, client, packet, stream, &mut self.out) {
            Next::Silence => return Ok(Reached::Silence),
            Next::Ask(_) => {
                let query = query.ok_or("others are asked what can't be read")?;
                query.forward(7, &mut self.out);
                let plain = query.edns.is_none_or(|edns| edns.options.is_empty());
                must(self.out.len() <= packet.len() + 1, "what is sent on is longer")?;
                must(query.key().len() == self.out.len(), "the key")?;
                if plain {
                    self.readable("a question that is sent on")?;
                }
                return Ok(Reached::Elsewhere);
            }
            Next::Answer => {}
        }
        must(self.out.len() <= room, "an answer is longer than its room")?;
        must(self.out.get(..2) == packet.get(..2), "an answer has another id")?;
        self.readable("an answer")?;
        Ok(match query {
            None => Reached::Malformed,
            Some(query) => {
                let own = self.out.get(HEADER..HEADER + query.question().len());
                must(own == Some(query.question()), "an answer to another question")?;
                Reached::Answered(self.out[3] & 15)
            }
        })
    }

    fn answer(&mut self, packet: &[u8]) -> Result<Reached, String> {
        // Whose answer it may be: the question that it repeats.
        let mut asked = packet.to_vec();
        for at in [2, 3].into_iter().chain(6..HEADER).filter(|at| *at < packet.len()) {
            asked[at] = 0;
        }
        let id = packet.first_chunk().map_or(0, |id| u16::from_be_bytes(*id));
        let Ok(query) = Query::parse(&asked) else {
            let _ = foreign::examine(packet, self.turn % 300);
            return Ok(Reached::Silence);
        };
        if !foreign::answers(packet, id, query.question()) {
            let _ = foreign::examine(packet, query.question().len());
            return Ok(Reached::Silence);
        }
        let Some(facts) = foreign::examine(packet, query.question().len()) else {
            return Ok(Reached::Refused);
        };
        must(facts.length <= packet.len(), "an answer longer than itself")?;
        must(facts.ttls.len() * 11 <= packet.len(), "more records than there is room for")?;
        for room in [PLAIN, DATAGRAM, STREAM] {
            foreign::pass(&query, packet, &facts, 5, room, &mut self.out);
            must(self.out.len() <= room.max(PLAIN), "what is passed on is longer than its room")?;
            let again = foreign::examine(&self.out, query.question().len());
            let again = again.ok_or("what is passed on can't be read")?;
            must(again.truncated || again.ttls == facts.ttls, "other records are passed on")?;
            must(again.lifetime <= facts.lifetime, "what is passed on lives longer")?;
        }
        Ok(if facts.lifetime > 0 { Reached::Kept } else { Reached::Passed })
    }

    /// Held against another implementation, for one message of some: it takes its time.
    fn readable(&self, what: &str) -> Result<(), String> {
        if !self.turn.is_multiple_of(8) {
            return Ok(());
        }
        Message::from_vec(&self.out).map(drop).map_err(|e| format!("{what} can't be read: {e}"))
    }
}

fn must(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}

const CLIENTS: [ClientId; 5] = [ClientId(1), ClientId(1), ClientId(2), ClientId(3), ClientId::HOST];

fn names() -> Names {
    let one = |name: &str, ipv4: Option<u32>, ipv6: Option<&str>| Endpoint {
        names: vec![name.into()],
        ipv4: ipv4.map(Ipv4Addr::from_bits),
        ipv6: ipv6.map(|ip| ip.parse().unwrap()),
    };
    let mut endpoints = vec![
        one("web", Some(0xac12_0001), Some("fd00::1")),
        one("v4", Some(1), None),
        one("v6", None, Some("fd00::2")),
    ];
    endpoints.extend((0..200).map(|at| one("crowd", Some(0x0a00_0000 + at), None)));
    let client = |networks: &[&str], outside| Client {
        networks: networks.iter().map(ToString::to_string).collect(),
        links: [("alias".into(), "web".into())].into(),
        hosts: [("host.docker.internal".into(), vec!["10.0.0.1".parse().unwrap()])].into(),
        outside,
        dotted_only: outside,
        ..Client::default()
    };
    Names {
        networks: [("n".into(), Zone { name: "net".into(), endpoints })].into(),
        clients: [
            (ClientId(1), client(&["n"], true)),
            (ClientId(2), client(&["n"], false)),
            (ClientId(3), client(&[], true)),
        ]
        .into(),
    }
}

//! What a packet from a client gets: an answer at once, or a question to others. Pure.

use super::{
    message::{
        Fault, IN, Query, code, kind,
        reply::{self, Reply},
    },
    protocol::ClientId,
    zone::{Addresses, Asker, Found, Tables},
};
use rand::seq::SliceRandom as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What is to be done now.
#[derive(Debug)]
pub enum Next<'a> {
    /// The answer is written.
    Answer,
    /// Nothing: the packet gets no answer.
    Silence,
    /// The resolvers of this client are to be asked.
    Ask(&'a Asker),
}

/// Answers a client's packet into `out`, in place of what is there. `stream`: it came over TCP.
pub fn respond<'a>(
    tables: &'a Tables,
    client: ClientId,
    packet: &[u8],
    stream: bool,
    out: &mut Vec<u8>,
) -> Next<'a> {
    match Query::parse(packet) {
        Ok(query) => decide(tables, client, &query, stream, out),
        Err(Fault::Silence) => Next::Silence,
        Err(Fault::Code(code)) => {
            reply::refuse(packet, code, out);
            Next::Answer
        }
    }
}

fn decide<'a>(
    tables: &'a Tables,
    client: ClientId,
    query: &Query<'_>,
    stream: bool,
    out: &mut Vec<u8>,
) -> Next<'a> {
    let mut answer = |reply: Reply<'_>| {
        reply::write(query, reply, query.room(stream), out);
        Next::Answer
    };
    let meta = (kind::TKEY..=kind::AXFR).contains(&query.kind) || query.kind == kind::OPT;
    if query.class != IN || meta {
        return answer(Reply::Code(code::REFUSED));
    }
    if query.edns.is_some_and(|edns| edns.version != 0) {
        return answer(Reply::Code(code::NOERROR));
    }
    match tables.find(client, query.name()) {
        Found::Addresses(addresses) => shuffled(addresses, query.kind, answer),
        Found::Localhost => match query.kind {
            kind::A => answer(Reply::Ipv4(&[Ipv4Addr::LOCALHOST])),
            kind::AAAA => answer(Reply::Ipv6(&[Ipv6Addr::LOCALHOST])),
            _ => answer(Reply::Code(code::NOERROR)),
        },
        Found::Pointer(name, rest) if query.kind == kind::PTR => {
            answer(Reply::Pointer(name, &rest))
        }
        Found::Pointer(..) | Found::Nothing => answer(Reply::Code(code::NOERROR)),
        Found::NoSuchName => answer(Reply::Code(code::NXDOMAIN)),
        Found::Refused => answer(Reply::Code(code::REFUSED)),
        Found::Elsewhere(asker) if asker.confined() => answer(Reply::Code(code::NXDOMAIN)),
        Found::Elsewhere(asker) if address(query.kind) && asker.keeps(query.name()) => {
            answer(Reply::Code(code::NOERROR))
        }
        Found::Elsewhere(asker) => Next::Ask(asker),
    }
}

fn address(kind: u16) -> bool {
    kind == kind::A || kind == kind::AAAA
}

/// The addresses of one family, in an order of their own in each answer.
fn shuffled<'a>(
    addresses: &Addresses,
    kind: u16,
    mut answer: impl FnMut(Reply<'_>) -> Next<'a>,
) -> Next<'a> {
    match kind {
        kind::A => in_any_order(&addresses.ipv4, |all| answer(Reply::Ipv4(all))),
        kind::AAAA => in_any_order(&addresses.ipv6, |all| answer(Reply::Ipv6(all))),
        _ => answer(Reply::Code(code::NOERROR)),
    }
}

fn in_any_order<T: Clone, R>(all: &[T], then: impl FnOnce(&[T]) -> R) -> R {
    if all.len() < 2 {
        return then(all);
    }
    let mut all = all.to_vec();
    all.shuffle(&mut rand::rng());
    then(&all)
}

#[cfg(test)]
mod tests;

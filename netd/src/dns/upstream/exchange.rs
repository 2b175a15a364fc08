//! One question to one server: over UDP, and over TCP where the answer did not fit.

use super::{Kept, Sockets};
use crate::dns::message::{HEADER, flag, foreign};
use std::{io, net::SocketAddr};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Asks; waits for ever for a right answer, past all that is none. `question` is how many bytes of
/// the packet, from the end of its header, name what is asked.
pub(super) async fn ask(
    sockets: &Sockets,
    server: SocketAddr,
    packet: &[u8],
    question: usize,
) -> io::Result<Kept> {
    let (packet, id) = with_id(packet);
    let asked = packet.get(HEADER..HEADER + question).unwrap_or_default();
    let answer = by_datagram(sockets, server, &packet, id, asked).await?;
    if !is_truncated(&answer) {
        return keep(&answer, asked);
    }
    // What is in it is of no use, and its last record may be cut (RFC 2181 9).
    // Once: what is truncated over TCP as well is passed on as it is.
    let (packet, id) = with_id(&packet);
    match by_stream(sockets, server, &packet, id, asked).await {
        Ok(whole) => Ok(whole),
        Err(error) => {
            tracing::debug!("{server} truncates, and over TCP: {error}");
            keep(&answer, asked)
        }
    }
}

async fn by_datagram(
    sockets: &Sockets,
    server: SocketAddr,
    packet: &[u8],
    id: u16,
    asked: &[u8],
) -> io::Result<Vec<u8>> {
    let (socket, _loan) = sockets.datagram(server).await?;
    socket.send(packet).await?;
    let mut room = [0; LARGEST];
    loop {
        let (length, from) = socket.recv_from(&mut room).await?;
        let answer = room.get(..length).unwrap_or_default();
        // What came before the socket had its peer may be from anybody.
        if same(from, server) && foreign::answers(answer, id, asked) {
            return Ok(answer.to_vec());
        }
    }
}

async fn by_stream(
    sockets: &Sockets,
    server: SocketAddr,
    packet: &[u8],
    id: u16,
    asked: &[u8],
) -> io::Result<Kept> {
    let (mut stream, _loan) = sockets.stream(server).await?;
    let length = u16::try_from(packet.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), packet].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = Vec::new();
    stream.take(length.into()).read_to_end(&mut answer).await?;
    if answer.len() != usize::from(length) || !foreign::answers(&answer, id, asked) {
        return Err(io::Error::other("a wrong answer over TCP"));
    }
    keep(&answer, asked)
}

fn keep(answer: &[u8], asked: &[u8]) -> io::Result<Kept> {
    let facts = foreign::examine(answer, asked.len())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a malformed answer"))?;
    let packet = answer.get(..facts.length).unwrap_or_default().into();
    Ok(Kept { packet, facts })
}

/// Whether an answer says that it is not whole.
fn is_truncated(answer: &[u8]) -> bool {
    let [flags, _] = flag::TRUNCATED.to_be_bytes();
    answer.get(2).is_some_and(|byte| byte & flags != 0)
}

/// The packet with an identity that nobody can guess.
fn with_id(packet: &[u8]) -> (Vec<u8>, u16) {
    let (mut packet, id) = (packet.to_vec(), rand::random::<u16>());
    if let Some(place) = packet.first_chunk_mut() {
        *place = id.to_be_bytes();
    }
    (packet, id)
}

/// Sockets of IPv6 tell IPv4 peers as mapped.
fn same(from: SocketAddr, server: SocketAddr) -> bool {
    (from.ip().to_canonical(), from.port()) == (server.ip().to_canonical(), server.port())
}

/// A datagram's bytes that are read; netd-dns says that it takes fewer.
const LARGEST: usize = 4096;

#[cfg(test)]
mod tests;

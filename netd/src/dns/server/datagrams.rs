//! Questions over UDP.

use super::{Question, Server, Turn, clients::Client};
use crate::dns::{limits::BURST, message::DATAGRAM};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{task::yield_now, time::sleep};

/// Answers a client for as long as it is served.
pub(super) async fn answer(server: Arc<Server>, client: Arc<Client>) {
    let (mut packet, mut out) = (vec![0; LARGEST], Vec::with_capacity(DATAGRAM));
    loop {
        if client.datagrams.readable().await.is_err() {
            return;
        }
        if let Err(error) = burst(&server, &client, &mut packet, &mut out) {
            tracing::warn!("the UDP socket of {:?}: {error}", client.id);
            sleep(PAUSE).await;
        }
        yield_now().await;
    }
}

/// Answers what waits on the socket, some packets at most: others want their turn.
fn burst(
    server: &Arc<Server>,
    client: &Arc<Client>,
    packet: &mut [u8],
    out: &mut Vec<u8>,
) -> io::Result<()> {
    for _ in 0..BURST {
        let (length, from) = match client.datagrams.try_recv_from(packet) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            // What an earlier answer met with; it says nothing about this socket.
            Err(error) if passing(&error) => continue,
            Err(error) => return Err(error),
        };
        let asked = packet.get(..length).unwrap_or_default();
        match server.turn(client, asked, false, out) {
            Turn::Answer => send(client, out, from),
            Turn::Silence => {}
            Turn::Ask(question) => {
                let asking =
                    ask(Arc::clone(server), Arc::clone(client), question, asked.into(), from);
                tokio::spawn(client.while_served(asking));
            }
        }
    }
    Ok(())
}

async fn ask(
    server: Arc<Server>,
    client: Arc<Client>,
    question: Question,
    packet: Box<[u8]>,
    from: SocketAddr,
) {
    let mut out = Vec::with_capacity(DATAGRAM);
    server.ask(question, &packet, false, &mut out).await;
    send(&client, &out, from);
}

/// Who has no room for an answer asks again.
fn send(client: &Client, out: &[u8], to: SocketAddr) {
    if let Err(error) = client.datagrams.try_send_to(out, to) {
        tracing::debug!("an answer to {:?} at {to}: {error}", client.id);
    }
}

fn passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | Interrupted | NetworkUnreachable)
}

/// A longer question is cut, and so none.
const LARGEST: usize = 4096;
/// Between tries of a socket that fails.
const PAUSE: Duration = Duration::from_millis(100);

//! Questions over TCP (RFC 7766): several at a time on a connection, answered as the answers come; a
//! client that is slow holds up nobody but itself, and not for long.

use super::{Question, Server, Turn, clients::Client};
use crate::dns::limits::{PIPELINE, Place, STREAM_TIME};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{sleep, timeout},
};

/// An answer that waits to be taken; none ends the connection.
type Waiting = Option<Answer>;

/// An answer behind its length, and its places among the answers of its connection and of all.
struct Answer {
    message: Vec<u8>,
    _turn: OwnedSemaphorePermit,
    _place: Place,
}

impl Answer {
    /// None where too many wait already.
    fn new(client: &Client, mut message: Vec<u8>, turn: OwnedSemaphorePermit) -> Option<Self> {
        let place = client.untaken.place(message.len())?;
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        message.splice(..0, length.to_be_bytes());
        Some(Self { message, _turn: turn, _place: place })
    }
}

/// Answers a client for as long as it is served.
pub(super) async fn answer(server: Arc<Server>, client: Arc<Client>) {
    loop {
        match client.streams.accept().await {
            Ok((stream, _)) => {
                // One too many is closed: those before it have their few seconds.
                let Ok(place) = Arc::clone(&client.connections).try_acquire_owned() else {
                    continue;
                };
                let talk = talk(Arc::clone(&server), Arc::clone(&client), stream);
                tokio::spawn(client.while_served(async move {
                    talk.await;
                    drop(place);
                }));
            }
            Err(error) => {
                tracing::warn!("the TCP socket of {:?}: {error}", client.id);
                sleep(PAUSE).await;
            }
        }
    }
}

/// One connection, until either side has had enough.
async fn talk(server: Arc<Server>, client: Arc<Client>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    let (answers, waiting) = mpsc::channel(PIPELINE);
    tokio::join!(listen(&server, &client, reader, answers), speak(writer, waiting));
}

/// Reads questions; each has its time, from its first byte to its last and while none comes.
async fn listen(
    server: &Arc<Server>,
    client: &Arc<Client>,
    mut reader: OwnedReadHalf,
    answers: mpsc::Sender<Waiting>,
) {
    let room = Arc::new(Semaphore::new(PIPELINE));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let read = tokio::select! {
            read = timeout(STREAM_TIME, read(&mut reader)) => read,
            () = answers.closed() => return,
        };
        let Ok(Ok(packet)) = read else { return };
        let mut out = Vec::new();
        match server.turn(client, &packet, true, &mut out) {
            Turn::Answer => {
                if answers.send(Answer::new(client, out, place)).await.is_err() {
                    return;
                }
            }
            Turn::Silence => return,
            Turn::Ask(question) => {
                let asking = Asking { question, packet, answers: answers.clone(), turn: place };
                let asking = asking.go(Arc::clone(server), Arc::clone(client));
                tokio::spawn(client.while_served(asking));
            }
        }
    }
}

/// A question that others are to answer.
struct Asking {
    question: Question,
    packet: Vec<u8>,
    answers: mpsc::Sender<Waiting>,
    turn: OwnedSemaphorePermit,
}

impl Asking {
    async fn go(self, server: Arc<Server>, client: Arc<Client>) {
        let mut out = Vec::new();
        server.ask(self.question, &self.packet, true, &mut out).await;
        let _ = self.answers.send(Answer::new(&client, out, self.turn)).await;
    }
}

/// Writes answers as they come; a client that takes none for a while gets no more, and one that has
/// too many waiting neither.
async fn speak(mut writer: OwnedWriteHalf, mut waiting: mpsc::Receiver<Waiting>) {
    while let Some(Some(answer)) = waiting.recv().await {
        let written = timeout(STREAM_TIME, writer.write_all(&answer.message)).await;
        let Ok(Ok(())) = written else { return };
    }
}

/// The next question, behind two bytes with its length (RFC 1035 4.2.2). Its room grows as it comes.
async fn read(reader: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = reader.read_u16().await?;
    let mut packet = Vec::new();
    reader.take(length.into()).read_to_end(&mut packet).await?;
    if packet.len() == usize::from(length) {
        Ok(packet)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// After a failure to accept, as where descriptors run out.
const PAUSE: Duration = Duration::from_millis(100);

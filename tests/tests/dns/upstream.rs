//! A resolver that answers as a test wants it to.

use super::site::in_network;
use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{Name, RData, Record, rdata},
};
use netd_tests::ns::TestNs;
use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// What it says to a question: any number of packets.
pub(super) type Manner = dyn Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync;

/// The questions that came over UDP, and from where.
type Heard = Arc<Mutex<Vec<(Vec<u8>, SocketAddr)>>>;

/// It listens on port 53 of an address until it is dropped.
pub(super) struct Upstream {
    heard: Heard,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Upstream {
    /// The same manner over UDP and TCP.
    pub(super) fn new(
        ns: &TestNs,
        address: &str,
        manner: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let manner: Arc<Manner> = Arc::new(manner);
        Self::with(ns, address, &manner, &manner)
    }

    /// Of two manners: over UDP and over TCP.
    pub(super) fn with(ns: &TestNs, address: &str, udp: &Arc<Manner>, tcp: &Arc<Manner>) -> Self {
        let socket = in_network(ns, &format!("{address}:53"));
        let listener = ns.namespace().run(|| TcpListener::bind(format!("{address}:53")));
        let listener = listener.unwrap().unwrap();
        listener.set_nonblocking(true).unwrap();
        socket.set_read_timeout(Some(PACE)).unwrap();
        let (heard, over) = (Heard::default(), Arc::new(AtomicBool::new(false)));
        let (hears, ends, udp) = (Arc::clone(&heard), Arc::clone(&over), Arc::clone(udp));
        let datagrams = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                answer(&socket, &hears, &*udp);
            }
        });
        let (ends, tcp) = (Arc::clone(&over), Arc::clone(tcp));
        let streams = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => drop(talk(stream, &*tcp)),
                    Err(_) => thread::sleep(PACE),
                }
            }
        });
        Self { heard, over, threads: vec![datagrams, streams] }
    }

    /// The questions so far.
    pub(super) fn heard(&self) -> Vec<Message> {
        self.packets().iter().map(|(packet, _)| Message::from_vec(packet).unwrap()).collect()
    }

    pub(super) fn packets(&self) -> Vec<(Vec<u8>, SocketAddr)> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

fn answer(socket: &UdpSocket, heard: &Heard, manner: &Manner) {
    let mut room = [0; 4096];
    let Ok((length, from)) = socket.recv_from(&mut room) else { return };
    heard.lock().unwrap().push((room[..length].to_vec(), from));
    for packet in manner(&room[..length]) {
        let _ = socket.send_to(&packet, from);
    }
}

fn talk(mut stream: std::net::TcpStream, manner: &Manner) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut packet = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut packet)?;
    for packet in manner(&packet) {
        stream.write_all(&(packet.len() as u16).to_be_bytes())?;
        stream.write_all(&packet)?;
    }
    Ok(())
}

/// An answer to a question, still to be filled.
pub(super) fn to(question: &[u8]) -> Message {
    Message::from_vec(question).unwrap().into_response()
}

/// With these addresses, for a minute.
pub(super) fn with(question: &[u8], addresses: &[Ipv4Addr]) -> Vec<u8> {
    let mut message = to(question);
    let name = message.queries[0].name.clone();
    for address in addresses {
        let data = RData::A(rdata::A(*address));
        message.add_answer(Record::from_rdata(name.clone(), 60, data));
    }
    message.to_vec().unwrap()
}

/// With one address.
pub(super) fn is(question: &[u8], last: u8) -> Vec<Vec<u8>> {
    vec![with(question, &[Ipv4Addr::new(9, 9, 9, last)])]
}

/// With a response code and nothing else.
pub(super) fn code(question: &[u8], code: ResponseCode) -> Vec<u8> {
    let mut message = to(question);
    message.metadata.response_code = code;
    message.to_vec().unwrap()
}

/// That there is no such name, for a minute.
pub(super) fn denial(question: &[u8]) -> Vec<u8> {
    let mut message = to(question);
    message.metadata.response_code = ResponseCode::NXDomain;
    let (zone, server) = (Name::from_ascii("com.").unwrap(), Name::from_ascii("ns.com.").unwrap());
    let soa = rdata::SOA::new(server.clone(), server, 1, 2, 3, 4, 60);
    message.add_authority(Record::from_rdata(zone, 60, RData::SOA(soa)));
    message.to_vec().unwrap()
}

const PACE: Duration = Duration::from_millis(20);

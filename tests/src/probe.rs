//! Sequence-numbered probes over many flows: what is lost, doubled or reset shows. Beside them runs
//! a stream of packets that nobody may ever receive.

use crate::host::wait;
use anyhow::{Context, Result, bail, ensure};
use netd::kernel::netns::Namespace;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::{
    collections::BTreeSet,
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What probes go over.
#[derive(Default)]
pub struct Flows {
    flows: Vec<Flow>,
    forbidden: Vec<UdpSocket>,
    traps: Vec<UdpSocket>,
}

/// Probes under way.
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Report>>,
}

/// What became of them.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Probes sent, each of which was answered once.
    pub probes: usize,
    /// Packets sent that nobody may receive, and nobody did.
    pub forbidden: usize,
}

struct Flow {
    socket: Kind,
    name: String,
    sent: u64,
    /// Probes that are not answered yet; for TCP the answers come in order.
    open: BTreeSet<u64>,
    /// Bytes of an answer that has come in part.
    partial: Vec<u8>,
}

enum Kind {
    Tcp(TcpStream),
    Udp(UdpSocket),
    Ping(Socket),
}

impl Flows {
    /// Opens `count` TCP connections and as many UDP flows to an echo server.
    ///
    /// # Errors
    /// One that can't be opened.
    pub fn dial(&mut self, from: &Namespace, to: SocketAddr, count: usize) -> Result<()> {
        for _ in 0..count {
            let tcp = from.run(|| TcpStream::connect_timeout(&to, PATIENCE))?;
            let tcp = tcp.with_context(|| format!("cannot connect to {to}"))?;
            tcp.set_nonblocking(true)?;
            tcp.set_nodelay(true)?;
            self.add(Kind::Tcp(tcp), format!("tcp {to}"));
            let udp = datagrams(from, to)?;
            self.add(Kind::Udp(udp), format!("udp {to}"));
        }
        Ok(())
    }

    /// Pings somebody.
    ///
    /// # Errors
    /// A namespace where pings need root's raw sockets.
    pub fn ping(&mut self, from: &Namespace, to: IpAddr) -> Result<()> {
        let (domain, protocol) = match to {
            IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
            IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
        };
        let socket = from.run(|| Socket::new(domain, Type::DGRAM, Some(protocol)))??;
        socket.connect(&SockAddr::from(SocketAddr::new(to, 0)))?;
        socket.set_nonblocking(true)?;
        self.add(Kind::Ping(socket), format!("ping {to}"));
        Ok(())
    }

    /// Sends datagrams that must not arrive; those of [`Flows::trap`] see whether they do.
    ///
    /// # Errors
    /// No way there at all.
    pub fn forbid(&mut self, from: &Namespace, to: SocketAddr) -> Result<()> {
        self.forbidden.push(datagrams(from, to)?);
        Ok(())
    }

    /// Waits for forbidden datagrams at a port in a namespace.
    ///
    /// # Errors
    /// The port is taken.
    pub fn trap(&mut self, at: &Namespace, port: u16) -> Result<()> {
        let socket = at.run(|| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)))??;
        socket.set_nonblocking(true)?;
        self.traps.push(socket);
        Ok(())
    }

    /// Sends a probe a millisecond, one flow after the other, and as many forbidden datagrams.
    #[must_use]
    pub fn start(mut self) -> Probe {
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = thread::spawn(move || {
            let (start, mut turn, mut forbidden) = (Instant::now(), 0, 0);
            while !told.load(Ordering::Relaxed) {
                // As many as are due, however late this thread is woken.
                while turn < start.elapsed().as_millis() {
                    forbidden += self.turn(turn)?;
                    turn += 1;
                }
                thread::park_timeout(Duration::from_millis(1));
            }
            self.report(forbidden)
        });
        Probe { stop, thread }
    }

    /// Sends one probe and one forbidden datagram; gives how many of the latter.
    fn turn(&mut self, turn: u128) -> Result<usize> {
        let turn = usize::try_from(turn)?;
        if !self.flows.is_empty() {
            let next = turn % self.flows.len();
            self.flows[next].probe()?;
        }
        if self.forbidden.is_empty() {
            return Ok(0);
        }
        // A refusal is what it deserves.
        let sent = self.forbidden[turn % self.forbidden.len()].send(b"forbidden");
        Ok(usize::from(sent.is_ok()))
    }

    fn report(mut self, forbidden: usize) -> Result<Report> {
        let end = Instant::now() + PATIENCE;
        while self.flows.iter().any(|flow| !flow.open.is_empty()) && Instant::now() < end {
            self.flows.iter_mut().try_for_each(Flow::hear)?;
            thread::park_timeout(Duration::from_millis(1));
        }
        if let Some(flow) = self.flows.iter().find(|flow| !flow.open.is_empty()) {
            bail!("{}: of {} probes, {:?} have no answer", flow.name, flow.sent, flow.open);
        }
        let mut buffer = [0; 64];
        for trap in &self.traps {
            if let Ok((_, from)) = trap.recv_from(&mut buffer) {
                bail!("a forbidden packet from {from} arrived at {}", trap.local_addr()?);
            }
        }
        let probes = self.flows.iter().map(|flow| flow.sent).sum::<u64>();
        Ok(Report { probes: usize::try_from(probes)?, forbidden })
    }

    fn add(&mut self, socket: Kind, name: String) {
        let new = Flow { socket, name, sent: 0, open: BTreeSet::new(), partial: Vec::new() };
        self.flows.push(new);
    }
}

impl Probe {
    /// As [`Probe::finish`], after so many milliseconds at least.
    ///
    /// # Errors
    /// As there.
    pub fn finish_after(self, milliseconds: u64) -> Result<Report> {
        wait(Duration::from_millis(milliseconds), || self.thread.is_finished());
        self.finish()
    }

    /// Ends: every probe was answered once, no connection broke, nothing forbidden arrived.
    ///
    /// # Errors
    /// What was lost, doubled, reset or received.
    pub fn finish(self) -> Result<Report> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the probe panicked"))?
    }
}

impl Flow {
    fn probe(&mut self) -> Result<()> {
        self.hear()?;
        let number = self.sent.to_be_bytes();
        let sent = match &mut self.socket {
            Kind::Tcp(socket) => socket.write(&number),
            Kind::Udp(socket) => socket.send(&number),
            Kind::Ping(socket) => {
                let kind = if socket.domain()? == Domain::IPV4 { ECHO } else { ECHO6 };
                socket.send(&[&[kind, 0, 0, 0, 0, 0, 0, 0], &number[..]].concat())
            }
        };
        sent.with_context(|| format!("{}: probe {}", self.name, self.sent))?;
        self.open.insert(self.sent);
        self.sent += 1;
        Ok(())
    }

    /// Takes every answer that is there.
    fn hear(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let got = match &mut self.socket {
                Kind::Tcp(socket) => socket.read(&mut buffer),
                Kind::Udp(socket) => socket.recv(&mut buffer),
                Kind::Ping(socket) => socket.read(&mut buffer),
            };
            let length = match got {
                Ok(0) => bail!("{} was closed", self.name),
                Ok(length) => length,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) => return Err(e).with_context(|| format!("{} broke", self.name)),
            };
            let skip = if matches!(self.socket, Kind::Ping(_)) { ICMP_HEADER } else { 0 };
            self.partial.extend(&buffer[skip..length]);
            while let Some((number, rest)) = self.partial.split_first_chunk::<8>() {
                let number = u64::from_be_bytes(*number);
                self.partial = rest.to_vec();
                ensure!(self.open.remove(&number), "{}: a second answer to {number}", self.name);
            }
        }
    }
}

/// A connected UDP socket.
fn datagrams(from: &Namespace, to: SocketAddr) -> Result<UdpSocket> {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = from.run(|| UdpSocket::bind(any))??;
    socket.connect(to).with_context(|| format!("no way to {to}"))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Echoes TCP and UDP on a port of a namespace, for as long as the test process lives.
///
/// # Errors
/// The port is taken.
pub fn echo(at: &Namespace, port: u16) -> Result<()> {
    let any = (Ipv6Addr::UNSPECIFIED, port);
    let (tcp, udp) = at.run(|| (TcpListener::bind(any), UdpSocket::bind(any)))?;
    let (tcp, udp) = (tcp?, udp?);
    tcp.set_nonblocking(true)?;
    udp.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || {
        runtime.block_on(async {
            // Either ends only with the test.
            let _ = tokio::join!(echo_streams(tcp), echo_datagrams(udp));
        });
    });
    Ok(())
}

async fn echo_streams(listener: TcpListener) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        });
    }
}

async fn echo_datagrams(socket: UdpSocket) -> Result<()> {
    let socket = tokio::net::UdpSocket::from_std(socket)?;
    let mut buffer = [0; 2048];
    loop {
        // An ICMP error about an earlier answer is no end.
        if let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let _ = socket.send_to(&buffer[..length], from).await;
        }
    }
}

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// ICMP's and ICMPv6's echo request.
const ECHO: u8 = 8;
const ECHO6: u8 = 128;
const ICMP_HEADER: usize = 8;

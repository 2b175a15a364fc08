//! The load: questions for one name by some sockets, a window of them on each, sent as one train (UDP GSO)
//! so that asking costs little next to answering; every answer is looked at.

use super::{
    TOOL,
    servers::{RESOLVER, SOURCE, Server},
};
use crate::{
    bench::{
        stats::quantile,
        tracks::{FIRST, pinned, this_program},
    },
    run,
};
use anyhow::{Context, Result, bail, ensure};
use nix::{
    poll::{PollFd, PollFlags, poll},
    sys::socket::{ControlMessage, MsgFlags, sendmsg},
};
use std::{
    io::{ErrorKind, IoSlice},
    net::UdpSocket,
    os::fd::{AsFd, AsRawFd},
    time::{Duration, Instant},
};

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) per_second: f64,
    /// From a question to its answer, microseconds.
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// Questions without an answer.
    pub(super) lost: u64,
}

/// Asks a server for that many seconds.
pub(super) fn sample(server: &Server, sockets: &str, window: &str, seconds: f64) -> Result<Sample> {
    let mut client = pinned(&server.namespace, FIRST, &this_program()?);
    let words = [TOOL, "ask", sockets, window, &seconds.to_string()];
    let report = run::read(client.args(words))?;
    let report: serde_json::Value = serde_json::from_str(&report).context("the load's report")?;
    let number = |key: &str| report[key].as_f64().with_context(|| format!("no {key}: {report}"));
    Ok(Sample {
        per_second: number("per_second")?,
        p50: number("p50")?,
        p99: number("p99")?,
        lost: report["lost"].as_u64().context("no losses")?,
    })
}

/// The load itself: prints one JSON object.
pub(super) fn ask(sockets: &str, window: &str, seconds: &str) -> Result<()> {
    let sockets: usize = sockets.parse().context("sockets")?;
    let window: u16 = window.parse().context("window")?;
    let time = Duration::from_secs_f64(seconds.parse().context("seconds")?);
    let mut clients = (0..sockets).map(|_| Client::new(window)).collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    clients.iter_mut().try_for_each(Client::send)?;
    while start.elapsed() < time {
        let mut ready: Vec<_> = clients
            .iter()
            .map(|client| PollFd::new(client.socket.as_fd(), PollFlags::POLLIN))
            .collect();
        poll(&mut ready, PATIENCE)?;
        let ready: Vec<_> = ready.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        for (client, ready) in clients.iter_mut().zip(ready) {
            client.go_on(ready)?;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let mut times: Vec<f64> = Vec::new();
    clients.iter().for_each(|client| times.extend(&client.times));
    ensure!(!times.is_empty(), "no answer came");
    let report = serde_json::json!({
        "per_second": times.len() as f64 / seconds,
        "p50": quantile(&times, 0.5),
        "p99": quantile(&times, 0.99),
        "lost": clients.iter().map(|client| client.lost).sum::<u64>(),
    });
    println!("{report}");
    Ok(())
}

/// One that asks.
struct Client {
    socket: UdpSocket,
    /// Its questions, one behind the other; their ids count up from 0.
    train: Vec<u8>,
    length: u16,
    window: u16,
    sent: Instant,
    missing: u16,
    times: Vec<f64>,
    lost: u64,
}

impl Client {
    fn new(window: u16) -> Result<Self> {
        let socket = UdpSocket::bind((SOURCE, 0)).context("cannot bind")?;
        socket.connect(RESOLVER)?;
        socket.set_nonblocking(true)?;
        let mut train = Vec::new();
        for id in 0..window {
            train.extend(id.to_be_bytes());
            train.extend(b"\x01\0\0\x01\0\0\0\0\0\0\x03web\0\0\x01\0\x01");
        }
        let length = (train.len() / usize::from(window).max(1)) as u16;
        let (sent, times) = (Instant::now(), Vec::new());
        Ok(Self { socket, train, length, window, sent, missing: 0, times, lost: 0 })
    }

    fn send(&mut self) -> Result<()> {
        self.sent = Instant::now();
        self.missing = self.window;
        let parts = [IoSlice::new(&self.train)];
        let split = [ControlMessage::UdpGsoSegments(&self.length)];
        sendmsg::<()>(self.socket.as_raw_fd(), &parts, &split, MsgFlags::empty(), None)?;
        Ok(())
    }

    /// Takes what has come, and asks again when that was all, or nothing more comes.
    fn go_on(&mut self, ready: bool) -> Result<()> {
        if ready {
            self.hear()?;
        }
        if self.missing > 0 && self.sent.elapsed() > LOST {
            self.lost += u64::from(self.missing);
            self.missing = 0;
        }
        if self.missing == 0 { self.send() } else { Ok(()) }
    }

    fn hear(&mut self) -> Result<()> {
        let mut answer = [0; 512];
        loop {
            match self.socket.recv(&mut answer) {
                Ok(length) => {
                    let right = length > usize::from(self.length) && answer[3] & 15 == 0;
                    ensure!(right && answer[7] == 1, "a wrong answer: {:?}", &answer[..length]);
                    self.missing = self.missing.saturating_sub(1);
                    self.times.push(self.sent.elapsed().as_secs_f64() * 1e6);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => bail!("cannot hear: {error}"),
            }
        }
    }
}

/// Milliseconds that nothing may come before the clients look around.
const PATIENCE: u8 = 50;
/// An answer that has not come by then never will.
const LOST: Duration = Duration::from_millis(200);

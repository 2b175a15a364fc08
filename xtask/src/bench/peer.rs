//! Who takes part: a way with the servers of every workload at its end.

use super::{
    LOAD,
    tracks::{FIRST, this_program},
    way::{Way, start},
};
use crate::{run, world::until};
use anyhow::{Context, Result};
use std::path::PathBuf;

/// A way of one who takes part.
#[derive(Clone)]
pub(crate) struct Peer {
    /// What `--peers` and the JSON call whoever it is.
    pub(crate) word: &'static str,
    pub(crate) way: Way,
    /// The socket of the agent whose programs are on the way, where there is one.
    pub(crate) agent: Option<PathBuf>,
}

/// A word for the command line and the JSON, and a name for the tables.
pub(crate) type Who = (&'static str, &'static str);

impl Peer {
    /// From the namespace `client`, a file, to `address`, with a port, in the namespace `server`.
    pub(crate) fn new(who: Who, client: String, server: String, address: String) -> Self {
        let (word, name) = who;
        let way = Way { name: name.into(), client, server, address, processor: FIRST };
        Self { word, way, agent: None }
    }

    /// Starts the servers, and waits until they answer the client.
    pub(crate) fn open(self, port: u16) -> Result<Self> {
        serve(&self.way, port)?;
        Ok(self)
    }

    /// The same with netd's programs on the way.
    pub(crate) fn of_agent(self, socket: PathBuf) -> Self {
        Self { agent: Some(socket), ..self }
    }

    #[cfg(test)]
    pub(crate) fn unreachable(word: &'static str) -> Self {
        Self::new((word, word), String::new(), String::new(), "192.0.2.1:1".into())
    }
}

/// Starts the servers of every workload in the way's server's namespace, the load's at `port`, and waits
/// until the way's client is answered.
pub(crate) fn serve(way: &Way, port: u16) -> Result<()> {
    start(way.server("iperf3").arg("--server"))?;
    let this = this_program()?;
    start(way.server(&this).args([LOAD, "serve", &format!("0.0.0.0:{port}")]))?;
    start(way.server(&this).args([LOAD, "http", &format!("0.0.0.0:{HTTP_PORT}")]))?;
    for port in [IPERF_PORT, HTTP_PORT].map(|port| port.to_string()) {
        until(&format!("port {port} of {} answers", way.name), || {
            Ok(run::read(way.server("nc").args(["-z", "-w", "1", "127.0.0.1", &port])).is_ok())
        })?;
    }
    until(&format!("{} answers", way.name), || Ok(way.ask("requests", 0.01).is_ok()))
        .or_else(|e| way.ask("requests", 0.01).map(drop).context(e))
}

/// iperf3's own.
pub(crate) const IPERF_PORT: u16 = 5201;
/// Where short HTTP requests are answered.
pub(crate) const HTTP_PORT: u16 = 8081;

/// The peers of a test.
#[cfg(test)]
pub(crate) fn some(words: &[&'static str]) -> Vec<Peer> {
    words.iter().map(|word| Peer::unreachable(word)).collect()
}

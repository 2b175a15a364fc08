//! What is done over and over, and what one sample of it says.

use super::Peer;
use crate::{
    bench::{cpu::busy, latency::Histogram},
    run,
};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    /// iperf3 by TCP, with so many connections at once.
    Stream(u8),
    /// iperf3 by UDP, with payloads of so many bytes.
    Datagrams(u16),
    /// One byte there and one back on an open connection.
    Requests,
    /// A connection for one byte there and one back.
    Connections,
}

/// What one sample says.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    /// Bits, packets, requests or connections per second.
    pub(super) rate: f64,
    /// Seconds of all processors, per [`Workload::cost`].
    pub(super) cpu: f64,
    /// The share of the datagrams that did not arrive, 0 to 1.
    pub(super) loss: Option<f64>,
    /// How long each request took.
    pub(super) latency: Option<Histogram>,
}

impl Workload {
    /// All, in the order of the report.
    pub(super) const ALL: [Self; 7] = [
        Self::Stream(1),
        Self::Stream(4),
        Self::Datagrams(64),
        Self::Datagrams(512),
        Self::Datagrams(1400),
        Self::Requests,
        Self::Connections,
    ];

    /// What the JSON and the plots' files call it.
    pub(super) fn word(self) -> String {
        match self {
            Self::Stream(count) => format!("tcp-{count}"),
            Self::Datagrams(bytes) => format!("udp-{bytes}"),
            Self::Requests => "requests".into(),
            Self::Connections => "connections".into(),
        }
    }

    /// What the tables call it.
    pub(super) fn title(self) -> String {
        match self {
            Self::Stream(1) => "TCP, 1 stream".into(),
            Self::Stream(count) => format!("TCP, {count} streams"),
            Self::Datagrams(bytes) => format!("UDP, {bytes} bytes"),
            Self::Requests => "requests".into(),
            Self::Connections => "new connections".into(),
        }
    }

    /// The unit of the tables, per unit of [`scale`](Self::scale).
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Stream(_) => "Gb/s",
            Self::Datagrams(_) => "k packets/s",
            Self::Requests => "k requests/s",
            Self::Connections => "k connections/s",
        }
    }

    /// How many per second are one of the unit.
    pub(super) fn scale(self) -> f64 {
        if matches!(self, Self::Stream(_)) { 1e9 } else { 1e3 }
    }

    /// What processor time is given for.
    pub(super) fn cost(self) -> &'static str {
        match self {
            Self::Stream(_) => "CPU s/GB",
            Self::Datagrams(_) => "CPU s/M packets",
            Self::Requests => "CPU s/M requests",
            Self::Connections => "CPU s/M connections",
        }
    }

    /// One end waits for the other.
    pub(super) fn waiting(self) -> bool {
        matches!(self, Self::Requests | Self::Connections)
    }

    /// One sample of about so many seconds on the way to `peer`.
    pub(super) fn sample(self, peer: &Peer, seconds: f64) -> Result<Sample> {
        let before = busy()?;
        let (mut sample, seconds) = match self {
            Self::Stream(count) => stream(peer, count, seconds)?,
            Self::Datagrams(bytes) => arriving(peer, bytes, seconds)?,
            Self::Requests => ask(peer, "requests", seconds)?,
            Self::Connections => ask(peer, "connections", seconds)?,
        };
        let spent = busy()? - before;
        // A gigabyte has eight times 1e9 bits; all else is counted by the million.
        let unit = if matches!(self, Self::Stream(_)) { 8e9 } else { 1e6 };
        sample.cpu = spent / (sample.rate * seconds / unit);
        Ok(sample)
    }
}

/// A sample without its processor time, and its seconds.
type Measured = (Sample, f64);

fn stream(peer: &Peer, count: u8, seconds: f64) -> Result<Measured> {
    let limit = limit(seconds, ["--bytes", "512M"]);
    let report = iperf(peer, &["--parallel", &count.to_string()], &limit)?;
    let sum = &report["end"]["sum_received"];
    let (rate, seconds) = (number(sum, "bits_per_second")?, number(sum, "seconds")?);
    ensure!(rate > 0.0, "nothing arrived");
    Ok((Sample { rate, ..Sample::default() }, seconds))
}

/// Datagrams that reach the server's sockets, whether or not iperf3 takes them from there in time.
fn arriving(peer: &Peer, bytes: u16, seconds: f64) -> Result<Measured> {
    let limit = limit(seconds, ["--blockcount", "50000"]);
    let before = peer.way.brought()?;
    let flood = ["--udp", "--bandwidth", "0", "--length", &bytes.to_string()];
    let report = iperf(peer, &flood, &limit)?;
    let count = peer.way.brought()? - before;
    let sum = &report["end"]["sum"];
    let (sent, seconds) = (number(sum, "packets")?, number(sum, "seconds")?);
    ensure!(count >= 1.0 && sent >= 1.0 && seconds > 0.0, "no datagram arrived");
    // iperf3 greets by a datagram or two of its own.
    let loss = Some((1.0 - count / sent).max(0.0));
    Ok((Sample { rate: count / seconds, loss, ..Sample::default() }, seconds))
}

/// iperf3 counts whole seconds; less is said by the amount.
fn limit(seconds: f64, amount: [&str; 2]) -> [String; 2] {
    if seconds < 1.0 {
        return amount.map(str::to_owned);
    }
    ["--time".into(), format!("{:.0}", seconds.round())]
}

fn iperf(peer: &Peer, words: &[&str], limit: &[String]) -> Result<Value> {
    let mut client = peer.way.client("iperf3");
    client.args(["--client", peer.host(), "--json"]).args(words).args(limit);
    let report: Value =
        serde_json::from_str(&run::read(&mut client)?).context("iperf3's report")?;
    match report["error"].as_str() {
        Some(error) => bail!("iperf3: {error}"),
        None => Ok(report),
    }
}

fn ask(peer: &Peer, what: &str, seconds: f64) -> Result<Measured> {
    let report = peer.way.report(what, seconds)?;
    let latency = Histogram::parse(&report["latency"]).filter(|_| what == "requests");
    let rate = number(&report, "per_second")?;
    Ok((Sample { rate, latency, ..Sample::default() }, number(&report, "seconds")?))
}

fn number(value: &Value, name: &str) -> Result<f64> {
    value[name].as_f64().with_context(|| format!("the report has no {name:?}: {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_a_second_is_said_by_the_amount() {
        assert_eq!(limit(0.2, ["--bytes", "1M"]), ["--bytes", "1M"]);
        assert_eq!(limit(3.0, ["--bytes", "1M"]), ["--time", "3"]);
    }
}

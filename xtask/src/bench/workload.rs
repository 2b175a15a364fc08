//! What is done over and over, and what one sample of it says.

use super::{cpu::busy, latency::Histogram, peer::HTTP_PORT, way::Way};
use crate::run;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    /// iperf3 by TCP, with so many connections at once.
    Stream(u8),
    /// iperf3 by UDP, with payloads of so many bytes.
    Datagrams(u16),
    /// Datagrams of the load program, in frames of 64 bytes.
    Frames,
    /// One byte there and one back on an open connection.
    Requests,
    /// A connection for one byte there and one back.
    Connections,
    /// wrk: short HTTP requests on 32 open connections.
    Http,
}

/// What one sample says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Bits, packets, requests or connections per second.
    pub(crate) rate: f64,
    /// How many units of [`Workload::cost`] there were in all.
    pub(crate) amount: f64,
    /// Seconds of all processors, per unit of [`Workload::cost`].
    pub(crate) cpu: f64,
    /// The share of the datagrams that did not arrive, 0 to 1.
    pub(crate) loss: Option<f64>,
    /// How long each request took.
    pub(crate) latency: Option<Histogram>,
}

impl Workload {
    /// What the JSON and the plots' files call it.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Stream(count) => format!("tcp-{count}"),
            Self::Datagrams(bytes) => format!("udp-{bytes}"),
            Self::Frames => "frames".into(),
            Self::Requests => "requests".into(),
            Self::Connections => "connections".into(),
            Self::Http => "http".into(),
        }
    }

    /// What the tables call it.
    pub(crate) fn title(self) -> String {
        match self {
            Self::Stream(1) => "TCP, 1 stream".into(),
            Self::Stream(count) => format!("TCP, {count} streams"),
            Self::Datagrams(bytes) => format!("UDP, {bytes} bytes"),
            Self::Frames => "UDP packets of 64 bytes".into(),
            Self::Requests => "requests".into(),
            Self::Connections => "new connections".into(),
            Self::Http => "HTTP requests by wrk".into(),
        }
    }

    /// The unit of the tables, per unit of [`scale`](Self::scale).
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Stream(_) => "Gb/s",
            Self::Datagrams(_) | Self::Frames => "k packets/s",
            Self::Requests | Self::Http => "k requests/s",
            Self::Connections => "k connections/s",
        }
    }

    /// How many per second are one of the unit.
    pub(crate) fn scale(self) -> f64 {
        if matches!(self, Self::Stream(_)) { 1e9 } else { 1e3 }
    }

    /// What processor time is given for.
    pub(crate) fn cost(self) -> &'static str {
        match self {
            Self::Stream(_) => "CPU s/GB",
            Self::Datagrams(_) | Self::Frames => "CPU s/M packets",
            Self::Requests | Self::Http => "CPU s/M requests",
            Self::Connections => "CPU s/M connections",
        }
    }

    /// One end waits for the other.
    pub(crate) fn waiting(self) -> bool {
        matches!(self, Self::Requests | Self::Connections)
    }

    /// One sample of about so many seconds on `way`.
    pub(crate) fn sample(self, way: &Way, seconds: f64) -> Result<Sample> {
        let before = busy()?;
        let (mut sample, seconds) = match self {
            Self::Stream(count) => stream(way, count, seconds)?,
            Self::Datagrams(bytes) => arriving(way, bytes, seconds)?,
            Self::Frames => frames(way, seconds)?,
            Self::Requests => ask(way, "requests", seconds)?,
            Self::Connections => ask(way, "connections", seconds)?,
            Self::Http => http(way, seconds)?,
        };
        let spent = busy()? - before;
        // A gigabyte has eight times 1e9 bits; all else is counted by the million.
        let unit = if matches!(self, Self::Stream(_)) { 8e9 } else { 1e6 };
        sample.amount = sample.rate * seconds / unit;
        sample.cpu = spent / sample.amount;
        Ok(sample)
    }
}

/// A sample without its processor time, and its seconds.
type Measured = (Sample, f64);

fn stream(way: &Way, count: u8, seconds: f64) -> Result<Measured> {
    let limit = limit(seconds, ["--bytes", "512M"]);
    let report = iperf(way, &["--parallel", &count.to_string()], &limit)?;
    let sum = &report["end"]["sum_received"];
    let (rate, seconds) = (number(sum, "bits_per_second")?, number(sum, "seconds")?);
    ensure!(rate > 0.0, "nothing arrived");
    Ok((Sample { rate, ..Sample::default() }, seconds))
}

/// Datagrams that reach the server's sockets, whether or not iperf3 takes them from there in time.
fn arriving(way: &Way, bytes: u16, seconds: f64) -> Result<Measured> {
    let limit = limit(seconds, ["--blockcount", "50000"]);
    let before = way.brought()?;
    let flood = ["--udp", "--bandwidth", "0", "--length", &bytes.to_string()];
    let report = iperf(way, &flood, &limit)?;
    let count = way.brought()? - before;
    let sum = &report["end"]["sum"];
    let (sent, seconds) = (number(sum, "packets")?, number(sum, "seconds")?);
    ensure!(count >= 1.0 && sent >= 1.0 && seconds > 0.0, "no datagram arrived");
    // iperf3 greets by a datagram or two of its own.
    let loss = Some((1.0 - count / sent).max(0.0));
    Ok((Sample { rate: count / seconds, loss, ..Sample::default() }, seconds))
}

fn frames(way: &Way, seconds: f64) -> Result<Measured> {
    let (rate, seconds) = way.arriving(seconds)?;
    Ok((Sample { rate, ..Sample::default() }, seconds))
}

/// iperf3 counts whole seconds; less is said by the amount.
fn limit(seconds: f64, amount: [&str; 2]) -> [String; 2] {
    if seconds < 1.0 {
        return amount.map(str::to_owned);
    }
    ["--time".into(), format!("{:.0}", seconds.round())]
}

fn iperf(way: &Way, words: &[&str], limit: &[String]) -> Result<Value> {
    let mut client = way.client("iperf3");
    client.args(["--client", way.host(), "--json"]).args(words).args(limit);
    let report: Value =
        serde_json::from_str(&run::read(&mut client)?).context("iperf3's report")?;
    match report["error"].as_str() {
        Some(error) => bail!("iperf3: {error}"),
        None => Ok(report),
    }
}

fn ask(way: &Way, what: &str, seconds: f64) -> Result<Measured> {
    let report = way.report(what, seconds)?;
    let latency = Histogram::parse(&report["latency"]).filter(|_| what == "requests");
    let rate = number(&report, "per_second")?;
    Ok((Sample { rate, latency, ..Sample::default() }, number(&report, "seconds")?))
}

/// wrk counts whole seconds, and says what our script prints last.
fn http(way: &Way, seconds: f64) -> Result<Measured> {
    let duration = format!("{:.0}s", seconds.max(1.0).round());
    let script = run::root().join("xtask/src/bench/wrk.lua");
    let url = format!("http://{}:{HTTP_PORT}/", way.host());
    let mut wrk = way.client("wrk");
    wrk.args(["--threads", "1", "--connections", CONNECTIONS, "--duration", &duration, "--script"]);
    let printed = run::read(wrk.arg(script).arg(url))?;
    counted(printed.lines().last().unwrap_or_default())
}

fn counted(line: &str) -> Result<Measured> {
    let report: Value = serde_json::from_str(line).context("wrk's report")?;
    let (count, seconds) = (number(&report, "requests")?, number(&report, "microseconds")? / 1e6);
    let failed = number(&report, "failed")?;
    ensure!(count >= 1.0 && seconds > 0.0, "no request was answered");
    ensure!(failed < 1.0, "{failed} requests failed");
    let mut latency = Histogram::default();
    for pair in report["times"].as_array().into_iter().flatten() {
        let (time, times) = (pair[0].as_f64(), pair[1].as_u64());
        if let (Some(time), Some(times)) = (time, times) {
            latency.record(time * 1e3, times);
        }
    }
    let latency = Some(latency);
    Ok((Sample { rate: count / seconds, latency, ..Sample::default() }, seconds))
}

fn number(value: &Value, name: &str) -> Result<f64> {
    value[name].as_f64().with_context(|| format!("the report has no {name:?}: {value}"))
}

/// wrk's, all at once.
const CONNECTIONS: &str = "32";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_a_second_is_said_by_the_amount() {
        assert_eq!(limit(0.2, ["--bytes", "1M"]), ["--bytes", "1M"]);
        assert_eq!(limit(3.0, ["--bytes", "1M"]), ["--time", "3"]);
    }

    #[test]
    fn what_wrk_counted_is_read_and_a_failed_request_is_an_error() {
        let line = |failed| {
            format!(
                r#"{{"requests":300,"microseconds":1500000,"failed":{failed},"times":[[100,200],[900,100]]}}"#
            )
        };
        let (sample, seconds) = counted(&line(0)).unwrap();
        assert!((sample.rate - 200.0).abs() < 1e-9 && (seconds - 1.5).abs() < 1e-9);
        let latency = sample.latency.unwrap();
        assert!((latency.quantile(0.5) / 100.0 - 1.0).abs() < 0.03);
        assert!((latency.quantile(0.9) / 900.0 - 1.0).abs() < 0.03);
        assert!(counted(&line(2)).is_err());
    }
}

//! A way from clients to a server, and what every namespace of the bench is given.

use super::{LOAD, quick::datagrams, tracks};
use crate::run;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::process::{Child, Command, Stdio};

/// A way from clients to a server.
#[derive(Clone)]
pub(crate) struct Way {
    /// What the tables call it.
    pub(crate) name: String,
    /// The clients' network namespace, a file.
    pub(crate) client: String,
    /// The server's network namespace, a file.
    pub(crate) server: String,
    /// What the clients dial, `address:port`.
    pub(crate) address: String,
    /// Where the clients run.
    pub(crate) processor: &'static str,
}

impl Way {
    /// The address of [`address`](Self::address), without the port.
    pub(crate) fn host(&self) -> &str {
        self.address.rsplit_once(':').map_or("", |(host, _)| host)
    }

    /// What [`load::ask`](super::load::ask) counts for so many seconds: per second, and the seconds.
    pub(crate) fn ask(&self, workload: &str, seconds: f64) -> Result<(f64, f64)> {
        let report = self.report(workload, seconds)?;
        match (report["per_second"].as_f64(), report["seconds"].as_f64()) {
            (Some(rate), Some(seconds)) => Ok((rate, seconds)),
            _ => bail!("the load's report has no figures: {report}"),
        }
    }

    /// What the load program prints.
    pub(crate) fn report(&self, workload: &str, seconds: f64) -> Result<Value> {
        let words = [LOAD, "ask", workload, &self.address, &seconds.to_string()];
        let mut client = self.client(&tracks::this_program()?);
        let report = run::read(client.args(words))?;
        serde_json::from_str(&report).context("the load's report")
    }

    /// Datagrams per second that reach the server, whether or not it takes them in time; and the seconds.
    pub(crate) fn arriving(&self, seconds: f64) -> Result<(f64, f64)> {
        let before = self.brought()?;
        let (_, took) = self.ask("datagrams", seconds)?;
        let count = self.brought()? - before;
        ensure!(count >= 1.0, "no datagram arrived");
        Ok((count / took, took))
    }

    /// Datagrams that reached the server's sockets so far, full ones included.
    pub(crate) fn brought(&self) -> Result<f64> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.server)).args(["--", "cat", "/proc/net/snmp"]);
        datagrams(&run::read(&mut command)?)
    }

    /// `program` where the clients are, pinned as they are.
    pub(crate) fn client(&self, program: &str) -> Command {
        tracks::pinned(&self.client, self.processor, program)
    }

    /// `program` where the server is, on the servers' processor.
    pub(crate) fn server(&self, program: &str) -> Command {
        tracks::pinned(&self.server, tracks::second_processor(), program)
    }
}

/// Starts a program in the background, without a voice; the stage ends it.
pub(crate) fn start(command: &mut Command) -> Result<Child> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().context("cannot start a program of the bench")
}

/// The same for every namespace of every rival: short connections by the ten thousands need all
/// ports and their early reuse, and frames on a bridge are not netfilter's.
pub(crate) fn tune(file: &str) -> Result<()> {
    set(file, &SETTINGS)
}

/// Writes `path=value` below /proc/sys in the network namespace `file`.
pub(crate) fn set(file: &str, settings: &[&str]) -> Result<()> {
    let script =
        r#"for s do f="/proc/sys/${s%%=*}"; ! test -e "$f" || echo "${s#*=}" >"$f" || exit; done"#;
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={file}")).args(["--", "sh", "-c", script, "sh"]).args(settings);
    ensure!(run::read(&mut command)?.is_empty(), "a setting was refused");
    Ok(())
}

const SETTINGS: [&str; 5] = [
    "net/ipv4/ip_local_port_range=1024 65535",
    "net/ipv4/tcp_tw_reuse=1",
    "net/ipv4/tcp_max_tw_buckets=262144",
    "net/ipv4/tcp_syn_retries=3",
    "net/bridge/bridge-nf-call-iptables=0",
];

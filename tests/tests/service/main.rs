//! What makes netd a service: limits on its clients, many of them at once, and what it says of itself.

#![allow(clippy::unwrap_used, reason = "a helper that fails ends the test that uses it")]

mod doctor;
mod hung;
mod limits;
mod many;
mod status;

use anyhow::{Context, Result, ensure};
use netd::api::client::Client;
use netd_tests::{
    host::{TestHost, shell, wait},
    ns::is_root,
};
use serde_json::Value;
use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

/// How long anything may take that is not meant to wait.
const SOON: Duration = Duration::from_secs(20);

fn client(host: &TestHost) -> Client {
    Client::new(&host.path("netd.sock"))
}

/// A process that ends with this value.
struct Process(Child);

impl Process {
    /// A Python script whose standard output is read, in the namespace of this test.
    fn python(script: &str, args: &[&str]) -> Result<Self> {
        let mut command = Command::new("python3");
        command.args(["-u", "-c", script]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        Ok(Self(command.spawn().context("cannot start python3")?))
    }

    /// A process that waits in a network namespace of its own; `pid:NUMBER` is what netd calls it.
    fn in_namespace() -> Result<Self> {
        let mut command = Command::new("unshare");
        command.args(["--net", "sleep", "infinity"]).stdin(Stdio::null());
        let process = Self(command.spawn().context("cannot start unshare")?);
        let link = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let pid = process.0.id().to_string();
        ensure!(
            wait(SOON, || link(&pid).is_some_and(|own| Some(own) != link("self"))),
            "no namespace"
        );
        Ok(process)
    }

    /// The next line that it prints.
    fn line(&mut self) -> Result<String> {
        use std::io::Read;
        let out = self.0.stdout.as_mut().context("nothing is read")?;
        let mut line = Vec::new();
        let mut byte = [0];
        while out.read(&mut byte)? == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        Ok(String::from_utf8(line)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What netctl prints, as JSON lines.
fn json_lines(text: &str) -> Result<Vec<Value>> {
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

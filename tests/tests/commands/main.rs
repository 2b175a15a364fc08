//! The command line, end to end: what `netctl` and `netd` print, what they refuse, and that a
//! refusal leaves everything as it was.

#![allow(clippy::unwrap_used, reason = "a helper that fails ends the test that uses it")]

mod agents;
mod apply;
mod attachments;
mod containers;
mod crowd;
mod lifetime;
mod links;
mod names;
mod names_refused;
mod networks;
mod output;
mod ports;
mod refused_containers;
mod refused_networks;
mod refused_ports;

use anyhow::{Context, Result, ensure};
use netd_tests::{
    host::{TestHost, shell, wait},
    ns::is_root,
    snapshot::Snapshot,
};
use serde_json::Value;
use std::{process::Output, time::Duration};

/// How long anything may take that is not meant to wait.
const SOON: Duration = Duration::from_secs(20);

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A failure with this exit code, nothing on standard output, and on standard error one line that
/// has all of `words` in it.
fn is_refusal(output: &Output, code: i32, words: &[&str]) -> Result<()> {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    ensure!(output.status.code() == Some(code), "{:?}, not {code}: {out}{err}", output.status);
    ensure!(out.is_empty(), "it printed {out:?}");
    ensure!(err.starts_with("error: ") && err.ends_with('\n'), "no error line: {err:?}");
    ensure!(err.lines().count() == 1, "more than one line: {err:?}");
    for word in words {
        ensure!(err.contains(word), "no {word:?} in {err:?}");
    }
    Ok(())
}

/// A command line, the exit code that it deserves, and words of the one line that explains it.
type Refusal<'a> = (&'a [&'a str], i32, &'a [&'a str]);

/// Each of them is refused in one line, and leaves no trace.
fn refuses(host: &TestHost, refusals: &[Refusal<'_>]) -> Result<()> {
    let before = Snapshot::take(host)?;
    for (args, code, words) in refusals {
        let said = || format!("netctl {}", args.join(" "));
        is_refusal(&host.netctl(args)?, *code, words).with_context(said)?;
        Snapshot::take(host)?.same_as(&before).with_context(said)?;
    }
    Ok(())
}

/// What netctl prints, as JSON.
fn json(host: &TestHost, args: &[&str]) -> Result<Value> {
    let printed = host.ok(args)?;
    serde_json::from_str(&printed).with_context(|| printed)
}

/// A field of a container, by a template.
fn field(host: &TestHost, container: &str, template: &str) -> Result<String> {
    host.ok(&["inspect", container, "--format", template])
}

/// What a command prints in the host's namespace; it must succeed.
fn in_host(host: &TestHost, command: &str) -> Result<String> {
    let output = shell(&host.host, command)?;
    ensure!(output.status.success(), "{command}: {}", text(&output.stderr));
    Ok(text(&output.stdout).trim_end().to_owned())
}

/// Whether an HTTP server answers, seen from the host.
fn serves(host: &TestHost, address: &str) -> bool {
    let command = format!("curl -s --noproxy '*' -g -m 2 -o /dev/null http://{address}/");
    shell(&host.host, &command).is_ok_and(|output| output.status.success())
}

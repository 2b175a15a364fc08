//! One request to the agent's socket: what a container engine's plugin would send.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// Posts `body` and waits for the answer.
pub(crate) fn post(socket: &Path, path: &str, body: &Value) -> Result<()> {
    let body = body.to_string();
    let mut stream = UnixStream::connect(socket).context("cannot reach netd")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: netd\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .with_context(|| format!("{path}: netd did not answer within {} s", PATIENCE.as_secs()))?;
    let status = answer.split_whitespace().nth(1).unwrap_or_default();
    ensure!(status.starts_with('2'), "{path}: {}", answer.lines().last().unwrap_or_default());
    Ok(())
}

/// Longer than any request that the agent is asked by the bench.
const PATIENCE: Duration = Duration::from_secs(60);

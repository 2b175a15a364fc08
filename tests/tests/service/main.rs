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
    process::{Process, hold},
};
use serde_json::Value;
use std::{process::Command, time::Duration};

/// How long anything may take that is not meant to wait.
const SOON: Duration = Duration::from_secs(20);

fn client(host: &TestHost) -> Client {
    Client::new(&host.path("netd.sock"))
}

/// What netctl prints, as JSON lines.
fn json_lines(text: &str) -> Result<Vec<Value>> {
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

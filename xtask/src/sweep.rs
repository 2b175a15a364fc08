//! `cargo xtask sweep`: the agent is killed, or refused, at every system call of every change.

use crate::{build, run, test};
use anyhow::Result;

/// As the tests of the same name do, which visit few calls: here all of them. Where there is a
/// `filter`, only those whose names contain one of its words.
pub(crate) fn run(filter: &[&str]) -> Result<()> {
    build::run()?;
    build::next_layout()?;
    let mut command = run::cargo("test");
    command.args(["--package", "netd-tests", "--test", "restart", "--", "--nocapture"]);
    command.args(if filter.is_empty() { &["crash::", "layouts::"] } else { filter });
    command.env("NETD_SWEEP_STRIDE", "1").env("NETD_SWEEP_MOST", ALL);
    if !run::is_root() {
        command.env(test::RUNNER, "sudo --preserve-env --");
    }
    run::show(&mut command)
}

/// More calls than any change makes.
const ALL: &str = "100000";

//! `cargo xtask sweep`: the agent is killed, or refused, at every system call of every change.

use crate::{build, run, test};
use anyhow::Result;

/// As the tests of the same name do, which visit few calls: here all of them. `options` are more
/// words of which the names of tests are to contain one.
pub(crate) fn run(options: &[&str]) -> Result<()> {
    build::run()?;
    build::next_layout()?;
    let words = [
        "--package",
        "netd-tests",
        "--test",
        "restart",
        "--",
        "--include-ignored",
        "--nocapture",
        "crash::",
        "layouts::",
    ];
    let mut command = run::cargo("test");
    command.args(words).args(options);
    command.env("NETD_SWEEP_STRIDE", "1").env("NETD_SWEEP_MOST", ALL);
    if !run::is_root() {
        command.env(test::RUNNER, "sudo --preserve-env --");
    }
    run::show(&mut command)
}

/// More calls than any change makes.
const ALL: &str = "100000";

//! `cargo xtask fuzz`: random input for longer than a test has time for.

use crate::{run, setup};
use anyhow::Result;

/// Random packets through netd-common on bytes and through the loaded programs. `options` go to the
/// fuzzing program. Built with overflow checks: an overflow is a find as well.
pub(crate) fn packets(options: &[&str]) -> Result<()> {
    setup::run()?;
    let program = ["--package", "netd-tests", "--bin", "fuzz-packets"];
    run::show(run::cargo("build").args(program))?;
    let binary = run::root().join("target/debug/fuzz-packets");
    run::show(run::as_root(&binary.to_string_lossy())?.args(options).current_dir(run::root()))
}

/// Random DNS messages through what netd-dns does with them. `options` go to the fuzzing program.
pub(crate) fn dns(options: &[&str]) -> Result<()> {
    setup::run()?;
    let program = ["--package", "netd-tests", "--bin", "fuzz-dns"];
    run::show(run::cargo("build").args(program))?;
    let binary = run::root().join("target/debug/fuzz-dns");
    run::show(std::process::Command::new(binary).args(options).current_dir(run::root()))
}

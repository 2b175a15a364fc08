//! `cargo xtask test`: every test there is; those of netd-tests run as root.

use crate::{build, run};
use anyhow::Result;

/// Runs all tests, or those whose names contain one of the words in `filter`.
pub(crate) fn run(filter: &[&str]) -> Result<()> {
    build::run()?;
    run::stage("tests that need no root", || {
        let packages = ["--package", "netd-common", "--package", "netd", "--package", "xtask"];
        run::show(run::cargo("test").args(packages).arg("--").args(filter))?;
        // From one map layout to the next, which needs two of them.
        let layouts = ["--package", "netd-common", "--features", "next-layout", "--lib"];
        run::show(run::cargo("test").args(layouts).args(["--quiet", "abi::previous"]))
    })?;
    build::next_layout()?;
    run::stage("tests in the kernel and in network namespaces", || {
        let mut command = run::cargo("test");
        command.args(["--package", "netd-tests", "--", "--test-threads=2"]).args(filter);
        if !run::is_root() {
            command.env(RUNNER, "sudo --preserve-env --");
        }
        run::show(&mut command)
    })
}

/// Has cargo start test programs, and only these, as root.
pub(crate) const RUNNER: &str = if cfg!(target_arch = "aarch64") {
    "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER"
} else {
    "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER"
};

//! `cargo xtask build`: the binaries, with the BPF object inside.

use crate::{run, setup};
use anyhow::Result;
use std::path::PathBuf;

/// Builds netd, netctl and netd-dns and says where they are.
pub(crate) fn run() -> Result<()> {
    setup::run()?;
    run::stage("building netd, netctl and netd-dns", || {
        run::show(run::cargo("build").args(["--release", "--package", "netd"]))
    })?;
    for name in ["netd", "netctl", "netd-dns"] {
        println!("{}", binary(name).display());
    }
    Ok(())
}

/// Builds what the tests upgrade to: an agent of another map layout, beside the tests' own.
pub(crate) fn next_layout() -> Result<()> {
    run::stage("building an agent of another map layout, for tests", || {
        let package = ["--package", "netd-tests", "--features", "next-layout"];
        run::show(run::cargo("build").args(package).args(["--bin", "tested-netd-next"]))
    })
}

/// Where [`run`] leaves the binary `name`.
pub(crate) fn binary(name: &str) -> PathBuf {
    run::root().join("target/release").join(name)
}

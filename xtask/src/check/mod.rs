//! `cargo xtask check`: formatting, lints, the architecture's rules, the dependencies' licenses.

mod architecture;
mod sizes;
mod source;

use crate::{bpf, run, setup};
use anyhow::{Result, bail};
use std::process::Command;

/// Runs every check, also after one that fails.
pub(crate) fn run() -> Result<()> {
    setup::run()?;
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        if let Err(e) = run::stage(name, check) {
            println!("{name}: {e:#}");
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("these checks failed: {}", failed.join(", "));
    }
    Ok(())
}

fn formatting() -> Result<()> {
    run::show(run::cargo("fmt").args(["--all", "--", "--check"]))
}

/// The rules that this project holds its own sources to.
fn rules() -> Result<()> {
    let files = source::all(run::root())?;
    let mut faults = architecture::faults(&files);
    faults.extend(sizes::faults(&files));
    faults.extend(source::names_this_folder(run::root())?);
    for fault in &faults {
        println!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} places break a rule of ARCHITECTURE.md", faults.len());
    }
    Ok(())
}

fn host_lints() -> Result<()> {
    let all = ["--workspace", "--exclude", "netd-ebpf", "--all-targets"];
    run::show(run::cargo("clippy").args(all).args(DENY))
}

fn bpf_lints() -> Result<()> {
    let Some(toolchain) = bpf::Toolchain::find(run::root()) else {
        bail!("no Rust toolchain for BPF found; run `cargo xtask setup`");
    };
    setup::bpf_clippy(toolchain)?;
    let target_dir = run::root().join("target/bpf");
    let mut command = toolchain.clippy(run::root());
    command.args(["--package", "netd-ebpf", "--profile", "bpf", "--target", bpf::TARGET]);
    run::show(command.arg("--target-dir").arg(target_dir).args(DENY))
}

fn dependencies() -> Result<()> {
    setup::cargo_tool("cargo-deny", "0.20.2")?;
    let deny = bpf::tools(run::root()).join("cargo-deny");
    let kinds = ["check", "bans", "licenses", "sources"];
    run::show(Command::new(deny).args(kinds).current_dir(run::root()))
}

/// What it is called, and the check.
type Check = (&'static str, fn() -> Result<()>);

const CHECKS: [Check; 5] = [
    ("formatting", formatting),
    ("architecture", rules),
    ("lints for the host", host_lints),
    ("lints for BPF", bpf_lints),
    ("dependencies", dependencies),
];

const DENY: [&str; 3] = ["--", "--deny", "warnings"];

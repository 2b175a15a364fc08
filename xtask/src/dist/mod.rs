//! `cargo xtask dist`: what others install, in target/dist: a Debian package and a static tarball.

mod check;
pub(crate) mod machine;
mod tree;
#[cfg(test)]
mod units;

pub(crate) use check::play;

use crate::{bpf, build, run, setup, stage};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Builds both and says where they are; with `--check`, installs the package as well.
pub(crate) fn run(options: &[&str]) -> Result<()> {
    let checked = match options {
        [] => false,
        ["--check"] => true,
        _ => bail!("dist takes --check and nothing else"),
    };
    build::run()?;
    run::stage("manual pages and completions", papers)?;
    let package = run::stage("Debian package", package)?;
    let tarball = run::stage("static tarball", || tarball(&package))?;
    if checked {
        let tree = tree::provide()?;
        let words = [tree.to_string_lossy(), package.to_string_lossy()];
        run::stage("installing the package on a clean Debian", || {
            stage::run("dist", &[&words[0], &words[1]])
        })?;
    }
    println!("{}\n{}", package.display(), tarball.display());
    Ok(())
}

/// Where all of it goes.
fn folder() -> PathBuf {
    run::root().join("target/dist")
}

fn papers() -> Result<()> {
    let man = folder().join("man");
    let _ = fs::remove_dir_all(&man);
    let example = ["--quiet", "--package", "netd", "--example", "manual", "--"];
    run::show(run::cargo("run").args(example).arg(man))?;
    let completions = folder().join("completions");
    fs::create_dir_all(&completions)?;
    for (shell, file) in [("bash", "netctl.bash"), ("zsh", "_netctl"), ("fish", "netctl.fish")] {
        let script = run::read(Command::new(build::binary("netctl")).args(["completions", shell]))?;
        fs::write(completions.join(file), script).with_context(|| format!("writing {file}"))?;
    }
    Ok(())
}

fn package() -> Result<PathBuf> {
    setup::cargo_tool("cargo-deb", "3.8.0")?;
    let folder = folder();
    for old in found(&folder, ".deb")? {
        fs::remove_file(old)?;
    }
    let cargo_deb = bpf::tools(run::root()).join("cargo-deb");
    let words = ["--package", "netd", "--no-build", "--quiet", "--output"];
    run::show(Command::new(cargo_deb).args(words).arg(&folder).current_dir(run::root()))?;
    let made = found(&folder, ".deb")?;
    made.into_iter().next().context("cargo-deb made no package")
}

/// The package's files, with programs that need no library of the system.
fn tarball(package: &Path) -> Result<PathBuf> {
    let arch = std::env::consts::ARCH;
    let target = format!("{arch}-unknown-linux-musl");
    if !run::has("rustup") {
        bail!(
            "the static tarball needs Rust's target {target}, which rustup installs; it is not here"
        );
    }
    run::show(Command::new("rustup").args(["target", "add", &target]))?;
    run::show(run::cargo("build").args(["--release", "--package", "netd", "--target", &target]))?;
    let name = format!("netd-{}-{arch}-linux", env!("CARGO_PKG_VERSION"));
    let stage = folder().join(&name);
    let _ = fs::remove_dir_all(&stage);
    run::read(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&stage))?;
    for (program, place) in PROGRAMS {
        let built = run::root().join("target").join(&target).join("release").join(program);
        fs::copy(&built, stage.join(place).join(program))
            .with_context(|| format!("copying {}", built.display()))?;
    }
    let tarball = folder().join(format!("{name}.tar.gz"));
    let same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner"];
    let mut tar = Command::new("tar");
    tar.args(same).arg("--directory").arg(folder()).arg("--file").arg(&tarball);
    run::read(tar.args(["--create", "--gzip", &name]))?;
    fs::remove_dir_all(&stage)?;
    Ok(tarball)
}

fn found(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("in {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    let all: Result<Vec<PathBuf>> = paths.collect();
    Ok(all?.into_iter().filter(|path| path.to_string_lossy().ends_with(ending)).collect())
}

/// A program, and where it lies.
const PROGRAMS: [(&str, &str); 3] =
    [("netd", "usr/sbin"), ("netd-dns", "usr/sbin"), ("netctl", "usr/bin")];

//! `cargo xtask setup`: finds or installs what building, demo and tests need, and says what it did.

use crate::{
    bpf::{self, Toolchain},
    run,
};
use anyhow::{Result, bail};
use std::{env, path::Path, process::Command};

/// Looks for the tools and the BPF toolchain, and installs what is missing.
pub(crate) fn run() -> Result<()> {
    let mut missing = missing_packages(&TOOLS);
    let found = toolchain();
    if found.is_none() {
        missing.extend(missing_packages(&BPF_PACKAGES));
    }
    if missing.is_empty() {
        run::say("system tools: all present");
    } else {
        install(&missing)?;
    }
    let toolchain = match found {
        Some(toolchain) => toolchain,
        None => install_linker()?,
    };
    run::say(match toolchain {
        Toolchain::Nightly => "BPF toolchain: rustup's nightly with rust-src, bpf-linker on PATH",
        Toolchain::Debian => "BPF toolchain: Debian's rustc-web, target/tools/bin/bpf-linker",
    });
    Ok(())
}

/// Installs Debian's clippy for the BPF target; nothing where it is there or not needed.
pub(crate) fn bpf_clippy(toolchain: Toolchain) -> Result<()> {
    if toolchain == Toolchain::Nightly || Path::new(bpf::DEBIAN_CLIPPY).is_file() {
        return Ok(());
    }
    install(&["rust-web-clippy"])
}

/// Installs a cargo subcommand into target/tools; nothing where that version is there.
pub(crate) fn cargo_tool(name: &str, version: &str) -> Result<()> {
    if version_of(name).is_some_and(|found| found == version) {
        return Ok(());
    }
    run::stage(&format!("compiling {name} {version} (once; takes some minutes)"), || {
        run::show(
            run::cargo("install")
                .args([name, "--version", version, "--locked", "--root"])
                .arg(run::root().join("target/tools")),
        )
    })
}

/// The toolchain, if its linker runs: one that lost its LLVM is as good as none.
fn toolchain() -> Option<Toolchain> {
    let toolchain = Toolchain::find(run::root())?;
    let whole = toolchain == Toolchain::Nightly
        || version_of("bpf-linker").is_some_and(|found| found == BPF_LINKER);
    whole.then_some(toolchain)
}

/// The version that the program in target/tools prints.
fn version_of(name: &str) -> Option<String> {
    let program = bpf::tools(run::root()).join(name);
    let printed = run::read(Command::new(program).arg("--version")).ok()?;
    printed.split_whitespace().last().map(str::to_owned)
}

fn missing_packages(wanted: &[(&str, &'static str)]) -> Vec<&'static str> {
    let there = |what: &str| {
        if what.starts_with('/') { Path::new(what).exists() } else { run::has(what) }
    };
    wanted.iter().filter(|(what, _)| !there(what)).map(|(_, package)| *package).collect()
}

fn install(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if !run::has("apt-get") {
        bail!("this system has no apt-get; install the equivalent of: {list}. {TWO_WAYS}");
    }
    run::say(format!("missing: {list}"));
    run::stage("installing Debian packages", || {
        run::show(run::as_root("apt-get")?.args(["update", "--quiet=2"]))?;
        let known = Command::new("apt-cache").arg("show").args(packages).output()?;
        if !known.status.success() {
            let why = String::from_utf8_lossy(&known.stderr);
            let why = why.lines().next().unwrap_or("unknown package");
            bail!("apt does not know every package that is needed ({why}). {TWO_WAYS}");
        }
        run::show(run::as_root("sh")?.args(["-c", INSTALL, "sh"]).args(packages))
    })
}

fn install_linker() -> Result<Toolchain> {
    let llvm = "/usr/lib/llvm-22";
    let path = env::var("PATH").unwrap_or_default();
    run::stage(
        &format!("compiling bpf-linker {BPF_LINKER} (once; takes a minute or two)"),
        || {
            run::show(
                run::cargo("install")
                    .args(["bpf-linker", "--version", BPF_LINKER, "--locked", "--force"])
                    .args(["--no-default-features", "--features", "llvm-22", "--root"])
                    .arg(run::root().join("target/tools"))
                    .env("LLVM_PREFIX", llvm)
                    .env("PATH", format!("{llvm}/bin:{path}")),
            )
        },
    )?;
    match toolchain() {
        Some(toolchain) => Ok(toolchain),
        None => bail!("the BPF toolchain is still incomplete. {TWO_WAYS}"),
    }
}

const BPF_LINKER: &str = "0.13.0";

/// A file and the package that has it.
const BPF_PACKAGES: [(&str, &str); 7] = [
    ("/usr/lib/rustlib/bpfel-unknown-none", "rustc-web"),
    ("/usr/lib/rustlib/bpfel-unknown-none", "libstd-rust-web-dev-bpf"),
    ("/usr/lib/llvm-22/bin/llvm-config", "llvm-22-dev"),
    ("/usr/lib/llvm-22/lib/libclangAST.a", "libclang-22-dev"),
    ("/usr/lib/llvm-22/lib/libPolly.a", "libpolly-22-dev"),
    ("/usr/include/zstd.h", "libzstd-dev"),
    ("/usr/include/zlib.h", "zlib1g-dev"),
];

const TWO_WAYS: &str = "There are two ways to a BPF toolchain: rustup's nightly with rust-src and a \
    bpf-linker on PATH (`rustup toolchain install nightly --component rust-src`, `cargo install \
    bpf-linker`), or Debian's rustc-web 1.96, libstd-rust-web-dev-bpf and llvm-22-dev";

/// A program and the package that has it.
const TOOLS: [(&str, &str); 22] = [
    ("ip", "iproute2"),
    ("iperf3", "iperf3"),
    ("wrk", "wrk"),
    ("ping", "iputils-ping"),
    ("arping", "iputils-arping"),
    ("curl", "curl"),
    ("redis-server", "redis-server"),
    ("redis-cli", "redis-tools"),
    ("nc", "netcat-openbsd"),
    ("python3", "python3"),
    ("tcpdump", "tcpdump"),
    ("nft", "nftables"),
    ("sysctl", "procps"),
    ("bpftool", "bpftool"),
    ("strace", "strace"),
    ("socat", "socat"),
    ("nsenter", "util-linux"),
    ("dig", "bind9-dnsutils"),
    ("traceroute", "traceroute"),
    ("debootstrap", "debootstrap"),
    ("ssh", "openssh-client"),
    ("/usr/sbin/sshd", "openssh-server"),
];

/// Packages that bring a service start it, now and at each boot; nobody asked for a running redis
/// or sshd.
const INSTALL: &str = r#"
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    trap 'rm -f $policy' EXIT INT TERM
fi
DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "$@" </dev/null
case " $* " in *" redis-server "*) systemctl disable --quiet redis-server 2>/dev/null || true ;; esac
case " $* " in *" openssh-server "*) systemctl disable --quiet ssh 2>/dev/null || true ;; esac
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_installed() {
        let wanted = [("sh", "dash"), ("/no/such/file", "thing"), ("no-such-program", "other")];
        assert_eq!(missing_packages(&wanted), ["thing", "other"]);
    }
}

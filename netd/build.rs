//! Compiles netd-ebpf for BPF and hands the object's path to the crate as `NETD_BPF_OBJECT`. The
//! only place with flags for the BPF compiler.

#[path = "../xtask/src/bpf.rs"]
#[allow(dead_code, reason = "shared with xtask, which uses the rest")]
mod bpf;
mod btf;

use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<()> {
    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR").context("run by cargo")?);
    let root = package.parent().context("netd lies in its workspace")?;
    watch(root);
    let built = compile(root)?;
    let mut bytes = fs::read(&built).with_context(|| format!("reading {}", built.display()))?;
    btf::mend(&mut bytes)?;
    let object = PathBuf::from(env::var("OUT_DIR")?).join("netd-ebpf.o");
    fs::write(&object, bytes).with_context(|| format!("writing {}", object.display()))?;
    println!("cargo:rustc-env=NETD_BPF_OBJECT={}", object.display());
    Ok(())
}

fn watch(root: &Path) {
    for path in SOURCES {
        println!("cargo:rerun-if-changed={}", root.join(path).display());
    }
    if bpf::linker(root).is_file() {
        println!("cargo:rerun-if-changed={}", bpf::linker(root).display());
    }
}

/// Builds the object and returns where it is.
fn compile(root: &Path) -> Result<PathBuf> {
    let Some(toolchain) = bpf::Toolchain::find(root) else {
        bail!("no Rust toolchain for BPF found; run `cargo xtask setup`, which installs one");
    };
    let next_layout = env::var_os("CARGO_FEATURE_NEXT_LAYOUT").is_some();
    let target_dir = root.join(if next_layout { "target/bpf-next" } else { "target/bpf" });
    let mut command = toolchain.cargo(root);
    let status = command
        .args(["build", "--package", "netd-ebpf", "--profile", "bpf", "--target", bpf::TARGET])
        .arg("--target-dir")
        .arg(&target_dir)
        .args(if next_layout { &["--features", "next-layout"][..] } else { &[] })
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"))
        .status()
        .context("cannot start cargo for netd-ebpf")?;
    if !status.success() {
        bail!("netd-ebpf does not build for BPF; the compiler's messages are above");
    }
    Ok(target_dir.join(bpf::TARGET).join("bpf/netd-ebpf"))
}

/// The loader reads BTF; v3 has 32-bit arithmetic and jumps. Expanding copies in order would turn
/// every clearing of a small structure into a call of a byte loop.
const FLAGS: [&str; 4] = [
    "-Cdebuginfo=2",
    "-Ctarget-cpu=v3",
    "-Clink-arg=--btf",
    "-Clink-arg=--disable-expand-memcpy-in-order",
];

const SOURCES: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "netd-ebpf/Cargo.toml",
    "netd-ebpf/src",
    "netd-common/Cargo.toml",
    "netd-common/src",
];

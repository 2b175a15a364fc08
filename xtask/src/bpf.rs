//! Which Rust compiles the BPF programs. Shared by `netd/build.rs`, which builds the object, and by
//! `cargo xtask`, which installs the toolchain and lints with it.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// The target of the programs.
pub(crate) const TARGET: &str = "bpfel-unknown-none";

/// A compiler that can build `core` for BPF, with a linker of the same LLVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// rustup's nightly with `rust-src`, and a `bpf-linker` on PATH.
    Nightly,
    /// Debian's `rustc-web` with a prebuilt `core` for BPF, and `target/tools/bin/bpf-linker`.
    Debian,
}

impl Toolchain {
    /// The first that is complete on this machine; `root` is the workspace's folder.
    #[must_use]
    pub(crate) fn find(root: &Path) -> Option<Self> {
        if on_path("bpf-linker").is_some() && nightly_has_source() {
            return Some(Self::Nightly);
        }
        (debian_has_core() && linker(root).is_file()).then_some(Self::Debian)
    }

    /// `cargo`, for this toolchain: add the verb and `--target`. Nothing of a cargo around it leaks in.
    #[must_use]
    pub(crate) fn cargo(self, root: &Path) -> Command {
        match self {
            Self::Nightly => {
                let mut command = self.start("rustup".into(), root);
                command.args(["run", "nightly", "cargo", "-Z", "build-std=core"]);
                command
            }
            Self::Debian => {
                self.start(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), root)
            }
        }
    }

    /// `cargo clippy`, likewise: add `--target` and what to check.
    #[must_use]
    pub(crate) fn clippy(self, root: &Path) -> Command {
        let mut command = match self {
            Self::Nightly => self.cargo(root),
            // rustup's clippy can't read the core of another compiler.
            Self::Debian => self.start(DEBIAN_CLIPPY.into(), root),
        };
        command.arg("clippy");
        command
    }

    fn start(self, program: OsString, root: &Path) -> Command {
        let mut command = Command::new(program);
        for name in LEAKS {
            command.env_remove(name);
        }
        if self == Self::Debian {
            // aya-ebpf gates two features on the compiler's version; the gates open for it alone.
            command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "aya_ebpf");
            command.env("PATH", path_with(&tools(root)));
        }
        command.current_dir(root);
        command
    }
}

/// Where tools are that only this checkout uses.
#[must_use]
pub(crate) fn tools(root: &Path) -> PathBuf {
    root.join("target/tools/bin")
}

/// The linker that goes with [`Toolchain::Debian`].
#[must_use]
pub(crate) fn linker(root: &Path) -> PathBuf {
    tools(root).join("bpf-linker")
}

/// Debian's compiler and its `core` for BPF are there.
#[must_use]
pub(crate) fn debian_has_core() -> bool {
    Path::new(DEBIAN_RUSTC).is_file() && Path::new("/usr/lib/rustlib").join(TARGET).is_dir()
}

/// The program of that name that the shell would run.
#[must_use]
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn nightly_has_source() -> bool {
    let asked =
        Command::new("rustup").args(["run", "nightly", "rustc", "--print", "sysroot"]).output();
    let Ok(answer) = asked else { return false };
    let sysroot = String::from_utf8_lossy(&answer.stdout);
    answer.status.success()
        && Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core").is_dir()
}

fn path_with(first: &Path) -> OsString {
    let rest = env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(first.to_path_buf()).chain(env::split_paths(&rest));
    env::join_paths(all).unwrap_or(rest)
}

/// Debian's `cargo clippy`, of the package rust-web-clippy.
pub(crate) const DEBIAN_CLIPPY: &str = "/usr/bin/cargo-clippy";

const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// What the cargo around a build script or an xtask sets, and another cargo must not see.
const LEAKS: [&str; 12] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC",
    "RUSTC_BOOTSTRAP",
    "RUSTC_LINKER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
    "TARGET",
];

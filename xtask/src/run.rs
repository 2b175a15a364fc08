//! Running other programs: where the workspace is, progress lines, root.

use anyhow::{Context, Result, bail};
use std::{
    env,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// A line of progress.
pub(crate) fn say(what: impl std::fmt::Display) {
    println!("==> {what}");
}

/// Does `work`, saying what it is before and how long it took after.
pub(crate) fn stage<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(what);
    let start = Instant::now();
    let done = work()?;
    say(format!("{what}: done in {:.1} s", start.elapsed().as_secs_f32()));
    Ok(done)
}

/// cargo, in the workspace.
pub(crate) fn cargo(verb: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(verb).current_dir(root());
    command
}

/// Runs `command` with its output shown; anything but exit code 0 is an error.
pub(crate) fn show(command: &mut Command) -> Result<()> {
    let line = line(command);
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// Runs `command` and returns what it printed; anything but exit code 0 is an error.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed ({}): {}", output.status, why.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `program`, run by root: through sudo where this is not root.
pub(crate) fn as_root(program: &str) -> Result<Command> {
    if is_root() {
        return Ok(Command::new(program));
    }
    if !has("sudo") {
        bail!("`{program}` needs root; run this as root or install sudo");
    }
    let mut command = Command::new("sudo");
    command.args(["--preserve-env", "--", program]);
    Ok(command)
}

/// This process is root's.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The shell, or root's shell, finds `program`.
pub(crate) fn has(program: &str) -> bool {
    crate::bpf::on_path(program).is_some()
        || ["/usr/sbin", "/sbin"].iter().any(|folder| Path::new(folder).join(program).is_file())
}

/// The command as somebody would type it.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

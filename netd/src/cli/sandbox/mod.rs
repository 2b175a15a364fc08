//! The sandbox behind `netctl run`: a command of the host's in namespaces of its own.
//!
//! Two processes stand around the command. The shim (`netctl` itself, or a detached copy of it)
//! stays in the host's namespaces and tells the agent about start and end. Init, started by the
//! shim as the first process of a pid namespace, makes the other namespaces, waits until the agent
//! has attached the networks, and runs the command.

mod channel;
pub(super) mod exec;
mod files;
mod init;
pub(super) mod log;
mod mounts;
pub(super) mod run;
mod shim;
mod signals;

use crate::api::protocol::ContainerInspect;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Plays the part that this process was started for by another `netctl`, and returns its exit
/// code; none where a person started it.
pub fn reentry(mut args: impl Iterator<Item = String>) -> Option<u8> {
    match args.nth(1).as_deref() {
        Some(SHIM) => Some(shim::main()),
        Some(INIT) => Some(init::main(args)),
        _ => None,
    }
}

/// What the shim needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Plan {
    /// Where the agent listens.
    socket: PathBuf,
    /// The container, as the agent answered its creation.
    container: ContainerInspect,
    /// Its own name in its UTS namespace; none keeps the host's.
    hostname: Option<String>,
    /// Environment variables besides the inherited ones.
    environment: Vec<(String, String)>,
    /// Output goes to the log.
    detached: bool,
}

/// What init needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Setup {
    /// What runs.
    command: Vec<String>,
    /// As in [`Plan`].
    hostname: Option<String>,
    /// The domain that completes it, or empty.
    domainname: String,
    /// The agent's pid, to share its network namespace; none makes a new one.
    host_network: Option<u32>,
    /// Where the files for /etc are, and where the exit code goes.
    directory: PathBuf,
    /// A terminal sends its signals to the command itself.
    terminal: bool,
}

/// What init tells the shim, and a detached shim `netctl run`.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Report {
    /// The namespaces are there.
    Waiting,
    /// The command runs.
    Started,
    /// Nothing runs.
    Failed(Failure),
}

/// Why nothing runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Failure {
    /// What `netctl` exits with: 127 and 126 for a command that can't be run, as shells do.
    exit: u8,
    /// The line for people.
    error: Error,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { exit: error.code.exit_code(), error }
    }
}

/// Refuses to go on without root.
fn need_root(verb: &str) -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(Error::kernel(format!("netctl {verb} needs root: it makes and joins namespaces; use sudo")))
}

/// The command could not be started: 127 where it was not found, else 126.
fn not_runnable(program: &str, cause: &std::io::Error) -> Failure {
    let (exit, why) = match cause.kind() {
        std::io::ErrorKind::NotFound if program.contains('/') => (127, "no such file".to_owned()),
        std::io::ErrorKind::NotFound => (127, "executable file not found in $PATH".to_owned()),
        std::io::ErrorKind::PermissionDenied => (126, "permission denied".to_owned()),
        _ => (126, cause.to_string()),
    };
    Failure { exit, error: Error::not_found(format!("cannot run {program:?}: {why}")) }
}

const SHIM: &str = "__shim";
const INIT: &str = "__init";

//! Files in a container's directory that the sandbox takes part in. The agent writes those that it
//! sees as /etc/hosts and /etc/resolv.conf.

use crate::error::{Error, Result};
use std::{fs, path::Path};

/// The files in a container's directory that stand for /etc/NAME.
pub(super) const NAMES: [&str; 3] = ["hosts", "resolv.conf", "hostname"];

/// Writes what the container calls itself.
pub(super) fn write_hostname(directory: &Path, hostname: &str) -> Result<()> {
    let path = directory.join("hostname");
    fs::write(&path, format!("{hostname}\n"))
        .map_err(|e| Error::kernel(format!("cannot write {}: {e}", path.display())))
}

/// Leaves `code` where the agent and people find it. The directory of a container that is forgotten
/// when it ends may be gone by now.
pub(super) fn record_exit(directory: &Path, code: u8) {
    let _ = fs::write(directory.join("exit"), format!("{code}\n"));
}

//! Processes that a test leaves behind, such as containers whose agent is gone.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{fs, path::Path};

/// Kills every process whose environment says that its agent listens on `socket`: all that was
/// started by a netctl that found the agent by `NETD_SOCKET`, and nothing else.
pub fn kill_those_of(socket: &Path) {
    let mark = format!("NETD_SOCKET={}", socket.display());
    for process in processes() {
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            // It may have ended by itself since.
            let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
        }
    }
}

fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

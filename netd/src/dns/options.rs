//! What netd-dns is started with.

use super::confine::Identity;
use clap::Parser;
use std::path::PathBuf;

/// Answers containers' questions for names, as the agent says. It is started by netd or by systemd,
/// with a listening unix socket as its first descriptor beyond the usual three (LISTEN_FDS=1).
#[derive(Debug, Parser)]
#[command(name = "netd-dns", version)]
pub struct Options {
    /// The file that names the host's resolvers.
    #[arg(long, value_name = "FILE", default_value = "/etc/resolv.conf")]
    pub resolv_conf: PathBuf,
    /// Whom to become where started as root, a name or UID:GID [default: netd-dns, or else nobody]
    #[arg(long, value_parser = Identity::parse)]
    pub user: Option<Identity>,
    /// What is written to standard error: error, warn, info, debug, trace.
    #[arg(long, env = "NETD_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
}

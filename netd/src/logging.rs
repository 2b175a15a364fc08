//! What the processes that run for long write to standard error.

use crate::error::{Error, Result};
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Writes from now on what `level` asks for: a bare level is netd's own, and of its libraries only
/// warnings are of interest then. That nobody reads it any more is no reason to fail.
///
/// # Errors
/// A level that makes no sense.
pub fn start(level: &str) -> Result<()> {
    let own = format!("warn,netd={level}");
    let filter = EnvFilter::try_new(if level.contains('=') { level } else { &own })
        .map_err(|e| Error::invalid(format!("invalid log level {level:?}: {e}")))?;
    let terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(terminal)
        .log_internal_errors(false)
        .init();
    Ok(())
}

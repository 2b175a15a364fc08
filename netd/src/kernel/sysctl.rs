//! The few values netd reads and writes under `/proc/sys`.
//!
//! Values under `net/` are those of the calling thread's network namespace.

use crate::error::{Error, Result};
use std::{
    fs, io,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

/// The value of `key`, a path below `/proc/sys`, without its closing newline.
///
/// # Errors
/// `Kernel` where the key does not exist or can't be read.
pub fn read(key: &str) -> Result<String> {
    fs::read_to_string(path(key))
        .map(|text| text.trim_end().to_owned())
        .map_err(|e| Error::kernel(format!("cannot read sysctl {key}: {}", reason(&e))))
}

/// Sets `key`, a path below `/proc/sys`. A key that can't be written but holds `value` is fine:
/// some hosts mount `/proc/sys` read-only.
///
/// # Errors
/// `Kernel` where the key does not exist or can't be written.
pub fn write(key: &str, value: &str) -> Result<()> {
    match fs::write(path(key), value) {
        Ok(()) => Ok(()),
        Err(_) if read(key).is_ok_and(|now| now == value) => Ok(()),
        Err(e) => Err(Error::kernel(format!("cannot set sysctl {key} to {value}: {}", reason(&e)))),
    }
}

/// Whether the kernel has IPv6 at all, and with it every network namespace.
#[must_use]
pub fn has_ipv6() -> bool {
    // It is never unloaded; and with many namespaces it takes long to find a key of one's own.
    static SEEN: AtomicBool = AtomicBool::new(false);
    SEEN.load(Ordering::Relaxed) || {
        let there = path("net/ipv6/conf").is_dir();
        SEEN.store(there, Ordering::Relaxed);
        there
    }
}

fn path(key: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(key)
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "this kernel does not have it".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied; run netd as root".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => {
            "/proc/sys is mounted read-only; mount it writable for netd".to_owned()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_without_their_newline() {
        assert_eq!(read("kernel/ostype").unwrap(), "Linux");
    }

    #[test]
    fn a_key_that_does_not_exist_is_named() {
        let error = write("net/ipv4/conf/no-such-device/forwarding", "1").unwrap_err();
        assert_eq!(
            error.message,
            "cannot set sysctl net/ipv4/conf/no-such-device/forwarding to 1: this kernel does not have it"
        );
    }

    #[test]
    fn a_read_only_key_with_the_wanted_value_is_fine() {
        assert!(write("kernel/ostype", "Linux").is_ok());
        assert!(write("kernel/ostype", "Plan 9").is_err());
    }
}

//! One agent per directory and network namespace: a lock that the kernel releases when the agent ends, however it ends.

use crate::error::{Error, Result};
use nix::sys::stat::{major, minor};
use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// A locked file or directory; unlocked when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Locks a file, which is made where it is missing.
    ///
    /// # Errors
    /// [`ErrorCode::Conflict`](crate::error::ErrorCode::Conflict) where another agent has it.
    pub fn file(path: &Path) -> Result<Self> {
        let open = File::options().create(true).truncate(false).write(true).open(path);
        Self::take(open, path)
    }

    /// Locks a directory, which must exist.
    ///
    /// # Errors
    /// As [`Lock::file`].
    pub fn directory(path: &Path) -> Result<Self> {
        Self::take(File::open(path), path)
    }

    /// Locks the network namespace of the calling thread: two agents in one would undo each
    /// other's work. Anybody may lock it; only root's lock counts.
    ///
    /// # Errors
    /// As [`Lock::file`].
    pub fn namespace() -> Result<Self> {
        let failed = |e| Error::kernel(format!("cannot lock the network namespace: {e}"));
        let file = File::open("/proc/thread-self/ns/net").map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => match holder_of(&file) {
                Some(pid) if !is_roots(pid) => Ok(Self { _file: file }),
                pid => Err(Error::conflict(format!(
                    "{} already manages this network namespace; stop it, or start this one in another",
                    called(pid)
                ))),
            },
            Err(TryLockError::Error(e)) => Err(failed(e)),
        }
    }

    fn take(open: std::io::Result<File>, path: &Path) -> Result<Self> {
        let file =
            open.map_err(|e| Error::kernel(format!("cannot open {}: {e}", path.display())))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(taken(&file, path)),
            Err(TryLockError::Error(e)) => {
                Err(Error::kernel(format!("cannot lock {}: {e}", path.display())))
            }
        }
    }
}

fn taken(file: &File, path: &Path) -> Error {
    Error::conflict(format!(
        "{} already uses {}; stop it, or give this one directories of its own",
        called(holder_of(file)),
        path.display()
    ))
}

fn called(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another netd".into(), |pid| format!("another netd (pid {pid})"))
}

/// By what the kernel says of the process: who owns its files in /proc is up to the process.
fn is_roots(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uids.and_then(|uids| uids.split_whitespace().nth(EFFECTIVE)) == Some("0")
}

fn holder_of(file: &File) -> Option<u32> {
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    file.metadata().ok().and_then(|m| holder(&locks, m.dev(), m.ino()))
}

/// Who holds a lock, by the form of /proc/locks: `1: FLOCK ADVISORY WRITE 4242 fe:01:5678 0 EOF`.
fn holder(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let file = format!("{:02x}:{:02x}:{inode}", major(device), minor(device));
    locks.lines().find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let at = words.iter().position(|word| *word == file)?;
        words.get(at.checked_sub(1)?)?.parse().ok()
    })
}

/// Where /proc/PID/status has the user that counts, after the real one.
const EFFECTIVE: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_and_names_the_holder() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let held = Lock::file(&path).unwrap();
        let error = Lock::file(&path).unwrap_err();
        assert!(error.message.contains("already uses"), "{error}");
        assert!(error.message.contains(&format!("pid {}", std::process::id())), "{error}");
        drop(held);
        Lock::file(&path).unwrap();
    }

    #[test]
    fn directories_are_locked_as_files_are() {
        let directory = tempfile::tempdir().unwrap();
        let _held = Lock::directory(directory.path()).unwrap();
        assert!(Lock::directory(directory.path()).is_err());
    }
}

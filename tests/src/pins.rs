//! A place on a bpffs for one test.

use anyhow::Result;
use std::{fs, path::PathBuf, process};

/// A directory on a bpffs, removed with its pins: the maps live on by their descriptors.
pub struct Pins(pub PathBuf);

impl Pins {
    /// A new, empty directory.
    ///
    /// # Errors
    /// Where no bpffs can be mounted.
    pub fn new() -> Result<Self> {
        let thread = format!("{:?}", std::thread::current().id());
        let name: String = thread.chars().filter(char::is_ascii_digit).collect();
        let path = PathBuf::from(format!("/sys/fs/bpf/netd-tests-{}-{name}", process::id()));
        netd::kernel::mounts::put_bpffs(&path)?;
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

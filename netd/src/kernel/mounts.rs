//! The two file systems that the programs need, mounted where the host has not done so: bpffs for
//! pins, and the root of the cgroup v2 hierarchy.

use crate::error::{Error, Result};
use nix::{
    mount::{MsFlags, mount},
    sys::statfs::{BPF_FS_MAGIC, CGROUP2_SUPER_MAGIC, statfs},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Sees to it that `directory` can be made on a bpffs: mounts one on /sys/fs/bpf for directories
/// below it. Anywhere else a mount could hide what is there.
///
/// # Errors
/// `Invalid` for a directory elsewhere that is on no bpffs; a mount that the kernel refuses.
pub fn put_bpffs(directory: &Path) -> Result<()> {
    if nearest(directory).is_some_and(is_bpffs) {
        return Ok(());
    }
    let standard = Path::new(BPFFS);
    if directory == standard || !directory.starts_with(standard) {
        return Err(Error::invalid(format!(
            "bpf directory {} is on no bpffs: choose one below {BPFFS}, or mount one there by hand",
            directory.display()
        )));
    }
    mount_new("bpf", "bpffs", standard)
}

/// The root of the cgroup v2 hierarchy: where the host has it mounted, else mounted at `fallback`.
///
/// # Errors
/// A mount that the kernel refuses.
pub fn cgroup_root(fallback: &Path) -> Result<PathBuf> {
    if let Some(path) = cgroup2() {
        return Ok(path);
    }
    mount_new("cgroup2", "cgroup2", fallback)?;
    Ok(fallback.to_owned())
}

/// Where the host has the cgroup v2 hierarchy mounted.
#[must_use]
pub fn cgroup2() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let usable =
        |path: &PathBuf| statfs(path).is_ok_and(|s| s.filesystem_type() == CGROUP2_SUPER_MAGIC);
    mounted(&mounts, "cgroup2").find(usable)
}

/// The closest of a directory and those above it that is on a bpffs.
#[must_use]
pub fn bpffs_of(directory: &Path) -> Option<PathBuf> {
    nearest(directory).filter(|path| is_bpffs(path)).map(Path::to_owned)
}

/// The closest of a path and its ancestors that exists.
fn nearest(path: &Path) -> Option<&Path> {
    path.ancestors().find(|p| p.exists())
}

fn is_bpffs(path: &Path) -> bool {
    statfs(path).is_ok_and(|s| s.filesystem_type() == BPF_FS_MAGIC)
}

fn mount_new(kind: &str, source: &str, target: &Path) -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let refused = |e: &dyn std::fmt::Display| {
        Error::kernel(format!("cannot mount {kind} on {}: {e}; mount it by hand", target.display()))
    };
    fs::create_dir_all(target).map_err(|e| refused(&e))?;
    mount(Some(source), target, Some(kind), flags, None::<&str>).map_err(|e| refused(&e.desc()))?;
    tracing::info!("mounted {kind} on {}", target.display());
    Ok(())
}

/// Mount points of a file system type in the form of /proc/self/mounts, the first mounted first.
fn mounted<'a>(mounts: &'a str, kind: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
    mounts.lines().filter_map(move |line| {
        let mut words = line.split(' ').skip(1);
        let target = words.next()?;
        (words.next()? == kind).then(|| unescape(target).into())
    })
}

/// The kernel writes blanks and backslashes in mount points as three octal digits.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, meaning)| text.replace(code, meaning))
}

const BPFFS: &str = "/sys/fs/bpf";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_found_by_type_and_unescaped() {
        let text = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
                    cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n\
                    none /a\\040b cgroup2 rw 0 0\n";
        let found: Vec<_> = mounted(text, "cgroup2").collect();
        assert_eq!(found, [PathBuf::from("/sys/fs/cgroup/unified"), "/a b".into()]);
    }

    #[test]
    fn the_nearest_ancestor_that_exists_is_found() {
        assert_eq!(nearest(Path::new("/proc/nowhere/at/all")), Some(Path::new("/proc")));
    }
}

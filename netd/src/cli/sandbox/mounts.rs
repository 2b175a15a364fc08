//! What differs in a container's mount namespace from the host's.

use super::files;
use crate::error::{Error, Result};
use nix::{
    fcntl::{OFlag, open},
    mount::{MsFlags, mount},
    sys::stat::Mode,
};
use std::{
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
};

/// Mounts /proc and /sys for the container's namespaces, and the files of `directory` over those
/// in /etc. Nothing of it reaches the host.
pub(super) fn set_up(directory: &Path) -> Result<()> {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mounted("/", mount(NONE, "/", NONE, private, NONE))?;
    let safe = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mounted("/proc", mount(Some("proc"), "/proc", Some("proc"), safe, NONE))?;
    fresh_sys(safe)?;
    files::NAMES.iter().try_for_each(|name| bind_file(directory, name))
}

/// /sys shows the network devices of the namespace that it is mounted in; the cgroups are carried
/// over from the old one.
fn fresh_sys(safe: MsFlags) -> Result<()> {
    let cgroups = "/sys/fs/cgroup";
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let old: Option<OwnedFd> = open(cgroups, flags, Mode::empty()).ok();
    let flags = safe | MsFlags::MS_RDONLY;
    mounted("/sys", mount(Some("sysfs"), "/sys", Some("sysfs"), flags, NONE))?;
    let Some(old) = old else { return Ok(()) };
    bind(Path::new(&format!("/proc/self/fd/{}", old.as_raw_fd())), Path::new(cgroups))
}

/// Where the host has no such file there is nothing to hide.
fn bind_file(directory: &Path, name: &str) -> Result<()> {
    let source = directory.join(name);
    match Path::new("/etc").join(name).canonicalize() {
        Ok(target) if source.exists() => bind(&source, &target),
        _ => Ok(()),
    }
}

fn bind(source: &Path, target: &Path) -> Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    let bound = mount(Some(source), target, NONE, flags, NONE);
    mounted(&target.display().to_string(), bound)
}

fn mounted(target: &str, result: nix::Result<()>) -> Result<()> {
    result.map_err(|e| Error::kernel(format!("cannot mount {target} in the container: {e}")))
}

const NONE: Option<&str> = None;

//! The links that hold programs on their hooks. Each is pinned, so that it outlives the agent, and
//! held open, so that it outlives its pin.

use super::refused;
use crate::error::{Error, Result};
use aya::programs::links::{FdLink, PinnedLink};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Links by the name of their pin.
#[derive(Default)]
pub(super) struct Links(BTreeMap<String, Held>);

struct Held {
    link: FdLink,
    /// Where the kernel tells what the link is on; none where it does not.
    told: Option<PathBuf>,
}

impl Links {
    /// Takes a link that is pinned under `name`.
    pub(super) fn hold(&mut self, name: String, link: FdLink) {
        let known: Vec<_> = self.0.values().filter_map(|held| held.told.clone()).collect();
        let told = link.info().ok().and_then(|info| told(info.id(), &known));
        self.0.insert(name, Held { link, told });
    }

    /// Opens the link that is pinned under `name`, to have its program replaced.
    pub(super) fn open(&mut self, directory: &Path, name: &str) -> Option<FdLink> {
        self.0.remove(name);
        PinnedLink::from_pin(directory.join(name)).ok().map(FdLink::from)
    }

    /// Lets go of a link: what it is on is free once its pin is gone too.
    pub(super) fn release(&mut self, name: &str) {
        self.0.remove(name);
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether the link under `name` is on a hook, with this program.
    pub(super) fn holds(&self, name: &str, program: Option<u32>) -> bool {
        self.0.get(name).is_some_and(|held| held.is_on_hook() && held.program() == program)
    }

    /// Whether each is on a hook.
    pub(super) fn all_hold(&self) -> bool {
        self.0.values().all(Held::is_on_hook)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Pins again what is pinned no more; gives how many.
    ///
    /// # Errors
    /// There is no place for a pin; the link is held all the same.
    pub(super) fn repin(&mut self, directory: &Path) -> Result<usize> {
        let missing = |name: &&String| !directory.join(name).exists();
        let names: Vec<String> = self.0.keys().filter(missing).cloned().collect();
        for name in &names {
            // A link whose pin is refused is lost, and with it what it holds on its hook.
            try_pin(directory, name).map_err(|e| {
                Error::kernel(format!("cannot pin the link {name} in {}: {e}", directory.display()))
            })?;
            let Some(Held { link, told }) = self.0.remove(name) else { continue };
            let pinned = link.pin(directory.join(name));
            let pinned = pinned.map_err(|e| refused(&format!("cannot pin the link {name}"), &e))?;
            self.0.insert(name.clone(), Held { link: pinned.into(), told });
        }
        Ok(names.len())
    }
}

impl Held {
    /// A link that lost its device or cgroup, or was taken off, is on number 0.
    fn is_on_hook(&self) -> bool {
        let Some(told) = &self.told else { return true };
        fs::read_to_string(told).is_ok_and(|text| is_on_hook(&text))
    }

    fn program(&self) -> Option<u32> {
        self.link.info().ok().map(|info| info.program_id())
    }
}

/// Whether a pin can be put under `name`, found out by a directory of that name.
fn try_pin(directory: &Path, name: &str) -> io::Result<()> {
    if statfs(directory)?.filesystem_type() != BPF_FS_MAGIC {
        return Err(io::Error::other("it is on no bpf file system any more"));
    }
    let path = directory.join(name);
    fs::create_dir(&path)?;
    fs::remove_dir(&path)
}

/// By the form of /proc/PID/fdinfo/N: a key, a colon, a tab and a value per line.
fn is_on_hook(text: &str) -> bool {
    let target = ["ifindex", "cgroup_id"].iter().find_map(|key| field(text, key));
    target != Some("0")
}

fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find_map(|(name, value)| (name == key).then(|| value.trim()))
}

/// Where the kernel tells of the link with this number, apart from what is `known`.
fn told(number: u32, known: &[PathBuf]) -> Option<PathBuf> {
    let number = number.to_string();
    let entries = fs::read_dir("/proc/self/fd").ok()?.flatten();
    entries
        .filter(|entry| fs::read_link(entry.path()).is_ok_and(|target| is_link(&target)))
        .map(|entry| Path::new("/proc/self/fdinfo").join(entry.file_name()))
        .filter(|path| !known.contains(path))
        .find(|path| {
            fs::read_to_string(path).is_ok_and(|text| field(&text, "link_id") == Some(&number))
        })
}

/// The kernel has one name for the link that was made and another for one that was pinned.
fn is_link(target: &Path) -> bool {
    ["anon_inode:bpf_link", "anon_inode:bpf-link"].iter().any(|name| target == Path::new(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::mount::{MsFlags, mount, umount};

    #[test]
    fn a_place_that_takes_no_pins_is_known_before_a_link_is_risked() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        assert!(try_pin(at, "link").unwrap_err().to_string().contains("no bpf file system"));
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let put = |flags| mount(Some("bpf"), at, Some("bpf"), flags, None::<&str>);
        put(MsFlags::empty()).unwrap();
        let writable = try_pin(at, "link").and_then(|()| try_pin(at, "link"));
        let remounted = put(MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY);
        let read_only = try_pin(at, "link");
        umount(at).unwrap();
        assert!(writable.is_ok(), "{writable:?}");
        assert_eq!(remounted, Ok(()));
        assert_eq!(read_only.unwrap_err().kind(), io::ErrorKind::ReadOnlyFilesystem);
    }

    #[test]
    fn a_link_that_lost_its_hook_shows() {
        let text = "pos:\t0\nlink_type:\ttcx\nlink_id:\t71\nprog_id:\t12\nifindex:\t2\n";
        assert!(is_on_hook(text));
        assert!(!is_on_hook(&text.replace("ifindex:\t2", "ifindex:\t0")));
        assert!(!is_on_hook("link_type:\tcgroup\ncgroup_id:\t0\nattach_type:\t10\n"));
        assert_eq!(field(text, "link_id"), Some("71"));
    }
}

//! Files that containers see below /etc, and those of the host's that they are made from.

use crate::error::{Error, Result};
use crate::etc::resolv::{self, HostFile, Resolving};
use std::{
    fs::{self, OpenOptions, Permissions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The host's resolv.conf at `path`, as far as a container of this kind can use it: for one that
/// does not reach the host's loopback, that behind systemd-resolved where the host's names its stub
/// only.
#[must_use]
pub fn host_resolv_conf(path: &Path, resolving: Resolving) -> HostFile {
    let read = |path: &Path| HostFile { path: path.display().to_string(), text: host_file(path) };
    let own = read(path);
    match resolving {
        Resolving::Direct { .. } if !own.is_of_use_elsewhere() => {
            Some(read(Path::new(BEHIND_RESOLVED)))
                .filter(HostFile::is_of_use_elsewhere)
                .unwrap_or(own)
        }
        _ => own,
    }
}

/// The host's /etc/hosts.
#[must_use]
pub fn host_hosts() -> String {
    host_file(Path::new("/etc/hosts"))
}

/// Writes a file that everybody may read. One that is there keeps its inode: it is mounted in a
/// container.
///
/// # Errors
/// `Kernel` where it can't be written.
pub fn put(path: &Path, text: &str) -> Result<()> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        // One write and no moment without text, for whoever reads it right now.
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
    };
    write().map_err(|e| Error::kernel(format!("cannot write {}: {e}", path.display())))
}

/// Puts what `edit` makes of a file in its place, where it makes something. A container may write
/// the file: one of more than [`MOST_BYTES`] is left alone.
///
/// # Errors
/// `Kernel` where it can't be read or written.
pub fn edit(path: &Path, edit: impl FnOnce(&str) -> Option<String>) -> Result<()> {
    let cannot = |e| Error::kernel(format!("cannot read {}: {e}", path.display()));
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(cannot)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > MOST_BYTES {
        tracing::warn!(
            "{} is larger than {MOST_BYTES} bytes and is left as it is; shorten it in the container",
            path.display()
        );
        return Ok(());
    }
    let now = String::from_utf8_lossy(&bytes);
    match edit(&now) {
        Some(text) if text != now => put(path, &text),
        _ => Ok(()),
    }
}

/// Gives a namespace that was made by `ip netns add` a resolv.conf, which `ip netns exec` shows to
/// commands (ip-netns(8)). Somebody else's, or one that was edited, stays.
///
/// # Errors
/// `Kernel` where it can't be written.
pub fn put_for_netns(namespace: &Path, text: &str) -> Result<()> {
    let Some(path) = file_of_netns(namespace) else { return Ok(()) };
    match fs::read_to_string(&path) {
        Ok(now) if !resolv::is_untouched(&now) => return Ok(()),
        Err(e) if e.kind() != ErrorKind::NotFound => return Ok(()),
        Ok(_) | Err(_) => {}
    }
    let directory = path.parent().unwrap_or(&path);
    let make = || {
        fs::create_dir_all(directory).map_err(|e| {
            Error::kernel(format!("cannot make directory {}: {e}", directory.display()))
        })?;
        put(&path, text)
    };
    // Another agent that removes its last file takes the empty directory with it.
    make().or_else(|_| make())
}

/// Takes back what [`put_for_netns`] wrote, unless it was edited.
///
/// # Errors
/// `Kernel` where it can't be removed.
pub fn remove_for_netns(namespace: &Path) -> Result<()> {
    let Some(path) = file_of_netns(namespace) else { return Ok(()) };
    if !fs::read_to_string(&path).is_ok_and(|text| resolv::is_untouched(&text)) {
        return Ok(());
    }
    fs::remove_file(&path)
        .map_err(|e| Error::kernel(format!("cannot remove {}: {e}", path.display())))?;
    // Only where they are empty; the file system sees to that.
    let _ = path.parent().map(fs::remove_dir);
    let _ = fs::remove_dir(NETNS_FILES);
    Ok(())
}

/// The resolv.conf of a namespace that `ip` knows by name.
fn file_of_netns(namespace: &Path) -> Option<PathBuf> {
    let known = NETNS.iter().any(|directory| namespace.parent() == Some(Path::new(directory)));
    let name = namespace.file_name().filter(|_| known)?;
    Some(Path::new(NETNS_FILES).join(name).join("resolv.conf"))
}

/// A file of the host's, or nothing: a host without it is a host that says nothing there.
fn host_file(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The largest file of a container that is edited, bytes.
const MOST_BYTES: u64 = 1 << 20;
const BEHIND_RESOLVED: &str = "/run/systemd/resolve/resolv.conf";
/// Where `ip netns` keeps namespaces, and files for them.
const NETNS: [&str; 2] = ["/run/netns", "/var/run/netns"];
const NETNS_FILES: &str = "/etc/netns";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_file_is_written_in_place_and_readable_by_everybody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hosts");
        put(&path, "a longer text\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let inode = fs::metadata(&path).unwrap().ino();
        edit(&path, |text| Some(text.replace("a longer text", "short"))).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "short\n");
        let after = fs::metadata(&path).unwrap();
        assert_eq!((after.ino(), after.mode() & 0o777), (inode, 0o644));
        edit(&path, |_| None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "short\n");
        assert!(edit(&directory.path().join("none"), |_| None).is_err());
    }

    #[test]
    fn a_file_that_a_container_made_huge_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hosts");
        let emptied = |length: u64| {
            fs::File::create(&path).unwrap().set_len(length).unwrap();
            edit(&path, |_| Some("short\n".into())).unwrap();
            fs::metadata(&path).unwrap().len()
        };
        assert_eq!(emptied(1 << 20), 6);
        assert_eq!(emptied((1 << 20) + 1), (1 << 20) + 1);
        assert_eq!(emptied(1 << 40), 1 << 40);
    }

    #[test]
    fn only_namespaces_of_ip_netns_have_a_file() {
        let file = |path: &str| file_of_netns(Path::new(path));
        assert_eq!(file("/run/netns/a.b"), Some("/etc/netns/a.b/resolv.conf".into()));
        assert_eq!(file("/var/run/netns/web"), Some("/etc/netns/web/resolv.conf".into()));
        for path in ["/run/netns", "/run/netns/..", "/run/netns/a/b", "/proc/1/ns/net", "/web"] {
            assert_eq!(file(path), None, "{path}");
        }
    }
}

//! Network namespaces: opening one by process or path, proving that it is one, and running code
//! inside it.

use crate::{
    error::{Error, Result},
    state::Netns,
};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sched::{CloneFlags, setns},
    sys::{
        stat::{Mode, SFlag, fstat, stat},
        statfs::{FsType, NSFS_MAGIC, fstatfs},
    },
};
use std::{
    fs,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
    process, thread,
    time::Duration,
};

/// An open network namespace. It lives for as long as this value does.
#[derive(Debug)]
pub struct Namespace {
    fd: OwnedFd,
    inode: u64,
}

impl Namespace {
    /// The namespace of process `pid`.
    ///
    /// # Errors
    /// `NotFound` where there is no such process, `Invalid` where it shares the host's namespace,
    /// `Kernel` where the kernel refuses, `Internal` where netd lacks descriptors or memory.
    pub fn of_pid(pid: u32) -> Result<Self> {
        let what = format!("namespace of pid {pid}");
        // A link into the kernel, not one that somebody else could have laid.
        let path = format!("/proc/{pid}/ns/net");
        let fd = open(path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|e| unopened(&what, e, "no such process"))?;
        Self::of_container(fd, &what)
    }

    /// The namespace bound to `path`, as `ip netns add` binds one below `/run/netns`.
    ///
    /// # Errors
    /// `NotFound` where there is no such file, `Invalid` where it is a symbolic link, no network
    /// namespace, or the host's own; else as [`Namespace::of_pid`].
    pub fn of_path(path: &Path) -> Result<Self> {
        let what = format!("netns:{}", path.display());
        let (handle, _) = at_path(path, &what)?;
        let same = format!("/proc/thread-self/fd/{}", handle.as_raw_fd());
        let fd = open(same.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|e| unopened(&what, e, "no such file"))?;
        Self::of_container(fd, &what)
    }

    /// The identity of the namespace bound to `path`, which costs less than to open it. What is of
    /// another kind has an identity that no network namespace has.
    ///
    /// # Errors
    /// As [`Namespace::of_path`].
    pub fn id_at(path: &Path) -> Result<Netns> {
        at_path(path, &format!("netns:{}", path.display())).map(|(_, inode)| Netns(inode))
    }

    /// The calling thread's own namespace: for the agent, the host's.
    ///
    /// # Errors
    /// `Kernel` where `/proc` is not mounted.
    pub fn current() -> Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        let fd = open(OWN, flags, Mode::empty())
            .map_err(|e| refused(e, "cannot open netd's own network namespace"))?;
        Self::opened(fd, "netd's own network namespace")
    }

    /// Its identity.
    #[must_use]
    pub fn id(&self) -> Netns {
        Netns(self.inode)
    }

    /// Runs `work` inside the namespace, on a thread of its own, and waits for it.
    ///
    /// # Errors
    /// `Kernel` where the thread can't be started or can't enter, `Internal` where `work` panics.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        run_in(self.fd.as_fd(), work)
    }

    fn of_container(fd: OwnedFd, what: &str) -> Result<Self> {
        let namespace = Self::opened(fd, what)?;
        let own =
            stat(OWN).map_err(|e| refused(e, "cannot look at netd's own network namespace"))?;
        if namespace.inode == own.st_ino {
            return Err(Error::invalid(format!(
                "{what} is the host's own; give a container that has a network namespace"
            )));
        }
        Ok(namespace)
    }

    fn opened(fd: OwnedFd, what: &str) -> Result<Self> {
        require_nsfs(&fd, what)?;
        // Mount, PID and other namespaces live in the same file system; only the kernel can tell.
        let fd = reopen(fd.as_fd()).map_err(|e| match e {
            Errno::EINVAL => foreign(what),
            e => refused(e, &format!("cannot enter {what}")),
        })?;
        let inode = fstat(&fd).map_err(|e| refused(e, &format!("cannot enter {what}")))?.st_ino;
        Ok(Self { fd, inode })
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Runs `work` in the network namespace `namespace`, on a thread of its own, and waits for it.
///
/// # Errors
/// As [`Namespace::run`].
pub fn run_in<T: Send>(namespace: BorrowedFd<'_>, work: impl FnOnce() -> T + Send) -> Result<T> {
    let inside = move || setns(namespace, CloneFlags::CLONE_NEWNET).map(|()| work());
    match on_a_thread(inside)? {
        Ok(value) => Ok(value),
        Err(e) => Err(refused(e, "cannot enter a network namespace")),
    }
}

/// As [`run_in`], on the calling thread, which is back in its own namespace when this returns: for quick
/// work that starts no thread and waits for nothing.
///
/// # Errors
/// `Kernel` where the thread can't enter.
pub fn visit<T>(namespace: BorrowedFd<'_>, work: impl FnOnce() -> T) -> Result<T> {
    visited(namespace, work).map_err(|e| refused(e, "cannot enter a network namespace"))
}

fn visited<T>(namespace: BorrowedFd<'_>, work: impl FnOnce() -> T) -> nix::Result<T> {
    let _home = Home(open(OWN, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?);
    setns(namespace, CloneFlags::CLONE_NEWNET)?;
    Ok(work())
}

/// Where the calling thread goes back to, whatever becomes of its work.
struct Home(OwnedFd);

impl Drop for Home {
    fn drop(&mut self) {
        for _ in 0..RETURNS {
            if setns(self.0.as_fd(), CloneFlags::CLONE_NEWNET).is_ok() {
                return;
            }
            // Memory that the kernel lacks for the moment.
            thread::sleep(Duration::from_millis(1));
        }
        // What this thread did to the host from now on, it would do to a container.
        tracing::error!("cannot come back from a network namespace");
        process::abort();
    }
}

/// When process `pid` was started, in clock ticks since boot; with the pid it names a process
/// for good.
///
/// # Errors
/// `NotFound` where there is no such process, `Kernel` where the kernel refuses to tell.
pub fn start_time(pid: u32) -> Result<u64> {
    let gone = || Error::not_found(format!("pid {pid}: no such process"));
    let refused = |e: std::io::Error| match e.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ESRCH) => gone(),
        _ => Error::refused(e.raw_os_error(), format!("cannot read /proc/{pid}/stat: {e}")),
    };
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).map_err(refused)?;
    parse_start_time(&stat).ok_or_else(gone)
}

fn parse_start_time(stat: &str) -> Option<u64> {
    // The second field, the command's name, may itself hold spaces and parentheses.
    let (_, tail) = stat.rsplit_once(')')?;
    tail.split_ascii_whitespace().nth(START_TIME - COMMAND - 1)?.parse().ok()
}

/// A file that is bound to a namespace, not opened, and its inode.
fn at_path(path: &Path, what: &str) -> Result<(OwnedFd, u64)> {
    // Only looked at until it is known to be a namespace: to open a pipe or a device may wait
    // or have effects.
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let handle = open(path, flags, Mode::empty()).map_err(|e| match e {
        Errno::ENOENT | Errno::ENOTDIR => Error::not_found(format!("{what} does not exist")),
        e => unopened(what, e, "no such file"),
    })?;
    let stat = fstat(&handle).map_err(|e| unopened(what, e, "no such file"))?;
    if SFlag::from_bits_truncate(stat.st_mode) == SFlag::S_IFLNK {
        return Err(Error::invalid(format!("{what} is a symbolic link; give its target")));
    }
    require_nsfs(&handle, what)?;
    Ok((handle, stat.st_ino))
}

/// The namespace as it looks from inside: unlike a file bound to a path, such a descriptor keeps
/// nobody from unmounting that path.
fn reopen(namespace: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    visited(namespace, || open(OWN, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()))?
}

fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, work)
            .map_err(|e| Error::refused(e.raw_os_error(), format!("cannot start a thread: {e}")))?;
        thread.join().map_err(|_| Error::internal("a thread in a network namespace panicked"))
    })
}

/// A file system that fails tells nothing of what the file is.
fn require_nsfs(fd: &OwnedFd, what: &str) -> Result<()> {
    judge(fstatfs(fd).map(|filesystem| filesystem.filesystem_type()), what)
}

fn judge(filesystem: nix::Result<FsType>, what: &str) -> Result<()> {
    match filesystem {
        Ok(NSFS_MAGIC) => Ok(()),
        Ok(_) => Err(foreign(what)),
        Err(e) => Err(unopened(what, e, "no such file")),
    }
}

fn foreign(what: &str) -> Error {
    Error::invalid(format!("{what} is not a network namespace"))
}

fn unopened(what: &str, error: Errno, missing: &str) -> Error {
    match error {
        Errno::ENOENT | Errno::ESRCH => Error::not_found(format!("{what}: {missing}")),
        e => refused(e, &format!("cannot open {what}")),
    }
}

fn refused(error: Errno, what: &str) -> Error {
    Error::refused(Some(error as i32), format!("{what}: {}", advice(error)))
}

fn advice(error: Errno) -> String {
    match error {
        Errno::EPERM | Errno::EACCES => "permission denied; run netd as root".to_owned(),
        e => e.desc().to_lowercase(),
    }
}

/// The calling thread's network namespace.
const OWN: &str = "/proc/thread-self/ns/net";
/// How often a thread tries to come back.
const RETURNS: usize = 100;
/// Field numbers of `/proc/PID/stat`, counted from 1.
const COMMAND: usize = 2;
const START_TIME: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use nix::sys::statfs::PROC_SUPER_MAGIC;

    #[test]
    fn start_time_survives_a_hostile_command_name() {
        let fields = (3..=30).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(parse_start_time(&format!("7 (a) b (c) {fields}")), Some(22));
        assert_eq!(parse_start_time("7 no command"), None);
    }

    #[test]
    fn this_process_has_a_start_time_and_pid_0_has_none() {
        assert!(start_time(std::process::id()).unwrap() > 0);
        assert_eq!(start_time(0).unwrap_err().message, "pid 0: no such process");
    }

    #[test]
    fn what_is_not_there_is_said_so() {
        let error = Namespace::of_pid(u32::MAX).unwrap_err();
        assert_eq!(error.message, "namespace of pid 4294967295: no such process");
        let error = Namespace::of_path(Path::new("/run/netns/no-such")).unwrap_err();
        assert_eq!(error.message, "netns:/run/netns/no-such does not exist");
    }

    #[test]
    fn a_file_system_that_fails_is_not_taken_for_another_thing() {
        let code = |filesystem| judge(filesystem, "netns:/x").unwrap_err().code;
        for errno in [Errno::EIO, Errno::ESTALE, Errno::ENOTCONN, Errno::ETIMEDOUT] {
            assert_eq!(code(Err(errno)), ErrorCode::Kernel, "{errno}");
        }
        assert_eq!(code(Err(Errno::ENOMEM)), ErrorCode::Internal);
        assert_eq!(code(Ok(PROC_SUPER_MAGIC)), ErrorCode::Invalid);
        assert_eq!(judge(Ok(NSFS_MAGIC), "netns:/x"), Ok(()));
    }

    #[test]
    fn what_is_no_namespace_is_refused() {
        let error = Namespace::of_path(Path::new("/dev/null")).unwrap_err();
        assert_eq!(error.message, "netns:/dev/null is not a network namespace");
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("/proc/self/ns/net", &link).unwrap();
        assert!(Namespace::of_path(&link).unwrap_err().message.contains("symbolic link"));
    }
}

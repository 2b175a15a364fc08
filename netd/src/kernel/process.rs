//! First processes of containers, held by a pidfd: a number that was given to another process is
//! never signalled or watched.

use super::netns;
use crate::error::{Error, Result};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getrlimit, pidfd_open, pidfd_send_signal, setrlimit,
};
use std::{io, os::fd::OwnedFd};
use tokio::io::unix::AsyncFd;

/// A process that exists, or that has ended and whose number may belong to another by now.
#[derive(Debug)]
pub struct Process {
    fd: AsyncFd<OwnedFd>,
    pid: i32,
}

impl Process {
    /// The process with number `pid` that was started at `start_time` (field 22 of
    /// /proc/PID/stat). Needs a tokio runtime.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`](crate::error::ErrorCode::NotFound) where it has ended.
    pub fn open(pid: i32, start_time: u64) -> Result<Self> {
        let gone = || Error::not_found(format!("process {pid} has ended"));
        let number = Pid::from_raw(pid).ok_or_else(gone)?;
        let fd = match pidfd_open(number, PidfdFlags::NONBLOCK) {
            Ok(fd) => registered(fd).map_err(|e| refused("watch", pid, &e))?,
            Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL) => return Err(gone()),
            Err(e) => return Err(refused("open", pid, &e.into())),
        };
        // Only now: the number can't change hands between this look and the pidfd.
        match netns::start_time(pid.unsigned_abs()) {
            Ok(time) if time == start_time => Ok(Self { fd, pid }),
            _ => Err(gone()),
        }
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// A refusal of the kernel's; having ended is none.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Ends it.
    ///
    /// # Errors
    /// As [`Process::terminate`].
    pub fn kill(&self) -> Result<()> {
        self.signal(Signal::KILL)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// A refusal of the kernel's to say.
    pub async fn ended(&self) -> Result<()> {
        self.fd.readable().await.map(drop).map_err(|e| refused("watch", self.pid, &e))
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        match pidfd_send_signal(&self.fd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(e) => Err(refused("signal", self.pid, &e.into())),
        }
    }
}

/// Ends the process with number `pid` that was started at `start_time`; having ended is as good.
///
/// # Errors
/// A refusal of the kernel's.
pub fn kill(pid: u32, start_time: u64) -> Result<()> {
    let number = i32::try_from(pid).unwrap_or_default();
    let Some(handle) = Pid::from_raw(number) else { return Ok(()) };
    let fd = match pidfd_open(handle, PidfdFlags::empty()) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        Err(e) => return Err(refused("open", number, &e.into())),
    };
    // Only now: the number can't change hands between this look and the pidfd.
    if netns::start_time(pid).ok() != Some(start_time) {
        return Ok(());
    }
    match pidfd_send_signal(&fd, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(e) => Err(refused("signal", number, &e.into())),
    }
}

/// Lets the agent have as many open files as the host allows: each container takes a few.
///
/// # Errors
/// The kernel refuses.
pub fn raise_file_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).map_err(|e| {
        Error::kernel(format!("cannot raise the limit of open files: {}", io::Error::from(e)))
    })
}

#[expect(deprecated, reason = "sound with an OwnedFd, and what replaces it needs unsafe code")]
fn registered(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(fd)
}

fn refused(verb: &str, pid: i32, why: &io::Error) -> Error {
    Error::kernel(format!("cannot {verb} process {pid}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[tokio::test]
    async fn a_process_is_seen_to_end_when_it_is_told_to() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let start = netns::start_time(child.id()).unwrap();
        assert!(Process::open(pid, start + 1).is_err(), "another process with the same number");
        let process = Process::open(pid, start).unwrap();
        process.terminate().unwrap();
        process.ended().await.unwrap();
        child.wait().unwrap();
        process.kill().unwrap();
        kill(pid.unsigned_abs(), start).unwrap();
        assert!(Process::open(pid, start).is_err());
    }
}

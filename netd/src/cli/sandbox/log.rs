//! `netctl logs`.

use crate::api::client::Client;
use crate::cli::{args::LogsArgs, containers, output};
use crate::error::{Error, ErrorCode, Result};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify},
};
use std::{
    fs::File,
    io::{self, Read},
    os::fd::AsFd,
    path::Path,
};

/// Prints what a detached container wrote. Returns the exit code.
///
/// # Errors
/// Where its log can't be read.
pub(in crate::cli) fn logs(client: &Client, args: &LogsArgs) -> Result<u8> {
    let container = containers::get(client, &args.container)?;
    let path = container.directory.join("log");
    let unreadable = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => Error::not_found(format!(
            "container {} has no log: only detached ones have one",
            args.container
        )),
        io::ErrorKind::PermissionDenied => {
            Error::kernel(format!("cannot read {}: permission denied; use sudo", path.display()))
        }
        _ => Error::kernel(format!("cannot read {}: {e}", path.display())),
    };
    let changes = Changes::of(&container.directory).map_err(unreadable)?;
    let mut log = File::open(&path).map_err(unreadable)?;
    loop {
        let ended = !args.follow || !runs(client, &container.id)?;
        // Read after the question, so that the last words of one that ended are not missed.
        copy(&mut log).map_err(unreadable)??;
        if ended {
            return Ok(0);
        }
        changes.wait().map_err(unreadable)?;
    }
}

/// News of a container's directory: more log, an exit code.
struct Changes(Inotify);

impl Changes {
    fn of(directory: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let news =
            AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE_SELF;
        inotify.add_watch(directory, news)?;
        Ok(Self(inotify))
    }

    /// Waits for news, or a second: a container that was killed may leave none.
    fn wait(&self) -> io::Result<()> {
        let mut sources = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        if poll(&mut sources, PollTimeout::from(1000_u16))? > 0 {
            self.0.read_events()?;
        }
        Ok(())
    }
}

fn runs(client: &Client, id: &str) -> Result<bool> {
    match containers::get(client, id) {
        Ok(container) => Ok(container.status == "running"),
        Err(error) if error.code == ErrorCode::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Prints everything that is there now.
fn copy(log: &mut File) -> io::Result<Result<()>> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match log.read(&mut buffer)? {
            0 => return Ok(Ok(())),
            length => {
                if let Err(error) = output::print(&buffer[..length]) {
                    return Ok(Err(error));
                }
            }
        }
    }
}

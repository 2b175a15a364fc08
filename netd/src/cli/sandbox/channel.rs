//! Messages between the processes of a sandbox: one JSON value per line through a pair of pipes.

use crate::error::{Error, Result};
use nix::{
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    unistd::{close, pipe2},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    os::fd::{AsRawFd, OwnedFd, RawFd},
};

/// One end of a conversation.
#[derive(Debug)]
pub(super) struct Channel {
    reader: BufReader<File>,
    writer: File,
}

/// The other end, as a child process inherits it.
#[derive(Debug)]
pub(super) struct ChildEnd {
    read: OwnedFd,
    write: OwnedFd,
}

impl Channel {
    /// A channel, and the end for a child that is started while that end lives.
    pub(super) fn pair() -> Result<(Self, ChildEnd)> {
        let make = || -> nix::Result<_> {
            let (child_read, write) = pipe2(OFlag::O_CLOEXEC)?;
            let (read, child_write) = pipe2(OFlag::O_CLOEXEC)?;
            fcntl(&child_read, FcntlArg::F_SETFD(FdFlag::empty()))?;
            fcntl(&child_write, FcntlArg::F_SETFD(FdFlag::empty()))?;
            let here = Self { reader: BufReader::new(read.into()), writer: write.into() };
            Ok((here, ChildEnd { read: child_read, write: child_write }))
        };
        make().map_err(|e| Error::kernel(format!("cannot make a pipe to the sandbox: {e}")))
    }

    /// The child's end, in the child.
    pub(super) fn adopt(read: RawFd, write: RawFd) -> Result<Self> {
        let open = || -> std::io::Result<Self> {
            // Opening anew gives files that the command will not inherit.
            let reader = File::open(format!("/proc/self/fd/{read}"))?;
            let writer = OpenOptions::new().write(true).open(format!("/proc/self/fd/{write}"))?;
            close(read)?;
            close(write)?;
            Ok(Self { reader: BufReader::new(reader), writer })
        };
        open().map_err(|e| Error::internal(format!("cannot talk to the sandbox's shim: {e}")))
    }

    pub(super) fn send(&mut self, message: &impl Serialize) -> Result<()> {
        send(&mut self.writer, message)
    }

    pub(super) fn receive<T: DeserializeOwned>(&mut self) -> Result<T> {
        receive(&mut self.reader)
    }
}

impl ChildEnd {
    /// The numbers that the child gives to [`Channel::adopt`].
    pub(super) fn numbers(&self) -> [String; 2] {
        [self.read.as_raw_fd().to_string(), self.write.as_raw_fd().to_string()]
    }
}

/// Writes one message.
pub(super) fn send(writer: &mut impl Write, message: &impl Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(message)
        .map_err(|e| Error::internal(format!("cannot write a message to the sandbox: {e}")))?;
    line.push(b'\n');
    writer
        .write_all(&line)
        .and_then(|()| writer.flush())
        .map_err(|e| Error::kernel(format!("cannot talk to the sandbox: {e}")))
}

/// Reads one message; the end of the stream is an error.
pub(super) fn receive<T: DeserializeOwned>(reader: &mut impl BufRead) -> Result<T> {
    let mut line = String::new();
    match reader.read_line(&mut line) {
        Ok(0) => Err(Error::kernel("the sandbox ended before its command was started")),
        Ok(_) => serde_json::from_str(&line)
            .map_err(|e| Error::internal(format!("cannot read the sandbox's message: {e}"))),
        Err(e) => Err(Error::kernel(format!("cannot hear from the sandbox: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_hear_each_other_and_the_end() {
        let (mut here, child) = Channel::pair().unwrap();
        let [read, write] = child.numbers().map(|n| n.parse::<RawFd>().unwrap());
        // The numbers are closed by `adopt`, as after an exec.
        std::mem::forget(child);
        let mut there = Channel::adopt(read, write).unwrap();
        here.send(&"go").unwrap();
        there.send(&7).unwrap();
        assert_eq!(there.receive::<String>().unwrap(), "go");
        assert_eq!(here.receive::<i32>().unwrap(), 7);
        drop(there);
        assert!(here.receive::<i32>().is_err());
    }
}

//! Waits for a child and passes on the signals that arrive meanwhile.

use crate::error::{Error, Result};
use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, getpgrp, tcgetpgrp},
};
use std::{
    future::poll_fn,
    os::unix::process::ExitStatusExt,
    process::{Child, ExitStatus},
    task::Poll,
};
use tokio::{
    runtime::Runtime,
    signal::unix::{self, SignalKind, signal},
};

/// The signals of this process, caught from now on. Handlers, unlike a blocked mask, are not
/// inherited by the command.
#[derive(Debug)]
pub(super) struct Signals {
    runtime: Runtime,
    terminal: bool,
    passed_on: Vec<(Signal, unix::Signal)>,
    child_ended: unix::Signal,
}

impl Signals {
    /// Catches them. With `terminal`, what a terminal sends to its whole foreground is not sent to
    /// the child once more.
    pub(super) fn catch(terminal: bool) -> Result<Self> {
        let catch = || -> std::io::Result<Self> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let context = runtime.enter();
            let child_ended = signal(SignalKind::child())?;
            let mut passed_on = Vec::new();
            for number in PASSED_ON {
                passed_on.push((number, signal(SignalKind::from_raw(number as i32))?));
            }
            drop(context);
            Ok(Self { runtime, terminal, passed_on, child_ended })
        };
        catch().map_err(|e| Error::kernel(format!("cannot catch signals: {e}")))
    }

    /// Waits until `child` ends and returns its exit code, or 128 and the signal that ended it.
    /// With `reap` this process is the first of its pid namespace and buries orphans.
    pub(super) fn supervise(&mut self, child: &mut Child, reap: bool) -> Result<u8> {
        let pid = pid(child)?;
        loop {
            let ended = child.try_wait().map_err(|e| {
                Error::kernel(format!("cannot wait for the command with pid {pid}: {e}"))
            })?;
            if let Some(status) = ended {
                return Ok(exit_code(status));
            }
            if let Some(code) = reap.then(|| bury(pid)).flatten() {
                return Ok(code);
            }
            match self.next() {
                Some(Signal::SIGINT | Signal::SIGQUIT) if self.terminal => {}
                // It may have ended meanwhile.
                Some(signal) => drop(kill(pid, signal)),
                None => {}
            }
        }
    }

    /// The next signal for the child; none where a child ended.
    fn next(&mut self) -> Option<Signal> {
        let Self { runtime, passed_on, child_ended, .. } = self;
        runtime.block_on(poll_fn(|context| {
            for (number, stream) in passed_on.iter_mut() {
                if stream.poll_recv(context).is_ready() {
                    return Poll::Ready(Some(*number));
                }
            }
            child_ended.poll_recv(context).map(|_| None)
        }))
    }
}

/// Standard input is a terminal that has this process in its foreground: what is typed there, ^C
/// for one, reaches the command without help.
pub(super) fn in_foreground() -> bool {
    tcgetpgrp(std::io::stdin()).is_ok_and(|group| group == getpgrp())
}

fn pid(child: &Child) -> Result<Pid> {
    i32::try_from(child.id())
        .map(Pid::from_raw)
        .map_err(|_| Error::internal(format!("pid {} is out of range", child.id())))
}

/// Reaps every child that has ended; the exit code of `child` where it is among them.
fn bury(child: Pid) -> Option<u8> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == child => return Some(low_byte(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => {
                return Some(low_byte(128 + signal as i32));
            }
            Ok(WaitStatus::StillAlive) => return None,
            // EINVAL: reaped, but ended by a signal that nix has no name for.
            Ok(_) | Err(Errno::EINTR | Errno::EINVAL) => {}
            Err(_) => return None,
        }
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    low_byte(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

fn low_byte(code: i32) -> u8 {
    code.to_le_bytes()[0]
}

const PASSED_ON: [Signal; 6] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// One test, because every `Signals` of the process would pass the signal on.
    #[test]
    fn exit_codes_come_back_and_signals_are_passed_on() {
        let mut signals = Signals::catch(false).unwrap();
        // It signals its parent only once it can be signalled itself.
        let passed_on = "trap 'exit 9' USR1; kill -USR1 $PPID; while :; do sleep 0.01; done";
        for (script, code) in [("exit 7", 7), ("kill -TERM $$", 143), (passed_on, 9)] {
            let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
            assert_eq!(signals.supervise(&mut child, false).unwrap(), code, "{script}");
        }
    }
}

//! Other programs that a test starts.

use crate::host::wait;
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A process that ends with this value.
#[derive(Debug)]
pub struct Process(pub Child);

impl Process {
    /// A Python script whose standard output is read, in the namespace of this test.
    ///
    /// # Errors
    /// Where it can't be started.
    pub fn python(script: &str, args: &[&str]) -> Result<Self> {
        let mut command = Command::new("python3");
        command.args(["-u", "-c", script]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        Ok(Self(command.spawn().context("cannot start python3")?))
    }

    /// A process that waits in a network namespace of its own; `pid:NUMBER` is what netd calls it.
    ///
    /// # Errors
    /// Where it can't be started, or gets none.
    pub fn in_namespace() -> Result<Self> {
        let mut command = Command::new("unshare");
        command.args(["--net", "sleep", "infinity"]).stdin(Stdio::null());
        let process = Self(command.spawn().context("cannot start unshare")?);
        let link = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let pid = process.0.id().to_string();
        ensure!(
            wait(SOON, || link(&pid).is_some_and(|own| Some(own) != link("self"))),
            "no namespace"
        );
        Ok(process)
    }

    /// The next line that it prints.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn line(&mut self) -> Result<String> {
        let out = self.0.stdout.as_mut().context("nothing is read")?;
        let mut line = Vec::new();
        let mut byte = [0];
        while out.read(&mut byte)? == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        Ok(String::from_utf8(line)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Holds up whoever opens a file of the directory in its first argument, or that file, until it
/// ends (fanotify(7)); says when it is ready and when somebody waits.
const HOLDER: &str = "
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
fan = libc.fanotify_init(4, 0)
path = sys.argv[1].encode()
done = libc.fanotify_mark(fan, 1, ctypes.c_uint64(0x08010000 if os.path.isdir(path) else 0x10000), -100, path)
print('ready' if fan >= 0 and done == 0 else 'error %d' % ctypes.get_errno())
os.read(fan, 4096)
print('held')
signal.pause()
";

/// Holds up whoever opens a file, or those of a directory, until the value is dropped. It prints
/// `held` once somebody waits.
///
/// # Errors
/// Without root.
pub fn hold(path: &Path) -> Result<Process> {
    let mut holder = Process::python(HOLDER, &[path.to_str().context("a path")?])?;
    let said = holder.line()?;
    ensure!(said == "ready", "{said}");
    Ok(holder)
}

/// How long anything may take that is not meant to wait.
const SOON: Duration = Duration::from_secs(20);

//! `netctl exec`.

use super::{
    need_root, not_runnable,
    signals::{self, Signals},
};
use crate::api::client::Client;
use crate::cli::{args::ExecArgs, containers, output};
use crate::error::{Error, Result};
use nix::sched::{CloneFlags, setns};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    os::unix::ffi::OsStrExt,
    process::Command,
};

/// Runs a command in a running container. Returns its exit code.
///
/// # Errors
/// Where the container does not run or can't be joined.
pub(in crate::cli) fn exec(client: &Client, args: &ExecArgs) -> Result<u8> {
    need_root("exec")?;
    let container = containers::get(client, &args.container)?;
    let name = &args.container;
    if container.status != "running" {
        return Err(Error::conflict(format!(
            "container {name} is not running; `netctl ps` lists those that are"
        )));
    }
    if container.pid <= 0 {
        return Err(Error::conflict(format!(
            "container {name} has no process to join, only a network namespace; use `nsenter --net`"
        )));
    }
    let environment = join(container.pid)
        .map_err(|e| Error::kernel(format!("cannot join the namespaces of {name}: {e}")))?;
    let mut signals = Signals::catch(signals::in_foreground())?;
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Error::invalid("there is no command to run"));
    };
    match Command::new(program).args(arguments).env_clear().envs(environment).spawn() {
        Ok(mut child) => signals.supervise(&mut child, false),
        Err(cause) => {
            let failure = not_runnable(program, &cause);
            output::complain(&failure.error.context(format!("container {name}")));
            Ok(failure.exit)
        }
    }
}

/// Joins the namespaces of `pid`; the pid namespace counts for children. Returns its environment.
fn join(pid: i32) -> io::Result<Vec<(OsString, OsString)>> {
    let environment = fs::read(format!("/proc/{pid}/environ"))?;
    // All are opened first: the paths lead elsewhere once the mount namespace is the container's.
    let open = |(name, kind)| Ok((File::open(format!("/proc/{pid}/ns/{name}"))?, kind));
    let namespaces = NAMESPACES.into_iter().map(open).collect::<io::Result<Vec<_>>>()?;
    for (namespace, kind) in namespaces {
        setns(namespace, kind)?;
    }
    Ok(variables(&environment))
}

fn variables(environment: &[u8]) -> Vec<(OsString, OsString)> {
    let text = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
    let pair = |variable: &[u8]| {
        let equals = variable.iter().position(|byte| *byte == b'=')?;
        Some((text(&variable[..equals]), text(&variable[equals + 1..])))
    };
    environment.split(|byte| *byte == 0).filter_map(pair).collect()
}

const NAMESPACES: [(&str, CloneFlags); 5] = [
    ("net", CloneFlags::CLONE_NEWNET),
    ("uts", CloneFlags::CLONE_NEWUTS),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("pid", CloneFlags::CLONE_NEWPID),
    ("mnt", CloneFlags::CLONE_NEWNS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_block_is_split_at_its_first_equals_signs() {
        let pair = |k: &str, v: &str| (OsString::from(k), OsString::from(v));
        assert_eq!(
            variables(b"A=1\0B=x=y\0broken\0C=\0"),
            [pair("A", "1"), pair("B", "x=y"), pair("C", "")]
        );
    }
}

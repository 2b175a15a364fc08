//! The first process of a container: makes its namespaces, waits for its networks, runs the command.

use super::{
    Failure, Report, Setup, channel::Channel, files, mounts, not_runnable, signals::Signals,
};
use crate::error::{Error, Result};
use nix::{
    sched::{CloneFlags, setns, unshare},
    unistd::sethostname,
};
use rustix::system::setdomainname;
use std::{
    fs::File,
    io,
    process::{Child, Command},
};

/// Runs init; `args` are the numbers of its channel to the shim. Returns the exit code.
pub(super) fn main(args: impl Iterator<Item = String>) -> u8 {
    let numbers: Vec<i32> = args.map_while(|number| number.parse().ok()).collect();
    let [read, write, ..] = numbers[..] else { return 2 };
    let Ok(mut channel) = Channel::adopt(read, write) else { return 1 };
    match start(&mut channel) {
        Ok((setup, mut signals, mut child)) => {
            // A shim that was killed does not end the container.
            let _ = channel.send(&Report::Started);
            drop(channel);
            let code = signals.supervise(&mut child, true).unwrap_or(1);
            files::record_exit(&setup.directory, code);
            code
        }
        Err(failure) => {
            let exit = failure.exit;
            let _ = channel.send(&Report::Failed(failure));
            exit
        }
    }
}

fn start(channel: &mut Channel) -> Result<(Setup, Signals, Child), Failure> {
    let setup: Setup = channel.receive()?;
    separate(setup.host_network)?;
    channel.send(&Report::Waiting)?;
    let () = channel.receive()?;
    mounts::set_up(&setup.directory)?;
    name_itself(&setup)?;
    let signals = Signals::catch(setup.terminal)?;
    let (program, arguments) =
        setup.command.split_first().ok_or_else(|| Error::invalid("there is no command to run"))?;
    let child = Command::new(program)
        .args(arguments)
        .spawn()
        .map_err(|cause| not_runnable(program, &cause))?;
    Ok((setup, signals, child))
}

fn name_itself(setup: &Setup) -> Result<()> {
    if let Some(hostname) = &setup.hostname {
        sethostname(hostname)
            .map_err(|e| Error::kernel(format!("cannot set the hostname {hostname:?}: {e}")))?;
    }
    let domainname = &setup.domainname;
    if domainname.is_empty() {
        return Ok(());
    }
    setdomainname(domainname.as_bytes())
        .map_err(|e| Error::kernel(format!("cannot set the domain name {domainname:?}: {e}")))
}

/// Leaves the caller's namespaces. The host's network is the agent's, wherever the caller is.
fn separate(host_network: Option<u32>) -> Result<()> {
    let mut namespaces =
        CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
    match host_network {
        None => namespaces |= CloneFlags::CLONE_NEWNET,
        Some(agent) => join(agent).map_err(|e| {
            Error::kernel(format!("cannot join the network of netd, pid {agent}: {e}"))
        })?,
    }
    unshare(namespaces).map_err(|e| Error::kernel(format!("cannot make namespaces: {e}")))
}

fn join(agent: u32) -> io::Result<()> {
    setns(File::open(format!("/proc/{agent}/ns/net"))?, CloneFlags::CLONE_NEWNET)?;
    Ok(())
}

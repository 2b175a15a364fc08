//! The process that stands between a container and the agent: starts it, waits for its end.

use super::{
    Failure, INIT, Plan, Report, Setup,
    channel::{self, Channel},
    files,
    signals::{self, Signals},
};
use crate::api::client::{Client, segment};
use crate::api::protocol::{ContainerExit, ContainerInspect, ContainerStart, Status};
use crate::error::{Error, Result};
use nix::sched::{CloneFlags, unshare};
use serde::de::IgnoredAny;
use std::{
    fs::OpenOptions,
    io,
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    process::{Child, Command, Stdio},
};

/// Runs the detached shim: the plan comes in by standard input, one report goes out by standard
/// output. Returns the exit code.
pub(super) fn main() -> u8 {
    let started = || -> Result<_, Failure> {
        let plan: Plan = channel::receive(&mut io::stdin().lock())?;
        nix::unistd::setsid()
            .map_err(|e| Error::kernel(format!("cannot leave the terminal's session: {e}")))?;
        let client = Client::new(&plan.socket);
        let signals = Signals::catch(false)?;
        let child = start(&client, &plan)?;
        Ok((client, plan, signals, child))
    };
    match started() {
        Ok((client, plan, mut signals, mut child)) => {
            // The container runs whether or not anybody waits for the news.
            let _ = channel::send(&mut io::stdout(), &Report::Started);
            attend(&client, &plan, &mut signals, &mut child).unwrap_or(1)
        }
        Err(failure) => {
            let exit = failure.exit;
            let _ = channel::send(&mut io::stdout(), &Report::Failed(failure));
            exit
        }
    }
}

/// Starts the container and has its networks attached; returns its first process. A container that
/// can't be started leaves no process.
pub(super) fn start(client: &Client, plan: &Plan) -> Result<Child, Failure> {
    let (mut channel, child_end) = Channel::pair()?;
    let mut command = init_command(plan, child_end.numbers())?;
    unshare(CloneFlags::CLONE_NEWPID)
        .map_err(|e| Error::kernel(format!("cannot make a pid namespace: {e}")))?;
    let mut child = command
        .spawn()
        .map_err(|e| Error::kernel(format!("cannot start the container's first process: {e}")))?;
    drop((child_end, command));
    if let Err(failure) = bring_up(client, plan, &mut channel, &child) {
        // Its end is what counts, and it may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
        return Err(failure);
    }
    Ok(child)
}

/// Waits for the container's end and tells the agent; returns the exit code.
pub(super) fn attend(
    client: &Client,
    plan: &Plan,
    signals: &mut Signals,
    child: &mut Child,
) -> Result<u8> {
    let code = signals.supervise(child, false)?;
    files::record_exit(&plan.container.directory, code);
    let path = format!("/v1/containers/{}/exit", segment(&plan.container.id));
    // The agent also sees the process end; it may be down, or have forgotten the container.
    let _ = client.post::<IgnoredAny>(&path, &ContainerExit { code: code.into() });
    Ok(code)
}

fn init_command(plan: &Plan, numbers: [String; 2]) -> Result<Command> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("netctl").arg(INIT).args(numbers).arg(&plan.container.name);
    command.envs(plan.environment.iter().cloned());
    if plan.detached {
        let path = plan.container.directory.join("log");
        let open = || -> io::Result<_> {
            let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
            Ok((log.try_clone()?, log))
        };
        let (out, err) =
            open().map_err(|e| Error::kernel(format!("cannot open {}: {e}", path.display())))?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
    }
    Ok(command)
}

fn bring_up(
    client: &Client,
    plan: &Plan,
    channel: &mut Channel,
    child: &Child,
) -> Result<(), Failure> {
    channel.send(&setup(client, plan)?)?;
    heard(channel)?;
    let pid = i32::try_from(child.id())
        .map_err(|_| Error::internal(format!("pid {} is out of range", child.id())))?;
    let path = format!("/v1/containers/{}/start", segment(&plan.container.id));
    client.post::<ContainerInspect>(&path, &ContainerStart { pid })?;
    if let Some(hostname) = &plan.hostname {
        files::write_hostname(&plan.container.directory, hostname)?;
    }
    channel.send(&())?;
    heard(channel)
}

fn setup(client: &Client, plan: &Plan) -> Result<Setup> {
    let host_network = match plan.container.mode.as_str() {
        "host" => Some(client.get::<Status>("/v1/status")?.pid),
        _ => None,
    };
    Ok(Setup {
        command: plan.container.command.clone(),
        hostname: plan.hostname.clone(),
        domainname: plan.container.domainname.clone(),
        host_network,
        directory: plan.container.directory.clone(),
        terminal: !plan.detached && signals::in_foreground(),
    })
}

fn heard(channel: &mut Channel) -> Result<(), Failure> {
    match channel.receive()? {
        Report::Waiting | Report::Started => Ok(()),
        Report::Failed(failure) => Err(failure),
    }
}

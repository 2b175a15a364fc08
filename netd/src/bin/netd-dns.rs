//! The process that answers containers' questions for names: options and start; the work is the library's.

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use listenfd::ListenFd;
use netd::{
    dns::{
        confine::{Identity, confine},
        options::Options,
        server::{Server, control},
    },
    logging,
};
use nix::{
    sys::socket::{Backlog, listen},
    unistd::geteuid,
};
use std::{os::unix::net::UnixListener, process::ExitCode, thread};
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    match start(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: netd-dns: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(options: Options) -> Result<()> {
    logging::start(&options.log_level)?;
    let listener = ListenFd::from_env()
        .take_unix_listener(0)
        .context("descriptor 3 is no listening unix socket")?;
    let Some(listener) = listener else {
        bail!("no socket came with LISTEN_FDS; netd or systemd starts it, nobody else");
    };
    // Who connects sees this process as the peer, not the one that made the socket.
    listen(&listener, Backlog::MAXCONN).context("cannot listen on descriptor 3")?;
    let owner = geteuid();
    confine(options.user.unwrap_or_else(Identity::usual), &options.resolv_conf)
        .context("cannot give up root's rights")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .enable_all()
        .build()
        .context("cannot start threads")?;
    runtime.block_on(run(options, listener, owner))
}

async fn run(options: Options, listener: UnixListener, owner: nix::unistd::Uid) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
    // It goes on without the terminal that it was started from.
    let _hangup = signal(SignalKind::hangup()).context("no signals")?;
    let server = Server::new(options.resolv_conf);
    let (ended, end) = tokio::sync::oneshot::channel();
    let (obeying, runtime) = (server.clone(), tokio::runtime::Handle::current());
    // Not one of the runtime's threads: those would be waited for at the end.
    thread::Builder::new()
        .name("agent".into())
        .spawn(move || ended.send(control(&obeying, &runtime, &listener, owner)))
        .context("cannot start a thread")?;
    tracing::info!("netd-dns {} waits for an agent", env!("CARGO_PKG_VERSION"));
    tokio::select! {
        _ = terminate.recv() => tracing::info!("told to stop"),
        _ = interrupt.recv() => tracing::info!("interrupted"),
        done = end => done.context("the agent's thread failed")?.context("no agent can come")?,
    }
    Ok(())
}

/// One that waits long for a processor holds up only half of the clients; two on one processor would only
/// wake each other.
fn workers() -> usize {
    thread::available_parallelism().map_or(1, |processors| processors.get().min(2))
}

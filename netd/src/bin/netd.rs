//! The agent: settings, logging, signals; the work is the library's.

use netd::{
    agent::Agent,
    api::server,
    config::{Args, Config},
    error::{Error, Result},
    kernel::socket::Socket,
    logging, usage, watchdog,
};
use sd_notify::NotifyState;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    match start(usage::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.code.exit_code())
        }
    }
}

fn start(args: Args) -> Result<()> {
    let config = Config::load(args, |path| std::fs::read_to_string(path))?;
    logging::start(&config.log_level)?;
    config.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|e| Error::kernel(format!("cannot start threads: {e}")))?;
    runtime.block_on(run(&config))
}

async fn run(config: &Config) -> Result<()> {
    let watch = |kind| signal(kind).map_err(|e| Error::kernel(format!("no signals: {e}")));
    let (mut terminate, mut interrupt) =
        (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?);
    let agent = Agent::start(config).await?;
    let socket = Socket::listen(&config.socket)?;
    tracing::info!("netd {} answers on {}", env!("CARGO_PKG_VERSION"), config.socket.display());
    notify(NotifyState::Ready);
    let ending = async {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("told to stop; the dataplane stays"),
            _ = interrupt.recv() => tracing::info!("interrupted; the dataplane stays"),
            () = watchdog::report(agent.clone()) => {}
            () = agent.torn_down() => tracing::info!("torn down"),
        }
        notify(NotifyState::Stopping);
    };
    server::serve(socket, agent.clone(), ending).await;
    agent.freeze().await;
    Ok(())
}

fn notify(state: NotifyState) {
    if let Err(error) = sd_notify::notify(false, &[state]) {
        tracing::debug!("cannot notify the service manager: {error}");
    }
}

/// Requests are few, and changes happen one after the other anyway.
const WORKERS: usize = 2;

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
use std::{process::ExitCode, time::Duration};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    signal::unix::{SignalKind, signal},
};

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
    // The one thread that changes things takes up the kernel's answers itself: to wake another processor
    // for them takes longer than most changes do. Requests that only look have a thread of their own.
    let (changes, requests) = (runtime("netd-changes")?, runtime("netd-requests")?);
    // Not on this thread, which would only pass on what is asked.
    let run = requests.spawn(run(config, changes.handle().clone()));
    let done = requests.block_on(run).unwrap_or_else(|e| Err(Error::internal(e.to_string())));
    // A file that does not answer holds up a thread, and not the end; the store is closed in that time.
    requests.shutdown_background();
    changes.shutdown_timeout(Duration::from_secs(1));
    done
}

fn runtime(name: &str) -> Result<Runtime> {
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.thread_name(name).worker_threads(1).enable_all().build();
    runtime.map_err(|e| Error::kernel(format!("cannot start threads: {e}")))
}

async fn run(config: Config, changes: Handle) -> Result<()> {
    let watch = |kind| signal(kind).map_err(|e| Error::kernel(format!("no signals: {e}")));
    let (mut terminate, mut interrupt) =
        (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?);
    let path = config.socket.clone();
    let agent = changes.spawn(async move { Agent::start(&config).await });
    let agent = agent.await.map_err(|e| Error::internal(format!("the start failed: {e}")))??;
    let socket = Socket::listen(&path)?;
    tracing::info!("netd {} answers on {}", env!("CARGO_PKG_VERSION"), path.display());
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

//! Requests about the life of a container: start, exit, stop, removal.

use super::{Agent, Inner, seconds};
use crate::api::protocol::{
    ContainerExit, ContainerInspect, ContainerStart, ContainerStop, Removed,
};
use crate::error::{Error, Result};
use crate::kernel::{netns, netns::Namespace, process::Process};
use crate::spec::{
    Spec,
    container::{Container, Mode, Source, Status},
    name::Id,
};
use crate::state::Netns;
use std::time::Duration;
use tokio::time::timeout;

impl Agent {
    /// Attaches a registered container, whose first process waits in its own namespaces.
    ///
    /// # Errors
    /// There is no such container or process, it shares a namespace with the host or another
    /// container, a refusal of the kernel's.
    pub async fn start_container(
        &self,
        reference: &str,
        request: ContainerStart,
    ) -> Result<ContainerInspect> {
        let mut inner = self.inner.lock().await;
        let container = inner.spec.container(reference)?;
        let (id, mode) = (container.id.clone(), container.mode);
        let pid = positive(request.pid)?;
        let start_time = netns::start_time(pid)?;
        let netns = if mode == Mode::Host {
            inner.write_files(&id, None)?;
            Namespace::current()?.id()
        } else {
            let namespace = Namespace::of_pid(pid)?;
            inner.write_files(&id, Some(&namespace))?;
            let netns = namespace.id();
            inner.live.join(namespace)?;
            netns
        };
        let start = |spec: &mut Spec| {
            spec.start_container(&id, request.pid, start_time, netns.0, seconds())
        };
        let started = inner.change(start).await;
        // A namespace that was opened for nothing.
        inner.release();
        started?;
        inner.view(&id)
    }

    /// Takes note that a container's first process has ended.
    ///
    /// # Errors
    /// There is no such container.
    pub async fn exit_container(&self, reference: &str, request: ContainerExit) -> Result<()> {
        let mut inner = self.inner.lock().await;
        let id = inner.spec.container(reference)?.id.clone();
        inner.record(|spec| ended(spec, &id, request.code)).await?;
        drop(inner);
        self.departures.now().await;
        Ok(())
    }

    /// Ends a container: politely, then after the time that was given by force. One that does
    /// not run is left as it is.
    ///
    /// # Errors
    /// There is none, or it is a foreign one, which netd does not end.
    pub async fn stop_container(
        &self,
        reference: &str,
        request: ContainerStop,
    ) -> Result<ContainerInspect> {
        let inner = self.inner.lock().await;
        let id = inner.spec.container(reference)?.id.clone();
        let before = inner.view(&id)?;
        let process = process(inner.spec.container(reference)?)?;
        drop(inner);
        if let Some(process) = process {
            process.terminate()?;
            let patience = Duration::from_secs(request.timeout);
            match timeout(patience, process.ended()).await {
                Ok(ended) => ended?,
                Err(_) => process.kill()?,
            }
            self.processed(&id).await?;
        }
        // Gone by now where it was to be forgotten at its end.
        let now = self.inner.lock().await.view(&id);
        Ok(now.unwrap_or(ContainerInspect { status: "exited".into(), pid: 0, ..before }))
    }

    /// Forgets a container; one that runs is ended first, with `force` only.
    ///
    /// # Errors
    /// There is none, or it runs.
    pub async fn remove_container(&self, reference: &str, force: bool) -> Result<Removed> {
        let inner = self.inner.lock().await;
        let container = inner.spec.container(reference)?.clone();
        drop(inner);
        let removed = Removed { id: container.id.to_string(), name: container.name.clone() };
        if force
            && container.source == Source::Run
            && let Some(process) = process(&container)?
        {
            process.kill()?;
            self.processed(&container.id).await?;
        }
        let mut inner = self.inner.lock().await;
        if inner.spec.containers.contains_key(&container.id) {
            let id = container.id.as_str();
            inner.change(|spec| spec.remove_container(id, force)).await?;
        }
        drop(inner);
        self.departures.now().await;
        Ok(removed)
    }

    /// Waits until the end of a container whose process was ended has been taken note of.
    async fn processed(&self, id: &Id) -> Result<()> {
        let mut changed = self.changed.clone();
        let over = async {
            loop {
                changed.mark_unchanged();
                let inner = self.inner.lock().await;
                if !inner.spec.containers.get(id).is_some_and(is_running) {
                    return;
                }
                drop(inner);
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        timeout(LAST_WORD, over).await.map_err(|_| {
            Error::kernel(format!(
                "container {} did not end within {LAST_WORD:?} after it was killed",
                id.short()
            ))
        })
    }
}

impl Inner {
    /// Lets go of namespaces that no running container has.
    pub(super) fn release(&mut self) {
        let wanted = self.spec.containers.values().filter_map(runs_in).collect();
        self.live.keep(&wanted);
        self.problems.closed.retain(|id, _| wanted.contains(id));
    }
}

/// Takes note that a container has ended, and forgets it where that was asked for.
pub(super) fn ended(spec: &mut Spec, id: &Id, code: i32) -> Result<()> {
    spec.exit_container(id, code)?;
    if spec.containers.get(id).is_some_and(|container| container.auto_remove) {
        spec.remove_container(id.as_str(), true)?;
    }
    Ok(())
}

pub(super) fn is_running(container: &Container) -> bool {
    runs_in(container).is_some()
}

/// The namespace that a container runs in, which may be the host's; none where it does not run.
pub(super) fn runs_in(container: &Container) -> Option<Netns> {
    match container.status {
        Status::Running { netns, .. } => Some(Netns(netns)),
        Status::Created | Status::Exited { .. } => None,
    }
}

/// The first process of one of netd's own containers; none where it does not run any more.
pub(super) fn process(container: &Container) -> Result<Option<Process>> {
    let Status::Running { pid, start_time, .. } = container.status else { return Ok(None) };
    if container.source != Source::Run {
        return Err(Error::conflict(format!(
            "container {} was not started by netd; end it where it was started, or disconnect it",
            container.name
        )));
    }
    // One that has just ended is as good as stopped.
    Ok(Process::open(pid, start_time).ok())
}

fn positive(pid: i32) -> Result<u32> {
    match u32::try_from(pid) {
        Ok(pid) if pid > 0 => Ok(pid),
        _ => Err(Error::invalid(format!("{pid} is no process id"))),
    }
}

/// How long a killed process may take to be gone from the books.
const LAST_WORD: Duration = Duration::from_secs(10);

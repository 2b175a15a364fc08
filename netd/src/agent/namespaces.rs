//! The namespaces of containers that run, found again: by the next agent, every now and then where
//! a file stands for one, and once a file system that failed works again.

use super::{
    Agent, Inner,
    background::{GLANCE, UNSEEN, apart, interval},
    lifecycle::{ended as note_end, is_running, runs_in},
    resolve::Looks,
    snapshot::Snapshot,
};
use crate::error::{Error, ErrorCode, Result};
use crate::kernel::{netns, netns::Namespace};
use crate::spec::{
    Spec,
    container::{Container, Mode, Source, Status},
};
use std::sync::Arc;

/// The namespace of a container that runs by the spec; none where it is the host's.
///
/// An error [`tells_an_end`] where it has ended, or its namespace is another one by now.
pub(super) type Reopened = Result<Option<Namespace>>;

/// Opens the namespaces of containers, beside everything else; the order stays. One that `is_open`
/// already is only looked at where a file stands for it, and none is given.
pub(super) async fn reopen_all<'a>(
    looks: &Looks,
    containers: impl Iterator<Item = &'a Container>,
    is_open: impl Fn(&Container) -> bool,
) -> Vec<Reopened> {
    let named = containers.map(|container| {
        let name = match &container.source {
            Source::Path(path) => format!("netns:{}", path.display()),
            _ => container.name.clone(),
        };
        (name, (Sought::of(container), is_open(container)))
    });
    looks
        .each("the namespaces of containers", named.collect(), |(sought, open)| {
            if *open { look(sought) } else { reopen(sought) }
        })
        .await
}

/// By what a container's namespace is found.
#[derive(Clone)]
struct Sought {
    source: Source,
    status: Status,
    mode: Mode,
}

impl Sought {
    fn of(container: &Container) -> Self {
        let Container { source, status, mode, .. } = container;
        Self { source: source.clone(), status: *status, mode: *mode }
    }
}

/// A refusal of the kernel's, such as for want of descriptors, tells of no end.
pub(super) fn tells_an_end(error: &Error) -> bool {
    !matches!(error.code, ErrorCode::Kernel | ErrorCode::Internal)
}

/// Whether the namespace that a file stands for is still there.
fn look(container: &Sought) -> Reopened {
    match (&container.source, container.status) {
        (Source::Path(path), Status::Running { netns, .. }) => {
            let there = Namespace::id_at(path)?.0 == netns;
            there.then_some(None).ok_or_else(replaced)
        }
        _ => reopen(container),
    }
}

fn replaced() -> Error {
    Error::not_found("its network namespace is another one by now")
}

/// The namespace of a container that runs; none where it is the host's.
fn reopen(container: &Sought) -> Reopened {
    let Status::Running { pid, start_time, netns: inode, .. } = container.status else {
        return Err(Error::not_found("it does not run"));
    };
    let namespace = if let Source::Path(path) = &container.source {
        Namespace::of_path(path)?
    } else {
        if netns::start_time(pid.unsigned_abs())? != start_time {
            return Err(Error::not_found(format!("process {pid} is another one by now")));
        }
        if container.mode == Mode::Host {
            return Ok(None);
        }
        Namespace::of_pid(pid.unsigned_abs())?
    };
    if namespace.id().0 != inode {
        return Err(replaced());
    }
    Ok(Some(namespace))
}

/// Looks after containers that a file stands for.
pub(super) async fn look_ever(agent: Arc<Agent>) {
    let mut timer = interval(GLANCE);
    loop {
        timer.tick().await;
        let agent = agent.clone();
        apart(async move { agent.look_for_paths().await }).await;
    }
}

impl Agent {
    /// Notes the end of containers whose namespace files are gone, of which no event tells, and
    /// opens namespaces that could not be opened before. A file system that does not answer holds
    /// up nothing but this.
    async fn look_for_paths(&self) {
        let latest = self.readers.latest.get();
        let looked_for = || looked_for(&latest);
        let found = reopen_all(&self.readers.looks, looked_for(), |container| {
            !is_closed(container, &latest)
        })
        .await;
        let (mut gone, mut opened) = (Vec::new(), Vec::new());
        for (container, found) in looked_for().zip(found) {
            match found {
                Ok(Some(namespace)) if latest.closed.contains(&namespace.id()) => {
                    opened.push(namespace);
                }
                Ok(_) => {}
                // Of others their first process's end tells.
                Err(error) if tells_an_end(&error) && stands_for(container) => {
                    gone.push(container.id.clone());
                }
                Err(error) => tracing::debug!("container {}: {error}", container.name),
            }
        }
        if gone.is_empty() && opened.is_empty() {
            return;
        }
        let mut inner = self.inner.lock().await;
        if *self.over.borrow() {
            return;
        }
        inner.let_in(opened).await;
        gone.retain(|id| inner.spec.containers.get(id).is_some_and(is_running));
        if gone.is_empty() {
            return;
        }
        let all = |spec: &mut Spec| gone.iter().try_for_each(|id| note_end(spec, id, UNSEEN));
        if let Err(error) = inner.record(all).await {
            tracing::error!("{error}");
        }
    }
}

impl Inner {
    /// Provides what is missing in namespaces that could not be opened before, where they are
    /// still those of containers.
    async fn let_in(&mut self, opened: Vec<Namespace>) {
        let mut joined = false;
        for namespace in opened {
            let id = namespace.id();
            if !self.problems.closed.contains_key(&id) {
                continue;
            }
            match self.live.join(namespace) {
                Ok(()) => joined |= self.problems.closed.remove(&id).is_some(),
                Err(error) => tracing::debug!("{error}"),
            }
        }
        if joined {
            self.settle().await;
            self.announce().await;
        }
    }
}

/// Running containers that a file stands for, or whose namespaces could not be opened so far.
fn looked_for(latest: &Snapshot) -> impl Iterator<Item = &Container> {
    latest.spec.containers.values().filter(|container| {
        is_closed(container, latest) || (is_running(container) && stands_for(container))
    })
}

/// Whether the container runs in a namespace that could not be opened so far.
fn is_closed(container: &Container, latest: &Snapshot) -> bool {
    runs_in(container).is_some_and(|netns| latest.closed.contains(&netns))
}

/// Whether a file stands for the container, and no process.
fn stands_for(container: &Container) -> bool {
    matches!(container.source, Source::Path(_))
}

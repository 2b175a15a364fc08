//! Containers that start, end and go.

use crate::error::{Error, Result};
use crate::spec::Spec;
use crate::spec::container::{Container, Mode, Source, Status};
use crate::spec::name::Id;

impl Spec {
    /// Notes that a registered container's first process exists: its pid in the agent's pid
    /// namespace, its start time (field 22 of /proc/PID/stat), the inode of its network
    /// namespace, and `now` in seconds since 1970.
    ///
    /// # Errors
    /// `NotFound` where there is no such container; `Conflict` where it runs or has ended, or
    /// where another container has the namespace.
    pub fn start_container(
        &mut self,
        id: &Id,
        pid: i32,
        start_time: u64,
        netns: u64,
        now: u64,
    ) -> Result<()> {
        let container = self.container(id.as_str())?;
        let refuse = |why: &str| {
            Err(Error::conflict(format!("cannot start container {}: {why}", container.name)))
        };
        match container.status {
            Status::Created => {}
            Status::Running { .. } => return refuse("it is running already"),
            Status::Exited { .. } => return refuse("it has ended; run a new one"),
        }
        self.legacy_links(container)
            .map_err(|e| e.context(format!("cannot start container {}", container.name)))?;
        if let Some(other) = self.container_in(netns) {
            return refuse(&format!("its network namespace is that of container {}", other.name));
        }
        self.container_mut(id)?.status = Status::Running { pid, start_time, netns, started: now };
        Ok(())
    }

    /// Notes that a container has ended: its addresses and ports are free again. A foreign one
    /// is forgotten. One that has ended before stays as it is.
    ///
    /// # Errors
    /// `NotFound` where there is no such container.
    pub fn exit_container(&mut self, id: &Id, code: i32) -> Result<()> {
        let container = self.container_mut(id)?;
        if container.source != Source::Run {
            self.containers.remove(id);
        } else if !matches!(container.status, Status::Exited { .. }) {
            container.status = Status::Exited { code };
            container.ports.iter_mut().for_each(|publication| publication.published.clear());
        }
        Ok(())
    }

    /// Forgets a container and returns it; a running one only by `force`.
    ///
    /// # Errors
    /// `NotFound` where there is none, `Conflict` where it runs.
    pub fn remove_container(&mut self, reference: &str, force: bool) -> Result<Container> {
        let container = self.container(reference)?;
        if matches!(container.status, Status::Running { .. }) && !force {
            return Err(Error::conflict(format!(
                "cannot remove container {}: it is running; stop it first or use -f",
                container.name
            )));
        }
        let id = container.id.clone();
        self.containers
            .remove(&id)
            .ok_or_else(|| Error::internal(format!("container {id} vanished")))
    }

    /// The running container whose network namespace has this inode; containers that use the
    /// host's have none of their own.
    #[must_use]
    pub fn container_in(&self, netns: u64) -> Option<&Container> {
        self.containers.values().find(|container| {
            container.mode != Mode::Host
                && matches!(container.status, Status::Running { netns: own, .. } if own == netns)
        })
    }

    pub(super) fn container_mut(&mut self, id: &Id) -> Result<&mut Container> {
        self.containers
            .get_mut(id)
            .ok_or_else(|| Error::not_found(format!("container {} not found", id.short())))
    }
}

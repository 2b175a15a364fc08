//! Requests about containers: what there is, and the reservations of a new one.

use super::{Agent, Inner, seconds};
use crate::api::protocol::{ContainerCreate, ContainerInspect};
use crate::error::Result;
use crate::spec::{Spec, name::Id, port::PortHost, view::container_inspect};

impl Agent {
    /// Every container, in the order in which they were made.
    ///
    /// # Errors
    /// None so far.
    pub async fn containers(&self) -> Result<Vec<ContainerInspect>> {
        let latest = self.readers.latest.get();
        let containers = latest.spec.containers.values();
        let mut all: Vec<_> = containers.map(|container| latest.view(container)).collect();
        all.sort_by(|a, b| (&a.created, &a.name).cmp(&(&b.created, &b.name)));
        Ok(all)
    }

    /// One container.
    ///
    /// # Errors
    /// There is none of that name, or several.
    pub async fn container(&self, reference: &str) -> Result<ContainerInspect> {
        let latest = self.readers.latest.get();
        Ok(latest.view(latest.spec.container(reference)?))
    }

    /// Reserves a container's name, addresses and host ports, and makes its directory.
    ///
    /// # Errors
    /// A request that makes no sense; a name, address or port that is taken.
    pub async fn create_container(&self, request: &ContainerCreate) -> Result<ContainerInspect> {
        let mut inner = self.inner.lock().await;
        let declared = request.name.as_deref().and_then(|name| inner.spec.service(name));
        let publishes = request.publish_all
            || !request.publish.is_empty()
            || declared.is_some_and(|service| !service.reserved.ports.is_empty());
        let create = |spec: &mut Spec, ports: &mut PortHost<'_>| {
            spec.create_container(request, seconds(), ports)
        };
        let id = inner.change_ports(publishes, create).await?;
        inner.view(&id)
    }
}

impl Inner {
    /// A container as the API shows it.
    pub(super) fn view(&self, id: &Id) -> Result<ContainerInspect> {
        let container = self.spec.container(id.as_str())?;
        let directory = self.store.container_directory(id);
        Ok(container_inspect(&self.spec, container, &directory))
    }
}

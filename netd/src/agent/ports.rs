//! Requests about published ports, and changes that may need host ports.

use super::{Agent, Inner};
use crate::api::protocol::{ContainerPublish, ContainerUnpublish, PortView};
use crate::error::Result;
use crate::kernel::{Kernel, ports, ports::HostSockets};
use crate::spec::{Spec, port::PortHost, view::publication};
use crate::state::{Host, PortRange};

impl Agent {
    /// Publishes more of a container's ports, all or none, and gives what is new.
    ///
    /// # Errors
    /// There is no such container, a spec that makes no sense, a port that is taken, a container
    /// that can't publish, a refusal of the kernel's.
    pub async fn publish(
        &self,
        reference: &str,
        request: &ContainerPublish,
    ) -> Result<Vec<PortView>> {
        let mut inner = self.inner.lock().await;
        let publish = |spec: &mut Spec, ports: &mut PortHost<'_>| {
            spec.publish(reference, &request.publish, ports)
        };
        let new = inner.change_ports(true, publish).await?;
        Ok(new.iter().flat_map(publication).collect())
    }

    /// Ends publications of a container, all that are named or none.
    ///
    /// # Errors
    /// There is no such container, it does not publish what a spec names, a spec makes no sense, a
    /// refusal of the kernel's.
    pub async fn unpublish(&self, reference: &str, request: &ContainerUnpublish) -> Result<()> {
        let mut inner = self.inner.lock().await;
        inner.change(|spec| spec.unpublish(reference, &request.unpublish)).await
    }
}

impl Inner {
    /// A [`change`](Inner::change) that finds out which host ports are free where it `publishes`.
    ///
    /// # Errors
    /// As those of a change; the kernel's settings can't be read.
    pub(super) async fn change_ports<T>(
        &mut self,
        publishes: bool,
        edit: impl Fn(&mut Spec, &mut PortHost<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut view = self.port_view(publishes).await?;
        let mut next = Spec::clone(&self.spec);
        let value = match view.lend(|ports| edit(&mut next, ports)) {
            // What the host had a moment ago does not refuse what it may have by now.
            Err(_) if publishes => {
                self.live.observe().await?;
                view = self.port_view(publishes).await?;
                next = Spec::clone(&self.spec);
                view.lend(|ports| edit(&mut next, ports))?
            }
            edited => edited?,
        };
        self.advance_to(next).await?;
        self.cursor = Some(view.cursor);
        Ok(value)
    }

    /// The host's ports as they are now, of use to those who publish.
    ///
    /// # Errors
    /// The kernel's settings can't be read.
    pub(super) async fn port_view(&mut self, publishes: bool) -> Result<HostPorts> {
        let host = match publishes {
            true => self.host().await?,
            false => Host::default(),
        };
        let (ephemeral, reserved) = (ports::ephemeral_range()?, ports::reserved()?);
        let cursor = self.cursor.unwrap_or(ephemeral.first());
        Ok(HostPorts { host, sockets: HostSockets::default(), ephemeral, reserved, cursor })
    }

    /// The host as it was when it was last looked at.
    async fn host(&mut self) -> Result<Host> {
        match self.live.recall() {
            Some((_, host)) => Ok(host.clone()),
            None => Ok(self.live.observe().await?.1),
        }
    }

    /// Whether a container has something to publish, be it in force or not.
    pub(super) fn has_ports(&self, reference: &str) -> bool {
        self.spec.container(reference).is_ok_and(|container| !container.ports.is_empty())
    }
}

/// The host's ports at one moment.
pub(super) struct HostPorts {
    host: Host,
    sockets: HostSockets,
    ephemeral: PortRange,
    reserved: Vec<PortRange>,
    /// Where picking goes on.
    pub(super) cursor: u16,
}

impl HostPorts {
    /// Lends them to an allocation.
    pub(super) fn lend<T>(&mut self, work: impl FnOnce(&mut PortHost<'_>) -> T) -> T {
        let sockets = &self.sockets;
        let mut probe = |address, range, protocol| sockets.holder(address, range, protocol);
        work(&mut PortHost {
            addresses: &self.host.addresses,
            ephemeral: self.ephemeral,
            reserved: &self.reserved,
            cursor: &mut self.cursor,
            probe: &mut probe,
        })
    }
}

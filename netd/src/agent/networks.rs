//! Requests about networks.

use super::{Agent, seconds};
use crate::api::protocol::{
    ContainerInspect, NetworkConnect, NetworkCreate, NetworkDisconnect, NetworkInspect, Pruned,
    Removed,
};
use crate::error::Result;
use crate::kernel::Kernel;
use crate::spec::{Spec, network::NetworkContext, port::PortHost, view::network_inspect};

impl Agent {
    /// Every network, by name.
    ///
    /// # Errors
    /// None so far.
    pub async fn networks(&self) -> Result<Vec<NetworkInspect>> {
        let spec = &self.readers.latest.get().spec;
        let mut all: Vec<_> = spec.networks.values().map(|n| network_inspect(spec, n)).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// One network.
    ///
    /// # Errors
    /// There is none of that name, or several.
    pub async fn network(&self, reference: &str) -> Result<NetworkInspect> {
        let spec = &self.readers.latest.get().spec;
        Ok(network_inspect(spec, spec.network(reference)?))
    }

    /// Makes a network.
    ///
    /// # Errors
    /// A request that makes no sense, a taken name or subnet, a refusal of the kernel's.
    pub async fn create_network(&self, request: &NetworkCreate) -> Result<NetworkInspect> {
        let mut inner = self.inner.lock().await;
        let (_, host) = inner.live.observe().await?;
        let context = NetworkContext { host: &host, seed: inner.seed, now: seconds() };
        let id = inner.change(|spec| spec.create_network(request, &context)).await?;
        Ok(network_inspect(&inner.spec, inner.spec.network(id.as_str())?))
    }

    /// Removes a network that nobody uses.
    ///
    /// # Errors
    /// There is none, it is in use, it is one of those that always exist.
    pub async fn remove_network(&self, reference: &str) -> Result<Removed> {
        let mut inner = self.inner.lock().await;
        let network = inner.change(|spec| spec.remove_network(reference)).await?;
        Ok(Removed { id: network.id.to_string(), name: network.name.to_string() })
    }

    /// Removes every network that nobody uses.
    ///
    /// # Errors
    /// A refusal of the kernel's; nothing is removed then.
    pub async fn prune_networks(&self) -> Result<Pruned> {
        let mut inner = self.inner.lock().await;
        let networks_deleted = inner.change(|spec| Ok(spec.prune_networks())).await?;
        Ok(Pruned { networks_deleted })
    }

    /// Attaches a container to a network.
    ///
    /// # Errors
    /// One of them does not exist, they are connected already, an address is taken, a refusal of
    /// the kernel's.
    pub async fn connect(
        &self,
        network: &str,
        request: &NetworkConnect,
    ) -> Result<ContainerInspect> {
        let (foreign, namespace) = self.readers.looks.resolve(&request.container).await?.unzip();
        let mut inner = self.inner.lock().await;
        if let Some(namespace) = namespace {
            inner.live.join(namespace)?;
        }
        let publishes = !request.publish.is_empty() || inner.has_ports(&request.container);
        let connect = |spec: &mut Spec, ports: &mut PortHost<'_>| {
            spec.connect(network, request, foreign.as_ref(), seconds(), ports)
        };
        let connected = inner.change_ports(publishes, connect).await;
        // A namespace that was opened for nothing.
        inner.release();
        inner.view(&connected?)
    }

    /// Detaches a container from a network.
    ///
    /// # Errors
    /// One of them does not exist, they are not connected.
    pub async fn disconnect(&self, network: &str, request: &NetworkDisconnect) -> Result<()> {
        let mut inner = self.inner.lock().await;
        let publishes = inner.has_ports(&request.container);
        let disconnect = |spec: &mut Spec, ports: &mut PortHost<'_>| {
            spec.disconnect(network, &request.container, ports)
        };
        inner.change_ports(publishes, disconnect).await?;
        drop(inner);
        self.departures.now().await;
        Ok(())
    }
}

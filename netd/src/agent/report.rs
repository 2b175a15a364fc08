//! What the agent tells `netctl doctor`.

use super::{Agent, lifecycle::is_running};
use crate::api::protocol::{Report, ReportNetwork, ReportPort};
use crate::error::Result;
use crate::spec::network::{Driver, Network};

impl Agent {
    /// What can't be seen from outside.
    ///
    /// # Errors
    /// As [`Agent::status`].
    pub async fn report(&self) -> Result<Report> {
        let status = self.status().await?;
        let spec = self.readers.latest.get().spec.clone();
        let bridges = spec.networks.values().filter(|n| n.driver == Driver::Bridge);
        let running = spec.containers.values().filter(|c| is_running(c));
        let ports = running.flat_map(|container| container.published()).map(|port| ReportPort {
            address: port.address,
            first: port.host.first(),
            last: port.host.last(),
            protocol: port.protocol.to_string(),
        });
        Ok(Report {
            status,
            bpf_dir: self.readers.bpf_dir.clone(),
            spec_dir: self.spec_dir.clone(),
            networks: bridges.map(network).collect(),
            ports: ports.collect(),
            names: self.readers.names.problems(),
        })
    }
}

fn network(network: &Network) -> ReportNetwork {
    ReportNetwork {
        name: network.name.to_string(),
        bridge: network.options.bridge.to_string(),
        subnets: network.pools.iter().map(|pool| pool.subnet).collect(),
        mtu: network.options.mtu,
        internal: network.internal,
    }
}

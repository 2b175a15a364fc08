//! What the agent says of itself and of dropped packets; and the teardown, which ends it.

use super::{
    Agent, Inner,
    lifecycle::{is_running, process},
};
use crate::api::protocol::{Drop, FlowTable, ProgramStatus, Status};
use crate::error::{Error, Result};
use crate::kernel::{
    Kernel,
    dataplane::{Fill, Loaded, PathCount},
    live::Seen,
};
use crate::plan::plan;
use crate::spec::{
    Spec,
    container::{Container, Source},
    name::InterfaceName,
};
use crate::state::State;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::timeout;

impl Agent {
    /// What there is, and what is amiss.
    ///
    /// # Errors
    /// The kernel can't be asked.
    pub async fn status(&self) -> Result<Status> {
        let flows = self.flows.ask(|tables| Ok(tables.fill())).await?;
        let drops = self.dropped()?;
        let latest = self.readers.latest.get();
        let spec = &latest.spec;
        let running: Vec<&Container> = spec.containers.values().filter(|c| is_running(c)).collect();
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").into(),
            abi: netd_common::abi::ABI_VERSION,
            pid: std::process::id(),
            uptime: self.started.elapsed().as_secs(),
            networks: spec.networks.len(),
            containers: running.len(),
            endpoints: running.iter().map(|c| c.endpoints.len()).sum(),
            ports: running
                .iter()
                .flat_map(|c| c.published())
                .map(|published| usize::from(published.host.more()) + 1)
                .sum(),
            flows: flows.iter().map(flow_table).collect(),
            paths: paths(&self.readers.counters.paths()?),
            drops,
            drops_per_second: self.readers.pace.rate(Instant::now(), drops),
            uplinks: uplinks(&latest.seen),
            xdp: latest.seen.express.iter().map(ToString::to_string).collect(),
            programs: self.readers.counters.programs().into_iter().map(program).collect(),
            repairs: latest.repairs.clone(),
            problems: [latest.problems.clone(), self.readers.names.problems()].concat(),
        })
    }

    /// All packets dropped since the maps were made.
    pub(super) fn dropped(&self) -> Result<u64> {
        Ok(self.readers.counters.drops()?.iter().map(|drop| drop.packets).sum())
    }

    /// Dropped packets by reason and by who sent them or should have got them.
    ///
    /// # Errors
    /// The counters can't be read.
    pub async fn drops(&self) -> Result<Vec<Drop>> {
        let latest = self.readers.latest.get();
        let owners = owners(&latest.spec);
        let source = |index| match latest.seen.names.get(&index) {
            Some(device) => owners.get(device).map_or(device.as_str(), |name| name).to_owned(),
            None => "-".to_owned(),
        };
        // A container has several devices, and those that are gone have no name.
        let mut packets: BTreeMap<_, u64> = BTreeMap::new();
        for drop in self.readers.counters.drops()? {
            *packets.entry((drop.reason, drop.name, source(drop.index))).or_default() +=
                drop.packets;
        }
        let drop = |((reason, name, source), packets): ((_, &str, _), _)| Drop {
            reason,
            name: name.into(),
            source,
            packets,
        };
        Ok(packets.into_iter().map(drop).collect())
    }

    /// Takes netd off the host: programs, devices, pins and what was remembered. Containers go
    /// on without a network. The agent ends after it.
    ///
    /// # Errors
    /// Everything that could not be removed, in one line; what can be removed is.
    pub async fn teardown(&self) -> Result<()> {
        let mut inner = self.inner.lock().await;
        let mut errors = inner.end_containers().await;
        inner.resolver.end().await;
        errors.extend(inner.remove_devices().await);
        // Programs and maps go last: a veth that is still there must not be without them.
        self.departures.now().await;
        errors.extend(inner.remove_files().err());
        errors.extend(inner.live.remove().err());
        errors.extend(inner.store.remove().err());
        inner.spec = Arc::default();
        inner.watches.clear();
        inner.show();
        self.over.send_replace(true);
        if errors.is_empty() {
            return Ok(());
        }
        let all: Vec<String> = errors.iter().map(Error::to_string).collect();
        Err(Error::kernel(format!("not everything could be removed: {}", all.join("; "))))
    }
}

impl Inner {
    /// Ends what `netctl run` started: nobody could manage it any more. Foreign containers stay.
    async fn end_containers(&self) -> Vec<Error> {
        let mut errors = Vec::new();
        let mut ending = Vec::new();
        for container in self.spec.containers.values().filter(|c| c.source == Source::Run) {
            match process(container) {
                Ok(Some(process)) => {
                    errors.extend(process.terminate().err());
                    ending.push(process);
                }
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        for process in ending {
            if timeout(PATIENCE, process.ended()).await.is_err() {
                errors.extend(process.kill().err());
                errors.extend(process.ended().await.err());
            }
        }
        errors
    }

    /// Everything that a plan can remove goes by one, whether or not the steps before it failed.
    async fn remove_devices(&mut self) -> Vec<Error> {
        let mut errors = Vec::new();
        match self.live.observe().await {
            Ok((actual, _)) => {
                for step in plan(&State::default(), &actual).0 {
                    errors.extend(self.live.apply(&step).await.err());
                }
            }
            Err(error) => errors.push(error),
        }
        errors
    }
}

/// The container behind each host-side device.
fn owners(spec: &Spec) -> BTreeMap<&InterfaceName, &str> {
    spec.containers
        .values()
        .flat_map(|c| c.endpoints.values().map(|e| (&e.veth, c.name.as_str())))
        .collect()
}

fn flow_table(fill: &Fill) -> FlowTable {
    let percent = fill.entries as u64 * 100 / u64::from(fill.capacity.max(1));
    FlowTable {
        name: fill.name.into(),
        flows: fill.entries,
        capacity: fill.capacity as usize,
        percent: u8::try_from(percent).unwrap_or(100),
    }
}

fn program(loaded: Loaded) -> ProgramStatus {
    let Loaded { name, id, runs: (runs, nanoseconds), current } = loaded;
    ProgramStatus { name, id, runs, nanoseconds, current }
}

fn paths(counts: &[PathCount]) -> BTreeMap<String, u64> {
    counts.iter().map(|count| (count.name.to_owned(), count.packets)).collect()
}

fn uplinks(seen: &Seen) -> BTreeMap<String, Vec<IpAddr>> {
    let addresses = |entry: &crate::state::UplinkEntry| {
        let ipv4 = entry.ipv4.map(IpAddr::V4);
        ipv4.into_iter().chain(entry.ipv6.map(IpAddr::V6)).collect()
    };
    seen.uplinks.iter().map(|(name, entry)| (name.to_string(), addresses(entry))).collect()
}

/// How long a teardown waits for a container that was asked to end.
const PATIENCE: Duration = Duration::from_secs(2);

//! Who takes part, in what, and what netd must reach.

use super::{
    contest::{Contest, Workload},
    netd::{self, Crowd},
    publishing::{Cost, milliseconds},
    rivals::{self, Kind, Rival},
    site::Peer,
};
use crate::bench::placement::Placement;
use anyhow::Result;

/// Everybody, up and serving.
pub(super) struct Field {
    netd: Peer,
    /// netd with 60,000 published ports, however they came.
    crowded: Vec<Peer>,
    pub(super) rivals: Vec<Rival>,
    /// Who does not take part, and why.
    pub(super) skipped: Vec<String>,
}

impl Field {
    /// Only netd must come; a rival that can't is named in [`skipped`](Self::skipped).
    pub(super) fn set_up(stage: &str) -> Result<Self> {
        let mut field = Self {
            netd: netd::set_up(stage, "netd", "netd", Crowd::None)?,
            crowded: Vec::new(),
            rivals: Vec::new(),
            skipped: Vec::new(),
        };
        let crowds = [
            ("ranges", "netd, 60,000 ports in ranges", Crowd::Ranges),
            ("singles", "netd, 60,000 single ports", Crowd::Singles),
        ];
        for (word, name, crowd) in crowds {
            match netd::set_up(stage, word, name, crowd) {
                Ok(peer) => field.crowded.push(peer),
                Err(e) => field.skipped.push(format!("{name}: {e:#}")),
            }
        }
        for kind in rivals::ALL {
            let rival = match kind.missing() {
                Some(why) => Err(anyhow::anyhow!(why)),
                None => kind.set_up(stage),
            };
            match rival {
                Ok(rival) => field.rivals.push(rival),
                Err(e) => field.skipped.push(format!("{}: {e:#}", kind.name())),
            }
        }
        Ok(field)
    }

    /// All comparisons, in the order of the report.
    pub(super) fn contests(&self, placement: Placement) -> Vec<Contest> {
        let mut contests = vec![
            self.across_the_wire(Workload::Requests),
            self.across_the_wire(Workload::Connections),
            self.across_the_wire(Workload::Stream),
            self.across_the_wire(Workload::Datagrams),
            self.on_the_host(Workload::Requests),
            self.on_the_host(Workload::Connections),
        ];
        let workloads = [Workload::Requests, Workload::Connections, Workload::Datagrams];
        for peer in &self.crowded {
            contests.extend(workloads.map(|workload| self.among_many(peer, workload)));
        }
        for contest in &mut contests {
            contest.clients_on(placement.client(contest.workload.waiting()));
        }
        contests
    }

    /// How long the rivals with rules took to enter 10,000 ports.
    pub(super) fn entered(&self) -> Vec<Cost> {
        let many = self
            .rivals
            .iter()
            .filter(|rival| matches!(rival.kind, Kind::Iptables(10_000) | Kind::Nftables(10_000)));
        many.map(|rival| {
            let what = format!("{}: entering the rules in one batch", rival.kind.name());
            Cost::time(&what, &[milliseconds(rival.entered)], None)
        })
        .collect()
    }

    fn across_the_wire(&self, workload: Workload) -> Contest {
        let datagrams = workload == Workload::Datagrams;
        // A host whose uplink runs XDP is one more peer here, of a Kind of its own.
        let rivals = self.rivals.iter().filter(|rival| !datagrams || rival.kind.has_datagrams());
        let rivals = rivals.map(|rival| (rival.peer.outside(), outside(rival.kind, workload)));
        Contest {
            title: format!("from outside to a published port, {}", workload.name()),
            workload,
            netd: self.netd.outside(),
            rivals: rivals.collect(),
        }
    }

    fn on_the_host(&self, workload: Workload) -> Contest {
        let proxies = self.rivals.iter().filter(|rival| rival.kind.is_proxy());
        let proxies = proxies.map(|rival| (rival.peer.loopback(), loopback(rival.kind, workload)));
        let direct = (self.netd.direct(), Some(WITHIN_3_PERCENT));
        Contest {
            title: format!("from the host by 127.0.0.1, {}", workload.name()),
            workload,
            netd: self.netd.loopback(),
            rivals: proxies.chain([direct]).collect(),
        }
    }

    fn among_many(&self, crowded: &Peer, workload: Workload) -> Contest {
        let mut alone = self.netd.outside();
        alone.name = "netd, 1 port".into();
        Contest {
            title: format!("{}, {}", crowded.name, workload.name()),
            workload,
            netd: crowded.outside(),
            rivals: vec![(alone, Some(WITHIN_5_PERCENT))],
        }
    }
}

/// What netd must reach from outside.
fn outside(kind: Kind, workload: Workload) -> Option<f64> {
    match (workload, kind) {
        (Workload::Requests, Kind::Iptables(1)) => Some(1.10),
        (Workload::Requests, Kind::DockerProxy) => Some(1.8),
        (Workload::Connections, Kind::Iptables(1)) => Some(1.25),
        (Workload::Connections, Kind::Iptables(10_000)) => Some(15.0),
        (Workload::Connections, Kind::Nftables(_)) => Some(1.15),
        (Workload::Connections, Kind::DockerProxy) => Some(2.6),
        _ => None,
    }
}

/// What netd must reach from the host itself.
fn loopback(kind: Kind, workload: Workload) -> Option<f64> {
    match (workload, kind) {
        (Workload::Requests, Kind::DockerProxy) => Some(1.9),
        (Workload::Connections, Kind::DockerProxy) => Some(3.0),
        _ => None,
    }
}

const WITHIN_3_PERCENT: f64 = 0.97;
const WITHIN_5_PERCENT: f64 = 0.95;

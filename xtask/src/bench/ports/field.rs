//! Who takes part, and in what.

use super::{
    netd::Crowd,
    publishing::milliseconds,
    rivals::{Kind, Rival},
    site::Served,
};
use crate::bench::{
    contest::{Contest, Course},
    cost::Cost,
    peer::Peer,
    workload::Workload,
};
use anyhow::Result;

/// Everybody, up and serving.
pub(in crate::bench) struct Field {
    netd: Served,
    /// netd with more published ports.
    crowded: Vec<(Crowd, Served)>,
    rivals: Vec<Rival>,
    /// Who does not take part, and why.
    pub(in crate::bench) skipped: Vec<String>,
}

/// Those with one port, in the order of the tables.
pub(in crate::bench) const SINGLE: [Kind; 6] =
    [Kind::Iptables(1), Kind::Legacy, Kind::Cni, Kind::Engine, Kind::DockerProxy, Kind::Relay];

/// Those with rules for many, and netd with as many.
const MANY: [Kind; 5] = [
    Kind::Iptables(100),
    Kind::Iptables(1_000),
    Kind::Iptables(10_000),
    Kind::Nftables(1),
    Kind::Nftables(10_000),
];
const CROWDS: [Crowd; 5] =
    [Crowd::Few(100), Crowd::Few(1_000), Crowd::Few(10_000), Crowd::Ranges, Crowd::Singles];

impl Field {
    /// netd and those of [`SINGLE`] that are among `wanted`. Only netd must come; who can't is named in
    /// [`skipped`](Self::skipped).
    pub(in crate::bench) fn set_up(stage: &str, wanted: &[&'static str]) -> Result<Self> {
        let (crowded, rivals, skipped) = (Vec::new(), Vec::new(), Vec::new());
        let mut field = Self { netd: Crowd::None.set_up(stage)?, crowded, rivals, skipped };
        for kind in SINGLE {
            let (word, name) = kind.who();
            if wanted.contains(&word) {
                field.invite(stage, kind);
            } else {
                field.skipped.push(format!("{name}: not among --peers"));
            }
        }
        Ok(field)
    }

    /// The same with everybody who has many ports.
    pub(super) fn with_many(stage: &str) -> Result<Self> {
        let mut field = Self::set_up(stage, &SINGLE.map(|kind| kind.who().0))?;
        MANY.into_iter().for_each(|kind| field.invite(stage, kind));
        for crowd in CROWDS {
            match crowd.set_up(stage) {
                Ok(served) => field.crowded.push((crowd, served)),
                Err(e) => field.skipped.push(format!("{}: {e:#}", crowd.who().1)),
            }
        }
        Ok(field)
    }

    fn invite(&mut self, stage: &str, kind: Kind) {
        match kind.set_up(stage) {
            Ok(rival) => self.rivals.push(rival),
            Err(e) => self.skipped.push(format!("{}: {e:#}", kind.who().1)),
        }
    }

    /// The processes between clients and servers.
    pub(in crate::bench) fn proxies(&self) -> Vec<u32> {
        self.rivals.iter().flat_map(|rival| rival.processes.iter().copied()).collect()
    }

    /// From outside to a published port; the hosts with many ports are left out.
    pub(in crate::bench) fn published(&self, workload: Workload) -> Contest {
        let frames = workload == Workload::Frames;
        let rivals = self.single().filter(|rival| !frames || rival.kind.translates());
        let rivals = rivals.map(|rival| rival.served.published());
        self.contest(Course::Published, workload, self.netd.published(), rivals.collect())
    }

    /// From the host, by 127.0.0.1.
    pub(in crate::bench) fn on_the_host(&self, workload: Workload) -> Contest {
        let rivals = self.single().filter(|rival| rival.kind.serves_host());
        let rivals = rivals.map(|rival| rival.served.loopback()).chain([self.netd.direct()]);
        self.contest(Course::Host, workload, self.netd.loopback(), rivals.collect())
    }

    /// From a container to the client's machine, for each workload; who can't is named.
    pub(in crate::bench) fn outward(&mut self, workloads: &[Workload]) -> Result<Vec<Contest>> {
        let netd = self.netd.outside()?;
        let mut rivals = Vec::new();
        let mut skipped = Vec::new();
        for rival in self.single().filter(|rival| rival.kind.translates()) {
            match rival.served.outside() {
                Ok(peer) => rivals.push(peer),
                Err(e) => skipped.push(format!(
                    "{}, {}: {e:#}",
                    rival.kind.who().1,
                    Course::Outside.title()
                )),
            }
        }
        self.skipped.extend(skipped);
        let contest = |workload: &Workload| {
            self.contest(Course::Outside, *workload, netd.clone(), rivals.clone())
        };
        Ok(workloads.iter().map(contest).collect())
    }

    /// New connections over the number of published ports.
    pub(super) fn over_ports(&self) -> Contest {
        let many = |rival: &&Rival| matches!(rival.kind, Kind::Iptables(_) | Kind::Nftables(_));
        let netd = self.crowded.iter().filter(|(crowd, _)| matches!(crowd, Crowd::Few(_)));
        let netd = netd.map(|(_, served)| served.published());
        let rivals = self.rivals.iter().filter(many).map(|rival| rival.served.published());
        let (workload, first) = (Workload::Connections, self.netd.published());
        self.contest(Course::Ports, workload, first, netd.chain(rivals).collect())
    }

    /// netd with 60,000 ports over netd with one.
    pub(super) fn among_many(&self) -> Vec<Contest> {
        let all = self.crowded.iter().filter(|(crowd, _)| !matches!(crowd, Crowd::Few(_)));
        let workloads = [Workload::Requests, Workload::Connections, Workload::Frames];
        all.flat_map(|(_, served)| {
            workloads.map(|workload| {
                let mut alone = self.netd.published();
                alone.way.name = "netd, 1 port".into();
                self.contest(Course::Crowded, workload, served.published(), vec![alone])
            })
        })
        .collect()
    }

    /// How long the rivals with rules took to enter 10,000 ports.
    pub(super) fn entered(&self) -> Vec<Cost> {
        let many = [Kind::Iptables(10_000), Kind::Nftables(10_000)];
        let many = self.rivals.iter().filter(|rival| many.contains(&rival.kind));
        many.map(|rival| {
            let what = format!("{}: entering the rules in one batch", rival.kind.who().1);
            Cost::time(&what, &[milliseconds(rival.entered)], None)
        })
        .collect()
    }

    fn single(&self) -> impl Iterator<Item = &Rival> {
        self.rivals.iter().filter(|rival| SINGLE.contains(&rival.kind))
    }

    fn contest(
        &self,
        course: Course,
        workload: Workload,
        netd: Peer,
        rivals: Vec<Peer>,
    ) -> Contest {
        Contest { course, workload, peers: [vec![netd], rivals].concat() }
    }
}

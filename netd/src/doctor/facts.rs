//! What is known of the host and of the agent.

use super::nft::Chain;
use crate::api::protocol::{Drop, Report};
use crate::state::Host;
use std::{collections::BTreeMap, path::PathBuf};

/// Everything that the checks look at.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// They were gathered with root's rights.
    pub root: bool,
    /// The kernel's release, such as `6.18.1`.
    pub release: String,
    /// What the kernel has and lacks.
    pub features: Vec<Feature>,
    /// Where a bpffs is mounted that the agent's pins can be on.
    pub bpffs: Option<PathBuf>,
    /// Where the cgroup v2 hierarchy is mounted.
    pub cgroup: Option<PathBuf>,
    /// Sysctls that exist, by their path below /proc/sys.
    pub settings: BTreeMap<String, String>,
    /// Devices, addresses and routes that are not netd's.
    pub host: Host,
    /// Other firewalls.
    pub firewall: Firewall,
    /// Where the agent pins, and the versions of map layouts that are pinned there.
    pub pins: (PathBuf, Vec<u32>),
    /// The agent's socket, where it exists.
    pub socket: Option<SocketFile>,
    /// What is wrong with files that declare what should exist, one sentence each.
    pub spec_faults: Vec<String>,
    /// What could not be looked at, one sentence each.
    pub unknown: Vec<String>,
    /// The agent, or why it does not answer.
    pub agent: Option<AgentFacts>,
    /// Why the agent does not answer.
    pub no_agent: Option<String>,
}

/// Something that netd asks of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// What it is.
    pub name: String,
    /// The Linux version that brought it.
    pub since: &'static str,
    /// What netd does without it; none where it can't work.
    pub without: Option<&'static str>,
    /// Whether it is there, or why nobody can tell.
    pub there: Result<bool, String>,
}

/// What judges packets beside netd.
#[derive(Clone, Debug)]
pub struct Firewall {
    /// nftables' base chains, or why they are not known.
    pub chains: Result<Vec<Chain>, String>,
    /// Tables of the iptables that nftables does not show.
    pub legacy: Vec<String>,
}

impl Default for Firewall {
    fn default() -> Self {
        Self { chains: Err("nobody looked".to_owned()), legacy: Vec::new() }
    }
}

/// A unix socket's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketFile {
    /// Its path.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u32, u32),
    /// The number of the group `netd`, where the host has it.
    pub group: Option<u32>,
}

/// What the agent says of itself.
#[derive(Clone, Debug, Default)]
pub struct AgentFacts {
    /// All but the drops.
    pub report: Report,
    /// Packets dropped, by reason and source, each with what was added in a second.
    pub drops: Vec<(Drop, u64)>,
}

/// A host where all is well.
#[cfg(test)]
pub(super) fn healthy() -> Facts {
    use crate::api::protocol::{FlowTable, ReportNetwork, Status};
    use crate::state::{HostLink, HostRoute};
    let settings = [
        ("net/core/bpf_jit_enable", "1"),
        ("kernel/unprivileged_bpf_disabled", "2"),
        ("net/ipv4/ip_local_port_range", "32768\t60999"),
        ("net/ipv4/ip_local_reserved_ports", ""),
        ("net/ipv4/conf/all/rp_filter", "0"),
        ("net/ipv4/conf/eth0/rp_filter", "2"),
        ("net/ipv4/conf/nd-web/rp_filter", "0"),
        ("net/ipv4/conf/nd-web/forwarding", "1"),
        ("net/ipv6/conf/nd-web/forwarding", "1"),
        ("net/ipv6/conf/all/disable_ipv6", "0"),
        ("net/ipv6/conf/default/disable_ipv6", "0"),
    ];
    let link = HostLink {
        up: true,
        header: Some(14),
        mtu: 1500,
        enslaved: false,
        addresses: vec!["192.0.2.2/24".parse().unwrap()],
    };
    let route = HostRoute {
        destination: "0.0.0.0/0".parse().unwrap(),
        device: "eth0".parse().unwrap(),
        on_link: false,
        gateway: "192.0.2.1".parse().ok(),
        source: None,
        metric: 0,
    };
    let status = Status {
        abi: netd_common::abi::ABI_VERSION,
        version: env!("CARGO_PKG_VERSION").into(),
        flows: vec![FlowTable {
            name: "established".into(),
            flows: 100,
            capacity: 16_384,
            percent: 0,
        }],
        uplinks: [("eth0".to_owned(), vec!["192.0.2.2".parse().unwrap()])].into(),
        ..Status::default()
    };
    let network = ReportNetwork {
        name: "web".into(),
        bridge: "nd-web".into(),
        subnets: vec!["172.18.0.0/16".parse().unwrap()],
        mtu: 1500,
        internal: false,
    };
    let report = Report { status, networks: vec![network], ..Report::default() };
    let feature =
        |name: &str| Feature { name: name.into(), since: "5.10", without: None, there: Ok(true) };
    Facts {
        root: true,
        release: "6.18.1".into(),
        features: vec![feature("bpf_redirect_peer")],
        bpffs: Some("/sys/fs/bpf".into()),
        cgroup: Some("/sys/fs/cgroup".into()),
        settings: settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        host: Host {
            links: [("eth0".parse().unwrap(), link)].into(),
            routes: vec![route],
            ..Host::default()
        },
        firewall: Firewall { chains: Ok(Vec::new()), legacy: Vec::new() },
        pins: ("/sys/fs/bpf/netd".into(), vec![netd_common::abi::ABI_VERSION]),
        socket: Some(SocketFile {
            path: "/run/netd/netd.sock".into(),
            mode: 0o660,
            owner: (0, 0),
            group: None,
        }),
        agent: Some(AgentFacts { report, drops: Vec::new() }),
        ..Facts::default()
    }
}

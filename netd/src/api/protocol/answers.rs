//! What the agent says of itself and of what it did.

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// What was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Removed {
    /// Its identity.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// What `network prune` removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Pruned {
    /// Names of the networks.
    pub networks_deleted: Vec<String>,
}

/// `netctl status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Status {
    /// The agent's version.
    pub version: String,
    /// Version of the map layout.
    pub abi: u32,
    /// The agent's process id.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime: u64,
    /// How many networks there are, the three fixed ones included.
    pub networks: usize,
    /// How many containers run.
    pub containers: usize,
    /// How many endpoints are attached.
    pub endpoints: usize,
    /// How many host ports are published.
    pub ports: usize,
    /// The flow tables.
    pub flows: Vec<FlowTable>,
    /// Packets that netd forwarded since the maps were made, by the way that they took.
    pub paths: BTreeMap<String, u64>,
    /// Packets dropped since the maps were made.
    pub drops: u64,
    /// Packets dropped each second lately, rounded up.
    #[serde(default)]
    pub drops_per_second: u64,
    /// Devices to the outside, with the addresses that masquerade uses.
    pub uplinks: BTreeMap<String, Vec<IpAddr>>,
    /// Those that run XDP; the others do the same by TCX alone.
    #[serde(default)]
    pub xdp: BTreeSet<String>,
    /// The loaded programs that use netd's maps.
    #[serde(default)]
    pub programs: Vec<ProgramStatus>,
    /// What others took away or changed since the agent started and it put back, by kind: `bridge`,
    /// `veth`, `name` (of a device), `route`, `resolver`, `uplink`, `xdp`, `port`, `map`, `program`
    /// (of all containers), `host-program`, `pin`.
    #[serde(default)]
    pub repairs: BTreeMap<String, u64>,
    /// What the kernel lacks or the last reconcile could not do, one sentence each.
    pub problems: Vec<String>,
}

/// How full a flow table is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct FlowTable {
    /// What is in it: `established` flows, `unreplied` ones (new or half open), `crowded` ones (of
    /// networks that open more than their share), `fragments` (datagrams in pieces).
    pub name: String,
    /// How many there are.
    pub flows: usize,
    /// How many fit.
    pub capacity: usize,
    /// `Flows` of `Capacity` in percent, rounded down.
    pub percent: u8,
}

/// A program that the kernel holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProgramStatus {
    /// Its name, of which the kernel keeps 15 characters.
    pub name: String,
    /// The kernel's number for it.
    #[serde(rename = "ID")]
    pub id: u32,
    /// How often it ran, while `kernel.bpf_stats_enabled` was 1.
    pub runs: u64,
    /// Nanoseconds that it took for these.
    pub nanoseconds: u64,
    /// This agent loaded it, not an older one.
    pub current: bool,
}

/// One line of `netctl drops`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Drop {
    /// The reason's number, never renumbered.
    pub reason: u8,
    /// The reason in a word.
    pub name: String,
    /// Container name, uplink device, or `-`.
    pub source: String,
    /// Packets.
    pub packets: u64,
}

//! What the agent says of itself and of what it did.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr};

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
    /// Established flows.
    pub flows_established: usize,
    /// Flows that are new or half open.
    pub flows_unreplied: usize,
    /// How many flows fit.
    pub flows_capacity: usize,
    /// Packets dropped since the maps were made.
    pub drops: u64,
    /// Devices to the outside, with the addresses that masquerade uses.
    pub uplinks: BTreeMap<String, Vec<IpAddr>>,
    /// What the kernel lacks or the last reconcile could not do, one sentence each.
    pub problems: Vec<String>,
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

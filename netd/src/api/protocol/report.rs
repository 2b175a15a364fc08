//! What the agent tells `netctl doctor`.

use super::Status;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, path::PathBuf};

/// What the agent knows that can't be seen from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// As `GET /v1/status`.
    pub status: Status,
    /// Where the agent pins.
    pub bpf_dir: PathBuf,
    /// Where the files are that declare what should exist.
    pub spec_dir: PathBuf,
    /// The networks that have a bridge.
    pub networks: Vec<ReportNetwork>,
    /// The host ports that are published.
    pub ports: Vec<ReportPort>,
    /// What is amiss with netd-dns, one sentence each; among the status' problems, too.
    pub names: Vec<String>,
}

/// A network against which the host is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReportNetwork {
    /// Its name.
    pub name: String,
    /// Its device on the host.
    pub bridge: String,
    /// Its subnets.
    pub subnets: Vec<IpNet>,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// No way in or out but from the host.
    pub internal: bool,
}

/// Published host ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReportPort {
    /// Host address; 0.0.0.0 or :: means every one of its family.
    pub address: IpAddr,
    /// The lowest port.
    pub first: u16,
    /// The highest port.
    pub last: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

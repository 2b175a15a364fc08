//! Everything that a command could leave half done: devices, addresses, routes, qdiscs, map
//! entries, pins, files, networks and containers. Two of them show whether anything has changed.

use crate::{host::TestHost, ns::TestNs};
use anyhow::{Context, Result, ensure};
use netd_common::abi::maps;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// What there is, by where it was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, Vec<String>>);

impl Snapshot {
    /// All there is, of the kernel's and of netd's.
    pub fn take(host: &TestHost) -> Result<Self> {
        let Self(mut found) = Self::of_kernel(host)?;
        for list in [&["network", "ls", "-q", "--no-trunc"][..], &["ps", "-a", "-q", "--no-trunc"]]
        {
            let ids = host.ok(list)?;
            for id in ids.lines() {
                found.insert(id.to_owned(), vec![host.ok(&["inspect", id])?]);
            }
        }
        found.insert("state".to_owned(), tree(&host.path("state"))?);
        // Made with the first container, and kept.
        let kept = host.path("state/containers").display().to_string();
        found.values_mut().for_each(|list| list.retain(|path| *path != kept));
        Ok(Self(found))
    }

    /// What the kernel holds, whether or not an agent runs.
    pub fn of_kernel(host: &TestHost) -> Result<Self> {
        let mut found = BTreeMap::from([
            ("links".to_owned(), links(&host.host)?),
            ("routes".to_owned(), routes(&host.host)?),
            ("qdiscs".to_owned(), lines(&host.host, "tc qdisc")?),
            ("pins".to_owned(), tree(host.bpf())?),
        ]);
        for map in CONFIGURED {
            let path = host.bpf().join(format!("v{}", netd_common::abi::ABI_VERSION)).join(map);
            if path.exists() {
                found.insert(map.to_owned(), entries(&path)?);
            }
        }
        Ok(Self(found))
    }

    /// Says what differs, if anything does.
    pub fn same_as(&self, before: &Self) -> Result<()> {
        for key in self.0.keys().chain(before.0.keys()) {
            let (old, new) = (before.0.get(key), self.0.get(key));
            ensure!(old == new, "{key} was\n{old:#?}\nand is\n{new:#?}");
        }
        Ok(())
    }
}

/// The maps that the agent writes. The others count or remember packets, but for GENERATIONS,
/// which only ever grows.
pub const CONFIGURED: [&str; 12] = [
    maps::CONFIG,
    maps::DEVICES,
    maps::ENDPOINTS,
    maps::OWNED,
    maps::NETWORKS,
    maps::SUBNETS,
    maps::LOCALS,
    maps::UPLINKS,
    maps::PUBLISHED,
    maps::RANGES,
    maps::PORTS,
    maps::CLIENTS,
];

/// Devices with what was given to them. What the kernel adds by itself in its own time, such as
/// link-local addresses and whether a cable is plugged in, is left out.
/// The entries of a map that a host's agent has pinned; none where it has not.
///
/// # Errors
/// bpftool can't read it.
pub fn pinned(host: &TestHost, map: &str) -> Result<Vec<String>> {
    let path = host.bpf().join(format!("v{}", netd_common::abi::ABI_VERSION)).join(map);
    if path.exists() { entries(&path) } else { Ok(Vec::new()) }
}

fn links(ns: &TestNs) -> Result<Vec<String>> {
    let all = ns.json("ip -j addr")?;
    let given = |address: &&Value| address["scope"] != "link";
    let link = |link: &Value| {
        let addresses = link["addr_info"].as_array().into_iter().flatten().filter(given);
        let addresses: Vec<String> =
            addresses.map(|a| format!("{}/{}", a["local"], a["prefixlen"])).collect();
        let field = |name: &str| link[name].to_string();
        let fields = ["ifindex", "ifname", "mtu", "master", "address", "ifalias"].map(field);
        format!("{} {}", fields.join(" "), addresses.join(" "))
    };
    Ok(all.as_array().context("no list of links")?.iter().map(link).collect())
}

fn routes(ns: &TestNs) -> Result<Vec<String>> {
    let mut all = lines(ns, "ip route show table all")?;
    all.extend(lines(ns, "ip -6 route show table all")?);
    all.retain(|route| !route.contains("fe80:") && !route.contains("ff00:"));
    let bare = |route: String| route.replace(" linkdown", "").trim().to_owned();
    let mut all: Vec<_> = all.into_iter().map(bare).collect();
    all.sort();
    Ok(all)
}

fn lines(ns: &TestNs, command: &str) -> Result<Vec<String>> {
    Ok(ns.run(command)?.lines().map(str::to_owned).collect())
}

/// A pinned map's entries in an order of their own, which the kernel's is not.
fn entries(path: &Path) -> Result<Vec<String>> {
    let output = Command::new("bpftool").args(["-j", "map", "dump", "pinned"]).arg(path).output();
    let output = output.context("cannot start bpftool")?;
    ensure!(output.status.success(), "cannot read {}", path.display());
    let list: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    let mut entries: Vec<_> = list.iter().map(ToString::to_string).collect();
    entries.sort();
    Ok(entries)
}

/// The names of all files below a directory.
pub fn tree(directory: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if !directory.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(tree(&path)?);
        }
        found.push(path.display().to_string());
    }
    found.sort();
    Ok(found)
}

//! Gathers what `netctl doctor` judges: reads files and asks the kernel, and changes nothing that
//! lasts. It looks at the network namespace of the calling thread.

mod firewall;

use super::{
    dataplane::probe,
    mounts,
    netlink::{self, rehearsal},
    netns::run_in,
    socket, sysctl,
};
use crate::compose;
use crate::config::{Args, Config, files};
use crate::doctor::{Facts, SocketFile};
use crate::error::Result;
use crate::state::Host;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::fd::AsFd,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

/// The settings that an agent would have here, where none tells them.
///
/// # Errors
/// The configuration file makes no sense.
pub fn settings() -> Result<Config> {
    Config::load(Args::default(), |path| fs::read_to_string(path))
}

/// Everything but what the agent says; `bridges` are the devices of its networks, `pid` its process,
/// whose network namespace is looked at.
#[must_use]
pub fn gather(config: &Config, bridges: &[String], pid: Option<u32>) -> Facts {
    let theirs = pid.and_then(|pid| fs::File::open(format!("/proc/{pid}/ns/net")).ok());
    let there = theirs.and_then(|file| run_in(file.as_fd(), || gather_here(config, bridges)).ok());
    there.unwrap_or_else(|| gather_here(config, bridges))
}

fn gather_here(config: &Config, bridges: &[String]) -> Facts {
    let mut unknown = Vec::new();
    let host = host().unwrap_or_else(|error| {
        unknown.push(error.to_string());
        Host::default()
    });
    let devices = host.links.keys().map(ToString::to_string).chain(bridges.iter().cloned());
    let mut features = probe::features();
    features.extend(rehearsal::devices());
    Facts {
        root: nix::unistd::geteuid().is_root(),
        release: sysctl::read("kernel/osrelease").unwrap_or_default(),
        features,
        bpffs: mounts::bpffs_of(&config.bpf_dir),
        cgroup: mounts::cgroup2(),
        settings: sysctls(&devices.collect()),
        host,
        firewall: firewall::look(),
        pins: (config.bpf_dir.clone(), versions(&config.bpf_dir)),
        socket: socket_file(&config.socket),
        spec_faults: spec_faults(&config.spec_dir),
        unknown,
        agent: None,
        no_agent: None,
    }
}

fn host() -> Result<Host> {
    netlink::alone(async |netlink| Ok(netlink.observe_links(&BTreeMap::new()).await?.host))
}

/// Those that exist.
fn sysctls(devices: &BTreeSet<String>) -> BTreeMap<String, String> {
    let of_devices = devices.iter().flat_map(|name| {
        DEVICE_KEYS.iter().map(move |(family, key)| format!("net/{family}/conf/{name}/{key}"))
    });
    let keys = KEYS.iter().map(|key| (*key).to_owned()).chain(of_devices);
    keys.filter_map(|key| sysctl::read(&key).ok().map(|value| (key, value))).collect()
}

/// The map layouts that are pinned: directories `v1`, `v2`, ..., and `left-v2-0` of one that gave way.
fn versions(directory: &Path) -> Vec<u32> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let version = |name: &str| match name.strip_prefix("left-v") {
        Some(left) => left.split('-').next()?.parse().ok(),
        None => name.strip_prefix('v')?.parse().ok(),
    };
    let mut versions: Vec<u32> =
        entries.filter_map(|entry| version(entry.file_name().to_str()?)).collect();
    versions.sort_unstable();
    versions
}

fn socket_file(path: &Path) -> Option<SocketFile> {
    let metadata = fs::metadata(path).ok()?;
    Some(SocketFile {
        path: path.to_owned(),
        mode: metadata.permissions().mode() & 0o7777,
        owner: (metadata.uid(), metadata.gid()),
        group: socket::own_group().map(nix::unistd::Gid::as_raw),
    })
}

fn spec_faults(directory: &Path) -> Vec<String> {
    let found = match files::in_directory(directory) {
        Ok(found) => found.unwrap_or_default(),
        Err(error) => return vec![error.to_string()],
    };
    let faults = |file: files::SpecFile| match file.text {
        Ok(text) => {
            let reading = compose::read(&[text.as_str()], &|_| None);
            let names = [file.path];
            reading.faults.iter().map(|fault| fault.line(&names)).collect()
        }
        Err(error) => vec![error.to_string()],
    };
    found.into_iter().flat_map(faults).collect()
}

const KEYS: [&str; 11] = [
    "net/core/bpf_jit_enable",
    "kernel/unprivileged_bpf_disabled",
    "kernel/bpf_stats_enabled",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/ip_local_reserved_ports",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv6/conf/all/disable_ipv6",
    "net/ipv6/conf/default/disable_ipv6",
    "net/bridge/bridge-nf-call-iptables",
    "net/bridge/bridge-nf-call-ip6tables",
    "net/bridge/bridge-nf-call-arptables",
];
const DEVICE_KEYS: [(&str, &str); 3] =
    [("ipv4", "rp_filter"), ("ipv4", "forwarding"), ("ipv6", "forwarding")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_directories_that_are_called_so() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["v2", "v10", "vx", "tmp"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        assert_eq!(versions(directory.path()), [2, 10]);
        assert_eq!(versions(Path::new("/nonexistent")), [0; 0]);
    }

    #[test]
    fn faults_name_their_file() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("good.yaml"), "networks:\n  web: {}\n").unwrap();
        assert_eq!(spec_faults(directory.path()), [""; 0]);
        fs::write(directory.path().join("bad.yaml"), "networks:\n  web: {driver: overlay}\n")
            .unwrap();
        let faults = spec_faults(directory.path());
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("bad.yaml"), "{faults:?}");
    }
}

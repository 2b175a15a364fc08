//! What a container sees as /etc/hosts, /etc/resolv.conf and /etc/hostname, and its exit code.

use crate::api::protocol::ContainerInspect;
use crate::error::{Error, Result};
use std::{
    fs,
    net::{IpAddr, Ipv6Addr},
    path::Path,
};

/// The files in a container's directory that stand for /etc/NAME.
pub(super) const NAMES: [&str; 3] = ["hosts", "resolv.conf", "hostname"];

/// Writes what `container`, which now has its addresses, is to see. On the host's own network only
/// what it asked for differs from the host.
pub(super) fn write(container: &ContainerInspect, hostname: Option<&str>) -> Result<()> {
    let on_host = container.mode == "host";
    let write = |name: &str, text: String| {
        let path = container.directory.join(name);
        fs::write(&path, text)
            .map_err(|e| Error::kernel(format!("cannot write {}: {e}", path.display())))
    };
    if let Some(hostname) = hostname {
        write("hostname", format!("{hostname}\n"))?;
    }
    if !on_host {
        write("hosts", hosts(LOCALHOST, container))?;
        write("resolv.conf", resolv_conf(&host_resolv_conf(), &container.dns))?;
        return Ok(());
    }
    if !container.hosts.is_empty() {
        write("hosts", hosts(&host_file("/etc/hosts"), container))?;
    }
    if !container.dns.is_empty() {
        write("resolv.conf", resolv_conf(&host_file("/etc/resolv.conf"), &container.dns))?;
    }
    Ok(())
}

/// Leaves `code` where the agent and people find it. The directory of a container that is forgotten
/// when it ends may be gone by now.
pub(super) fn record_exit(directory: &Path, code: u8) {
    let _ = fs::write(directory.join("exit"), format!("{code}\n"));
}

/// A file of the host's, or nothing: a host without it is a host that says nothing there.
fn host_file(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The host's resolvers; those behind systemd-resolved where /etc/resolv.conf names its stub only.
fn host_resolv_conf() -> String {
    let conf = host_file("/etc/resolv.conf");
    if conf.lines().filter_map(server).any(reachable) {
        return conf;
    }
    match host_file("/run/systemd/resolve/resolv.conf") {
        upstream if upstream.is_empty() => conf,
        upstream => upstream,
    }
}

fn hosts(head: &str, container: &ContainerInspect) -> String {
    let extra = container.hosts.iter().map(|(name, address)| (*address, name.as_str()));
    let own = container.networks.values().flat_map(|endpoint| {
        let ipv4 = endpoint.ip_address.map(IpAddr::V4);
        ipv4.into_iter().chain(endpoint.global_ipv6_address.map(IpAddr::V6))
    });
    let own = own.map(|address| (address, container.hostname.as_str()));
    let lines = extra.chain(own).map(|(address, name)| format!("{address}\t{name}\n"));
    head.trim_end().to_owned() + "\n" + &lines.collect::<String>()
}

/// `host` with `dns` in place of its servers, or without those that only the host can reach.
fn resolv_conf(host: &str, dns: &[IpAddr]) -> String {
    let keep = |line: &&str| match server(line) {
        Some(address) => dns.is_empty() && reachable(address),
        None => !line.trim_start().starts_with("nameserver"),
    };
    let kept = host.lines().filter(keep).map(|line| format!("{line}\n"));
    kept.chain(dns.iter().map(|address| format!("nameserver {address}\n"))).collect()
}

fn server(line: &str) -> Option<IpAddr> {
    let mut words = line.split_whitespace();
    (words.next() == Some("nameserver")).then(|| words.next()?.parse().ok()).flatten()
}

fn reachable(server: IpAddr) -> bool {
    match server {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_unspecified(),
        IpAddr::V6(address) => {
            address != Ipv6Addr::LOCALHOST
                && !address.is_unspecified()
                && !address.is_unicast_link_local()
        }
    }
}

const LOCALHOST: &str = "\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::containers::tests::web;

    #[test]
    fn hosts_names_the_extra_hosts_and_the_container_itself() {
        let mut container = web();
        container.hosts = vec![("db".to_owned(), "10.0.0.9".parse().unwrap())];
        assert_eq!(
            hosts("127.0.0.1 localhost\n\n", &container),
            "127.0.0.1 localhost\n10.0.0.9\tdb\n172.18.0.2\tweb\n"
        );
    }

    #[test]
    fn loopback_resolvers_of_the_host_are_left_out() {
        let host = "search lan\nnameserver 127.0.0.53\nnameserver 9.9.9.9\n# nameserver\nnameserver ::1\nnameserver fe80::1%eth0\n";
        assert_eq!(resolv_conf(host, &[]), "search lan\nnameserver 9.9.9.9\n# nameserver\n");
        let own = ["10.0.0.53".parse().unwrap()];
        assert_eq!(resolv_conf(host, &own), "search lan\n# nameserver\nnameserver 10.0.0.53\n");
    }

    #[test]
    fn a_container_on_the_hosts_network_keeps_the_hosts_files() {
        let directory = tempfile::tempdir().unwrap();
        let mut container = web();
        container.directory = directory.path().to_owned();
        container.mode = "host".to_owned();
        write(&container, None).unwrap();
        assert!(NAMES.iter().all(|name| !directory.path().join(name).exists()));
        container.mode = "bridge".to_owned();
        write(&container, Some("web")).unwrap();
        assert!(NAMES.iter().all(|name| directory.path().join(name).exists()));
    }
}

//! `netctl ps`, `stop` and `rm`.

use super::{
    args::{PsArgs, RemoveArgs, StopArgs},
    listing, output, ports, time,
};
use crate::api::client::{Client, segment};
use crate::api::protocol::{ContainerInspect, ContainerStop, Removed};
use crate::error::{ErrorCode, Result};
use serde_json::{Value, json};
use std::time::Duration;

/// `netctl ps`. Returns the exit code.
///
/// # Errors
/// What failed, in one line.
pub(super) fn ps(client: &Client, args: &PsArgs) -> Result<u8> {
    let mut containers: Vec<ContainerInspect> = client.get("/v1/containers")?;
    containers.retain(|container| args.all || container.status == "running");
    containers.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.name.cmp(&b.name)));
    let now = time::now();
    let rows: Vec<Value> = containers.iter().map(|c| row(c, now, args.list.no_trunc)).collect();
    listing::print(&COLUMNS, &rows, &args.list)?;
    Ok(0)
}

/// `netctl stop`. Returns the exit code.
///
/// # Errors
/// Where standard output can't be written.
pub(super) fn stop(client: &Client, args: &StopArgs) -> Result<u8> {
    let request = ContainerStop { timeout: args.timeout };
    output::each(&args.containers, |name| {
        let path = format!("/v1/containers/{}/stop", segment(name));
        let extra = Duration::from_secs(args.timeout);
        client.post_within::<ContainerInspect>(&path, &request, extra).map(|_| ())
    })
}

/// `netctl rm`. Returns the exit code.
///
/// # Errors
/// Where standard output can't be written.
pub(super) fn rm(client: &Client, args: &RemoveArgs) -> Result<u8> {
    let query = if args.force { "?force=true" } else { "" };
    output::each(&args.names, |name| {
        match client.delete::<Removed>(&format!("/v1/containers/{}{query}", segment(name))) {
            Err(error) if args.force && error.code == ErrorCode::NotFound => Ok(()),
            done => done.map(|_| ()),
        }
    })
}

/// The container that people call `reference`.
///
/// # Errors
/// Where there is none, or several.
pub(super) fn get(client: &Client, reference: &str) -> Result<ContainerInspect> {
    client.get(&format!("/v1/containers/{}", segment(reference)))
}

/// A container in the words of Docker's `ps --format json`.
fn row(container: &ContainerInspect, now: u64, no_trunc: bool) -> Value {
    let age = time::parse(&container.created).map(|created| now.saturating_sub(created));
    let age = age.map_or_else(|| container.created.clone(), |age| time::phrase(age) + " ago");
    let networks: Vec<&str> = match container.mode.as_str() {
        "bridge" => container.networks.keys().map(String::as_str).collect(),
        mode => vec![mode],
    };
    json!({
        "Command": quoted(&container.command.join(" "), no_trunc),
        "CreatedAt": container.created,
        "ID": listing::short(&container.id, no_trunc),
        "Names": container.name,
        "Networks": networks.join(","),
        "Ports": if container.status == "running" { ports::column(&container.ports) } else { String::new() },
        "RunningFor": age,
        "State": container.status,
        "Status": status(container, now),
    })
}

/// The command in quotes, at most 20 characters of it.
fn quoted(command: &str, no_trunc: bool) -> String {
    let shown: String = if no_trunc || command.chars().count() <= LONGEST {
        command.to_owned()
    } else {
        command.chars().take(LONGEST - 1).chain(['…']).collect()
    };
    format!("{shown:?}")
}

fn status(container: &ContainerInspect, now: u64) -> String {
    match container.status.as_str() {
        "running" if container.started == 0 => "Up".to_owned(),
        "running" => format!("Up {}", time::phrase(now.saturating_sub(container.started))),
        "exited" => format!("Exited ({})", container.exit_code),
        _ => "Created".to_owned(),
    }
}

const COLUMNS: [(&str, &str); 6] = [
    ("CONTAINER ID", "ID"),
    ("COMMAND", "Command"),
    ("CREATED", "RunningFor"),
    ("STATUS", "Status"),
    ("PORTS", "Ports"),
    ("NAMES", "Names"),
];
/// As many characters of a command as Docker shows.
const LONGEST: usize = 20;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::api::protocol::{EndpointInspect, PortView};
    use crate::state::Protocol;
    use std::{collections::BTreeMap, path::PathBuf};

    pub(in crate::cli) fn web() -> ContainerInspect {
        let endpoint = EndpointInspect {
            network_id: "2".repeat(64),
            endpoint_id: "3".repeat(64),
            mac_address: "02:00:00:00:00:02".to_owned(),
            ip_address: "172.18.0.2".parse().ok(),
            ip_prefix_len: 16,
            gateway: "172.18.0.1".parse().ok(),
            global_ipv6_address: None,
            global_ipv6_prefix_len: 0,
            ipv6_gateway: None,
            aliases: vec!["www".to_owned()],
            links: vec!["redis:db".to_owned()],
            dns_names: vec!["web".to_owned(), "www".to_owned()],
            interface: "eth0".to_owned(),
            host_interface: "ndv333333333333".to_owned(),
        };
        let published = PortView {
            ip: "0.0.0.0".parse().ok(),
            public_port: Some(8080),
            from: vec!["10.0.0.0/8".to_owned()],
            ..PortView::exposed(80, Protocol::Tcp)
        };
        ContainerInspect {
            id: "1".repeat(64),
            name: "web".to_owned(),
            hostname: "web".to_owned(),
            domainname: "lan".to_owned(),
            created: "1970-01-01T00:00:00Z".to_owned(),
            command: vec!["python3".to_owned(), "-m".to_owned(), "http.server".to_owned()],
            status: "running".to_owned(),
            pid: 42,
            started: 60,
            exit_code: 0,
            mode: "bridge".to_owned(),
            networks: BTreeMap::from([("frontend".to_owned(), endpoint)]),
            ports: vec![published, PortView::exposed(5000, Protocol::Tcp)],
            hosts: vec![("nas".to_owned(), "10.0.0.9".parse().unwrap())],
            dns: vec![],
            dns_search: vec!["lan".to_owned()],
            dns_options: vec!["ndots:1".to_owned()],
            links: vec![("redis".to_owned(), "db".to_owned())],
            link_environment: vec!["DB_NAME=/web/db".to_owned(), "DB_PORT=x".to_owned()],
            environment: vec!["A=b".to_owned()],
            directory: PathBuf::from("/var/lib/netd/containers/1"),
            auto_remove: false,
        }
    }

    #[test]
    fn ps_shows_a_running_container_as_docker_does() {
        let row = row(&web(), 360, false);
        assert_eq!(row["ID"], "111111111111");
        assert_eq!(row["Command"], "\"python3 -m http.ser…\"");
        assert_eq!(row["RunningFor"], "6 minutes ago");
        assert_eq!(row["Status"], "Up 5 minutes");
        assert_eq!(row["Ports"], "0.0.0.0:8080->80/tcp, 5000/tcp");
        assert_eq!(row["Names"], "web");
    }

    #[test]
    fn ps_says_how_a_container_ended() {
        let ended = ContainerInspect { status: "exited".to_owned(), exit_code: 137, ..web() };
        assert_eq!(row(&ended, 360, true)["Status"], "Exited (137)");
        assert_eq!(row(&ended, 360, true)["Ports"], "");
        assert_eq!(row(&ended, 360, true)["Command"], "\"python3 -m http.server\"");
    }
}

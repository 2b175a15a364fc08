//! Published ports as `ps` and `port` show them.

use crate::api::protocol::PortBinding;
use crate::error::{Error, Result};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

/// `80/tcp` to the host addresses and ports that lead there; empty for exposed ones.
pub(super) type Ports = BTreeMap<String, Vec<PortBinding>>;

/// The PORTS column: `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 5000/tcp`, neighbours joined as in
/// `0.0.0.0:8000-8009->8000-8009/tcp`.
#[must_use]
pub(super) fn column(ports: &Ports) -> String {
    let mut runs: Vec<Run> = Vec::new();
    for (port, protocol, bindings) in sorted(ports) {
        if bindings.is_empty() {
            extend(&mut runs, Run { first: port, last: port, protocol, host: None });
        }
        for binding in bindings {
            let host = Some((binding.host_ip, binding.host_port));
            extend(&mut runs, Run { first: port, last: port, protocol, host });
        }
    }
    runs.iter().map(Run::to_string).collect::<Vec<_>>().join(", ")
}

/// What `port` prints: everything, or only where `wanted` (`80` or `80/udp`) leads.
///
/// # Errors
/// Where `wanted` is no port, or is not published by `container`.
pub(super) fn lines(ports: &Ports, container: &str, wanted: Option<&str>) -> Result<String> {
    let Some(wanted) = wanted else {
        let line =
            |p: u16, proto: &str, b: &PortBinding| format!("{p}/{proto} -> {}\n", address(b));
        let sorted = sorted(ports).into_iter();
        return Ok(sorted
            .flat_map(|(p, proto, b)| b.iter().map(move |b| line(p, proto, b)))
            .collect());
    };
    let (port, protocol) = wanted.split_once('/').unwrap_or((wanted, "tcp"));
    let port: u16 = port.parse().map_err(|_| {
        Error::invalid(format!("invalid port {wanted:?}: write it as 80 or 53/udp"))
    })?;
    let key = format!("{port}/{}", protocol.to_lowercase());
    match ports.get(&key) {
        Some(bindings) if !bindings.is_empty() => {
            Ok(bindings.iter().map(|b| format!("{}\n", address(b))).collect())
        }
        _ => Err(Error::not_found(format!("no public port '{key}' published for {container}"))),
    }
}

/// Neighbouring ports that lead the same way.
struct Run<'a> {
    first: u16,
    last: u16,
    protocol: &'a str,
    /// Host address, and the host port that belongs to `first`.
    host: Option<(IpAddr, u16)>,
}

impl Run<'_> {
    fn continues(&self, next: &Self) -> bool {
        let steps = next.first.wrapping_sub(self.first);
        let same_way = match (self.host, next.host) {
            (None, None) => true,
            (Some((address, port)), Some((other, other_port))) => {
                address == other && port.checked_add(steps) == Some(other_port)
            }
            _ => false,
        };
        self.last.checked_add(1) == Some(next.first) && self.protocol == next.protocol && same_way
    }
}

impl std::fmt::Display for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let more = self.last - self.first;
        if let Some((address, port)) = self.host {
            write!(f, "{}", SocketAddr::new(address, port))?;
            if more > 0 {
                write!(f, "-{}", port.saturating_add(more))?;
            }
            f.write_str("->")?;
        }
        write!(f, "{}", self.first)?;
        if more > 0 {
            write!(f, "-{}", self.last)?;
        }
        write!(f, "/{}", self.protocol)
    }
}

fn extend<'a>(runs: &mut Vec<Run<'a>>, next: Run<'a>) {
    match runs.iter_mut().rev().find(|run| run.continues(&next)) {
        Some(run) => run.last = next.first,
        None => runs.push(next),
    }
}

/// In the order of port numbers, where text would put 8080 before 80.
fn sorted(ports: &Ports) -> Vec<(u16, &str, &[PortBinding])> {
    let mut sorted: Vec<_> = ports
        .iter()
        .filter_map(|(key, bindings)| {
            let (port, protocol) = key.split_once('/')?;
            Some((port.parse().ok()?, protocol, bindings.as_slice()))
        })
        .collect();
    sorted.sort_by_key(|(port, protocol, _)| (*port, *protocol));
    sorted
}

fn address(binding: &PortBinding) -> SocketAddr {
    SocketAddr::new(binding.host_ip, binding.host_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(spec: &[(&str, &[&str])]) -> Ports {
        let binding = |text: &&str| {
            let address: SocketAddr = text.parse().unwrap();
            PortBinding { host_ip: address.ip(), host_port: address.port() }
        };
        spec.iter().map(|(key, to)| ((*key).to_owned(), to.iter().map(binding).collect())).collect()
    }

    #[test]
    fn published_and_exposed_ports_share_the_column() {
        let both = ports(&[("5000/tcp", &[]), ("80/tcp", &["0.0.0.0:8080", "[::]:8080"])]);
        assert_eq!(column(&both), "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 5000/tcp");
        assert_eq!(column(&Ports::new()), "");
    }

    #[test]
    fn neighbours_become_a_range() {
        let range = ports(&[
            ("8001/tcp", &["0.0.0.0:9001", "[::]:9001"]),
            ("8002/tcp", &["0.0.0.0:9002", "[::]:9002"]),
            ("8003/tcp", &["0.0.0.0:9004"]),
            ("8004/udp", &[]),
            ("8005/udp", &[]),
        ]);
        assert_eq!(
            column(&range),
            "0.0.0.0:9001-9002->8001-8002/tcp, [::]:9001-9002->8001-8002/tcp, \
             0.0.0.0:9004->8003/tcp, 8004-8005/udp"
        );
    }

    #[test]
    fn port_lists_naturally_and_finds_one() {
        let some = ports(&[("8080/tcp", &["0.0.0.0:1"]), ("80/tcp", &["127.0.0.1:2", "[::1]:2"])]);
        let all = "80/tcp -> 127.0.0.1:2\n80/tcp -> [::1]:2\n8080/tcp -> 0.0.0.0:1\n";
        assert_eq!(lines(&some, "web", None).unwrap(), all);
        assert_eq!(lines(&some, "web", Some("80")).unwrap(), "127.0.0.1:2\n[::1]:2\n");
        let error = lines(&some, "web", Some("80/udp")).unwrap_err().message;
        assert_eq!(error, "no public port '80/udp' published for web");
        assert!(lines(&some, "web", Some("http")).is_err());
    }
}

//! Published ports: as `ps`, `port` and `inspect` show them, and `publish` and `unpublish`.

use super::{
    args::{PortArgs, PublishArgs},
    containers, output,
};
use crate::api::client::{Client, segment};
use crate::api::protocol::{ContainerPublish, ContainerUnpublish, PortView};
use crate::error::{Error, Result};
use crate::state::Protocol;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

/// `netctl port`. Returns the exit code.
///
/// # Errors
/// Where the port is not published.
pub(super) fn port(client: &Client, args: &PortArgs) -> Result<u8> {
    let container = containers::get(client, &args.container)?;
    output::print(lines(&container.ports, &args.container, args.port.as_deref())?)?;
    Ok(0)
}

/// `netctl publish`: prints what is new. Returns the exit code.
///
/// # Errors
/// What failed, in one line; then nothing is published.
pub(super) fn publish(client: &Client, args: PublishArgs) -> Result<u8> {
    let path = format!("/v1/containers/{}/publish", segment(&args.container));
    let new: Vec<PortView> = client.post(&path, &ContainerPublish { publish: args.specs })?;
    let line = |run: &Run| run.host.map(|_| format!("{} -> {}\n", run.inside(), run.outside()));
    output::print(joined(&new).iter().filter_map(line).collect::<String>())?;
    Ok(0)
}

/// `netctl unpublish`. Returns the exit code.
///
/// # Errors
/// What failed, in one line; then everything stays published.
pub(super) fn unpublish(client: &Client, args: PublishArgs) -> Result<u8> {
    let path = format!("/v1/containers/{}/unpublish", segment(&args.container));
    let request = ContainerUnpublish { unpublish: args.specs };
    client.post::<Map<String, Value>>(&path, &request)?;
    Ok(0)
}

/// The PORTS column: `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 5000/tcp`, neighbours joined as in
/// `0.0.0.0:8000-8009->8000-8009/tcp`.
#[must_use]
pub(super) fn column(ports: &[PortView]) -> String {
    let text = |run: &Run| match run.host {
        Some(_) => format!("{}->{}", run.outside(), run.inside()),
        None => run.inside(),
    };
    joined(ports).iter().map(text).collect::<Vec<_>>().join(", ")
}

/// `80/tcp` to what leads there, port by port; empty for exposed ones.
#[must_use]
pub(super) fn by_port(ports: &[PortView]) -> BTreeMap<(u16, Protocol), Vec<Binding<'_>>> {
    let mut all: BTreeMap<_, Vec<Binding<'_>>> = BTreeMap::new();
    for view in ports {
        for steps in 0..=view.more {
            let port = view.private_port.saturating_add(steps);
            let bindings = all.entry((port, view.protocol)).or_default();
            if let (Some(ip), Some(first)) = (view.ip, view.public_port) {
                let at = SocketAddr::new(ip, first.saturating_add(steps));
                bindings.push(Binding { at, from: &view.from });
            }
        }
    }
    all.values_mut().for_each(|bindings| bindings.sort_unstable());
    all
}

/// A host address and port that lead to a container's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Binding<'a> {
    /// Host address and port.
    pub(super) at: SocketAddr,
    /// Who may use it, as CIDR; empty means everybody.
    pub(super) from: &'a [String],
}

/// What `port` prints: everything, or only where `wanted` (`80` or `80/udp`) leads.
///
/// # Errors
/// Where `wanted` is no port, or is not published by `container`.
fn lines(ports: &[PortView], container: &str, wanted: Option<&str>) -> Result<String> {
    let all = by_port(ports);
    let Some(wanted) = wanted else {
        let lines = |((port, protocol), bindings): (&(u16, Protocol), &Vec<Binding<'_>>)| {
            let line = |b: &Binding<'_>| format!("{port}/{protocol} -> {}\n", b.at);
            bindings.iter().map(line).collect::<String>()
        };
        return Ok(all.iter().map(lines).collect());
    };
    let (port, protocol) = wanted.split_once('/').unwrap_or((wanted, "tcp"));
    let port: u16 = port.parse().map_err(|_| {
        Error::invalid(format!("invalid port {wanted:?}: write it as 80 or 53/udp"))
    })?;
    let protocol = protocol.to_lowercase();
    let mut same = all.iter().filter(|((p, proto), _)| *p == port && proto.to_string() == protocol);
    match same.next() {
        Some((_, bindings)) if !bindings.is_empty() => {
            Ok(bindings.iter().map(|binding| format!("{}\n", binding.at)).collect())
        }
        _ => Err(Error::not_found(format!(
            "no public port '{port}/{protocol}' published for {container}"
        ))),
    }
}

/// Successive ports that lead the same way.
struct Run {
    first: u16,
    more: u16,
    protocol: Protocol,
    /// Host address, and the host port that belongs to `first`.
    host: Option<(IpAddr, u16)>,
}

impl Run {
    fn of(view: &PortView) -> Self {
        Self {
            first: view.private_port,
            more: view.more,
            protocol: view.protocol,
            host: view.ip.zip(view.public_port),
        }
    }

    fn continues(&self, next: &Self) -> bool {
        let steps = u32::from(self.more) + 1;
        let follows = |a: u16, b: u16| u32::from(a) + steps == u32::from(b);
        let same_way = match (self.host, next.host) {
            (None, None) => true,
            (Some((a, port)), Some((b, next))) => a == b && follows(port, next),
            _ => false,
        };
        follows(self.first, next.first) && self.protocol == next.protocol && same_way
    }

    /// `80/tcp`, `8000-8009/tcp`.
    fn inside(&self) -> String {
        match self.more {
            0 => format!("{}/{}", self.first, self.protocol),
            more => format!("{}-{}/{}", self.first, self.first.saturating_add(more), self.protocol),
        }
    }

    /// `0.0.0.0:8080`, `[::]:8000-8009`.
    fn outside(&self) -> String {
        let Some((address, port)) = self.host else { return String::new() };
        let first = SocketAddr::new(address, port);
        match self.more {
            0 => first.to_string(),
            more => format!("{first}-{}", port.saturating_add(more)),
        }
    }
}

/// Neighbours joined, in the order of container ports.
fn joined(ports: &[PortView]) -> Vec<Run> {
    let mut sorted: Vec<&PortView> = ports.iter().collect();
    sorted.sort();
    let mut runs: Vec<Run> = Vec::new();
    for next in sorted.into_iter().map(Run::of) {
        match runs.iter_mut().rev().find(|run| run.continues(&next)) {
            Some(run) => run.more += next.more + 1,
            None => runs.push(next),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `80/tcp` for an exposed port, `0.0.0.0:8080+9 80/tcp` for ten published ones.
    fn ports(texts: &[&str]) -> Vec<PortView> {
        let view = |text: &&str| {
            let (host, port) = text.split_once(' ').unwrap_or(("", text));
            let (port, protocol) = port.split_once('/').unwrap();
            let protocol = serde_json::from_value(protocol.into()).unwrap();
            let exposed = PortView::exposed(port.parse().unwrap(), protocol);
            let Some((at, more)) = host.split_once('+') else { return exposed };
            let at: SocketAddr = at.parse().unwrap();
            let (ip, public_port) = (Some(at.ip()), Some(at.port()));
            PortView { ip, public_port, more: more.parse().unwrap(), ..exposed }
        };
        texts.iter().map(view).collect()
    }

    #[test]
    fn published_and_exposed_ports_share_the_column() {
        let both = ports(&["5000/tcp", "0.0.0.0:8080+0 80/tcp", "[::]:8080+0 80/tcp"]);
        assert_eq!(column(&both), "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 5000/tcp");
        assert_eq!(column(&[]), "");
    }

    #[test]
    fn neighbours_become_a_range() {
        let range = ports(&[
            "0.0.0.0:9001+0 8001/tcp",
            "[::]:9001+0 8001/tcp",
            "0.0.0.0:9002+4 8002/tcp",
            "[::]:9002+4 8002/tcp",
            "0.0.0.0:9008+0 8007/tcp",
            "8004/udp",
            "8005/udp",
        ]);
        assert_eq!(
            column(&range),
            "0.0.0.0:9001-9006->8001-8006/tcp, [::]:9001-9006->8001-8006/tcp, 8004-8005/udp, \
             0.0.0.0:9008->8007/tcp"
        );
    }

    #[test]
    fn port_lists_naturally_and_finds_one() {
        let some = ports(&["0.0.0.0:1+0 8080/tcp", "[::1]:2+0 80/tcp", "127.0.0.1:2+0 80/tcp"]);
        let all = "80/tcp -> 127.0.0.1:2\n80/tcp -> [::1]:2\n8080/tcp -> 0.0.0.0:1\n";
        assert_eq!(lines(&some, "web", None).unwrap(), all);
        assert_eq!(lines(&some, "web", Some("80")).unwrap(), "127.0.0.1:2\n[::1]:2\n");
        let error = lines(&some, "web", Some("80/UDP")).unwrap_err().message;
        assert_eq!(error, "no public port '80/udp' published for web");
        assert!(lines(&some, "web", Some("http")).is_err());
    }

    #[test]
    fn each_port_of_a_range_is_listed() {
        let range = ports(&["0.0.0.0:9000+1 80/sctp", "[::]:9000+1 80/sctp", "82/tcp"]);
        let all = "80/sctp -> 0.0.0.0:9000\n80/sctp -> [::]:9000\n\
                   81/sctp -> 0.0.0.0:9001\n81/sctp -> [::]:9001\n";
        assert_eq!(lines(&range, "web", None).unwrap(), all);
        assert_eq!(lines(&range, "web", Some("81/sctp")).unwrap(), "0.0.0.0:9001\n[::]:9001\n");
        assert!(lines(&range, "web", Some("82")).is_err());
    }
}

//! `netctl network`.

use super::{
    args::{
        ForceArgs, RemoveArgs,
        network::{ConnectArgs, DisconnectArgs, NetworkCreateArgs, NetworkListArgs, NetworkVerb},
    },
    inspect, listing, output,
};
use crate::api::client::{Client, segment};
use crate::api::protocol::{
    ContainerInspect, NetworkConnect, NetworkCreate, NetworkDisconnect, NetworkInspect, Pruned,
    Removed,
};
use crate::error::{Error, ErrorCode, Result};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Does what `verb` says. Returns the exit code.
///
/// # Errors
/// What failed, in one line.
pub(super) fn run(client: &Client, verb: NetworkVerb) -> Result<u8> {
    match verb {
        NetworkVerb::Create(args) => create(client, args),
        NetworkVerb::Ls(args) => ls(client, &args),
        NetworkVerb::Inspect(args) => inspect::networks(client, &args),
        NetworkVerb::Rm(args) => rm(client, &args),
        NetworkVerb::Prune(args) => prune(client, args),
        NetworkVerb::Connect(args) => connect(client, args),
        NetworkVerb::Disconnect(args) => disconnect(client, args),
    }
}

fn create(client: &Client, args: NetworkCreateArgs) -> Result<u8> {
    let request = NetworkCreate {
        name: args.name,
        driver: args.driver,
        subnets: args.subnet,
        gateways: args.gateway,
        ip_ranges: args.ip_range,
        auxiliary_addresses: once("--aux-address", args.aux_address)?,
        internal: args.internal,
        enable_ipv6: args.ipv6,
        options: once("--opt", args.options)?,
        labels: args.label.into_iter().collect(),
    };
    let network: NetworkInspect = client.post("/v1/networks", &request)?;
    output::print(format!("{}\n", network.id))?;
    Ok(0)
}

/// A key given twice would silently lose one of its values.
fn once(option: &str, pairs: Vec<(String, String)>) -> Result<BTreeMap<String, String>> {
    let mut map = BTreeMap::new();
    for (key, value) in pairs {
        if map.insert(key.clone(), value).is_some() {
            return Err(Error::invalid(format!("{option} gives {key:?} twice; give it once")));
        }
    }
    Ok(map)
}

fn ls(client: &Client, args: &NetworkListArgs) -> Result<u8> {
    let filter = Filter::parse(&args.filter)?;
    let mut networks: Vec<NetworkInspect> = client.get("/v1/networks")?;
    networks.retain(|network| filter.accepts(network));
    networks.sort_by(|a, b| a.name.cmp(&b.name));
    let rows: Vec<Value> = networks.iter().map(|n| row(n, args.list.no_trunc)).collect();
    listing::print(&COLUMNS, &rows, &args.list)?;
    Ok(0)
}

/// A network in the words of Docker's `network ls --format json`, where every value is text.
fn row(network: &NetworkInspect, no_trunc: bool) -> Value {
    let labels: Vec<_> = network.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    json!({
        "CreatedAt": network.created,
        "Driver": network.driver,
        "ID": listing::short(&network.id, no_trunc),
        "IPv4": network.enable_ipv4.to_string(),
        "IPv6": network.enable_ipv6.to_string(),
        "Internal": network.internal.to_string(),
        "Labels": labels.join(","),
        "Name": network.name,
        "Scope": network.scope,
    })
}

/// `--filter` options: values of one key are alternatives, keys must all hold.
struct Filter(BTreeMap<String, BTreeSet<String>>);

impl Filter {
    fn parse(pairs: &[(String, String)]) -> Result<Self> {
        let mut filter: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (key, value) in pairs {
            let known = match key.as_str() {
                "type" => matches!(value.as_str(), "custom" | "builtin"),
                "dangling" => matches!(value.as_str(), "true" | "false"),
                key => KEYS.contains(&key),
            };
            if !known {
                return Err(Error::invalid(format!(
                    "invalid filter {key}={value}: use driver=, name=, id=, label=, scope=, \
                     type=custom|builtin or dangling=true|false"
                )));
            }
            filter.entry(key.clone()).or_default().insert(value.clone());
        }
        Ok(Self(filter))
    }

    fn accepts(&self, network: &NetworkInspect) -> bool {
        self.0.iter().all(|(key, values)| values.iter().any(|value| holds(network, key, value)))
    }
}

fn holds(network: &NetworkInspect, key: &str, value: &str) -> bool {
    let builtin = matches!(network.name.as_str(), "bridge" | "host" | "none");
    match key {
        "driver" => network.driver == value,
        "name" => network.name.contains(value),
        "id" => network.id.contains(value),
        "scope" => network.scope == value,
        "type" => builtin == (value == "builtin"),
        "dangling" => (!builtin && network.containers.is_empty()) == (value == "true"),
        _ => match value.split_once('=') {
            Some((label, wanted)) => network.labels.get(label).is_some_and(|v| v == wanted),
            None => network.labels.contains_key(value),
        },
    }
}

fn rm(client: &Client, args: &RemoveArgs) -> Result<u8> {
    output::each(&args.names, |name| {
        match client.delete::<Removed>(&format!("/v1/networks/{}", segment(name))) {
            Err(error) if args.force && error.code == ErrorCode::NotFound => Ok(()),
            done => done.map(|_| ()),
        }
    })
}

fn prune(client: &Client, args: ForceArgs) -> Result<u8> {
    if !args.force {
        output::confirm("This removes all networks that no container uses. Continue?")
            .map_err(|e| e.context("cannot prune networks"))?;
    }
    let pruned: Pruned = client.post("/v1/networks/prune", &json!({}))?;
    if !pruned.networks_deleted.is_empty() {
        let names = pruned.networks_deleted.join("\n");
        output::print(format!("Deleted Networks:\n{names}\n\n"))?;
    }
    Ok(0)
}

fn connect(client: &Client, args: ConnectArgs) -> Result<u8> {
    let request = NetworkConnect {
        container: args.container,
        aliases: args.alias,
        links: args.link,
        ip: args.ip,
        ip6: args.ip6,
        publish: args.publish,
    };
    let path = format!("/v1/networks/{}/connect", segment(&args.network));
    client.post::<ContainerInspect>(&path, &request)?;
    Ok(0)
}

fn disconnect(client: &Client, args: DisconnectArgs) -> Result<u8> {
    let request = NetworkDisconnect { container: args.container, force: args.force };
    let path = format!("/v1/networks/{}/disconnect", segment(&args.network));
    client.post::<IgnoredAny>(&path, &request)?;
    Ok(0)
}

const COLUMNS: [(&str, &str); 4] =
    [("NETWORK ID", "ID"), ("NAME", "Name"), ("DRIVER", "Driver"), ("SCOPE", "Scope")];
const KEYS: [&str; 5] = ["driver", "name", "id", "label", "scope"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::protocol::Ipam;

    fn network(name: &str, driver: &str, label: &str) -> NetworkInspect {
        NetworkInspect {
            name: name.to_owned(),
            id: "0123456789abcdef".repeat(4),
            created: "2024-01-01T00:00:00Z".to_owned(),
            scope: "local".to_owned(),
            driver: driver.to_owned(),
            enable_ipv4: true,
            enable_ipv6: false,
            ipam: Ipam::default(),
            internal: false,
            containers: BTreeMap::new(),
            options: BTreeMap::new(),
            labels: BTreeMap::from([(label.to_owned(), "1".to_owned())]),
        }
    }

    fn accepted(filter: &[(&str, &str)]) -> Vec<String> {
        let pairs: Vec<_> = filter.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let filter = Filter::parse(&pairs).unwrap();
        [
            network("backend", "bridge", "team"),
            network("frontend", "bridge", "x"),
            network("none", "null", "x"),
        ]
        .into_iter()
        .filter(|network| filter.accepts(network))
        .map(|network| network.name)
        .collect()
    }

    #[test]
    fn one_key_offers_alternatives_and_several_keys_must_all_hold() {
        assert_eq!(accepted(&[]).len(), 3);
        assert_eq!(accepted(&[("name", "end")]), ["backend", "frontend"]);
        assert_eq!(accepted(&[("name", "back"), ("name", "none")]), ["backend", "none"]);
        assert_eq!(accepted(&[("driver", "bridge"), ("label", "x=1")]), ["frontend"]);
        assert_eq!(accepted(&[("type", "builtin")]), ["none"]);
        assert_eq!(accepted(&[("dangling", "true"), ("label", "team")]), ["backend"]);
        assert_eq!(accepted(&[("id", "89ab"), ("label", "x=2")]), [""; 0]);
    }

    #[test]
    fn unknown_filters_are_refused() {
        for (key, value) in [("colour", "red"), ("type", "mine"), ("dangling", "maybe")] {
            assert!(Filter::parse(&[(key.to_owned(), value.to_owned())]).is_err(), "{key}");
        }
    }

    #[test]
    fn an_option_given_twice_is_refused() {
        let twice = vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
        assert!(once("--opt", twice).is_err());
    }
}

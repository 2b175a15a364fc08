//! The netlink verbs, driven in namespaces of their own and read back with `ip`, `bridge`, `tc`.

#![allow(clippy::unwrap_used, reason = "a helper that fails ends the test that uses it")]

mod bridges;
mod filters;
mod host;
use netd_tests::program;
mod veths;

use anyhow::{Context, Result};
use ipnet::IpNet;
use netd::{
    error::ErrorCode,
    kernel::netlink::{Departures, EGRESS_BLOCK, INGRESS_BLOCK, Netlink},
    kernel::netns::Namespace,
    spec::name::{Id, InterfaceName, Mac},
    state::{Bridge, Gateways, Netns, Veth},
};
use netd_tests::ns::{TestNs, is_root};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::AsFd,
    path::Path,
};

fn name(text: &str) -> InterfaceName {
    text.parse().unwrap()
}

fn addresses(list: &[&str]) -> BTreeSet<IpNet> {
    list.iter().map(|text| text.parse().unwrap()).collect()
}

fn bridge(list: &[&str]) -> Bridge {
    Bridge {
        network: Id::random(),
        mac: Mac::random(),
        mtu: 1450,
        addresses: addresses(list),
        up: true,
    }
}

fn veth(namespace: &Namespace, list: &[&str]) -> Veth {
    Veth {
        endpoint: Id::random(),
        bridge: name("nd-web"),
        mtu: 1450,
        aggregate: 262_144,
        netns: namespace.id(),
        peer: name("eth0"),
        mac: Mac::random(),
        addresses: addresses(list),
        up: false,
    }
}

/// Every device, address, route and qdisc of a namespace, to compare before and after.
fn everything(ns: &TestNs) -> Result<String> {
    let commands = ["ip -j addr", "ip -j route show table all", "ip -6 -j route", "tc -j qdisc"];
    commands.iter().map(|command| ns.run(command)).collect()
}

fn device(ns: &TestNs, device: &str) -> Result<Value> {
    let list = ns.json(&format!("ip -j -d addr show dev {device}"))?;
    list.get(0).cloned().with_context(|| format!("no device {device}"))
}

fn own_addresses(device: &Value) -> BTreeSet<IpNet> {
    let list = device["addr_info"].as_array().unwrap().iter();
    list.filter(|a| a["scope"] == "global")
        .map(|a| format!("{}/{}", a["local"].as_str().unwrap(), a["prefixlen"]).parse().unwrap())
        .collect()
}

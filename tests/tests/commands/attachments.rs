//! `network connect` and `disconnect`, of netd's own containers and of foreign namespaces.

use super::*;
use netd_tests::ns::TestNs;
use std::{
    os::fd::{AsFd, AsRawFd},
    process::{Child, Command},
};

/// A process in a namespace, ended with this value.
struct Inhabitant(Child);

impl Inhabitant {
    fn of(ns: &TestNs) -> Result<Self> {
        Ok(Self(ns.namespace().run(|| Command::new("sleep").arg("infinity").spawn())??))
    }

    fn reference(&self) -> String {
        format!("pid:{}", self.0.id())
    }
}

impl Drop for Inhabitant {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_container_joins_and_leaves_networks_while_it_runs() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "back", "--subnet", "10.71.0.0/24"])?;
    let six = ["--ipv6", "--subnet", "10.72.0.0/24", "--subnet", "fd72::/64"];
    host.ok(&[&["network", "create", "front"][..], &six].concat())?;
    let id = host.idle("db", "back")?;
    let before = Snapshot::of_kernel(&host)?;
    let fixed = ["--ip", "10.72.0.50", "--ip6", "fd72::50", "--alias", "sql", "front"];
    host.ok(&[&["network", "connect"][..], &fixed, &[&id[..12]]].concat())?;
    let inside = text(&host.exec("db", &["ip", "-br", "addr"])?.stdout);
    assert!(inside.contains("10.71.0.2/24"), "{inside}");
    assert!(inside.contains("10.72.0.50/24") && inside.contains("fd72::50/64"), "{inside}");
    let endpoint = "{{.NetworkSettings.Networks.front.Interface}} \
                    {{json .NetworkSettings.Networks.front.Aliases}}";
    assert_eq!(field(&host, "db", endpoint)?, "eth1 [\"sql\"]");
    let front = &json(&host, &["network", "inspect", "front"])?[0]["Containers"][&id];
    assert_eq!(front["Name"], "db");
    assert_eq!(front["IPv4Address"], "10.72.0.50/24");
    assert_eq!(front["IPv6Address"], "fd72::50/64");
    assert_eq!(front["MacAddress"].as_str().map(str::len), Some(17));
    assert!(Snapshot::of_kernel(&host)? != before);
    host.ok(&["network", "disconnect", "front", "db"])?;
    assert!(!text(&host.exec("db", &["ip", "-br", "addr"])?.stdout).contains("eth1"));
    Snapshot::of_kernel(&host)?.same_as(&before)
}

#[test]
fn attachments_that_make_no_sense_are_refused() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web", "--subnet", "10.73.0.0/24"])?;
    host.ok(&["network", "create", "other"])?;
    host.idle("one", "web")?;
    host.idle("alone", "none")?;
    host.idle("bare", "host")?;
    let connect = |args: &[&str], code: i32, words: &[&str]| {
        refuses(&host, &[(&[&["network", "connect"][..], args].concat(), code, words)])
    };
    connect(&["nowhere", "one"], 1, &["network nowhere not found"])?;
    connect(&["web", "one"], 1, &["endpoint with name one already exists in network web"])?;
    connect(&["host", "one"], 1, &["for its whole life"])?;
    connect(&["web", "alone"], 1, &["made with network none"])?;
    connect(&["web", "bare"], 1, &["uses the host's own network"])?;
    connect(&["--ip", "10.73.0.1", "web", "one"], 1, &["already exists"])?;
    connect(&["--ip", "10.99.0.1", "other", "one"], 2, &["outside subnet"])?;
    connect(&["--alias", "a b", "other", "one"], 2, &["invalid name \"a b\""])?;
    connect(&["--alias", "a", "bridge", "one"], 2, &["user-defined networks"])?;
    connect(&["web"], 2, &["<CONTAINER>"])?;
    let disconnect = ["network", "disconnect", "other", "one"];
    refuses(&host, &[(&disconnect, 1, &["one is not connected to network other"])])
}

#[test]
fn namespaces_that_do_not_exist_or_are_none_are_refused() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let connect = |container: &str, code: i32, words: &[&str]| {
        refuses(&host, &[(&["network", "connect", "bridge", container], code, words)])
    };
    connect("netns:/run/netns/netd-test-nowhere", 1, &["netd-test-nowhere does not exist"])?;
    connect("netns:nowhere", 2, &["absolute path"])?;
    connect("netns:/etc/hostname", 2, &["not a network namespace"])?;
    connect("pid:4194305", 1, &["pid 4194305: no such process"])?;
    connect("pid:x", 2, &["pid:NUMBER"])?;
    connect("docker:web", 2, &["not supported"])?;
    connect("colour:red", 2, &["unknown kind of reference"])?;
    let own = Inhabitant::of(&host.host)?;
    connect(&own.reference(), 2, &["the host's own"])?;
    // A namespace whose eth0 is somebody else's.
    let neighbour = Inhabitant::of(&host.neighbour)?;
    connect(&neighbour.reference(), 1, &["eth0 is taken in the container"])
}

#[test]
fn a_foreign_namespace_is_attached_by_process_and_left_without_a_trace() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web", "--subnet", "10.74.0.0/24"])?;
    let before = Snapshot::take(&host)?;
    let ns = TestNs::new()?;
    let process = Inhabitant::of(&ns)?;
    host.ok(&["network", "connect", "web", &process.reference()])?;
    assert!(ns.run("ip -br addr show dev eth0")?.contains("10.74.0.2/24"));
    assert!(ns.run("ip route show default")?.contains("10.74.0.1"));
    assert!(host.ok(&["ps"])?.contains(&process.reference()));
    in_host(&host, "ping -c 1 -W 5 10.74.0.2")?;
    let foreign = process.reference();
    let output = host.netctl(&["stop", &foreign])?;
    is_refusal(&output, 1, &["was not started by netd"])?;
    host.ok(&["network", "disconnect", "web", &foreign])?;
    assert!(!ns.run("ip -br addr")?.contains("eth0"));
    Snapshot::take(&host)?.same_as(&before)
}

#[test]
fn a_foreign_namespace_that_ends_is_forgotten() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let before = Snapshot::of_kernel(&host)?;
    let ns = TestNs::new()?;
    let process = Inhabitant::of(&ns)?;
    host.ok(&["network", "connect", "bridge", &process.reference()])?;
    assert!(ns.as_fd().as_raw_fd() >= 0 && host.ok(&["ps", "-q"])?.len() == 12);
    drop((process, ns));
    assert!(wait(SOON, || host.ok(&["ps", "-q"]).is_ok_and(|ids| ids.is_empty())));
    let gone = || Snapshot::of_kernel(&host).is_ok_and(|now| now == before);
    assert!(wait(SOON, gone), "{:?}", Snapshot::of_kernel(&host)?.same_as(&before));
    Ok(())
}

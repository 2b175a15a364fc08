//! `-p`, `-P`, `--expose`, `port` and the PORTS column.

use super::*;
use netd_common::abi::{ABI_VERSION, maps};
use nix::sys::signal::Signal;
use std::{collections::BTreeSet, process::Command};

const SERVER: [&str; 4] = ["python3", "-m", "http.server", "80"];

#[test]
fn published_ports_answer_are_listed_and_end_with_their_container() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.run("web", &["-p", "4000:80", "-p", "127.0.0.1:4001:80"], &SERVER)?;
    assert!(wait(SOON, || serves(&host, "127.0.0.1:4000")));
    assert!(serves(&host, "198.51.100.2:4000") && serves(&host, "127.0.0.1:4001"));
    assert!(!serves(&host, "198.51.100.2:4001"));
    let all = "80/tcp -> 0.0.0.0:4000\n80/tcp -> 127.0.0.1:4001\n80/tcp -> [::]:4000";
    let listed: BTreeSet<_> = host.ok(&["port", "web"])?.lines().map(str::to_owned).collect();
    assert_eq!(listed, all.lines().map(str::to_owned).collect());
    host.ok(&["stop", "web"])?;
    assert!(!serves(&host, "127.0.0.1:4000"));
    assert_eq!(host.ok(&["ps", "-a", "--format", "{{.Ports}}"])?, "");
    host.run("next", &["-p", "4000:80"], &SERVER)?;
    assert!(wait(SOON, || serves(&host, "127.0.0.1:4000")));
    Ok(())
}

#[test]
fn picked_ports_come_from_the_ephemeral_range_and_port_names_each() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let id =
        host.run("web", &["-p", "8043", "-p", "8044", "-p", "53/udp"], &["sleep", "infinity"])?;
    let range = in_host(&host, "cat /proc/sys/net/ipv4/ip_local_port_range")?;
    let (first, last) = range.split_once('\t').context("no range")?;
    let range = first.parse::<u16>()?..=last.parse()?;
    let one = host.ok(&["port", "web", "8043"])?;
    let lines: Vec<_> = one.lines().collect();
    let port: u16 = lines[0].strip_prefix("0.0.0.0:").context("no address")?.parse()?;
    assert!(range.contains(&port), "{port}");
    assert_eq!(lines, [format!("0.0.0.0:{port}"), format!("[::]:{port}")]);
    for (reference, wanted) in [(id.as_str(), "8043/tcp"), (&id[..12], "8043")] {
        assert_eq!(host.ok(&["port", reference, wanted])?, one);
    }
    assert!(host.ok(&["port", "web", "53/udp"])?.starts_with("0.0.0.0:"));
    assert_eq!(host.ok(&["port", "web"])?.lines().count(), 6);
    Ok(())
}

#[test]
fn two_host_ports_lead_to_one_container_port_and_ranges_map_one_to_one() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let ports = ["-p", "8080:80", "-p", "8081:80", "-p", "20000-29999:20000-29999"];
    host.run("web", &[&ports[..], &["--expose", "5000"]].concat(), &SERVER)?;
    assert!(wait(SOON, || serves(&host, "127.0.0.1:8080")));
    assert!(serves(&host, "127.0.0.1:8081"));
    assert_eq!(host.ok(&["port", "web", "24567"])?, "0.0.0.0:24567\n[::]:24567");
    let column = host.ok(&["ps", "--format", "{{.Ports}}"])?;
    for part in [
        "0.0.0.0:8080->80/tcp",
        "[::]:8081->80/tcp",
        "5000/tcp",
        "0.0.0.0:20000-29999->20000-29999/tcp",
    ] {
        assert!(column.split(", ").any(|p| p == part), "no {part} in {column}");
    }
    assert_eq!(column.split(", ").count(), 7);
    Ok(())
}

#[test]
fn publish_all_picks_a_port_for_each_exposed_one() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let expose = ["--expose", "50001", "--expose", "50002/udp"];
    host.run("all", &[&["-P"][..], &expose].concat(), &["sleep", "infinity"])?;
    host.run("none", &expose, &["sleep", "infinity"])?;
    let listed = host.ok(&["port", "all"])?;
    let ports: BTreeSet<&str> = listed.lines().filter_map(|l| l.split(' ').next()).collect();
    assert_eq!(ports, BTreeSet::from(["50001/tcp", "50002/udp"]));
    assert_eq!(host.ok(&["port", "none"])?, "");
    let template = "{{json (index .NetworkSettings.Ports \"50001/tcp\")}}";
    assert_eq!(field(&host, "none", template)?, "null");
    let bound: Value = serde_json::from_str(&field(&host, "all", template)?)?;
    assert_eq!(bound[0]["HostIp"], "0.0.0.0");
    assert!(listed.contains(&format!("0.0.0.0:{}", bound[0]["HostPort"].as_str().unwrap())));
    Ok(())
}

#[test]
fn a_running_container_publishes_more_and_less() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let before = Snapshot::of_kernel(&host)?;
    host.run("web", &["-p", "8080:80"], &SERVER)?;
    let one = Snapshot::of_kernel(&host)?;
    let said = host.ok(&["publish", "web", "9090:80", "127.0.0.1:7000-7009:1-10/udp"])?;
    let all = "1-10/udp -> 127.0.0.1:7000-7009\n80/tcp -> 0.0.0.0:9090\n80/tcp -> [::]:9090";
    assert_eq!(said, all);
    assert!(wait(SOON, || serves(&host, "127.0.0.1:9090")));
    // The container's mappings outlive the agent, and so do their programs' tables.
    let two = Snapshot::of_kernel(&host)?;
    host.end_agent(Signal::SIGKILL)?;
    assert!(serves(&host, "127.0.0.1:9090"));
    host.start_agent()?;
    Snapshot::of_kernel(&host)?.same_as(&two)?;
    assert_eq!(host.ok(&["port", "web", "3/udp"])?, "127.0.0.1:7002");
    assert_eq!(host.ok(&["unpublish", "web", "9090:80", "7000-7009:1-10/udp"])?, "");
    assert!(!serves(&host, "127.0.0.1:9090") && serves(&host, "127.0.0.1:8080"));
    Snapshot::of_kernel(&host)?.same_as(&one)?;
    host.ok(&["unpublish", "web", "80"])?;
    assert_eq!(host.ok(&["port", "web"])?, "");
    host.ok(&["rm", "-f", "web"])?;
    Snapshot::of_kernel(&host)?.same_as(&before)
}

#[test]
fn ten_thousand_ports_are_a_few_entries_and_no_socket() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let sockets = || in_host(&host, "cat /proc/net/tcp /proc/net/tcp6 | wc -l");
    let before = sockets()?;
    host.run("sip", &["-p", "20000-29999:20000-29999"], &["sleep", "infinity"])?;
    assert_eq!(sockets()?, before);
    assert_eq!(entries(&host, maps::PUBLISHED)?, 0);
    let ranges = entries(&host, maps::RANGES)?;
    assert!((2..=60).contains(&ranges), "{ranges} prefixes");
    let listed = host.ok(&["port", "sip"])?;
    assert_eq!(listed.lines().count(), 20_000);
    assert_eq!(listed.lines().last(), Some("29999/tcp -> [::]:29999"));
    let shown: Value = json(&host, &["inspect", "sip"])?;
    let ports = shown[0]["NetworkSettings"]["Ports"].as_object().context("no ports")?;
    assert_eq!(ports.len(), 10_000);
    assert_eq!(ports["20001/tcp"][0]["HostPort"], "20001");
    Ok(())
}

#[test]
fn an_agent_puts_right_what_it_finds_of_published_ports() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let ports = ["-p", "8080:80", "-p", "5000-5009:5000-5009,from=10.0.0.0/8,2001:db8::/32"];
    host.run("web", &ports, &["sleep", "infinity"])?;
    let before = Snapshot::of_kernel(&host)?;
    host.end_agent(Signal::SIGKILL)?;
    // Stale bits of a block without ports and none of one with some; a list that nobody uses.
    bpftool(&host, maps::PORTS, &["update", "key 5 0 0 0 value", &["31"; 64].join(" ")])?;
    bpftool(&host, maps::PORTS, &["update", "key 126 0 0 0 value", &["0"; 64].join(" ")])?;
    let list = format!("key 40 0 0 0 0 0 0 99 32 1 {} value 1 0 0 0", ["0"; 14].join(" "));
    bpftool(&host, maps::CLIENTS, &["update", &list])?;
    assert!(Snapshot::of_kernel(&host)?.same_as(&before).is_err(), "nothing was damaged");
    host.start_agent()?;
    Snapshot::of_kernel(&host)?.same_as(&before)
}

#[test]
fn ports_come_and_go_with_a_network_that_publishes() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "--internal", "vault"])?;
    host.run("db", &["--network", "vault", "-p", "8080:80"], &SERVER)?;
    let column = || host.ok(&["ps", "--format", "{{.Ports}}"]);
    assert_eq!(column()?, "80/tcp");
    assert!(!serves(&host, "127.0.0.1:8080"));
    host.ok(&["network", "connect", "bridge", "db"])?;
    assert!(wait(SOON, || serves(&host, "127.0.0.1:8080")));
    assert_eq!(column()?, "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp");
    host.ok(&["network", "disconnect", "bridge", "db"])?;
    assert!(!serves(&host, "127.0.0.1:8080"));
    host.run("next", &["-p", "8080:80"], &["sleep", "infinity"])?;
    let taken = "cannot connect db to network bridge: Bind for 0.0.0.0:8080 failed";
    refuses(&host, &[(&["network", "connect", "bridge", "db"], 1, &[taken, "container next"])])
}

#[test]
fn a_container_is_connected_and_publishes_at_once_or_not_at_all() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "--internal", "vault"])?;
    host.run("db", &["--network", "vault"], &SERVER)?;
    let before = Snapshot::of_kernel(&host)?;
    let connect = |specs: &[&'static str]| -> Vec<&'static str> {
        [&["network", "connect"], specs, &["bridge", "db"]].concat()
    };
    let twice = connect(&["-p", "8080:80", "-p", "8080:80"]);
    refuses(&host, &[(&twice, 1, &["cannot connect db to network bridge: ", "8080"])])?;
    Snapshot::of_kernel(&host)?.same_as(&before)?;
    host.ok(&connect(&["-p", "8080:80", "--publish", "127.0.0.1:8081:80"]))?;
    assert!(wait(SOON, || serves(&host, "127.0.0.1:8080") && serves(&host, "127.0.0.1:8081")));
    let listed = host.ok(&["port", "db"])?;
    assert_eq!(listed.lines().count(), 3, "{listed}");
    Ok(())
}

#[test]
fn who_may_use_a_port_is_shown_and_host_processes_always_may() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.run("web", &["-p", "8080:80,from=10.0.0.0/8,192.0.2.7"], &SERVER)?;
    let template = "{{json (index (index .NetworkSettings.Ports \"80/tcp\") 0).From}}";
    assert_eq!(field(&host, "web", template)?, "[\"10.0.0.0/8\",\"192.0.2.7/32\"]");
    assert!(wait(SOON, || serves(&host, "127.0.0.1:8080")));
    assert_eq!(entries(&host, maps::CLIENTS)?, 2);
    host.ok(&["publish", "web", "8081:80,from=192.0.2.7,10.0.0.0/8"])?;
    assert_eq!(entries(&host, maps::CLIENTS)?, 2, "equal lists are one");
    host.ok(&["unpublish", "web", "8080:80"])?;
    assert_eq!(entries(&host, maps::CLIENTS)?, 2);
    host.ok(&["unpublish", "web", "80"])?;
    assert_eq!(entries(&host, maps::CLIENTS)?, 0);
    Ok(())
}

#[test]
fn reserved_ports_are_not_picked_but_given() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    in_host(&host, "sysctl -qw net.ipv4.ip_local_port_range='40000 40003'")?;
    in_host(&host, "sysctl -qw net.ipv4.ip_local_reserved_ports=40000-40001,40003")?;
    host.run("web", &["-p", "80"], &["sleep", "infinity"])?;
    assert!(host.ok(&["port", "web", "80"])?.starts_with("0.0.0.0:40002\n"));
    let words = "all host ports from 40000 to 40003 are allocated or reserved";
    refuses(&host, &[(&["publish", "web", "81"], 1, &[words])])?;
    host.ok(&["publish", "web", "40003:81"])?;
    Ok(())
}

/// How many entries a map has.
fn entries(host: &TestHost, map: &str) -> Result<usize> {
    let dump: Vec<Value> = serde_json::from_slice(&bpftool(host, map, &["dump"])?)?;
    Ok(dump.len())
}

/// A verb of `bpftool map` for one of the agent's maps, with the words that follow the map.
fn bpftool(host: &TestHost, map: &str, words: &[&str]) -> Result<Vec<u8>> {
    let path = host.bpf().join(format!("v{ABI_VERSION}")).join(map);
    let rest = words[1..].iter().flat_map(|words| words.split(' '));
    let mut command = Command::new("bpftool");
    command.args(["-j", "map", words[0], "pinned"]).arg(path).args(rest);
    let output = command.output().context("cannot start bpftool")?;
    ensure!(output.status.success(), "{words:?}: {}", text(&output.stdout));
    Ok(output.stdout)
}

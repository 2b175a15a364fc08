//! `-p`, `-P`, `--expose`, `port` and the PORTS column.

use super::*;
use std::collections::BTreeSet;

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

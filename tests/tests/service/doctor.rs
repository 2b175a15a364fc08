//! `netctl doctor`: every check, provoked.

use super::*;
use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

/// A check's worst level and everything that it says.
type Found = BTreeMap<String, (String, String)>;

/// What doctor says, by check; its exit code goes with it.
fn examine(host: &TestHost) -> Result<(Found, i32)> {
    let output = host.netctl(&["doctor", "--format", "json"])?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(errors.is_empty(), "{errors}");
    let rank = |level: &str| ["ok", "warn", "fail"].iter().position(|l| *l == level);
    let mut found = Found::new();
    for line in json_lines(&String::from_utf8(output.stdout)?)? {
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let (level, what) = (text("Level"), text("What"));
        ensure!(rank(&level).is_some(), "{line}");
        ensure!((level == "ok") == line["Remedy"].is_null(), "{line}");
        let entry = found.entry(text("Check")).or_insert(("ok".to_owned(), String::new()));
        entry.1 += &format!("{what}\n");
        if rank(&level) > rank(&entry.0) {
            entry.0 = level;
        }
    }
    Ok((found, output.status.code().context("killed")?))
}

fn is(found: &Found, check: &str, level: &str, word: &str) -> Result<()> {
    let (its, what) = found.get(check).with_context(|| format!("no check {check}: {found:?}"))?;
    ensure!(
        its == level && what.contains(word),
        "{check} is {its}, not {level} with {word:?}: {what}"
    );
    Ok(())
}

#[test]
fn a_host_that_is_well_has_no_failures() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web", "--ipv6"])?;
    let (found, code) = examine(&host)?;
    let bad: Vec<_> = found.iter().filter(|(_, (level, _))| level != "ok").collect();
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(code, 0);
    let checks = [
        "agent",
        "names",
        "programs",
        "flows",
        "drops",
        "pins",
        "socket",
        "spec",
        "kernel",
        "bpffs",
        "cgroup",
        "rp_filter",
        "ipv6",
        "ports",
        "firewall",
        "overlap",
        "mtu",
        "uplinks",
    ];
    checks.iter().try_for_each(|check| is(&found, check, "ok", ""))?;
    is(&found, "kernel", "ok", "of the features that netd uses")?;
    let text = host.ok(&["doctor"])?;
    assert!(text.lines().all(|line| line.starts_with("ok    ")), "{text}");
    Ok(())
}

#[test]
fn without_an_agent_it_says_so_and_what_it_sees() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::without_agent()?;
    let (found, code) = examine(&host)?;
    assert_eq!(code, 1);
    is(&found, "agent", "fail", "cannot reach netd at")?;
    is(&found, "kernel", "ok", "features")?;
    let output = host.netctl(&["doctor"])?;
    let text = String::from_utf8(output.stdout)?;
    assert!(
        text.lines().any(|l| l.starts_with("fail  agent") && l.contains("systemctl start netd")),
        "{text}"
    );
    Ok(())
}

#[test]
fn what_stands_in_the_way_is_found() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web", "--subnet", "10.81.0.0/16"])?;
    host.run("web", &["--network", "web", "-p", "8080:80"], &["sleep", "infinity"])?;
    // The host's own settings and neighbours.
    host.host.run("sysctl -qw net.ipv4.conf.eth0.rp_filter=1")?;
    host.host.run("ip link set eth0 mtu 1300")?;
    host.host.run("ip route add 10.81.7.0/24 via 198.51.100.7")?;
    let rules = "nft add table inet guard && nft 'add chain inet guard in { type filter hook input priority 0; policy drop; }' \
                 && nft 'add rule inet guard in iifname lo accept'";
    let done = shell(&host.host, rules)?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // What the agent keeps.
    fs::create_dir(host.bpf().join("v1"))?;
    fs::set_permissions(host.path("netd.sock"), fs::Permissions::from_mode(0o666))?;
    fs::create_dir_all(host.path("spec"))?;
    fs::write(host.path("spec/bad.yaml"), "networks:\n  x: {driver: overlay}\n")?;
    // The neighbour knocks where nobody may.
    host.neighbour.run("ip route add 10.81.0.0/16 via 198.51.100.2")?;
    let (address, _) = host.addresses("web", "web")?;
    let knocking = format!("ping -q -i 0.02 -w 15 {address}");
    let (found, code) = std::thread::scope(|scope| {
        let knocking = scope.spawn(|| shell(&host.neighbour, &knocking));
        let started =
            wait(SOON, || host.drops().is_ok_and(|drops| drops.values().sum::<u64>() > 0));
        let found =
            if started { examine(&host) } else { Err(anyhow::anyhow!("nothing is dropped")) };
        // It ends by itself.
        drop(knocking.join());
        found
    })?;
    fs::remove_dir(host.bpf().join("v1"))?;
    assert_eq!(code, 1);
    is(&found, "rp_filter", "warn", "strict on eth0")?;
    is(&found, "mtu", "warn", "uplink eth0 has an MTU of 1300")?;
    is(
        &found,
        "overlap",
        "fail",
        "the route 10.81.7.0/24 by eth0 takes its part of subnet 10.81.0.0/16",
    )?;
    is(
        &found,
        "firewall",
        "warn",
        "chain inet guard in (input) (policy drop) judges what containers send",
    )?;
    is(&found, "firewall", "warn", "published ports 8080/tcp")?;
    is(&found, "pins", "warn", "v1")?;
    is(&found, "socket", "warn", "mode 0666")?;
    is(&found, "spec", "fail", "bad.yaml")?;
    is(&found, "drops", "warn", "eth0")?;
    Ok(())
}

//! What others take away or change comes back within seconds and is counted; isolation holds
//! meanwhile.

use super::{Flows, SOON, at, flows, forbid, host, shape::Shape};
use anyhow::{Context, Result, ensure};
use netd_tests::{
    host::{HOST, TestHost, binary, shell, wait},
    ns::is_root,
    probe::Probe,
    snapshot,
};
use nix::sys::signal::Signal;
use std::{collections::BTreeMap, fs, path::PathBuf, process::Command, time::Duration};

/// The kind that counts a disturbance, and the disturbance: a line of shell in the host's namespace
/// with `$BRIDGE`, `$VETH` (of the server), `$PINS` and `$PID` (in the server).
const DISTURBANCES: [(&str, &str); 29] = [
    ("program", "tc filter del block 1852047361"),
    ("program", "tc filter del block 1852047362"),
    ("veth", "tc qdisc del dev $VETH clsact"),
    ("uplink", "bpftool link detach pinned $PINS/uplink_in-$UPLINK"),
    ("uplink", "bpftool link detach pinned $PINS/uplink_out-$UPLINK"),
    ("host-program", "bpftool link detach pinned $PINS/host_connect4"),
    ("host-program", "bpftool link detach pinned $PINS/host_bind6"),
    ("pin", "rm $PINS/uplink_in-$UPLINK"),
    ("pin", "rm $PINS/FLOWS"),
    ("pin", "rm -r $PINS"),
    ("bridge", "ip link set $BRIDGE down"),
    ("bridge", "ip link set $BRIDGE mtu 1300"),
    ("bridge", "ip link set $BRIDGE address 02:00:00:00:00:99"),
    ("bridge", "ip address flush dev $BRIDGE"),
    ("bridge", "ip route flush dev $BRIDGE"),
    ("bridge", "ip -6 route flush dev $BRIDGE"),
    ("bridge", "sysctl -qw net.ipv4.conf.$BRIDGE.forwarding=0"),
    ("bridge", "sysctl -qw net.ipv4.conf.$BRIDGE.rp_filter=1"),
    ("bridge", "sysctl -qw net.ipv6.conf.$BRIDGE.forwarding=0"),
    ("bridge", "sysctl -qw net.ipv6.conf.$BRIDGE.accept_ra=1"),
    ("bridge", "sysctl -qw net.ipv6.conf.$BRIDGE.disable_ipv6=1"),
    ("veth", "ip link set $VETH down"),
    ("veth", "ip link set $VETH nomaster"),
    ("name", "ip link set $BRIDGE name other0"),
    ("name", "ip link set $VETH name stolen0"),
    ("route", "nsenter -t $PID -n ip route flush dev eth0"),
    ("resolver", "nsenter -t $PID -n tc qdisc del dev lo clsact"),
    ("veth", "ip link del $VETH"),
    ("bridge", "ip link del $BRIDGE"),
];

#[test]
fn what_is_taken_away_comes_back_within_seconds_and_is_counted() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = host()?;
    let probe = forbidden(&host)?;
    let names = names(&host)?;
    for (kind, disturbance) in DISTURBANCES {
        let what = || format!("{disturbance}: {:?}", repairs(&host));
        let before = repairs(&host)?.get(kind).copied().unwrap_or_default();
        let output = shell(&host.host, &format!("{names}{disturbance}"))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{disturbance}: {errors}");
        let more = || repairs(&host).is_ok_and(|now| now.get(kind).is_some_and(|n| *n > before));
        ensure!(wait(WITHIN, more), "not repaired: {}", what());
        ensure!(wait(WITHIN, || serves(&host)), "repaired, and does not serve: {}", what());
    }
    let log = fs::read_to_string(host.path("netd.log"))?;
    ensure!(log.contains("repaired program: program container_out was gone"), "{log}");
    is_well(&host)?;
    let report = probe.finish()?;
    ensure!(report.forbidden > 1_000, "{report:?}");
    Ok(())
}

#[test]
fn nothing_is_repaired_where_nobody_disturbs() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = host()?;
    host.ok(&["network", "create", "late"])?;
    host.ok(&["network", "connect", "late", "client"])?;
    host.ok(&["publish", "client", "9000:9000"])?;
    host.ok(&["network", "disconnect", "late", "client"])?;
    host.ok(&["network", "rm", "late"])?;
    host.ok(&["rm", "-f", "stranger"])?;
    // The host's own changes are followed, and no repair either.
    host.host.run("ip address add 198.51.100.3/24 dev eth0")?;
    host.host.run("ip link add eth1 type veth peer name eth2")?;
    host.host.run("ip link set eth1 up")?;
    let seen = || host.ok(&["status"]).is_ok_and(|status| status.contains("eth1"));
    ensure!(wait(SOON, seen), "the new uplink is not found");
    host.host.run("ip link del eth1")?;
    ensure!(wait(SOON, || !seen()), "the uplink is gone and still known");
    ensure!(repairs(&host)?.is_empty(), "{:?}", repairs(&host));
    Ok(())
}

/// Other firewalls come and go, and what netd forwards does not pass them.
#[test]
fn a_flushed_ruleset_changes_nothing() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = host()?;
    let probe = flows(&host, 12)?.start();
    host.host.run("nft add table inet filter")?;
    host.host.run("nft add chain inet filter forward { type filter hook forward priority 0; }")?;
    host.host.run("nft flush ruleset")?;
    let report = probe.finish_after(500)?;
    ensure!(report.probes > 100 && repairs(&host)?.is_empty(), "{report:?}");
    Ok(())
}

#[test]
fn a_bpffs_that_is_unmounted_is_mounted_again_and_filled() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = host()?;
    host.end_agent(Signal::SIGTERM)?;
    let apart = ["unshare", "--mount", "--propagation", "private"];
    host.start_agent_as(&apart, &binary("netd")?)?;
    let probe = flows(&host, 12)?.start();
    let pid = host.agent_pid().context("no agent")?.to_string();
    let inside = |words: &[&str]| {
        Command::new("nsenter").args(["-t", &pid, "-m", "--"]).args(words).status()
    };
    ensure!(inside(&["umount", "--lazy", "/sys/fs/bpf"])?.success());
    let map = pins(&host).join("FLOWS");
    let map = map.to_str().context("a path that is not UTF-8")?;
    let there = || inside(&["test", "-e", map]).is_ok_and(|status| status.success());
    ensure!(wait(WITHIN, there), "{map} is not pinned again");
    probe.finish()?;
    host.end_agent(Signal::SIGKILL)?;
    // The mount that this process sees has kept its pins.
    host.start_agent()
}

#[test]
fn an_agent_that_finds_its_pins_wiped_starts_clean_and_isolation_holds() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = host()?;
    let probe = forbidden(&host)?;
    host.end_agent(Signal::SIGKILL)?;
    fs::remove_dir_all(host.bpf())?;
    host.start_agent()?;
    ensure!(wait(WITHIN, || serves(&host)), "does not serve again");
    is_well(&host)?;
    probe.finish()?;
    Ok(())
}

/// Entries of a network and of a container that nobody knows, as an agent leaves them that is killed
/// in the middle of a change.
#[test]
fn what_a_change_that_was_cut_off_has_left_goes_with_the_next_agent() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = host()?;
    let shape = Shape::of(&host)?;
    host.end_agent(Signal::SIGKILL)?;
    let address = "0 0 0 0 0 0 0 0 0 0 255 255 10 99 0 0";
    let strays = [
        ("SUBNETS", format!("120 0 0 0 {address}"), "99 0 0 0"),
        ("OWNED", format!("{address} 99 0 0 0 0 0 0 0"), "1 0 0 0"),
    ];
    for (map, key, value) in strays {
        let pin = pins(&host).join(map);
        let before = snapshot::pinned(&host, map)?.len();
        host.host
            .run(&format!("bpftool map update pinned {} key {key} value {value}", pin.display()))?;
        ensure!(snapshot::pinned(&host, map)?.len() == before + 1);
    }
    host.start_agent()?;
    shape.is_back(&host)
}

/// The remote machine reaches the published port, the client the server, and the host the
/// published port at 127.0.0.1, in both families.
fn serves(host: &TestHost) -> bool {
    let asks = || -> Result<()> {
        let mut flows = Flows::default();
        for address in [HOST.0, HOST.1] {
            flows.dial(host.remote.namespace(), at(address, 7000)?, 1)?;
        }
        let (v4, v6) = host.addresses("server", "web")?;
        for address in [v4, v6] {
            flows.dial(&host.namespace_of("client")?, at(&address, 7000)?, 1)?;
        }
        flows.dial(host.host.namespace(), at("127.0.0.1", 7000)?, 1)?;
        flows.start().finish_after(15).map(drop)
    };
    asks().is_ok()
}

/// What must never arrive, all the time.
fn forbidden(host: &TestHost) -> Result<Probe> {
    let mut forbidden = Flows::default();
    forbid(host, &mut forbidden)?;
    Ok(forbidden.start())
}

fn is_well(host: &TestHost) -> Result<()> {
    let problems = host.problems()?;
    ensure!(problems.is_empty(), "{problems:?}");
    Ok(())
}

fn repairs(host: &TestHost) -> Result<BTreeMap<String, u64>> {
    Ok(serde_json::from_str(&host.ok(&["status", "--format", "{{json .Repairs}}"])?)?)
}

fn pins(host: &TestHost) -> PathBuf {
    host.bpf().join(format!("v{}", netd_common::abi::ABI_VERSION))
}

/// What the disturbances call things.
fn names(host: &TestHost) -> Result<String> {
    let pid = host.ok(&["inspect", "server", "--format", "{{.State.Pid}}"])?;
    let inside = host.host.json(&format!("nsenter -t {pid} -n ip -j link show eth0"))?;
    let links = host.host.json("ip -j link")?;
    let mut links = links.as_array().into_iter().flatten();
    let of = |name: &str| -> Result<String> {
        let link = host.host.json(&format!("ip -j link show {name}"))?;
        Ok(link[0]["ifindex"].to_string())
    };
    let veth = links
        .find(|link| link["ifindex"] == inside[0]["link_index"])
        .with_context(|| format!("no device: {inside}"))?;
    Ok(format!(
        "BRIDGE={} VETH={} PINS={} PID={pid} UPLINK={}; ",
        veth["master"],
        veth["ifname"],
        pins(host).display(),
        of("eth0")?,
    ))
}

/// A disturbance is undone within this.
const WITHIN: Duration = Duration::from_secs(5);

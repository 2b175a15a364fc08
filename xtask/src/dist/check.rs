//! What an operator does with the package, on a clean Debian: install, use, break, upgrade, remove.

use super::machine::Machine;
use crate::run;
use anyhow::{Context, Result, ensure};
use std::{collections::BTreeSet, path::Path};

/// The check itself, on the stage `name`.
pub(crate) fn play(name: &str, tree: &str, package: &str) -> Result<()> {
    let (tree, package) = (Path::new(tree), Path::new(package));
    let machine = Machine::boot(name, tree, package)?;
    let done = on_a_host(&machine);
    if done.is_err() {
        let journal = machine
            .run("journalctl --no-pager --quiet --lines=40 --unit=netd --unit=netd-dns")
            .unwrap_or_default();
        println!("{journal}");
    }
    done?;
    drop(machine);
    without_a_service_manager(&Machine::bare(name, tree, package)?)
}

fn on_a_host(machine: &Machine) -> Result<()> {
    let before = files(machine)?;
    run::stage("install", || install(machine))?;
    run::stage("networks, ports and names", || use_it(machine))?;
    run::stage("reload", || reload(machine))?;
    run::stage("each process killed by itself", || kill(machine))?;
    run::stage("an agent that hangs", || hang(machine))?;
    run::stage("upgrade", || upgrade(machine))?;
    run::stage("removal", || remove(machine))?;
    let left: Vec<String> = files(machine)?.difference(&before).cloned().collect();
    ensure!(left.is_empty(), "these files are left: {}", left.join(", "));
    Ok(())
}

fn install(machine: &Machine) -> Result<()> {
    machine.run("dpkg --install /root/netd.deb")?;
    says(machine, "systemctl is-active netd.service netd-dns.socket", "active\nactive")?;
    says(machine, "systemctl is-enabled netd.service netd-dns.socket", "enabled\nenabled")?;
    says(
        machine,
        "stat --format='%a %U:%G' /run/netd /run/netd/netd.sock",
        "750 root:netd\n660 root:netd",
    )?;
    says(
        machine,
        "systemd-analyze verify --man=no netd.service netd-dns.service netd-dns.socket 2>&1",
        "",
    )?;
    machine.run("useradd member --groups netd && useradd stranger")?;
    machine.run("runuser --user member -- netctl status")?;
    machine.run("! runuser --user stranger -- netctl status 2>/dev/null")?;
    let status = machine.run("netctl status")?;
    ensure!(!status.contains("problem"), "a fresh netd has problems: {status}");
    Ok(())
}

fn use_it(machine: &Machine) -> Result<()> {
    machine.run("netctl network create shop")?;
    machine.run("mkdir /srv/web && echo welcome >/srv/web/index.html")?;
    machine.run(
        "netctl run -d --name web --network shop -p 8080:80 -- busybox httpd -f -p 80 -h /srv/web",
    )?;
    serves(machine)?;
    machine.run("netctl run --rm --network shop -- getent hosts web")?;
    // Made after netd was started: it has to see what the host mounts.
    machine.run("ip netns add room && netctl network connect shop netns:/run/netns/room")?;
    machine.run("ip netns exec room getent hosts web")?;
    machine.run("netctl network disconnect shop netns:/run/netns/room && ip netns delete room")?;
    Ok(())
}

fn serves(machine: &Machine) -> Result<()> {
    for address in ["127.0.0.1", "192.0.2.2"] {
        machine
            .comes(&format!("curl --silent --max-time 2 http://{address}:8080 | grep welcome"))?;
    }
    Ok(())
}

fn reload(machine: &Machine) -> Result<()> {
    machine.run("echo 'networks: {declared: {name: declared}}' >/etc/netd/declared.yaml")?;
    machine.run("systemctl reload netd")?;
    machine.comes("netctl network inspect declared")?;
    machine.run("rm /etc/netd/declared.yaml && systemctl reload netd")?;
    machine.comes("! netctl network inspect declared 2>/dev/null")?;
    Ok(())
}

/// systemd starts each of them again, and neither takes the other along.
fn kill(machine: &Machine) -> Result<()> {
    for (killed, other) in
        [("netd.service", "netd-dns.service"), ("netd-dns.service", "netd.service")]
    {
        let (old, untouched) = (process(machine, killed)?, process(machine, other)?);
        machine.run(&format!("kill -KILL {old}"))?;
        serves(machine)?;
        let again = format!("test $(systemctl show --value --property=MainPID {killed}) -gt 0");
        machine.comes(&format!("{again} && systemctl is-active {killed}"))?;
        machine.comes("netctl run --rm --network shop -- getent hosts web")?;
        ensure!(process(machine, killed)? != old, "{killed} is the one that was killed");
        ensure!(process(machine, other)? == untouched, "{other} ended with {killed}");
    }
    Ok(())
}

/// The watchdog ends it, and the next one takes over.
fn hang(machine: &Machine) -> Result<()> {
    let drop_in = "/run/systemd/system/netd.service.d/soon.conf";
    machine.run(&format!("mkdir {}", drop_in.trim_end_matches("/soon.conf")))?;
    machine.run(&format!("printf '[Service]\\nWatchdogSec=1s\\n' >{drop_in}"))?;
    machine.run("systemctl daemon-reload && systemctl restart netd")?;
    let old = process(machine, "netd.service")?;
    machine.run(&format!("sleep 2.5 && kill -STOP {old}"))?;
    serves(machine)?;
    let gone = format!("! test -e /proc/{old} && netctl status");
    machine.comes(&gone)?;
    says(
        machine,
        "journalctl --quiet --unit=netd --grep='Failed with result' --output=cat --lines=1",
        "netd.service: Failed with result 'watchdog'.",
    )?;
    machine.run(&format!("rm -r {}", drop_in.trim_end_matches("/soon.conf")))?;
    machine.run("systemctl daemon-reload && systemctl restart netd")?;
    Ok(())
}

fn upgrade(machine: &Machine) -> Result<()> {
    let (agent, names) = (process(machine, "netd.service")?, process(machine, "netd-dns.service")?);
    let web = machine.run("netctl inspect --format '{{.State.Pid}}' web")?;
    machine.run("dpkg --install /root/netd.deb")?;
    serves(machine)?;
    machine.comes("netctl run --rm --network shop -- getent hosts web")?;
    ensure!(process(machine, "netd.service")? != agent, "the agent is still the old one");
    ensure!(process(machine, "netd-dns.service")? != names, "netd-dns is still the old one");
    says(machine, "netctl inspect --format '{{.State.Pid}}' web", &web)
}

fn remove(machine: &Machine) -> Result<()> {
    machine.run("dpkg --remove netd")?;
    nothing_runs(machine)?;
    machine.run("test -e /etc/netd/netd.toml")?;
    machine.run("dpkg --purge netd")?;
    machine.run("! test -e /etc/netd")?;
    machine.run("userdel member && userdel stranger && rm -r /srv/web").map(drop)
}

fn nothing_runs(machine: &Machine) -> Result<()> {
    says(machine, "ls /sys/fs/bpf | grep netd || true", "")?;
    says(machine, "ip -brief link | cut -d' ' -f1 | cut -d@ -f1", "lo\nwire\neth0")?;
    says(machine, "tc qdisc show dev eth0 | grep -c clsact || true", "0")?;
    // Those that have ended and nobody waits for run no program.
    machine.comes("! readlink /proc/[0-9]*/exe | grep -e netd -e netctl -e busybox")?;
    says(machine, "ls -d /run/netd /var/lib/netd /run/netns/* /etc/netns 2>/dev/null || true", "")
}

/// In a chroot, or under another service manager: nothing is started, and netd works by hand.
fn without_a_service_manager(machine: &Machine) -> Result<()> {
    run::stage("without a service manager", || {
        machine.run("dpkg --install /root/netd.deb")?;
        says(machine, "cat /proc/[0-9]*/comm | grep -c ^netd || true", "0")?;
        machine.run("netd >/var/log/netd.log 2>&1 &")?;
        machine.comes("netctl status")?;
        use_it(machine)?;
        machine.run("dpkg --purge netd")?;
        nothing_runs(machine)
    })
}

fn process(machine: &Machine, unit: &str) -> Result<u32> {
    let pid = machine.run(&format!("systemctl show --value --property=MainPID {unit}"))?;
    pid.parse().with_context(|| format!("{unit} has no process: {pid:?}"))
}

fn says(machine: &Machine, line: &str, wanted: &str) -> Result<()> {
    let said = machine.run(line)?;
    ensure!(said == wanted, "`{line}` says {said:?}, not {wanted:?}");
    Ok(())
}

/// Every file that a package could leave behind, but those that dpkg and systemd keep for themselves, and
/// the accounts, which stay so that nobody else gets their numbers.
fn files(machine: &Machine) -> Result<BTreeSet<String>> {
    let all = machine.run("find /etc /opt /root /run /srv /usr /var -xdev")?;
    let kept = |path: &&str| !KEPT.iter().any(|start| path.starts_with(start));
    Ok(all.lines().filter(kept).map(str::to_owned).collect())
}

const KEPT: [&str; 15] = [
    "/etc/.pwd.lock",
    "/etc/group-",
    "/etc/gshadow-",
    "/etc/passwd-",
    "/etc/shadow-",
    "/etc/subgid-",
    "/etc/subuid-",
    "/run/log/",
    // Of `ip netns`.
    "/run/netns",
    "/run/systemd/",
    "/run/udev/",
    "/run/user",
    "/var/lib/dpkg/",
    "/var/lib/systemd/",
    "/var/log/",
];

//! What the units promise, without a machine that runs them.

use crate::run;
use std::{fs, process::Command};

fn unit(name: &str) -> String {
    fs::read_to_string(run::root().join("package").join(name)).unwrap()
}

fn has(name: &str, lines: &[&str]) {
    let unit = unit(name);
    for line in lines {
        assert!(unit.lines().any(|there| there == *line), "{name} has no {line}");
    }
}

#[test]
fn the_agent_reports_is_started_again_and_takes_nothing_along() {
    has("netd.service", &["Type=notify", "Restart=on-failure", "WatchdogSec=2min"]);
    has("netd.service", &["KillMode=process", "NoNewPrivileges=yes", "RestrictNamespaces=net"]);
    has("netd.service", &["StartLimitIntervalSec=0", "ExecReload=/bin/sh -c 'kill -HUP $MAINPID'"]);
    has("netd.service", &["RuntimeDirectoryPreserve=yes", "RuntimeDirectoryMode=0750"]);
    let before = unit("netd.service");
    let before = before.lines().find_map(|line| line.strip_prefix("Before=")).unwrap();
    for later in ["network-online.target", "docker.service", "podman.service"] {
        assert!(before.split(' ').any(|unit| unit == later), "{later}");
    }
}

#[test]
fn the_agent_mounts_where_the_host_sees_it() {
    let unit = unit("netd.service");
    let settings = unit.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<&str> = settings.filter_map(|line| Some(line.split_once('=')?.0)).collect();
    for name in OWN_MOUNTS {
        assert!(!names.contains(&name), "{name} gives netd.service a mount namespace");
    }
}

#[test]
fn netd_dns_is_a_service_of_its_own() {
    has("netd.service", &["Environment=NETD_NAMES_BY=service", "Wants=netd-dns.socket"]);
    has("netd-dns.service", &["User=netd-dns", "CapabilityBoundingSet=", "ProtectSystem=strict"]);
    let socket = ["ListenStream=/run/netd/netd.dns.sock", "SocketMode=0600"];
    has("netd-dns.socket", &socket);
}

/// By systemd's own word, where it is installed.
#[test]
fn systemd_understands_the_units_and_finds_them_confined() {
    if !run::has("systemd-analyze") {
        eprintln!("skipped: no systemd-analyze");
        return;
    }
    let folder = std::env::temp_dir().join(format!("netd-units-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for name in UNITS {
        // The programs need not be installed here.
        let unit = unit(name).replace("/usr/sbin/netd-dns", "/bin/true");
        fs::write(folder.join(name), unit.replace("/usr/sbin/netd", "/bin/true")).unwrap();
    }
    let analyze = |words: &[&str], units: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        command.args(words).args(units.iter().map(|name| folder.join(name)));
        let output = command.env("SYSTEMD_LOG_LEVEL", "warning").output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let verified = analyze(&["verify", "--man=no"], &UNITS);
    let confined = analyze(&["security", "--offline=true", "--threshold=50"], &UNITS[..2]);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(verified, (true, String::new()));
    assert!(confined.0, "{}", confined.1);
}

const UNITS: [&str; 3] = ["netd.service", "netd-dns.service", "netd-dns.socket"];

/// systemd.exec(5): settings that need a mount namespace.
const OWN_MOUNTS: [&str; 20] = [
    "BindPaths",
    "BindReadOnlyPaths",
    "ExecPaths",
    "InaccessiblePaths",
    "MountAPIVFS",
    "NoExecPaths",
    "PrivateDevices",
    "PrivateMounts",
    "PrivateTmp",
    "ProcSubset",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectProc",
    "ProtectSystem",
    "ReadOnlyPaths",
    "ReadWritePaths",
];

//! Names end to end: real resolvers' clients in containers, netd-dns as the agent keeps it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails ends the test that uses it"
)]

mod alive;
mod foreign;
mod load;
mod outside;
mod rules;
mod traces;
mod trouble;

use netd_tests::{
    host::{TestHost, wait},
    ns::TestNs,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
    time::Duration,
};

/// A host whose own resolver is at `address`, or that has none.
fn host_with_resolver(address: Option<&str>) -> TestHost {
    let host = TestHost::without_agent().unwrap();
    let conf = host.path("resolv.conf");
    let line = address.map_or(String::new(), |address| format!("nameserver {address}\n"));
    fs::write(&conf, line).unwrap();
    // netd-dns reads it without root's rights.
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(conf.parent().unwrap(), open).unwrap();
    let setting = format!("resolv-conf = '{}'\n", conf.display());
    fs::write(host.path("netd.toml"), setting).unwrap();
    host.start_agent().unwrap();
    host
}

/// A host without a resolver, and on its network `web` two containers: `shop` and `client`.
fn shop_and_client() -> TestHost {
    let host = host_with_resolver(None);
    host.ok(&["network", "create", "web"]).unwrap();
    host.idle("shop", "web").unwrap();
    host.idle("client", "web").unwrap();
    host
}

/// What `dig +short` says in a container, line by line, sorted.
fn dig(host: &TestHost, container: &str, question: &[&str]) -> Vec<String> {
    dig_at(host, container, "127.0.0.11", question)
}

/// The same, where another server than netd's is asked.
fn dig_at(host: &TestHost, container: &str, server: &str, question: &[&str]) -> Vec<String> {
    let server = format!("@{server}");
    let words = ["dig", &server, "+tries=1", "+time=3", "+short"];
    lines(&host.exec(container, &[&words[..], question].concat()).unwrap())
}

/// The status that `dig` names in a container: NOERROR, NXDOMAIN ...; none without an answer.
fn status(host: &TestHost, container: &str, question: &[&str]) -> Option<String> {
    let output = host.exec(container, &[DIG, question].concat()).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.split_once("status: ")?.1.split_once(',')?.0.to_owned())
}

/// As [`dig`], from a namespace that is no container of netctl's.
fn dig_in(ns: &TestNs, question: &[&str]) -> Vec<String> {
    let words = [DIG, &["+short"], question].concat();
    let run = || Command::new(words[0]).args(&words[1..]).output();
    lines(&ns.namespace().run(run).unwrap().unwrap())
}

fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// netd-dns' process, as the test host's agent started it.
fn netd_dns(host: &TestHost) -> Option<i32> {
    let mark = format!("NETD_SOCKET={}", host.path("netd.sock").display());
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.find(|pid: &i32| {
        let read = |file| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let marked = read("environ").split(|byte| *byte == 0).any(|word| word == mark.as_bytes());
        marked && String::from_utf8_lossy(&read("cmdline")).contains("netd-dns")
    })
}

/// Kills netd-dns; gives the process that it was.
fn kill_netd_dns(host: &TestHost) -> i32 {
    let pid = netd_dns(host).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    pid
}

/// Waits until netd-dns runs as another process than `before`.
fn another_netd_dns(host: &TestHost, before: i32) -> bool {
    wait(LONG, || netd_dns(host).is_some_and(|pid| pid != before))
}

const DIG: &[&str] = &["dig", "@127.0.0.11", "+tries=1", "+time=3"];
const LONG: Duration = Duration::from_secs(20);

//! What a run was measured on: without it, a figure says nothing.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{
    fs,
    process::{Command, Stdio},
    thread,
};

/// The running kernel's version.
pub(crate) fn kernel() -> String {
    first("/proc/sys/kernel/osrelease", "")
}

/// The first processor's model.
pub(crate) fn processor() -> String {
    first("/proc/cpuinfo", "model name")
}

/// How many processors this process may use.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Kernel, processor, distribution, memory in KiB, and the settings that matter to what is measured.
pub(crate) fn record() -> Value {
    let settings = SETTINGS.iter().map(|name| {
        let text = fs::read_to_string(format!("/proc/sys/{name}")).unwrap_or_default();
        let value = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (name.replace('/', "."), Value::String(value))
    });
    json!({
        "kernel": kernel(),
        "processor": processor(),
        "processors": processors(),
        "memory_kib": kibibytes("/proc/meminfo", "MemTotal").ok(),
        "distribution": distribution(),
        "clock": first("/sys/devices/system/clocksource/clocksource0/current_clocksource", ""),
        "sysctls": settings.collect::<serde_json::Map<_, _>>(),
    })
}

/// KiB that `file` of /proc gives in its line `field`; an error where it has no such line.
pub(crate) fn kibibytes(file: &str, field: &str) -> Result<u64> {
    let value = first(file, &format!("{field}:"));
    let number = value.strip_suffix(" kB").and_then(|number| number.parse().ok());
    number.with_context(|| format!("{file} has no {field}"))
}

/// The first line that `program` prints, so that a report names versions; nothing where it is missing.
pub(crate) fn version(program: &str, words: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    // Some fail after they said it.
    let output = command.args(words).stdin(Stdio::null()).output().ok()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let line = printed.lines().next()?.trim();
    Some(line.to_owned()).filter(|line| !line.is_empty())
}

fn distribution() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    line.unwrap_or_default().trim_matches('"').to_owned()
}

/// What follows `word` and a colon on the first line of `file` that begins with it.
fn first(file: &str, word: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(word)).unwrap_or_default();
    line.split_once(':').filter(|_| !word.is_empty()).map_or(line, |(_, value)| value).trim().into()
}

/// Below /proc/sys.
const SETTINGS: [&str; 13] = [
    "net/core/default_qdisc",
    "net/core/netdev_budget",
    "net/core/netdev_max_backlog",
    "net/core/rmem_max",
    "net/core/wmem_max",
    "net/core/bpf_jit_enable",
    "net/core/bpf_jit_harden",
    "net/ipv4/tcp_congestion_control",
    "net/ipv4/tcp_rmem",
    "net/ipv4/tcp_wmem",
    "kernel/bpf_stats_enabled",
    "kernel/numa_balancing",
    "kernel/unprivileged_bpf_disabled",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_and_its_settings_are_recorded() {
        let record = record();
        assert!(record["kernel"].as_str().is_some_and(|kernel| kernel.contains('.')));
        assert!(record["memory_kib"].as_u64().is_some_and(|memory| memory > 1024));
        let control = &record["sysctls"]["net.ipv4.tcp_congestion_control"];
        assert!(control.as_str().is_some_and(|name| !name.is_empty()));
    }

    #[test]
    fn a_field_of_proc_is_read() {
        let field = |name| kibibytes("/proc/self/status", name);
        assert!(field("VmPeak").unwrap() > field("VmRSS").unwrap());
        assert!(field("VmRSS").unwrap() > 100);
        assert!(field("Vm").is_err() && field("Threads").is_err());
        assert!(kibibytes("/proc/self/nothing", "VmRSS").is_err());
    }
}

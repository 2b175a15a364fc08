//! Restarts and upgrades under traffic: no packet is lost, no connection reset, nothing forbidden
//! delivered.

use super::{at, flows, forbid, host, setting};
use anyhow::{Result, ensure};
use netd_tests::{
    host::{TestHost, binary},
    ns::is_root,
    probe::Flows,
};
use nix::sys::signal::Signal;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

#[test]
fn agents_come_and_go_and_no_packet_notices() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = host()?;
    let other = other_build(&host)?;
    let programs = directories(&host)?;
    let probe = flows(&host, 200)?.start();
    let rounds = setting("NETD_TEST_ROUNDS", 5);
    for _ in 0..rounds {
        host.end_agent(Signal::SIGKILL)?;
        host.start_agent()?;
    }
    ensure!(directories(&host)? == programs, "the same build goes on with its programs");
    for build in [&other, &binary("netd")?] {
        let before = directories(&host)?;
        host.end_agent(Signal::SIGKILL)?;
        host.start_agent_as(&[], build)?;
        let now = directories(&host)?;
        ensure!(now.len() == 1 && now != before, "one build's programs, not {before:?}: {now:?}");
    }
    let report = probe.finish()?;
    ensure!(report.probes > 300 * rounds && report.forbidden > 300 * rounds, "{report:?}");
    eprintln!("{rounds} rounds and two upgrades: {report:?}");
    Ok(())
}

/// A test that can't fail proves nothing: the trap hears who may speak.
#[test]
fn the_probe_sees_what_arrives_and_what_does_not() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = host()?;
    let (v4, _) = host.addresses("server", "web")?;
    let mut allowed = Flows::default();
    forbid(&host, &mut allowed)?;
    allowed.forbid(&host.namespace_of("client")?, at(&v4, super::FORBIDDEN)?)?;
    let error = allowed.start().finish_after(20).unwrap_err().to_string();
    ensure!(error.contains("a forbidden packet"), "{error}");
    let mut lost = Flows::default();
    lost.dial(&host.namespace_of("client")?, at(&v4, 7000)?, 2)?;
    host.exec("client", &["ip", "link", "set", "eth0", "down"])?;
    let error = format!("{:#}", lost.start().finish_after(20).unwrap_err());
    ensure!(error.contains("probe") || error.contains("no answer"), "{error}");
    Ok(())
}

/// An executable whose eBPF object differs by a byte that means nothing: another build.
fn other_build(host: &TestHost) -> Result<PathBuf> {
    let own = binary("netd")?;
    let mut bytes = fs::read(&own)?;
    let object = netd::kernel::dataplane::OBJECT;
    let head = &object[..64];
    let starts: Vec<usize> = (0..bytes.len() - 64)
        .step_by(8)
        .filter(|start| bytes[*start..].starts_with(head))
        .collect();
    let [start] = starts[..] else { anyhow::bail!("{} objects in {own:?}", starts.len()) };
    bytes[start + ELF_PADDING] = 1;
    let (other, dns) = host.room_for_build("other")?;
    fs::write(&other, bytes)?;
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755))?;
    symlink(binary("netd-dns")?, dns)?;
    Ok(other)
}

/// Where the programs are pinned.
fn directories(host: &TestHost) -> Result<BTreeSet<String>> {
    let pins = host.bpf().join(format!("v{}", netd_common::abi::ABI_VERSION));
    let names = fs::read_dir(pins)?.flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| name.starts_with("programs-")).collect())
}

/// The first byte of an ELF header that has no meaning.
const ELF_PADDING: usize = 9;

//! What outlives what: containers the agent and netctl, nothing a teardown.

use super::*;
use nix::sys::signal::Signal;
use std::{fs, time::Instant};

#[test]
fn a_container_outlives_the_agent_and_is_known_again() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "back"])?;
    host.ok(&["network", "create", "front", "--ipv6"])?;
    host.run(
        "web",
        &["--network", "front", "-p", "8080:80"],
        &["python3", "-m", "http.server", "80"],
    )?;
    host.ok(&["network", "connect", "back", "web"])?;
    host.run("stopped", &["--network", "back"], &["sleep", "infinity"])?;
    host.ok(&["stop", "stopped"])?;
    assert!(wait(SOON, || serves(&host, "127.0.0.1:8080")));
    let before = Snapshot::take(&host)?;
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let kernel = Snapshot::of_kernel(&host)?;
        host.end_agent(signal)?;
        Snapshot::of_kernel(&host)?.same_as(&kernel)?;
        assert!(serves(&host, "127.0.0.1:8080"), "nothing answers without the agent");
        is_refusal(&host.netctl(&["ps"])?, 1, &["cannot reach netd at", "netd.sock", "start it"])?;
        host.start_agent()?;
        Snapshot::take(&host)?.same_as(&before)?;
        assert!(serves(&host, "127.0.0.1:8080"));
        assert_eq!(host.ok(&["exec", "web", "--", "echo", "still"])?, "still");
    }
    let names = host.ok(&["ps", "-a", "--format", "{{.Names}} {{.State}}"])?;
    assert!(names.contains("web running") && names.contains("stopped exited"), "{names}");
    host.ok(&["stop", "web"])?;
    assert!(!serves(&host, "127.0.0.1:8080"));
    Ok(())
}

#[test]
fn a_container_that_ends_while_no_agent_runs_is_known_to_have_ended() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let before = Snapshot::of_kernel(&host)?;
    let marker = host.path("go");
    let script = format!("while [ ! -e {} ]; do sleep 0.05; done; exit 7", marker.display());
    host.run("kept", &["-p", "8080:80"], &["sh", "-c", &script])?;
    host.run("forgotten", &["--rm"], &["sh", "-c", &script])?;
    let pid: u32 = field(&host, "kept", "{{.State.Pid}}")?.parse()?;
    host.end_agent(Signal::SIGKILL)?;
    fs::write(&marker, "")?;
    assert!(wait(SOON, || !fs::exists(format!("/proc/{pid}")).unwrap_or(true)));
    host.start_agent()?;
    let all = host.ok(&["ps", "-a", "--format", "{{.Names}} {{.Status}}"])?;
    assert!(all.lines().any(|line| line == "kept Exited (7)"), "{all}");
    host.ok(&["rm", "kept"])?;
    let gone = || host.ok(&["ps", "-a", "-q"]).is_ok_and(|ids| ids.is_empty());
    assert!(wait(SOON, gone), "{:?}", host.ok(&["ps", "-a"]));
    let same = || Snapshot::of_kernel(&host).is_ok_and(|now| now == before);
    assert!(wait(SOON, same), "{:?}", Snapshot::of_kernel(&host)?.same_as(&before));
    Ok(())
}

#[test]
fn a_container_whose_program_is_killed_lets_go_of_all_it_had() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let before = Snapshot::of_kernel(&host)?;
    host.run("web", &["-p", "8080:80"], &["sleep", "infinity"])?;
    let pid = field(&host, "web", "{{.State.Pid}}")?;
    in_host(&host, &format!("kill -9 {pid}"))?;
    let ended = || field(&host, "web", "{{.State.Status}}").is_ok_and(|status| status == "exited");
    assert!(wait(SOON, ended));
    assert_eq!(field(&host, "web", "{{.State.ExitCode}}")?, "137");
    Snapshot::of_kernel(&host)?.same_as(&before)?;
    host.run("next", &["-p", "8080:80"], &["sleep", "infinity"])?;
    Ok(())
}

#[test]
fn a_teardown_leaves_no_device_pin_process_mount_or_file() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::without_agent()?;
    let (kernel, mounts) = (Snapshot::of_kernel(&host)?, fs::read_to_string("/proc/self/mounts")?);
    host.start_agent()?;
    host.ok(&["network", "create", "web", "--ipv6"])?;
    let options = ["--network", "web", "-p", "8080:80"];
    host.run("web", &options, &["python3", "-m", "http.server", "80"])?;
    host.run("past", &[], &["true"])?;
    let pid: u32 = field(&host, "web", "{{.State.Pid}}")?.parse()?;
    let begin = Instant::now();
    let said = host.ok(&["teardown", "-f"])?;
    assert!(said.contains("removed") && said.lines().count() == 1, "{said}");
    assert!(begin.elapsed() < Duration::from_secs(10), "it took {:?}", begin.elapsed());
    let ended = || !fs::exists(format!("/proc/{pid}")).unwrap_or(true);
    assert!(wait(SOON, ended), "the container still runs");
    assert!(wait(SOON, || !host.path("netd.sock").exists()), "the socket is still there");
    let same = || Snapshot::of_kernel(&host).is_ok_and(|now| now == kernel);
    assert!(wait(SOON, same), "{:?}", Snapshot::of_kernel(&host)?.same_as(&kernel));
    assert!(!host.bpf().exists() && !host.path("state").exists());
    // Other tests mount and unmount as well, but nowhere near.
    let own = |line: &&str| line.contains(&host.path("").display().to_string());
    assert_eq!(fs::read_to_string("/proc/self/mounts")?.lines().find(own), None, "{mounts}");
    is_refusal(&host.netctl(&["ps"])?, 1, &["cannot reach netd", "no such socket"])
}

#[test]
fn a_host_can_be_set_up_again_after_a_teardown() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web"])?;
    host.ok(&["teardown", "-f"])?;
    // The agent has ended by itself; there is nothing left to signal.
    assert!(wait(SOON, || host.netctl(&["status"]).is_ok_and(|o| !o.status.success())));
    let _ = host.end_agent(Signal::SIGKILL);
    host.start_agent()?;
    let names = host.ok(&["network", "ls", "--format", "{{.Name}}"])?;
    assert_eq!(names, "bridge\nhost\nnone");
    host.run("web", &["-p", "8080:80"], &["python3", "-m", "http.server", "80"])?;
    assert!(wait(SOON, || serves(&host, "127.0.0.1:8080")));
    Ok(())
}

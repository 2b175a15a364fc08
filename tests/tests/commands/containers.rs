//! `run`, `ps`, `exec`, `logs`, `stop` and `rm` where they succeed.

use super::*;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    process::{Command, Stdio},
    time::Instant,
};

#[test]
fn a_detached_container_is_listed_inspected_read_stopped_and_removed() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let before = Snapshot::take(&host)?;
    let script = "echo to the log; echo as well >&2; exec sleep infinity";
    let id = host.run("web", &[], &["sh", "-c", script])?;
    assert_eq!(id.len(), 64);
    let table = host.ok(&["ps"])?;
    let (head, row) = table.split_once('\n').context("no row")?;
    assert_eq!(head.split_whitespace().last(), Some("NAMES"));
    for title in ["CONTAINER ID", "COMMAND", "CREATED", "STATUS", "PORTS"] {
        assert!(head.contains(title), "{head}");
    }
    assert!(row.starts_with(&id[..12]) && row.ends_with("web"), "{row}");
    assert!(row.contains("\"sh -c echo to the l…\"") && row.contains("Up "), "{row}");
    let wrote = || host.ok(&["logs", "web"]).is_ok_and(|log| log == "to the log\nas well");
    assert!(wait(SOON, wrote), "{:?}", host.ok(&["logs", "web"]));
    let inspected = &json(&host, &["inspect", "web"])?[0];
    assert_eq!((&inspected["Id"], &inspected["State"]["Running"]), (&id.into(), &true.into()));
    let begin = Instant::now();
    assert_eq!(host.ok(&["stop", "web"])?, "web");
    assert!(begin.elapsed() < Duration::from_secs(5), "stop took {:?}", begin.elapsed());
    assert_eq!(host.ok(&["ps", "-q"])?, "");
    let ended: Value = serde_json::from_str(&host.ok(&["ps", "-a", "--format", "json"])?)?;
    assert_eq!((&ended["State"], &ended["Status"]), (&"exited".into(), &"Exited (143)".into()));
    assert_eq!(host.ok(&["logs", "web"])?, "to the log\nas well");
    assert_eq!(host.ok(&["stop", "web"])?, "web");
    assert_eq!(host.ok(&["rm", "web"])?, "web");
    Snapshot::take(&host)?.same_as(&before)
}

#[test]
fn exit_codes_and_output_come_through_run_and_exec() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.run("web", &["-e", "COLOUR=red"], &["sleep", "infinity"])?;
    for verb in [&["run", "--rm", "-e", "COLOUR=red", "--"][..], &["exec", "web", "--"]] {
        let said = |script: &str| -> Result<(Option<i32>, String, String)> {
            let output = host.netctl(&[verb, &["sh", "-c", script]].concat())?;
            Ok((output.status.code(), text(&output.stdout), text(&output.stderr)))
        };
        assert_eq!(said("exit 7")?, (Some(7), String::new(), String::new()));
        assert_eq!(said("kill -9 $$")?.0, Some(137));
        let both = said("echo out $COLOUR; echo err >&2")?;
        assert_eq!(both, (Some(0), "out red\n".into(), "err\n".into()));
    }
    Ok(())
}

#[test]
fn rm_at_the_end_and_by_force_leave_nothing() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let before = Snapshot::take(&host)?;
    assert_eq!(host.ok(&["run", "--rm", "--", "echo", "hello"])?, "hello");
    Snapshot::take(&host)?.same_as(&before)?;
    host.run("brief", &["--rm", "-p", "8080:80"], &["sleep", "infinity"])?;
    host.ok(&["stop", "brief"])?;
    Snapshot::take(&host)?.same_as(&before)?;
    // A command that does not mind TERM.
    let stubborn = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"];
    host.run("stubborn", &["-p", "8080:80"], &stubborn)?;
    assert!(wait(SOON, || host.ok(&["logs", "stubborn"]).is_ok_and(|log| log == "ready")));
    assert_eq!(host.ok(&["rm", "-f", "stubborn", "nobody"])?.lines().next(), Some("stubborn"));
    Snapshot::take(&host)?.same_as(&before)
}

#[test]
fn stop_kills_what_does_not_mind_after_the_time_it_was_given() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let stubborn = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"];
    host.run("stubborn", &[], &stubborn)?;
    assert!(wait(SOON, || host.ok(&["logs", "stubborn"]).is_ok_and(|log| log == "ready")));
    let begin = Instant::now();
    host.ok(&["stop", "-t", "1", "stubborn"])?;
    let took = begin.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(8)).contains(&took), "{took:?}");
    assert_eq!(field(&host, "stubborn", "{{.State.ExitCode}} {{.State.Status}}")?, "137 exited");
    Ok(())
}

#[test]
fn a_signal_to_netctl_reaches_the_program_in_the_foreground() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let before = Snapshot::take(&host)?;
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130)] {
        let mut command = Command::new(netd_tests::host::binary("netctl")?);
        command.arg("--socket").arg(host.path("netd.sock")).stdin(Stdio::null());
        command.args(["run", "--rm", "--name", "fg", "-p", "8080:80", "--", "sleep", "infinity"]);
        let mut netctl = host.host.namespace().run(|| command.spawn())??;
        // Running is what the agent says as soon as the networks are there; the program comes next.
        let sleeps =
            || host.exec("fg", &["pgrep", "-x", "sleep"]).is_ok_and(|o| o.status.success());
        assert!(wait(SOON, sleeps));
        kill(Pid::from_raw(i32::try_from(netctl.id())?), signal)?;
        assert_eq!(netctl.wait()?.code(), Some(code));
        Snapshot::take(&host)?.same_as(&before)?;
    }
    Ok(())
}

#[test]
fn logs_follow_until_the_container_ends() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.run("web", &[], &["sh", "-c", "for n in 1 2 3; do echo $n; sleep 0.3; done"])?;
    assert_eq!(host.ok(&["logs", "-f", "web"])?, "1\n2\n3");
    assert_eq!(field(&host, "web", "{{.State.ExitCode}}")?, "0");
    Ok(())
}

#[test]
fn a_container_has_the_names_hosts_and_resolvers_that_it_was_given() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web", "--subnet", "10.81.0.0/24"])?;
    let options = ["--hostname", "shop", "--add-host", "db:10.0.0.9", "--dns", "192.0.2.53"];
    let gateway = ["--add-host", "outside:host-gateway", "--network", "web,ip=10.81.0.40"];
    host.run("c", &[&options[..], &gateway].concat(), &["sleep", "infinity"])?;
    let read = |path: &str| host.ok(&["exec", "c", "--", "cat", path]);
    assert_eq!(host.ok(&["exec", "c", "--", "hostname"])?, "shop");
    assert_eq!(read("/etc/hostname")?, "shop");
    let hosts = read("/etc/hosts")?;
    for line in ["127.0.0.1\tlocalhost", "10.0.0.9\tdb", "10.81.0.1\toutside", "10.81.0.40\tshop"] {
        assert!(hosts.lines().any(|l| l == line), "no {line:?} in {hosts}");
    }
    let servers = read("/etc/resolv.conf")?;
    let servers: Vec<_> = servers.lines().filter(|l| l.starts_with("nameserver")).collect();
    assert_eq!(servers, ["nameserver 127.0.0.11"]);
    assert!(read("/etc/resolv.conf")?.contains("# ExtServers: [192.0.2.53]\n"));
    Ok(())
}

#[test]
fn none_has_only_lo_and_host_shares_the_hosts_devices() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let before = Snapshot::take(&host)?;
    let none = ["run", "--rm", "--network", "none", "-p", "8000:8000", "--"];
    let links = ["ip", "-br", "link"];
    let inside = host.ok(&[&none[..], &links].concat())?;
    assert!(inside.starts_with("lo ") && inside.lines().count() == 1, "{inside}");
    let ping = ["ping", "-c", "1", "-W", "5", "8.8.8.8"];
    let output = host.netctl(&[&none[..], &ping].concat())?;
    assert_ne!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("Network is unreachable"), "{}", text(&output.stderr));
    let shared = host.ok(&[&["run", "--rm", "--network", "host", "--"][..], &links].concat())?;
    assert!(shared.contains("eth0") && shared.contains("nd-bridge"), "{shared}");
    Snapshot::take(&host)?.same_as(&before)
}

//! What does not depend on any network: help, versions, completions, `status`, `drops`.

use super::*;

#[test]
fn status_says_how_things_are() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.run("web", &["-p", "8080:80"], &["sleep", "infinity"])?;
    let screen = host.ok(&["status"])?;
    for line in ["networks    3", "containers  1 running, 1 endpoints"] {
        assert!(screen.lines().any(|l| l == line), "no {line:?} in {screen}");
    }
    assert!(screen.contains("eth0 (198.51.100.2, 2001:db8:1::2, tcx)"), "{screen}");
    assert!(!screen.contains("problem"), "{screen}");
    let status = json(&host, &["status", "--format", "json"])?;
    assert_eq!((&status["Containers"], &status["Networks"]), (&1.into(), &3.into()));
    assert_eq!(host.ok(&["status", "--format", "{{.Endpoints}}"])?, "1");
    Ok(())
}

#[test]
fn drops_names_the_reason_and_who_sent_the_packets() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    for name in ["black-eye", "milky-way"] {
        host.ok(&["network", "create", name])?;
    }
    host.idle("one", "black-eye")?;
    host.idle("two", "milky-way")?;
    let head = "REASON    NAME      SOURCE    PACKETS";
    assert_eq!(host.ok(&["drops"])?.lines().next(), Some(head));
    let of_one = || -> Result<u64> {
        let lines = host.ok(&["drops", "--format", "{{.Name}} {{.Source}} {{.Packets}}"])?;
        let of_one = lines.lines().find_map(|line| line.strip_prefix("isolated one "));
        Ok(of_one.map_or(Ok(0), str::parse)?)
    };
    let before = of_one()?;
    let target = host.addresses("two", "milky-way")?.0;
    let output = host.exec("one", &["ping", "-c", "2", "-i", "0.2", "-W", "1", &target])?;
    assert!(!output.status.success());
    assert_eq!(of_one()? - before, 2);
    Ok(())
}

#[test]
fn help_and_versions_go_to_standard_output() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::without_agent()?;
    for verb in ["network", "run", "ps", "exec", "logs", "stop", "rm", "port", "status", "drops"] {
        let help = host.ok(&[verb, "--help"])?;
        assert!(help.contains("Usage: netctl"), "{help}");
    }
    let version = format!("netctl {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(host.ok(&["--version"])?, version);
    for shell in ["bash", "zsh", "fish"] {
        assert!(host.ok(&["completions", shell])?.contains("disconnect"));
    }
    Ok(())
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let netctl = netd_tests::host::binary("netctl")?;
    let socket = host.path("netd.sock");
    let list = format!("{} --socket {} network ls", netctl.display(), socket.display());
    let output = shell(&host.host, &format!("({list}; echo code $? >&2) | head -n 1"))?;
    assert!(text(&output.stdout).starts_with("NETWORK ID"));
    assert_eq!(text(&output.stderr), "code 0\n");
    Ok(())
}

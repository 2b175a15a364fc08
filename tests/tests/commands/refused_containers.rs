//! Containers that can't be made, found or joined.

use super::*;

#[test]
fn containers_that_make_no_sense_are_not_made() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web", "--subnet", "10.60.0.0/24"])?;
    host.run("held", &["--network", "web,ip=10.60.0.9"], &["sleep", "infinity"])?;
    let run = |options: &[&str], code: i32, words: &[&str]| {
        let args = [&["run", "-d"][..], options, &["--", "true"]].concat();
        refuses(&host, &[(&args, code, words)])
    };
    run(&["--name", "a b"], 2, &["invalid name \"a b\""])?;
    run(&["--name", "held"], 1, &["container name held is already in use"])?;
    run(&["--hostname", "a b"], 2, &["--hostname", "invalid name"])?;
    run(&["--network", "nowhere"], 1, &["network nowhere not found"])?;
    run(&["--network", ""], 2, &["names no network"])?;
    run(&["--network", "host", "--network", "web"], 2, &["can't be combined"])?;
    run(&["--network", "none", "--network", "web"], 2, &["can't be combined"])?;
    run(&["--network", "web", "--network", "web"], 2, &["web is given twice"])?;
    run(&["--network", "web,colour=red"], 2, &["\"colour=red\" is none of"])?;
    run(&["--network", "web,alias=a b"], 2, &["invalid name \"a b\""])?;
    run(&["--network", "web,ip=10.61.0.1"], 2, &["outside subnet 10.60.0.0/24"])?;
    run(&["--network", "web,ip=10.60.0.1"], 1, &["10.60.0.1 is the gateway"])?;
    run(&["--network", "web,ip=10.60.0.9"], 1, &["10.60.0.9", "already in use"])?;
    run(&["--network", "web,ip=x"], 2, &["--ip \"x\" is not an IPv4 address"])?;
    run(&["--network", "web,ip6=fd00::9"], 2, &["web has no IPv6 subnet"])?;
    run(&["--network", "bridge,ip=172.17.0.9"], 2, &["user defined networks only"])?;
    run(&["--add-host", "x"], 2, &["NAME:ADDRESS"])?;
    run(&["--dns", "x"], 2, &["--dns \"x\""])?;
    run(&["-e", "=x"], 2, &["KEY=VALUE"])?;
    refuses(
        &host,
        &[
            (&["run", "-d"], 2, &["<COMMAND>", "netctl run --help"]),
            (&["run", "--colour", "--", "true"], 2, &["unexpected argument '--colour'"]),
        ],
    )
}

#[test]
fn commands_that_can_not_run_leave_no_container() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    for detached in [&["run", "-d"][..], &["run"]] {
        let run = |command: &str, code: i32, words: &[&str]| {
            let args = [detached, &["--name", "x", "-p", "8080:80", "--", command]].concat();
            refuses(&host, &[(&args, code, words)])
        };
        run("no-such-program", 127, &["container x", "\"no-such-program\"", "not found in $PATH"])?;
        run("/no/such/file", 127, &["\"/no/such/file\": no such file"])?;
        run("/etc/hostname", 126, &["\"/etc/hostname\": permission denied"])?;
        run("", 2, &["no command is given"])?;
    }
    Ok(())
}

#[test]
fn an_exhausted_pool_gives_no_address_until_one_is_free() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let range = ["--subnet", "10.9.0.0/24", "--ip-range", "10.9.0.4/31"];
    host.ok(&[&["network", "create", "tiny"][..], &range].concat())?;
    host.ok(&["network", "create", "roomy"])?;
    host.idle("one", "tiny")?;
    host.idle("two", "tiny")?;
    host.idle("three", "roomy")?;
    refuses(
        &host,
        &[
            (&["run", "-d", "--network", "tiny", "--", "true"], 1, &["no free address left in 10"]),
            (&["network", "connect", "tiny", "three"], 1, &["no free address left in 10.9.0.4/31"]),
        ],
    )?;
    host.ok(&["rm", "-f", "two"])?;
    host.ok(&["network", "connect", "tiny", "three"])?;
    assert_eq!(host.addresses("three", "tiny")?.0, "10.9.0.5");
    // The range bounds what is chosen, not what is asked for.
    host.run("four", &["--network", "tiny,ip=10.9.0.77"], &["sleep", "infinity"])?;
    assert_eq!(host.addresses("four", "tiny")?.0, "10.9.0.77");
    Ok(())
}

#[test]
fn containers_that_are_unknown_or_have_ended_are_told_from_those_that_run() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.run("web", &[], &["sleep", "infinity"])?;
    host.ok(&["run", "--name", "past", "--", "true"])?;
    let mut refusals: Vec<Refusal<'_>> = vec![
        (&["exec", "web", "no-such-program"], 127, &["container web", "not found in $PATH"]),
        (&["exec", "past", "true"], 1, &["past is not running"]),
        (&["exec", "web"], 2, &["<COMMAND>"]),
        (&["logs", "past"], 1, &["past has no log"]),
        (&["rm", "web"], 1, &["cannot remove container web: it is running", "-f"]),
        (&["rm", ""], 2, &["value is required"]),
        (&["rm", "a\nb\u{1b}[2J"], 1, &["container a\\nb\\u{1b}[2J not found"]),
        (&["port", "web", "http"], 2, &["invalid port \"http\""]),
        (&["port", "web", "99"], 1, &["no public port '99/tcp' published for web"]),
        (&["stop", "--timeout", "x", "web"], 2, &["--timeout"]),
        (&["network", "connect", "bridge", "past"], 1, &["has ended"]),
        (&["inspect", "web", "--format", "{{.Nmae}}"], 2, &["no field \"Nmae\""]),
        (&["teardown"], 1, &["use -f"]),
        (&["completions", "cobol"], 2, &["'cobol'", "bash"]),
    ];
    let unknown: [&[&str]; 8] = [
        &["exec", "nobody", "true"],
        &["logs", "nobody"],
        &["stop", "nobody"],
        &["rm", "nobody"],
        &["port", "nobody"],
        &["network", "connect", "bridge", "nobody"],
        &["network", "disconnect", "bridge", "nobody"],
        &["network", "disconnect", "-f", "bridge", "nobody"],
    ];
    refusals.extend(unknown.map(|args| (args, 1, &["container nobody not found"][..])));
    refuses(&host, &refusals)
}

#[test]
fn one_name_of_several_that_is_wrong_does_not_spoil_the_others() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.run("one", &[], &["sleep", "infinity"])?;
    host.run("two", &[], &["sleep", "infinity"])?;
    for verb in [&["stop"][..], &["rm"]] {
        let output = host.netctl(&[verb, &["one", "nobody", "two"]].concat())?;
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output.stdout), "one\ntwo\n");
        let line = "error: container nobody not found; \"netctl ps -a\" lists them\n";
        assert_eq!(text(&output.stderr), line);
    }
    assert_eq!(host.ok(&["ps", "-a", "-q"])?, "");
    let output = host.netctl(&["network", "inspect", "nowhere", "bridge", "-f", "{{.Name}}"])?;
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), "bridge\n".into()));
    let output = host.netctl(&["inspect", "nobody"])?;
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), "[]\n".into()));
    assert!(text(&output.stderr).contains("no such container or network: nobody"));
    Ok(())
}

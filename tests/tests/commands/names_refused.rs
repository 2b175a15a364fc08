//! Names, resolvers and links that make no sense.

use super::*;

#[test]
fn names_that_nobody_could_look_up_are_refused() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web"])?;
    host.idle("one", "bridge")?;
    let label = "x".repeat(64);
    let long = ["x".repeat(63).as_str(); 4].join(".");
    let alias = |name: &str, why: &str| {
        let words = [&*format!("invalid name {name:?}"), why];
        let args = ["run", "-d", "--network", "web", "--alias", name, "--", "true"];
        refuses(&host, &[(&args, 2, &words)])
    };
    for (name, why) in [
        ("", "it is empty"),
        ("a b", "use letters"),
        ("a\nb", "use letters"),
        ("ä", "use letters"),
        ("a..b", "empty part"),
        ("a.", "empty part"),
        ("localhost", "localhost is"),
        ("10.0.0.1", "reads as an IP address"),
        (label.as_str(), "more than 63"),
        (long.as_str(), "longer than 253"),
    ] {
        alias(name, why)?;
    }
    let words = ["invalid name \"10.0.0.1\"", "reads as an IP address"];
    let run = |option: &'static str| ["run", "-d", "--network", "web", option, "10.0.0.1", "true"];
    let connect = |option: &'static str, name| ["network", "connect", option, name, "web", "one"];
    refuses(
        &host,
        &[
            (&run("--network-alias"), 2, &words),
            (&run("--name"), 2, &words),
            (&run("--hostname"), 2, &words),
            (&connect("--alias", "10.0.0.1"), 2, &words),
            (&connect("--link", "one:10.0.0.1"), 2, &words),
            (&["network", "create", "10.0.0.1"], 2, &words),
        ],
    )
}

#[test]
fn what_docker_allows_in_names_is_allowed() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "Web_Net.1"])?;
    let names = ["--alias", "db_1.example", "--network-alias", "DB", "--hostname", "Db.lan"];
    let options = [&["--network", "Web_Net.1"][..], &names].concat();
    let id = host.run("My_app.1-x", &options, &["sleep", "infinity"])?;
    let names = field(&host, "My_app.1-x", "{{json .NetworkSettings.Networks}}")?;
    let names: Value = serde_json::from_str(&names)?;
    let names = &names["Web_Net.1"]["DNSNames"];
    assert_eq!(*names, serde_json::json!(["My_app.1-x", "db_1.example", "DB", id[..12], "Db.lan"]));
    Ok(())
}

#[test]
fn resolvers_domains_options_and_hosts_that_make_no_sense_are_refused() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web"])?;
    let run = |option: &str, value: &str, words: &[&str]| {
        refuses(&host, &[(&["run", "-d", option, value, "--", "true"], 2, words)])
    };
    run("--dns", "dns.example", &["--dns \"dns.example\"", "not an IP address"])?;
    run("--dns", "127.0.0.11", &["netd's own"])?;
    run("--dns", "0.0.0.0", &["not the address of one host"])?;
    run("--dns-search", "a b", &["--dns-search \"a b\"", "use letters"])?;
    run("--dns-search", "a..b", &["empty part"])?;
    run("--dns-option", "ndots:many", &["--dns-option", "needs a number"])?;
    run("--dns-opt", "a\nnameserver 1.1.1.1", &["--dns-option", "NAME:NUMBER"])?;
    run("--domainname", "a b", &["--domainname \"a b\"", "use letters"])?;
    run("--add-host", "x:y", &["--add-host \"x:y\"", "not an IP address"])?;
    run("--add-host", "a..b=10.0.0.1", &["--add-host", "empty part"])?;
    run("--add-host", "10.0.0.1=10.0.0.2", &["--add-host", "reads as an IP address"])?;
    let both = ["run", "-d", "--network", "web,alias=a", "--alias", "b", "--", "true"];
    refuses(&host, &[(&both, 2, &["cannot specify both --alias and per-network alias"])])
}

#[test]
fn links_that_lead_nowhere_are_refused() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web"])?;
    host.idle("elsewhere", "web")?;
    host.idle("hosted", "host")?;
    host.ok(&["run", "--name", "past", "--", "true"])?;
    host.idle("one", "bridge")?;
    let run = |options: &[&str], code: i32, words: &[&str]| {
        let args = [&["run", "-d"][..], options, &["--", "true"]].concat();
        refuses(&host, &[(&args, code, words)])
    };
    run(&["--link", "nobody:x"], 1, &["container nobody not found"])?;
    run(&["--link", "past:x"], 1, &["cannot link to container past as x", "does not run"])?;
    run(&["--link", "hosted:x"], 1, &["it uses the host's own network"])?;
    run(&["--link", "elsewhere:x"], 1, &["not on the default network"])?;
    run(&["--link", "one:x", "--link", "hosted:X"], 2, &["alias X is given to one and to hosted"])?;
    run(&["--link", "one:"], 2, &["invalid link \"one:\""])?;
    run(&["--link", "one:x", "--network", "none"], 2, &["network none has no names"])?;
    run(&["--link", "one:x", "--network", "host"], 2, &["network host has no names"])?;
    run(&["--alias", "x"], 2, &["only supported for user-defined networks"])?;
    let connect = ["network", "connect", "--link", "one:x", "bridge", "elsewhere"];
    refuses(&host, &[(&connect, 2, &["give --link to netctl run"])])
}

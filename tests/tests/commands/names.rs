//! /etc/resolv.conf and /etc/hosts of containers, on every kind of network and while they move.

use super::{agents::Started, *};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

fn inside(host: &TestHost, container: &str, file: &str) -> Result<String> {
    let output = host.exec(container, &["cat", file])?;
    ensure!(output.status.success(), "{}", text(&output.stderr));
    Ok(text(&output.stdout))
}

/// Without comments and empty lines.
fn directives(file: &str) -> Vec<&str> {
    file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// A host whose /etc/resolv.conf, as its agent sees it, says `resolv_conf`.
fn with_resolvers(resolv_conf: &str) -> Result<(TestHost, Started)> {
    let host = TestHost::without_agent()?;
    let file = host.path("resolv.conf");
    fs::write(&file, resolv_conf)?;
    let mount = format!("mount --bind {} /etc/resolv.conf", file.display());
    let agent = Started::agent(&host, &mount)?;
    let answers = || host.netctl(&["status"]).is_ok_and(|output| output.status.success());
    ensure!(wait(SOON, answers), "netd does not come up");
    Ok((host, agent))
}

#[test]
fn resolv_conf_is_dockers_on_every_kind_of_network() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let all =
        "search lan example.org\nnameserver 127.0.0.53\nnameserver 192.0.2.53\noptions edns0\n";
    let (host, _agent) = with_resolvers(all)?;
    host.ok(&["network", "create", "web"])?;
    let seen = |options: &[&str]| {
        host.ok(&[&["run", "--rm"][..], options, &["--", "cat", "/etc/resolv.conf"]].concat())
    };
    let web = seen(&["--network", "web"])?;
    let search = "search lan example.org";
    assert_eq!(directives(&web), ["nameserver 127.0.0.11", search, "options edns0 ndots:0"]);
    assert!(web.contains("# ExtServers: [host(127.0.0.53) host(192.0.2.53)]\n"), "{web}");
    let bridge = seen(&[])?;
    assert_eq!(directives(&bridge), ["nameserver 192.0.2.53", search, "options edns0"]);
    assert_eq!(directives(&seen(&["--network", "none"])?), [search, "options edns0"]);
    let own = fs::read_to_string("/etc/resolv.conf")?;
    assert_eq!(seen(&["--network", "host"])?, own.trim_end());
    let given = ["--dns", "192.0.2.1", "--dns-search", "x", "--dns-option", "ndots:3"];
    for (network, server) in [
        ("web", "127.0.0.11"),
        ("bridge", "192.0.2.1"),
        ("host", "192.0.2.1"),
        ("none", "192.0.2.1"),
    ] {
        let seen = seen(&[&["--network", network][..], &given].concat())?;
        let server = format!("nameserver {server}");
        assert_eq!(directives(&seen), [&server, "search x", "options ndots:3"], "{network}");
    }
    let shown = "{{.HostConfig.Dns}} {{.HostConfig.DnsSearch}} {{.HostConfig.DnsOptions}}";
    host.run("kept", &given, &["sleep", "infinity"])?;
    assert_eq!(field(&host, "kept", shown)?, "[192.0.2.1] [x] [ndots:3]");
    assert_eq!(
        directives(&seen(&["--network", "web", "--dns-search", "."])?)[1..],
        ["options edns0 ndots:0"]
    );
    host.ok(&["teardown", "-f"])?;
    Ok(())
}

#[test]
fn without_a_resolver_that_can_be_reached_the_default_network_has_dockers_own_choice() -> Result<()>
{
    if !is_root() {
        return Ok(());
    }
    let (host, _agent) = with_resolvers("nameserver ::1\n")?;
    let seen = host.ok(&["run", "--rm", "--", "cat", "/etc/resolv.conf"])?;
    // A machine with systemd-resolved has better ones.
    if !Path::new("/run/systemd/resolve/resolv.conf").exists() {
        assert_eq!(directives(&seen), ["nameserver 8.8.8.8", "nameserver 8.8.4.4"]);
        assert!(seen.contains("# Used default nameservers.\n"), "{seen}");
    }
    host.ok(&["teardown", "-f"])?;
    Ok(())
}

#[test]
fn the_files_follow_the_networks_of_a_running_container() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "one", "--subnet", "10.80.0.0/24"])?;
    let six = ["--ipv6", "--subnet", "10.81.0.0/24", "--subnet", "fd81::/64"];
    host.ok(&[&["network", "create", "two"][..], &six].concat())?;
    let named = ["--hostname", "db.lan", "--add-host", "nas:10.9.9.9"];
    host.run("db", &named, &["sleep", "infinity"])?;
    let address = host.addresses("db", "bridge")?.0;
    let before = inside(&host, "db", "/etc/resolv.conf")?;
    assert!(!before.contains("127.0.0.11"), "{before}");
    let own = |address: &str| format!("{address}\tdb.lan db\n");
    let hosts = inside(&host, "db", "/etc/hosts")?;
    assert!(hosts.starts_with("127.0.0.1\tlocalhost\n"), "{hosts}");
    assert!(hosts.ends_with(&format!("10.9.9.9\tnas\n{}", own(&address))), "{hosts}");
    host.exec("db", &["sh", "-c", "echo '10.9.9.8 mine' >> /etc/hosts"])?;

    host.ok(&["network", "connect", "one", "db"])?;
    let named = inside(&host, "db", "/etc/resolv.conf")?;
    assert_eq!(directives(&named)[0], "nameserver 127.0.0.11");
    host.ok(&["network", "connect", "two", "db"])?;
    let added = [own("10.80.0.2"), own("10.81.0.2"), own("fd81::2")].concat();
    let expected = format!("{hosts}10.9.9.8 mine\n{added}");
    assert_eq!(inside(&host, "db", "/etc/hosts")?, expected);
    host.ok(&["network", "disconnect", "one", "db"])?;
    assert_eq!(inside(&host, "db", "/etc/resolv.conf")?, named);
    host.ok(&["network", "disconnect", "two", "db"])?;
    assert_eq!(inside(&host, "db", "/etc/hosts")?, format!("{hosts}10.9.9.8 mine\n"));
    assert_eq!(inside(&host, "db", "/etc/resolv.conf")?, before);

    host.exec("db", &["sh", "-c", "echo 'options rotate' >> /etc/resolv.conf"])?;
    host.ok(&["network", "connect", "one", "db"])?;
    assert_eq!(inside(&host, "db", "/etc/resolv.conf")?, before + "options rotate\n");
    Ok(())
}

#[test]
fn hosts_names_the_container_with_its_domain_and_without_ipv6_where_there_is_none() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web", "--subnet", "10.82.0.0/24"])?;
    let script = "cat /etc/hosts; uname -n; cat /proc/sys/kernel/domainname";
    let named = ["--hostname", "www", "--domainname", "example.org", "--network", "web"];
    let seen = host.ok(&[&["run", "--rm"][..], &named, &["--", "sh", "-c", script]].concat())?;
    assert!(seen.contains("::1\tlocalhost ip6-localhost ip6-loopback\n"), "{seen}");
    assert!(seen.ends_with("10.82.0.2\twww.example.org www\nwww\nexample.org"), "{seen}");
    let only = host.ok(&["run", "--rm", "--network", "none", "--", "cat", "/etc/hosts"])?;
    assert!(only.ends_with("ff02::2\tip6-allrouters"), "{only}");
    Ok(())
}

#[test]
fn the_host_answers_to_host_gateway_from_every_network() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web"])?;
    let mut command = Command::new("python3");
    command.args(["-m", "http.server", "8099"]).current_dir("/").stdout(process::Stdio::null());
    let server = host.host.namespace().run(|| command.stderr(process::Stdio::null()).spawn())??;
    let _server = Ended(server);
    assert!(wait(SOON, || serves(&host, "127.0.0.1:8099")));
    for network in ["bridge", "web"] {
        let add = ["--network", network, "--add-host", "host.docker.internal:host-gateway"];
        let get = "curl -s --noproxy '*' -m 5 -o /dev/null http://host.docker.internal:8099/";
        host.ok(&[&["run", "--rm"][..], &add, &["--", "sh", "-c", get]].concat())
            .with_context(|| network.to_owned())?;
    }
    Ok(())
}

/// A process that ends with this value.
struct Ended(process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A namespace as `ip netns add` makes it, and its files.
struct Named(String);

impl Named {
    fn new(name: &str) -> Result<Self> {
        let name = format!("netd-test-{}-{name}", process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).status()?;
        ensure!(made.success(), "ip netns add {name}: {made}");
        Ok(Self(name))
    }

    fn reference(&self) -> String {
        format!("netns:/run/netns/{}", self.0)
    }

    fn directory(&self) -> PathBuf {
        Path::new("/etc/netns").join(&self.0)
    }

    fn resolv_conf(&self) -> PathBuf {
        self.directory().join("resolv.conf")
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.0]).output();
        let _ = fs::remove_dir_all(self.directory());
        let _ = fs::remove_dir("/etc/netns");
    }
}

#[test]
fn a_namespace_of_ip_netns_has_a_resolv_conf_while_it_is_on_a_network_with_names() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let ns = Named::new("names")?;
    let host = TestHost::new()?;
    host.ok(&["network", "create", "one"])?;
    host.ok(&["network", "create", "two"])?;
    let connect = |network: &str| host.ok(&["network", "connect", network, &ns.reference()]);
    let disconnect = |network: &str| host.ok(&["network", "disconnect", network, &ns.reference()]);
    connect("bridge")?;
    assert!(!ns.directory().exists());
    connect("one")?;
    let exec =
        Command::new("ip").args(["netns", "exec", &ns.0, "cat", "/etc/resolv.conf"]).output()?;
    let seen = text(&exec.stdout);
    assert_eq!(directives(&seen)[0], "nameserver 127.0.0.11", "{}", text(&exec.stderr));
    connect("two")?;
    disconnect("one")?;
    assert_eq!(fs::read_to_string(ns.resolv_conf())?, seen);
    disconnect("two")?;
    assert!(!ns.directory().exists());

    connect("two")?;
    let edited = seen + "options rotate\n";
    fs::write(ns.resolv_conf(), &edited)?;
    disconnect("two")?;
    assert_eq!(fs::read_to_string(ns.resolv_conf())?, edited);
    connect("two")?;
    assert_eq!(fs::read_to_string(ns.resolv_conf())?, edited);
    Ok(())
}

#[test]
fn a_teardown_and_the_end_of_a_namespace_take_its_resolv_conf_away() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let (kept, gone) = (Named::new("kept")?, Named::new("gone")?);
    let host = TestHost::new()?;
    host.ok(&["network", "create", "one"])?;
    for ns in [&kept, &gone] {
        host.ok(&["network", "connect", "one", &ns.reference()])?;
        assert!(ns.resolv_conf().exists());
    }
    let path = gone.directory();
    ensure!(Command::new("ip").args(["netns", "delete", &gone.0]).status()?.success());
    // Every change has the agent look at all namespaces.
    let looked =
        || host.ok(&["network", "create", "x"]).is_ok() && host.ok(&["network", "rm", "x"]).is_ok();
    assert!(wait(Duration::from_secs(60), || looked() && !path.exists()));
    assert!(kept.resolv_conf().exists());
    host.ok(&["teardown", "-f"])?;
    assert!(!kept.directory().exists());
    Ok(())
}

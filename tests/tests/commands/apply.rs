//! `netctl apply`, `diff`, `export` and `schema`, with containers that come and go.

use super::*;
use std::{fs, path::PathBuf, process::Command};

/// A file of this host's own, written anew.
fn file(host: &TestHost, name: &str, text: &str) -> Result<PathBuf> {
    let path = host.path(name);
    fs::create_dir_all(path.parent().context("a file in no directory")?)?;
    fs::write(&path, text)?;
    Ok(path)
}

/// What `netctl VERB -f` prints for a file of this text.
fn with(host: &TestHost, verb: &[&str], text: &str) -> Result<String> {
    let path = file(host, "spec.yaml", text)?;
    host.ok(&[verb, &["-f", path.to_str().context("a path that is not UTF-8")?]].concat())
}

/// The lines of an apply that must fail with this exit code.
fn refusals(host: &TestHost, code: i32, text: &str) -> Result<Vec<String>> {
    let path = file(host, "spec.yaml", text)?;
    let output = host.netctl(&["apply", "-f", path.to_str().unwrap_or_default()])?;
    let errors = super::text(&output.stderr);
    ensure!(output.status.code() == Some(code), "{:?}: {errors}", output.status);
    ensure!(output.stdout.is_empty());
    let place = format!("error: {}:", path.display());
    let line = |line: &str| line.strip_prefix(&place).map(str::to_owned).context(line.to_owned());
    errors.lines().map(line).collect()
}

const WEB: &str = "\
networks:
  back:
    ipam: {config: [{subnet: 10.77.0.0/24}]}
services:
  web:
    networks: [back]
    ports: ['8080:80']
  db:
    networks: {back: {ipv4_address: 10.77.0.50, aliases: [sql]}}
    x-netd: {namespace: 'netns:/run/netns/NS'}
";

/// A namespace with a name, as `ip netns add` makes it; gone with this value.
struct NamedNs(String);

impl NamedNs {
    fn new(name: &str) -> Self {
        Self(format!("netd-test-{}-{name}", std::process::id()))
    }

    fn ip(&self, args: &[&str]) -> Result<String> {
        let output = Command::new("ip").args(args).output()?;
        ensure!(output.status.success(), "ip {args:?}: {}", text(&output.stderr));
        Ok(text(&output.stdout))
    }

    fn add(&self) -> Result<()> {
        self.ip(&["netns", "add", &self.0]).map(drop)
    }

    fn remove(&self) -> Result<()> {
        self.ip(&["netns", "del", &self.0]).map(drop)
    }

    fn addresses(&self) -> Result<String> {
        self.ip(&["-n", &self.0, "-br", "addr"])
    }
}

impl Drop for NamedNs {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).output();
    }
}

#[test]
fn a_file_is_applied_once_and_containers_find_what_it_keeps_for_them() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let before = Snapshot::take(&host)?;
    let ns = NamedNs::new("db");
    let spec = WEB.replace("NS", &ns.0);
    let dry = with(&host, &["diff"], &spec)?;
    assert!(dry.contains("create network back: 10.77.0.0/24\n"), "{dry}");
    assert!(dry.contains("  create bridge nd-back 10.77.0.1/24\n"), "{dry}");
    assert_eq!(with(&host, &["apply", "--dry-run"], &spec)?, dry);
    Snapshot::take(&host)?.same_as(&before)?;
    let done = with(&host, &["apply"], &spec)?;
    assert!(done.contains("declare container web: 10.77.0.2 on back, port 8080:80/tcp"), "{done}");
    assert_eq!(with(&host, &["apply"], &spec)?, "nothing to do");
    assert_eq!(with(&host, &["diff"], &spec)?, "nothing to do");
    host.run("web", &[], &["python3", "-m", "http.server", "80"])?;
    assert_eq!(host.addresses("web", "back")?.0, "10.77.0.2");
    assert!(wait(SOON, || serves(&host, "127.0.0.1:8080")));
    ns.add()?;
    assert!(wait(SOON, || ns.addresses().is_ok_and(|all| all.contains("10.77.0.50/24"))));
    assert!(host.ok(&["ps"])?.contains("db"));
    // The namespace goes and comes back.
    ns.remove()?;
    assert!(wait(SOON, || host.ok(&["ps", "-q"]).is_ok_and(|ids| ids.lines().count() == 1)));
    ns.add()?;
    assert!(wait(SOON, || ns.addresses().is_ok_and(|all| all.contains("10.77.0.50/24"))));
    assert_eq!(with(&host, &["apply"], &spec)?, "nothing to do");
    let gone = with(&host, &["apply", "--prune"], "services: {}")?;
    assert!(gone.contains("remove network back"), "{gone}");
    assert!(!ns.addresses()?.contains("eth0"));
    host.ok(&["rm", "-f", "web"])?;
    Snapshot::take(&host)?.same_as(&before)
}

#[test]
fn a_running_container_follows_the_file() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let spec = |port: &str, networks: &str| {
        format!(
            "networks: {{one: , two: }}\nservices: {{web: {{networks: [{networks}], ports: ['{port}:80']}}}}"
        )
    };
    with(&host, &["apply"], &spec("8080", "one"))?;
    host.run("web", &[], &["python3", "-m", "http.server", "80"])?;
    assert!(wait(SOON, || serves(&host, "127.0.0.1:8080")));
    let address = host.addresses("web", "one")?.0;
    with(&host, &["apply"], &spec("8081", "one, two"))?;
    assert!(serves(&host, "127.0.0.1:8081") && !serves(&host, "127.0.0.1:8080"));
    assert_eq!(host.addresses("web", "one")?.0, address);
    assert!(text(&host.exec("web", &["ip", "-br", "addr"])?.stdout).contains("eth1"));
    with(&host, &["apply"], &spec("8081", "one"))?;
    assert!(!text(&host.exec("web", &["ip", "-br", "addr"])?.stdout).contains("eth1"));
    Ok(())
}

#[test]
fn a_file_with_errors_changes_nothing_and_every_error_has_its_place() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.run("holder", &["-p", "8080:80"], &["sleep", "infinity"])?;
    let before = Snapshot::take(&host)?;
    let wrong = "networks:\n  a: {intrenal: true}\nservices:\n  web:\n    networks: [a, b]\n    ports: [http]\n";
    let lines = refusals(&host, 2, wrong)?;
    let starts = ["2:7: networks.a has no key", "5:19: network \"b\"", "6:13: port \"http\""];
    assert_eq!(lines.len(), starts.len(), "{lines:?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    // What only the agent can know.
    let taken = "networks:\n  a: {ipam: {config: [{subnet: 198.51.100.0/24}]}}\n  b:\nservices:\n  web:\n    networks: [b]\n    ports: ['9090:90', '8080:80']\n";
    let lines = refusals(&host, 1, taken)?;
    assert!(lines[0].starts_with("2:3: cannot create network \"a\""), "{lines:?}");
    let lines = refusals(&host, 1, &taken.replace("198.51.100.0", "10.78.0.0"))?;
    assert!(lines[0].starts_with("7:24: Bind for 0.0.0.0:8080 failed"), "{lines:?}");
    assert_eq!(lines.len(), 1);
    let own = "services: {x: {x-netd: {namespace: 'netns:/etc/hostname'}}}";
    assert!(refusals(&host, 1, own)?[0].contains("not a network namespace"));
    Snapshot::take(&host)?.same_as(&before)
}

#[test]
fn variables_come_from_the_callers_environment() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    // PATH is in every environment, and no network's name.
    let lines = refusals(&host, 1, "networks: {a: {name: '${PATH:+by-path}', external: true}}")?;
    assert!(lines[0].contains("network by-path is external"), "{lines:?}");
    let done = with(&host, &["apply"], "networks: {a: {name: '${NETD_TEST_UNSET:-fallback}'}}")?;
    assert!(done.starts_with("create network fallback"), "{done}");
    Ok(())
}

#[test]
fn the_export_is_a_file_that_changes_nothing() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    with(&host, &["apply"], &WEB.replace("NS", "netd-test-never"))?;
    host.ok(&["network", "create", "six", "--ipv6", "--label", "a=b"])?;
    let exported = host.ok(&["export"])?;
    let changes = with(&host, &["apply"], &exported)?;
    assert_eq!(changes, "declare network six, which exists");
    assert_eq!(with(&host, &["apply"], &exported)?, "nothing to do");
    assert_eq!(host.ok(&["export"])?, exported);
    let schema = json(&host, &["schema"])?;
    assert_eq!(schema["title"], "netd spec");
    Ok(())
}

#[test]
fn the_agents_own_files_are_there_at_the_start_and_followed() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::without_agent()?;
    let network = |name: &str| {
        format!("networks: {{{name}: }}\nservices: {{in-{name}: {{networks: [{name}]}}}}")
    };
    file(&host, "spec/a.yaml", &network("first"))?;
    file(&host, "spec/b.yaml", "networks: {broken: [}")?;
    host.start_agent()?;
    let networks = || host.ok(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(networks()?.contains("first"));
    let problems = host.problems()?;
    assert!(problems.iter().any(|problem| problem.contains("spec/b.yaml:1:")), "{problems:?}");
    // A file is put right, and what it says is taken away again.
    file(&host, "spec/b.yaml", &network("second"))?;
    host.reload()?;
    assert!(wait(SOON, || networks().is_ok_and(|all| all.contains("second"))));
    assert_eq!(host.problems()?, [""; 0]);
    let declared = with(
        &host,
        &["apply"],
        &network("second").replace("{second: }", "{second: {internal: true}}"),
    );
    assert!(declared.is_err_and(|e| e.to_string().contains("declared otherwise in")));
    host.run("in-first", &[], &["sleep", "infinity"])?;
    fs::rename(host.path("spec/a.yaml"), host.path("spec/c.yaml"))?;
    fs::remove_file(host.path("spec/b.yaml"))?;
    host.reload()?;
    assert!(wait(SOON, || networks().is_ok_and(|all| !all.contains("second"))));
    // What only moved to another file was not touched.
    assert!(text(&host.exec("in-first", &["ip", "-br", "addr"])?.stdout).contains("eth0"));
    host.end_agent(nix::sys::signal::Signal::SIGKILL)?;
    host.start_agent()?;
    assert!(networks()?.contains("first"));
    assert!(text(&host.exec("in-first", &["ip", "-br", "addr"])?.stdout).contains("eth0"));
    Ok(())
}

#[test]
fn a_refusal_of_the_kernels_leaves_what_was() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    with(&host, &["apply"], "networks: {a: }")?;
    // The namespace has an eth0 of somebody else's.
    let ns = NamedNs::new("taken");
    ns.add()?;
    ns.ip(&["-n", &ns.0, "link", "add", "eth0", "type", "bridge"])?;
    let before = Snapshot::take(&host)?;
    let spec = format!(
        "networks: {{a: , b: }}\nservices: {{x: {{networks: [a], x-netd: {{namespace: 'netns:/run/netns/{}'}}}}}}",
        ns.0
    );
    let path = file(&host, "spec.yaml", &spec)?;
    let output = host.netctl(&["apply", "-f", path.to_str().unwrap_or_default()])?;
    is_refusal(&output, 1, &["eth0 is taken"])?;
    Snapshot::take(&host)?.same_as(&before)
}

#[test]
fn a_file_may_come_by_standard_input() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let path = file(&host, "spec.yaml", "networks: {piped: }")?;
    let netctl = netd_tests::host::binary("netctl")?;
    let command = format!(
        "{} --socket {} apply -f - < {}",
        netctl.display(),
        host.path("netd.sock").display(),
        path.display()
    );
    assert!(in_host(&host, &command)?.starts_with("create network piped"));
    Ok(())
}

//! Agents that can't start, and people who may not ask.

use super::*;
use netd_tests::{host::binary, ns::TestNs};
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

/// Starts `netd` in a namespace and waits for its end: it must not come up.
fn netd(ns: &TestNs, wrapper: &[&str], args: &[&str]) -> Result<Output> {
    let netd = binary("netd")?;
    let netd = netd.to_str().context("a path that is not UTF-8")?;
    let line = [&["timeout", "20"], wrapper, &[netd], args].concat();
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).stdin(Stdio::null());
    Ok(ns.namespace().run(|| command.output())??)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// Somebody who is not root, and in no group of root's.
const NOBODY: [&str; 5] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];

#[test]
fn a_second_agent_is_refused_and_told_of_the_first() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.run("web", &["-p", "8080:80"], &["sleep", "infinity"])?;
    let before = Snapshot::take(&host)?;
    let pid = host.ok(&["status", "--format", "{{.Pid}}"])?;
    let [socket, state, other] = ["2.sock", "state", "other"].map(|name| host.path(name));
    let spare = host.bpf().with_extension("spare");
    let everywhere = "already manages this network namespace";
    for (ns, state, bpf, why) in [
        (&host.host, &state, host.bpf(), everywhere),
        (&host.host, &other, &spare, everywhere),
        (&host.neighbour, &state, host.bpf(), path(&state)),
        (&host.neighbour, &state, &spare, path(&state)),
        (&host.neighbour, &other, host.bpf(), path(host.bpf())),
    ] {
        let directories = ["--state-dir", path(state), "--bpf-dir", path(bpf)];
        let args = [&["--socket", path(&socket)][..], &directories].concat();
        let output = netd(ns, &[], &args)?;
        is_refusal(&output, 1, &["another netd", &format!("pid {pid}"), why, "stop it"])?;
        assert!(!socket.exists() && !spare.exists());
        Snapshot::take(&host)?.same_as(&before)?;
    }
    Ok(())
}

#[test]
fn a_lock_that_anybody_can_take_keeps_no_agent_out() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::without_agent()?;
    let script = "import fcntl, os, sys
os.setuid(65534)
fcntl.flock(open('/proc/self/ns/net'), fcntl.LOCK_EX)
print('locked', flush=True)
sys.stdin.read()";
    let mut command = Command::new("python3");
    command.args(["-c", script]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut squatter = Started(host.host.namespace().run(|| command.spawn())??);
    let mut said = String::new();
    let heard = squatter.0.stdout.as_mut().context("no output")?;
    BufReader::new(heard).read_line(&mut said)?;
    assert_eq!(said, "locked\n");
    host.start_agent()
}

#[test]
fn settings_that_make_no_sense_are_refused_before_anything_is_made() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::without_agent()?;
    let config = host.path("netd.toml");
    fs::write(&config, "# a comment\nsocks = 1\n")?;
    let config = path(&config);
    let before = Snapshot::of_kernel(&host)?;
    let refusals: [Refusal<'_>; 7] = [
        (&["--colour"], 2, &["unexpected argument '--colour'", "netd --help"]),
        (&["--config", config], 2, &[config, "line 2", "socks"]),
        (&["--config", "/no/such/netd.toml"], 2, &["/no/such/netd.toml"]),
        (&["--uplink", "a/b"], 2, &["uplink", "invalid interface name \"a/b\""]),
        (&["--uplink", "auto", "--uplink", "eth0"], 2, &["auto means every device"]),
        (&["--log-level", "a=b=c"], 2, &["invalid log level"]),
        (&["--state-dir", "/etc/hostname"], 1, &["/etc/hostname"]),
    ];
    for (args, code, words) in refusals {
        is_refusal(&netd(&host.host, &[], args)?, code, words)?;
        Snapshot::of_kernel(&host)?.same_as(&before)?;
    }
    Ok(())
}

#[test]
fn a_directory_for_pins_that_is_on_no_bpffs_is_refused_and_nothing_is_hidden() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::without_agent()?;
    let kept = host.path("kept");
    fs::write(&kept, "")?;
    let [socket, state, bpf] = ["netd.sock", "state", "bpf"].map(|name| host.path(name));
    let directories = ["--state-dir", path(&state), "--bpf-dir", path(&bpf)];
    let output = netd(&host.host, &[], &[&["--socket", path(&socket)][..], &directories].concat())?;
    is_refusal(&output, 2, &["bpf", "below /sys/fs/bpf"])?;
    assert!(kept.exists());
    Ok(())
}

#[test]
fn without_root_there_is_no_agent_and_no_way_to_ask_one() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    is_refusal(&netd(&host.host, &NOBODY, &[])?, 1, &["netd needs root", "sudo"])?;
    // The way to the socket is open; the socket itself is not.
    fs::set_permissions(host.path(""), fs::Permissions::from_mode(0o755))?;
    let netctl = binary("netctl")?;
    let socket = host.path("netd.sock");
    let ask = |who: &[&str], args: &[&str]| -> Result<Output> {
        let line = [who, &[path(&netctl), "--socket", path(&socket)], args].concat();
        let mut command = Command::new(line[0]);
        command.args(&line[1..]).stdin(Stdio::null());
        Ok(host.host.namespace().run(|| command.output())??)
    };
    let before = Snapshot::take(&host)?;
    // Somebody in root's group can open the socket, and is turned away by the agent.
    let grouped = ["setpriv", "--reuid=65534", "--regid=0", "--clear-groups", "--"];
    for who in [NOBODY, grouped] {
        is_refusal(&ask(&who, &["ps"])?, 1, &["permission denied", "root"])?;
        is_refusal(&ask(&who, &["network", "create", "x"])?, 1, &["permission denied", "root"])?;
        is_refusal(&ask(&who, &["teardown", "-f"])?, 1, &["permission denied", "root"])?;
        is_refusal(&ask(&who, &["run", "--", "true"])?, 1, &["netctl run needs root", "sudo"])?;
    }
    Snapshot::take(&host)?.same_as(&before)
}

#[test]
fn a_missing_bpffs_is_mounted() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::without_agent()?;
    let unmounted = "while umount /sys/fs/bpf 2>/dev/null; do :; done
            ! grep ' /sys/fs/bpf bpf ' /proc/self/mounts";
    let mut agent = Started::agent(&host, unmounted)?;
    assert!(wait(SOON, || host.netctl(&["status"]).is_ok_and(|o| o.status.success())));
    let mounts = fs::read_to_string(format!("/proc/{}/mounts", agent.0.id()))?;
    assert!(mounts.lines().any(|line| line.contains(" /sys/fs/bpf bpf ")), "{mounts}");
    host.run("web", &["-p", "8080:80"], &["python3", "-m", "http.server", "80"])?;
    assert!(wait(SOON, || serves(&host, "127.0.0.1:8080")));
    host.ok(&["teardown", "-f"])?;
    assert!(wait(SOON, || agent.0.try_wait().is_ok_and(|status| status.is_some())));
    Ok(())
}

/// A process that ends with this value.
pub(crate) struct Started(Child);

impl Started {
    /// An agent with mounts of its own, which a shell's commands change first.
    pub(crate) fn agent(host: &TestHost, mounts: &str) -> Result<Self> {
        let netd = binary("netd")?;
        let script = format!("{{ {mounts}\n}} && exec \"$0\" \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", &script]).arg(netd);
        command.arg("--socket").arg(host.path("netd.sock"));
        command.arg("--state-dir").arg(host.path("state")).arg("--bpf-dir").arg(host.bpf());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(host.host.namespace().run(|| command.spawn())??))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

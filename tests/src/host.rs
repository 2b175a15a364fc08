//! A container host of a test's own: its namespace with a running agent, a neighbour on its LAN
//! that routes, and a remote machine behind the neighbour. Everything is gone when the value is.

mod agent;

use crate::{leftovers, ns::TestNs};
use anyhow::{Context, Result, ensure};
use netd::kernel::netns::Namespace;
use std::{
    collections::BTreeMap,
    env, fs,
    os::fd::{AsFd, AsRawFd},
    path::{Path, PathBuf},
    process::{self, Child, Command, Output, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The host's addresses on its LAN.
pub const HOST: (&str, &str) = ("198.51.100.2", "2001:db8:1::2");
/// The neighbour's addresses there.
pub const NEIGHBOUR: (&str, &str) = ("198.51.100.7", "2001:db8:1::7");
/// The remote machine's addresses.
pub const REMOTE: (&str, &str) = ("203.0.113.9", "2001:db8:9::9");

/// A host with an agent.
pub struct TestHost {
    /// The host's namespace.
    pub host: TestNs,
    /// The neighbour's namespace.
    pub neighbour: TestNs,
    /// The remote machine's namespace.
    pub remote: TestNs,
    directory: TempDir,
    bpf: PathBuf,
    agent: Mutex<Option<Child>>,
}

impl TestHost {
    /// A host whose agent answers.
    ///
    /// # Errors
    /// Without root, or where the agent does not come up.
    pub fn new() -> Result<Self> {
        let host = Self::without_agent()?;
        host.start_agent()?;
        Ok(host)
    }

    /// A host whose agent was not started yet.
    ///
    /// # Errors
    /// Without root.
    pub fn without_agent() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let bpf = PathBuf::from(format!("/sys/fs/bpf/netd-test-{}-{number}", process::id()));
        let (host, neighbour, remote) = (TestNs::new()?, TestNs::new()?, TestNs::new()?);
        let directory = tempfile::Builder::new().prefix("netd-test-").tempdir()?;
        let new = Self { host, neighbour, remote, directory, bpf, agent: Mutex::new(None) };
        new.wire()?;
        Ok(new)
    }

    fn wire(&self) -> Result<()> {
        for ns in [&self.host, &self.neighbour, &self.remote] {
            ns.run("ip link set lo up")?;
            // Addresses work at once: nobody else is on these wires.
            ns.run("sysctl -qw net.ipv6.conf.default.accept_dad=0")?;
        }
        // netd has to route all the same.
        self.host.run("sysctl -qw net.ipv4.ip_forward=0")?;
        cable(&self.neighbour, "eth1", &self.remote, "eth0")?;
        address(&self.neighbour, "eth1", ("203.0.113.1", "2001:db8:9::1"))?;
        address(&self.remote, "eth0", REMOTE)?;
        self.neighbour.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")?;
        self.remote.run("ip route add default via 203.0.113.1")?;
        self.remote.run("ip -6 route add default via 2001:db8:9::1")?;
        self.plug_in("")
    }

    /// Gives the host its cable to the neighbour, eth0, with addresses and default routes;
    /// `options` are more words for the new device, such as `index 7`.
    ///
    /// # Errors
    /// Where it has one.
    pub fn plug_in(&self, options: &str) -> Result<()> {
        cable(&self.host, &format!("eth0 {options}"), &self.neighbour, "eth0")?;
        address(&self.host, "eth0", HOST)?;
        address(&self.neighbour, "eth0", NEIGHBOUR)?;
        self.host.run(&format!("ip route add default via {}", NEIGHBOUR.0))?;
        self.host.run(&format!("ip -6 route add default via {}", NEIGHBOUR.1))?;
        Ok(())
    }

    /// The namespace of a container.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn namespace_of(&self, container: &str) -> Result<Namespace> {
        let pid = self.ok(&["inspect", container, "--format", "{{.State.Pid}}"])?;
        Ok(Namespace::of_pid(pid.parse()?)?)
    }

    /// A file or directory of this host's own.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where the agent pins.
    #[must_use]
    pub fn bpf(&self) -> &Path {
        &self.bpf
    }

    /// netctl, whatever comes of it.
    ///
    /// # Errors
    /// Where it can't be started.
    pub fn netctl(&self, args: &[&str]) -> Result<Output> {
        let mut command = Command::new(binary("netctl")?);
        // By the environment, which containers inherit and are known by.
        command.env("NETD_SOCKET", self.path("netd.sock")).args(args).stdin(Stdio::null());
        Ok(self.host.namespace().run(|| command.output())??)
    }

    /// netctl's standard output.
    ///
    /// # Errors
    /// Where it fails: with what it says.
    pub fn ok(&self, args: &[&str]) -> Result<String> {
        let output = self.netctl(args)?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "netctl {}: {}", args.join(" "), errors.trim());
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }

    /// Starts a detached container and gives its identity.
    ///
    /// # Errors
    /// As [`TestHost::ok`].
    pub fn run(&self, name: &str, options: &[&str], command: &[&str]) -> Result<String> {
        let start = ["run", "-d", "--name", name];
        self.ok(&[&start[..], options, &["--"], command].concat())
    }

    /// A container that waits.
    ///
    /// # Errors
    /// As [`TestHost::ok`].
    pub fn idle(&self, name: &str, network: &str) -> Result<String> {
        self.run(name, &["--network", network], &["sleep", "infinity"])
    }

    /// A command in a container, whatever comes of it.
    ///
    /// # Errors
    /// Where netctl can't be started.
    pub fn exec(&self, container: &str, command: &[&str]) -> Result<Output> {
        self.netctl(&[&["exec", container, "--"], command].concat())
    }

    /// A container's addresses on a network.
    ///
    /// # Errors
    /// Where it has none there.
    pub fn addresses(&self, container: &str, network: &str) -> Result<(String, String)> {
        let of = |field: &str| {
            let path = format!("{{{{.NetworkSettings.Networks.{network}.{field}}}}}");
            self.ok(&["inspect", container, "--format", &path])
        };
        Ok((of("IPAddress")?, of("GlobalIPv6Address")?))
    }

    /// Packets dropped so far, by reason.
    ///
    /// # Errors
    /// Where netctl fails.
    pub fn drops(&self) -> Result<BTreeMap<String, u64>> {
        let mut drops = BTreeMap::new();
        for line in self.ok(&["drops", "--format", "json"])?.lines() {
            let drop: serde_json::Value = serde_json::from_str(line)?;
            let name = drop["Name"].as_str().context("a drop without a name")?.to_owned();
            *drops.entry(name).or_default() += drop["Packets"].as_u64().unwrap_or_default();
        }
        Ok(drops)
    }

    /// How many packets were dropped for `reason` so far.
    ///
    /// # Errors
    /// Where netctl fails.
    pub fn dropped(&self, reason: &str) -> Result<u64> {
        Ok(self.drops()?.get(reason).copied().unwrap_or_default())
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        if self.agent.lock().is_ok_and(|agent| agent.is_none()) && self.path("state").exists() {
            // Only an agent can end the containers that a dead one left.
            let _ = self.start_agent();
        }
        let _ = self.netctl(&["teardown", "-f"]);
        if let Ok(mut agent) = self.agent.lock()
            && let Some(agent) = agent.as_mut()
        {
            let _ = agent.kill();
            let _ = agent.wait();
        }
        leftovers::kill_those_of(&self.path("netd.sock"));
        let _ = fs::remove_dir_all(&self.bpf);
    }
}

/// A command in a namespace, as a shell would have it; whatever comes of it.
///
/// # Errors
/// Where it can't be started.
pub fn shell(ns: &TestNs, command: &str) -> Result<Output> {
    Ok(ns.namespace().run(|| Command::new("sh").args(["-c", command]).output())??)
}

/// Asks again until the answer is yes or the time is over; says which.
pub fn wait(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// The binary `name`, `netd` or `netctl`, of the same build as the test that asks.
///
/// # Errors
/// Where this program is none that cargo built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let test = env::current_exe()?;
    let profile = test.ancestors().find(|p| !p.ends_with("deps") && p.is_dir());
    let binary = profile.context("no build directory")?.join(format!("tested-{name}"));
    ensure!(binary.exists(), "{} is missing: run the tests by cargo", binary.display());
    Ok(binary)
}

/// Joins two namespaces by a veth pair, which is up; `device` may be followed by more words, such
/// as `index 7`.
///
/// # Errors
/// Where one of the names is taken.
pub fn cable(one: &TestNs, device: &str, other: &TestNs, peer: &str) -> Result<()> {
    let far = format!("/proc/{}/fd/{}", process::id(), other.as_fd().as_raw_fd());
    one.run(&format!("ip link add {device} type veth peer name {peer} netns {far}"))?;
    let name = device.split(' ').next().unwrap_or(device);
    one.run(&format!("ip link set {name} up"))?;
    other.run(&format!("ip link set {peer} up"))?;
    Ok(())
}

fn address(ns: &TestNs, device: &str, addresses: (&str, &str)) -> Result<()> {
    ns.run(&format!("ip address add {}/24 dev {device}", addresses.0))?;
    ns.run(&format!("ip address add {}/64 dev {device} nodad", addresses.1))?;
    Ok(())
}

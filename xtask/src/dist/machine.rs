//! A machine that boots from a tree: systemd, or nothing at all, in namespaces of its own. What it writes
//! lies in memory and is gone with it.

use crate::{stage, world::until};
use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// A machine that runs.
pub(super) struct Machine {
    /// Holds the namespaces; everything in them ends with it.
    holder: Child,
    cgroup: PathBuf,
    init: u32,
}

impl Machine {
    /// Boots `tree` with systemd.
    pub(super) fn boot(name: &str, tree: &Path, package: &Path) -> Result<Self> {
        let machine =
            Self::start(name, tree, package, "/lib/systemd/systemd --log-target=journal")?;
        until("systemd is up", || {
            if !machine.first_is("systemd")? {
                return Ok(false);
            }
            let state = machine.run("systemctl is-system-running --wait || true")?;
            Ok(state == "running" || state == "degraded")
        })?;
        Ok(machine)
    }

    /// `tree` with nothing that runs in it.
    pub(super) fn bare(name: &str, tree: &Path, package: &Path) -> Result<Self> {
        let machine = Self::start(name, tree, package, "sleep infinity")?;
        until("the machine is up", || machine.first_is("sleep"))?;
        Ok(machine)
    }

    fn start(name: &str, tree: &Path, package: &Path, init: &str) -> Result<Self> {
        let cgroup = hierarchy()?.join(name);
        fs::create_dir(&cgroup).with_context(|| format!("making {}", cgroup.display()))?;
        let place = stage::folder(name).join("root");
        fs::create_dir_all(&place)?;
        let log = fs::File::create(stage::folder(name).join("log"))?;
        let holder = Command::new("sh")
            .args(["-ec", HOLD, "sh", INSIDE])
            .args([tree, package, &place])
            .arg(init)
            .env("CGROUP", &cgroup)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start sh")?;
        let mut machine = Self { holder, cgroup, init: 0 };
        machine.init = machine.first_process()?;
        Ok(machine)
    }

    /// What the command prints, words as the shell reads them.
    pub(super) fn run(&self, line: &str) -> Result<String> {
        let mut command = Command::new("sh");
        command.args(["-ec", VISIT, "sh"]).args(self.words()).args(["sh", "-ec", line]);
        command.env("CGROUP", &self.cgroup);
        let output = command.stdin(Stdio::null()).output().context("cannot start nsenter")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`{line}` in the machine: {}", said.trim());
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Waits until the command succeeds, and gives what it prints then.
    pub(super) fn comes(&self, line: &str) -> Result<String> {
        let (mut said, mut error) = (None, None);
        let over = until(&format!("`{line}` succeeds in the machine"), || {
            match self.run(line) {
                Ok(text) => said = Some(text),
                Err(e) => error = Some(e),
            }
            Ok(said.is_some())
        });
        match (said, error) {
            (Some(text), _) => Ok(text),
            (None, Some(error)) => Err(error),
            (None, None) => over.map(|()| String::new()),
        }
    }

    /// Whether the first process runs this program by now.
    fn first_is(&self, program: &str) -> Result<bool> {
        let file = format!("/proc/{}/comm", self.init);
        let runs = fs::read_to_string(file).context("the machine's first process has ended")?;
        Ok(runs.trim() == program)
    }

    fn words(&self) -> Vec<String> {
        let mut words = vec![format!("--target={}", self.init), "--all".into()];
        words.extend(["--", "env", "-i", PATH].map(str::to_owned));
        words
    }

    fn first_process(&mut self) -> Result<u32> {
        let children = format!("/proc/{0}/task/{0}/children", self.holder.id());
        let mut first = None;
        until("the machine has a first process", || {
            if let Some(status) = self.holder.try_wait()? {
                bail!("it ended: {status}");
            }
            let text = fs::read_to_string(&children).unwrap_or_default();
            first = text.split_whitespace().next().and_then(|pid| pid.parse().ok());
            Ok(first.is_some())
        })?;
        first.context("no first process")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The kernel ends everything in the machine with its first process.
        if let Ok(init @ 2..) = i32::try_from(self.init) {
            let _ = kill(Pid::from_raw(init), Signal::SIGKILL);
        }
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        for _ in 0..100 {
            remove_groups(&self.cgroup);
            if !self.cgroup.exists() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Removes the cgroup of a machine that was called `name` and has ended.
pub(crate) fn forget(name: &str) {
    if let Ok(hierarchy) = hierarchy() {
        remove_groups(&hierarchy.join(name));
    }
}

/// A cgroup's directory can be removed only when those below it are.
fn remove_groups(group: &Path) {
    let below = fs::read_dir(group).into_iter().flatten().flatten().map(|entry| entry.path());
    below.filter(|path| path.is_dir()).for_each(|path| remove_groups(&path));
    let _ = fs::remove_dir(group);
}

/// Where cgroup v2 is mounted here.
fn hierarchy() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("reading mounts")?;
    let mut fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found = fields.find(|words| words.get(2) == Some(&"cgroup2"));
    let place = found.and_then(|words| words.get(1).map(PathBuf::from));
    place.context("this system has no cgroup v2 mounted")
}

/// Moves itself into the machine's cgroup, and holds its namespaces.
const HOLD: &str = r#"
echo $$ >"$CGROUP/cgroup.procs"
inside=$1; shift
exec unshare --mount --pid --fork --net --uts --ipc --cgroup sh -ec "$inside" sh "$@"
"#;

/// Goes into the machine, into a cgroup of it as well: netd's programs for sockets go by that.
const VISIT: &str = r#"
mkdir -p "$CGROUP/visit"
echo $$ >"$CGROUP/visit/cgroup.procs"
exec nsenter "$@"
"#;

/// Makes the machine's root of a tree that is not written to, and becomes its first process.
const INSIDE: &str = r#"
tree=$1 package=$2 place=$3 init=$4
mount -t tmpfs tmpfs "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay -o "lowerdir=$tree,upperdir=$place/upper,workdir=$place/work" overlay "$place/root"
cp "$package" "$place/root/root/netd.deb"
cd "$place/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t bpf bpf sys/fs/bpf
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
mkdir dev/shm dev/pts run/before
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ip link set lo up
ip link add eth0 type veth peer name wire
ip address add 192.0.2.2/24 dev eth0
ip link set eth0 up
ip link set wire up
pivot_root . run/before
umount --lazy /run/before
rmdir /run/before
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=netd-dist $init
"#;

const PATH: &str = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

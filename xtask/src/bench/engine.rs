//! A Docker engine, with a network and containers of its own, from an image that holds `sleep` and the
//! libraries it needs: the one that runs on this machine, or one that is started on a host of its own.

use super::{ports::site::Published, way::start};
use crate::{
    run, stage,
    world::{ADDRESS, World, until},
};
use anyhow::{Context, Result, ensure};
use std::{env, fs, path::Path, process::Command};

/// An engine that answers.
pub(crate) struct Engine {
    /// What is made there is called so.
    name: String,
    /// The address of one that was started here; none for the one that `docker` reaches.
    host: Option<String>,
    /// What `command -v` and `ldd` say of the program that containers run.
    listed: String,
}

impl Engine {
    /// The one that `docker` reaches on this machine; everything that is made carries the stage's name.
    pub(crate) fn running(stage: &str) -> Result<Self> {
        ensure!(run::has("docker"), "there is no docker on PATH");
        let host = env::var("DOCKER_HOST").unwrap_or_default();
        ensure!(
            host.is_empty() || host.starts_with("unix:"),
            "DOCKER_HOST={host} is another machine, and the bench enters namespaces"
        );
        version(None).context("no engine answers")?;
        // From here on, the supervisor has something to remove.
        fs::create_dir_all(stage::folder(stage))?;
        fs::write(stage::folder(stage).join(MARK), "")?;
        Self::furnished(stage, None)
    }

    /// Starts one on the namespace `host` of `world`, with its defaults; its files are the stage's, and
    /// its mounts nobody else's.
    pub(crate) fn start(stage: &str, world: &World) -> Result<Self> {
        for program in ["docker", "dockerd"] {
            ensure!(run::has(program), "there is no {program} (package docker.io or docker-ce)");
        }
        let file = |name: &str| world.path(name).to_string_lossy().into_owned();
        let host = format!("unix://{}", file("docker.sock"));
        fs::write(file("daemon.json"), "{}")?;
        if !Path::new(KEYS).exists() {
            fs::create_dir_all(stage::folder(stage))?;
            fs::write(stage::folder(stage).join(NO_KEYS), "")?;
        }
        let words = ["--mount", "--propagation", "private", "--", "sh", "-c", DAEMON];
        let mut daemon = start(
            world
                .inside("host", "unshare")
                .args(words)
                .args([&file("dockerd.log"), "dockerd"])
                .args(["--host", &host, "--config-file", &file("daemon.json")])
                .args(["--data-root", &file("docker"), "--exec-root", &file("docker-run")])
                .args(["--pidfile", &file("docker.pid"), "--cgroup-parent", stage])
                .args(["--exec-opt", "native.cgroupdriver=cgroupfs", "--storage-driver", "vfs"]),
        )?;
        until("dockerd answers", || {
            ensure!(daemon.try_wait()?.is_none(), "dockerd ended");
            Ok(version(Some(&host)).is_ok())
        })
        .with_context(|| {
            let log = fs::read_to_string(file("dockerd.log")).unwrap_or_default();
            format!(
                "dockerd does not run; its last words: {}",
                log.lines().last().unwrap_or("none")
            )
        })?;
        Self::furnished(stage, Some(host))
    }

    /// With an image and a network.
    fn furnished(name: &str, host: Option<String>) -> Result<Self> {
        let script = "command -v sleep; ldd \"$(command -v sleep)\"";
        let listed = run::read(Command::new("sh").args(["-c", script]))?;
        let engine = Self { name: name.to_owned(), host, listed };
        let import = "image=$1; shift; tar --create --dereference \"$@\" 2>/dev/null | \
            docker ${0:+--host} ${0:+\"$0\"} import - \"$image\"";
        let host = engine.host.clone().unwrap_or_default();
        let words = ["-c", import, &host, &engine.image()];
        run::read(Command::new("sh").args(words).args(files(&engine.listed)))?;
        engine.docker(&["network", "create", name])?;
        Ok(engine)
    }

    /// A container that sleeps; returns the file of its network namespace, and its address.
    pub(crate) fn container(&self, role: &str, ports: &[Published]) -> Result<(String, String)> {
        let name = self.container_name(role);
        let ports: Vec<String> = ports
            .iter()
            .map(|(protocol, host, container)| format!("--publish={host}:{container}/{protocol}"))
            .collect();
        let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
        self.run(&name, &ports)?;
        let pid = self.docker(&["inspect", "--format", "{{.State.Pid}}", &name])?;
        let file = format!("/proc/{}/ns/net", pid.trim());
        ensure!(Path::new(&file).exists(), "its containers run in another process namespace");
        let address = self.docker(&["inspect", "--format", ADDRESS, &name])?;
        Ok((file, address.trim().to_owned()))
    }

    /// The whole command `docker run`, with more `options`.
    pub(crate) fn run(&self, name: &str, options: &[&str]) -> Result<()> {
        let sleep = files(&self.listed).next().context("no sleep")?.to_owned();
        let words = ["run", "--detach", "--name", name, "--network", &self.name];
        let image = self.image();
        self.docker(&[&words[..], options, &[&image, &sleep, "36000"]].concat()).map(drop)
    }

    /// The whole command `docker rm`.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        self.docker(&["rm", "--force", name]).map(drop)
    }

    fn container_name(&self, role: &str) -> String {
        format!("{}-{role}", self.name)
    }

    fn image(&self) -> String {
        format!("{}:latest", self.name)
    }

    fn docker(&self, words: &[&str]) -> Result<String> {
        docker(self.host.as_deref(), words)
    }
}

/// Removes what engines left on the stage `stage`, best effort, when their processes are gone.
pub(crate) fn forget(stage: &str) {
    let mounted = fs::read_to_string("/proc/mounts").unwrap_or_default();
    for mount in mounted.lines().filter(|line| line.contains(" cgroup")) {
        let place = mount.split_whitespace().nth(1).unwrap_or_default();
        let words =
            [&format!("{place}/{stage}"), "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"];
        let _ = run::read(Command::new("find").args(words));
    }
    if stage::folder(stage).join(NO_KEYS).exists() {
        let _ = fs::remove_dir(KEYS);
    }
    if !stage::folder(stage).join(MARK).exists() {
        return;
    }
    for who in ["client", "server"] {
        let _ = docker(None, &["rm", "--force", &format!("{stage}-{who}")]);
    }
    let _ = docker(None, &["network", "rm", stage]);
    let _ = docker(None, &["image", "rm", "--force", &format!("{stage}:latest")]);
}

/// The files of `command -v` and `ldd`: the program first, then its libraries.
fn files(listed: &str) -> impl Iterator<Item = &str> {
    listed.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
}

fn version(host: Option<&str>) -> Result<String> {
    docker(host, &["version", "--format", "{{.Server.Version}}"])
}

/// An engine that hangs is as good as none; one that publishes a thousand ports needs minutes.
fn docker(host: Option<&str>, words: &[&str]) -> Result<String> {
    let mut command = Command::new("timeout");
    command.args(["180", "docker"]);
    if let Some(host) = host {
        command.args(["--host", host]);
    }
    run::read(command.args(words))
}

/// The file that says that there may be something to remove from the running engine.
const MARK: &str = "engine";
/// Where engines keep a key of their own: the mount point of a started one's.
const KEYS: &str = "/etc/docker";
/// The file that says that there was no such folder before.
const NO_KEYS: &str = "no-keys";
/// `$0` is its log. What it would leave in /etc goes with its mounts.
const DAEMON: &str =
    "mkdir -p /etc/docker && mount -t tmpfs none /etc/docker && exec \"$@\" >\"$0\" 2>&1";

#[cfg(test)]
mod tests {
    use super::files;

    #[test]
    fn the_image_has_the_program_its_loader_and_its_libraries() {
        let listed = "/usr/bin/sleep\n\tlinux-vdso.so.1 (0x7)\n\tlibc.so.6 => /lib/libc.so.6 (0x7)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x7)\n";
        let found: Vec<&str> = files(listed).collect();
        assert_eq!(found, ["/usr/bin/sleep", "/lib/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
    }
}

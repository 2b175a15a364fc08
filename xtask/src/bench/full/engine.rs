//! A Docker engine that runs on this machine: a network and two containers of its own, from an image that
//! holds `sleep` and the libraries it needs.

use super::peers::{ENGINE, Peer};
use crate::{bench::way::tune, run, stage, world::ADDRESS};
use anyhow::{Context, Result, ensure};
use std::{env, fs, path::Path, process::Command};

/// Makes both containers; everything that is made carries the stage's name.
pub(super) fn set_up(stage: &str) -> Result<Peer> {
    find()?;
    // From here on, the supervisor has something to remove.
    fs::create_dir_all(stage::folder(stage))?;
    fs::write(stage::folder(stage).join(MARK), "")?;
    let script = "command -v sleep; ldd \"$(command -v sleep)\"";
    let listed = run::read(Command::new("sh").args(["-c", script]))?;
    let image = format!("{stage}:latest");
    let import = "tar --create --dereference \"$@\" 2>/dev/null | docker import - \"$0\"";
    run::read(Command::new("sh").args(["-c", import, &image]).args(files(&listed)))?;
    docker(&["network", "create", stage])?;
    let client = container(stage, "client", &image, &listed)?;
    let server = container(stage, "server", &image, &listed)?;
    let address = docker(&["inspect", "--format", ADDRESS, &format!("{stage}-server")])?;
    Ok(Peer::new(ENGINE, client, server, address.trim()))
}

/// The engine's version.
pub(super) fn version() -> Option<String> {
    docker(&["version", "--format", "{{.Server.Version}}"]).ok().map(|text| text.trim().to_owned())
}

/// Removes what [`set_up`] made on the stage `stage`, best effort.
pub(crate) fn forget(stage: &str) {
    if !stage::folder(stage).join(MARK).exists() {
        return;
    }
    for who in ["client", "server"] {
        let _ = docker(&["rm", "--force", &format!("{stage}-{who}")]);
    }
    let _ = docker(&["network", "rm", stage]);
    let _ = docker(&["image", "rm", "--force", &format!("{stage}:latest")]);
}

/// Whether there is one, and here: the bench enters its containers' namespaces.
fn find() -> Result<()> {
    ensure!(run::has("docker"), "there is no docker on PATH");
    let host = env::var("DOCKER_HOST").unwrap_or_default();
    ensure!(host.is_empty() || host.starts_with("unix:"), "DOCKER_HOST={host} is another machine");
    docker(&["version", "--format", "{{.Server.Version}}"]).map(drop).context("no engine answers")
}

/// A container that sleeps; returns the file of its network namespace.
fn container(stage: &str, role: &str, image: &str, listed: &str) -> Result<String> {
    let name = format!("{stage}-{role}");
    let sleep = files(listed).next().context("no sleep")?.to_owned();
    let words = ["run", "--detach", "--name", &name, "--network", stage, image, &sleep, "36000"];
    docker(&words)?;
    let pid = docker(&["inspect", "--format", "{{.State.Pid}}", &name])?;
    let file = format!("/proc/{}/ns/net", pid.trim());
    ensure!(Path::new(&file).exists(), "its containers run in another process namespace");
    tune(&file)?;
    Ok(file)
}

/// The files of `command -v` and `ldd`: the program first, then its libraries.
fn files(listed: &str) -> impl Iterator<Item = &str> {
    listed.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
}

/// An engine that hangs is as good as none.
fn docker(words: &[&str]) -> Result<String> {
    run::read(Command::new("timeout").args(["30", "docker"]).args(words))
}

/// The file that says that there may be something to remove.
const MARK: &str = "engine";

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

//! netd, asked as a container engine would.

use super::published;
use crate::{
    bench::http,
    run,
    world::{World, until},
};
use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
use std::{fs, path::PathBuf};

/// An agent with one network.
pub(super) struct Netd {
    socket: PathBuf,
}

impl Netd {
    pub(super) fn start(world: &World) -> Result<Self> {
        world.namespace("host")?;
        world.start_agent()?;
        let create = ["network", "create", "--subnet", "10.120.0.0/16", NETWORK];
        run::read(&mut world.netctl(&create))?;
        Ok(Self { socket: world.socket() })
    }

    /// A veth pair with address, routes and programs, and one port.
    pub(super) fn attach(&self, file: &str, number: usize) -> Result<()> {
        let path = format!("/v1/networks/{NETWORK}/connect");
        let request = json!({ "Container": name(file), "Publish": [port(number)] });
        http::post(&self.socket, &path, &request)
    }

    pub(super) fn detach(&self, file: &str) -> Result<()> {
        let path = format!("/v1/networks/{NETWORK}/disconnect");
        http::post(&self.socket, &path, &json!({ "Container": name(file), "Force": true }))
    }

    pub(super) fn attach_by_command(&self, world: &World, file: &str, number: usize) -> Result<()> {
        let container = name(file);
        run::read(&mut world.netctl(&["network", "connect", NETWORK, &container]))?;
        run::read(&mut world.netctl(&["publish", &container, &port(number)])).map(drop)
    }

    /// A port, or as many in one range, of the container in `file`.
    pub(super) fn publish(&self, file: &str, ports: &str) -> Result<()> {
        let path = format!("/v1/containers/{}/publish", name(file).replace('/', "%2F"));
        http::post(&self.socket, &path, &json!({ "Publish": [ports] }))
    }

    /// Pins and devices go, as in a reboot; the namespaces stay, and so do the containers.
    pub(super) fn forget(world: &World) -> Result<()> {
        let folder = world.bpf_folder();
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
        let list =
            run::read(world.inside("host", "ip").args(["-o", "link", "show", "type", "bridge"]))?;
        let all =
            run::read(world.inside("host", "ip").args(["-o", "link", "show", "type", "veth"]))?;
        let batch: String = [list, all]
            .iter()
            .flat_map(|lines| lines.lines())
            .filter_map(|line| line.split(&[':', '@'][..]).nth(1))
            .map(|device| format!("link delete {}\n", device.trim()))
            .collect();
        let file = world.path("forget");
        fs::write(&file, batch)?;
        let file = file.to_string_lossy().into_owned();
        run::read(world.inside("host", "ip").args(["-batch", &file])).map(drop)
    }

    /// The agent's process.
    pub(super) fn pid(&self) -> Result<i32> {
        let wanted = self.socket.to_string_lossy().into_owned();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse() else { continue };
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let mut words = words.split(|byte| *byte == 0);
            if words.next().is_some_and(|program| program.ends_with(b"/netd"))
                && words.any(|word| word == wanted.as_bytes())
            {
                return Ok(pid);
            }
        }
        bail!("no agent runs")
    }

    /// Ends the agent, and waits for that.
    pub(super) fn end(&self) -> Result<()> {
        kill(Pid::from_raw(self.pid()?), Signal::SIGTERM)?;
        until("the agent ends", || Ok(self.pid().is_err()))
    }
}

/// What a container of others is called.
fn name(file: &str) -> String {
    format!("netns:{file}")
}

fn port(number: usize) -> String {
    let (_, host, container) = published(number);
    format!("{host}:{container}")
}

const NETWORK: &str = "bench";

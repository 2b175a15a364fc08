//! netd, asked as a container engine would.

use super::{row, timed};
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
use std::{fs, path::PathBuf, thread, time::Duration};

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
        Ok(Self { socket: world.path("netd.sock") })
    }

    /// A veth pair with address, routes and programs, and one port.
    pub(super) fn attach(&self, file: &str, number: usize) -> Result<()> {
        let path = format!("/v1/networks/{NETWORK}/connect");
        http::post(&self.socket, &path, &json!({ "Container": name(file) }))?;
        let path = format!("/v1/containers/{}/publish", name(file).replace('/', "%2F"));
        http::post(&self.socket, &path, &json!({ "Publish": [port(number)] }))
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

    /// A thousand endpoints and ten thousand ports: memory and starts.
    pub(super) fn grow(&self, world: &World, missed: &mut Vec<String>) -> Result<()> {
        let idle = self.memory()?;
        for number in 0..ENDPOINTS {
            let who = format!("e{number}");
            world.namespace(&who)?;
            self.attach(&world.file(&who), number)?;
        }
        let range = "40000-48999:10000-18999";
        let first = name(&world.file("e0")).replace('/', "%2F");
        let path = format!("/v1/containers/{first}/publish");
        http::post(&self.socket, &path, &json!({ "Publish": [range] }))?;
        let full = self.memory()?;
        println!("memory of the agent: {idle:.1} MiB idle, {full:.1} MiB with all of them");
        for (what, measured, limit) in
            [("idle", idle, IDLE_MEMORY), ("with 1,000 endpoints", full, FULL_MEMORY)]
        {
            if measured > limit {
                missed.push(format!("{measured:.1} of {limit} MiB {what}"));
            }
        }
        self.end()?;
        let adopted = timed(|| world.start_agent())?;
        row("start, 1,000 endpoints adopted", &[adopted], Some(ADOPTED), missed);
        self.end()?;
        self.forget(world)?;
        let anew = timed(|| world.start_agent())?;
        row("start, 1,000 endpoints from nothing", &[anew], Some(ANEW), missed);
        Ok(())
    }

    /// Pins and devices go, as in a reboot; the namespaces stay, and so do the containers.
    fn forget(&self, world: &World) -> Result<()> {
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

    /// MiB in memory, when it has come to rest.
    fn memory(&self) -> Result<f64> {
        thread::sleep(Duration::from_secs(1));
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        Ok(number.context("no VmRSS")? / 1024.0)
    }

    fn pid(&self) -> Result<i32> {
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

    fn end(&self) -> Result<()> {
        kill(Pid::from_raw(self.pid()?), Signal::SIGTERM)?;
        until("the agent ends", || Ok(self.pid().is_err()))
    }
}

/// What a container of others is called.
fn name(file: &str) -> String {
    format!("netns:{file}")
}

fn port(number: usize) -> String {
    format!("{}:80", 20_000 + number)
}

const NETWORK: &str = "bench";
const ENDPOINTS: usize = 1000;
/// Milliseconds.
const ADOPTED: f64 = 300.0;
const ANEW: f64 = 2000.0;
/// MiB.
const IDLE_MEMORY: f64 = 20.0;
const FULL_MEMORY: f64 = 25.0;

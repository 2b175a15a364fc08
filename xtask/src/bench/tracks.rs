//! What is compared: a raw veth pair, a plain Linux bridge, and a network of netd's.

use super::ECHO;
use crate::{
    run,
    world::{ADDRESS, RIGHT, World, until},
};
use anyhow::{Context, Result};
use std::{
    env,
    process::{Command, Stdio},
};

/// A way between two network namespaces, with the servers running at its end.
pub(crate) struct Track {
    /// What the table calls it.
    pub(crate) name: &'static str,
    client: String,
    server: String,
    address: String,
}

impl Track {
    /// `program` where the clients are, on the first processor.
    pub(crate) fn client(&self, program: &str) -> Command {
        pinned(&self.client, FIRST, program)
    }

    /// `program` where the servers are, on the second processor.
    pub(crate) fn server(&self, program: &str) -> Command {
        pinned(&self.server, second_processor(), program)
    }

    /// The servers' address.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Starts both servers and waits for them.
    fn open(self) -> Result<Self> {
        let echo = format!("{}:{ECHO_PORT}", self.address);
        for words in [&["iperf3", "--server"][..], &[&this_program()?, ECHO, "server", &echo]] {
            self.server(words[0])
                .args(&words[1..])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .with_context(|| format!("cannot start {}", words[0]))?;
        }
        for port in [IPERF_PORT, ECHO_PORT] {
            until(&format!("port {port} answers over the {}", self.name), || {
                let words = ["-z", "-w", "1", self.address(), port];
                Ok(run::read(self.client("nc").args(words)).is_ok())
            })?;
        }
        Ok(self)
    }
}

/// All three, in the order of the table.
pub(crate) fn lay(world: &World) -> Result<[Track; 3]> {
    Ok([pair(world)?, bridge(world)?, netd(world)?])
}

/// This program's file.
pub(crate) fn this_program() -> Result<String> {
    Ok(env::current_exe().context("cannot find this program")?.to_string_lossy().into_owned())
}

fn pair(world: &World) -> Result<Track> {
    world.namespace("one")?;
    world.namespace("two")?;
    world.wire(("eth0", "one"), ("eth0", "two"))?;
    world.ip("one", "address add 10.98.0.1/24 dev eth0")?;
    world.ip("two", "address add 10.98.0.2/24 dev eth0")?;
    let (client, server) = (world.file("one"), world.file("two"));
    Track { name: "veth pair", client, server, address: "10.98.0.2".into() }.open()
}

fn bridge(world: &World) -> Result<Track> {
    world.plain_bridge()?;
    let (client, server) = (world.file("left"), world.file("right"));
    Track { name: "Linux bridge", client, server, address: RIGHT.into() }.open()
}

fn netd(world: &World) -> Result<Track> {
    world.namespace("host")?;
    world.start_agent()?;
    run::read(&mut world.netctl(&["network", "create", "bench"]))?;
    for name in ["client", "server"] {
        let words = ["run", "-d", "--name", name, "--network", "bench", "--", "sleep", "infinity"];
        run::read(&mut world.netctl(&words))?;
    }
    let file = |name: &str| -> Result<String> {
        Ok(format!("/proc/{}/ns/net", world.inspect(name, "{{.State.Pid}}")?))
    };
    let (client, server) = (file("client")?, file("server")?);
    Track { name: "netd", client, server, address: world.inspect("server", ADDRESS)? }.open()
}

/// `program` in the network namespace `file`, on one processor: the scheduler's moves are the
/// largest noise there is.
pub(crate) fn pinned(file: &str, processor: &str, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={file}")).args(["--", "taskset", "--cpu-list", processor, program]);
    command
}

/// Where the servers run.
pub(crate) fn second_processor() -> &'static str {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if count > 1 { "1" } else { FIRST }
}

/// The port of the request and response tool.
pub(crate) const ECHO_PORT: &str = "7007";
const IPERF_PORT: &str = "5201";
/// Where the clients run.
pub(crate) const FIRST: &str = "0";

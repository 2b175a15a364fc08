//! The CNI plugins bridge and portmap, run as a container runtime runs them.

use crate::{run, world::World};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

/// A host on which the plugins act.
pub(super) struct Cni<'a> {
    world: &'a World,
    /// Where host-local keeps its addresses.
    data: PathBuf,
}

impl<'a> Cni<'a> {
    /// In words where they are not installed.
    pub(super) fn new(world: &'a World) -> Result<Result<Self, String>> {
        let missing = ["bridge", "host-local", "portmap"]
            .into_iter()
            .find(|plugin| !Path::new(FOLDER).join(plugin).exists());
        if let Some(missing) = missing {
            return Ok(Err(format!("{FOLDER}/{missing} (Debian: containernetworking-plugins)")));
        }
        if !run::has("iptables") {
            return Ok(Err("iptables, which portmap needs".into()));
        }
        world.namespace("cni")?;
        Ok(Ok(Self { world, data: world.path("cni") }))
    }

    pub(super) fn add(&self, file: &str, number: usize) -> Result<()> {
        let result = self.plugin("bridge", "ADD", file, number, &self.bridge())?;
        let result: Value = serde_json::from_str(&result).context("the bridge plugin's answer")?;
        let mut portmap = portmap(number);
        portmap["prevResult"] = result;
        self.plugin("portmap", "ADD", file, number, &portmap).map(drop)
    }

    pub(super) fn del(&self, file: &str, number: usize) -> Result<()> {
        self.plugin("portmap", "DEL", file, number, &portmap(number))?;
        self.plugin("bridge", "DEL", file, number, &self.bridge()).map(drop)
    }

    fn bridge(&self) -> Value {
        json!({
            "cniVersion": VERSION, "name": "bench", "type": "bridge", "bridge": "cni0",
            "isGateway": true, "ipMasq": true,
            "ipam": {
                "type": "host-local", "dataDir": self.data,
                "ranges": [[{ "subnet": "10.121.0.0/16" }]], "routes": [{ "dst": "0.0.0.0/0" }]
            }
        })
    }

    fn plugin(
        &self,
        plugin: &str,
        command: &str,
        file: &str,
        number: usize,
        config: &Value,
    ) -> Result<String> {
        let mut child = self
            .world
            .inside("cni", &format!("{FOLDER}/{plugin}"))
            .envs([("CNI_COMMAND", command), ("CNI_NETNS", file), ("CNI_IFNAME", "eth0")])
            .envs([("CNI_CONTAINERID", format!("bench{number}")), ("CNI_PATH", FOLDER.into())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {plugin}"))?;
        let mut input = child.stdin.take().context("no standard input")?;
        input.write_all(config.to_string().as_bytes())?;
        drop(input);
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{plugin} {command}: {said}");
        Ok(said)
    }
}

fn portmap(number: usize) -> Value {
    json!({
        "cniVersion": VERSION, "name": "bench", "type": "portmap",
        "capabilities": { "portMappings": true },
        "runtimeConfig": { "portMappings": [
            { "hostPort": 20_000 + number, "containerPort": 80, "protocol": "tcp" }
        ] }
    })
}

/// Where Debian has them.
const FOLDER: &str = "/usr/lib/cni";
const VERSION: &str = "0.4.0";

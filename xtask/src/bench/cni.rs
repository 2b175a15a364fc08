//! The CNI plugins bridge and portmap, run as a container runtime runs them.

use super::ports::site::Published;
use crate::{run, world::World};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

/// A host on which the plugins act.
pub(crate) struct Cni<'a> {
    world: &'a World,
    /// The host's namespace.
    host: &'a str,
    /// Where host-local keeps its addresses.
    data: PathBuf,
}

impl<'a> Cni<'a> {
    /// On the host in the namespace `host` of `world`.
    ///
    /// # Errors
    /// Something that is not installed, by its name.
    pub(crate) fn new(world: &'a World, host: &'a str) -> Result<Self> {
        let mut plugins = ["bridge", "host-local", "portmap"].into_iter();
        let missing = plugins.find(|plugin| !Path::new(FOLDER).join(plugin).exists());
        let missing = missing.unwrap_or_default();
        ensure!(
            missing.is_empty(),
            "there is no {FOLDER}/{missing} (package containernetworking-plugins)"
        );
        ensure!(run::has("iptables"), "there is no iptables, which portmap needs");
        Ok(Self { world, host, data: world.path("cni") })
    }

    /// Connects the namespace `file`, container number `number`, and returns its address.
    pub(crate) fn add(&self, file: &str, number: usize, ports: &[Published]) -> Result<String> {
        let result = self.plugin("bridge", "ADD", file, number, &self.bridge())?;
        let result: Value = serde_json::from_str(&result).context("the bridge plugin's answer")?;
        let address = result["ips"][0]["address"].as_str().unwrap_or_default();
        let address = address.split('/').next().unwrap_or_default().to_owned();
        let mut portmap = portmap(ports);
        portmap["prevResult"] = result;
        self.plugin("portmap", "ADD", file, number, &portmap)?;
        Ok(address)
    }

    /// Takes back what [`add`](Self::add) did.
    pub(crate) fn del(&self, file: &str, number: usize, ports: &[Published]) -> Result<()> {
        self.plugin("portmap", "DEL", file, number, &portmap(ports))?;
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
            .inside(self.host, &format!("{FOLDER}/{plugin}"))
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

fn portmap(ports: &[Published]) -> Value {
    let mapping = |(protocol, host, container): &Published| json!({ "hostPort": host, "containerPort": container, "protocol": protocol });
    json!({
        "cniVersion": VERSION, "name": "bench", "type": "portmap",
        "capabilities": { "portMappings": true },
        "runtimeConfig": { "portMappings": ports.iter().map(mapping).collect::<Vec<_>>() }
    })
}

/// Where Debian has them.
const FOLDER: &str = "/usr/lib/cni";
const VERSION: &str = "0.4.0";

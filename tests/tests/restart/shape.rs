//! What a host looks like once a change is taken back: as before.

use super::SOON;
use anyhow::{Context, Result, bail};
use netd_tests::{
    host::{TestHost, wait},
    snapshot,
};
use std::fs;

/// Everything but the numbers that the kernel and netd give anew.
pub(super) struct Shape(Vec<String>);

impl Shape {
    pub(super) fn of(host: &TestHost) -> Result<Self> {
        Ok(Self(shape(host)?))
    }

    /// Waits until it is so again.
    pub(super) fn is_back(&self, host: &TestHost) -> Result<()> {
        let same = || shape(host).is_ok_and(|now| now == self.0);
        if wait(SOON, same) {
            return Ok(());
        }
        let now = shape(host)?;
        let beside = |some: &[String], others: &[String]| -> Vec<String> {
            some.iter().filter(|line| !others.contains(line)).cloned().collect()
        };
        let (was, is) = (beside(&self.0, &now), beside(&now, &self.0));
        bail!("was\n{was:#?}\nis\n{is:#?}, {} lines of {}", now.len(), self.0.len())
    }
}

fn shape(host: &TestHost) -> Result<Vec<String>> {
    let mut shape: Vec<String> = Vec::new();
    let status = "{{.Networks}} {{.Containers}} {{.Endpoints}} {{.Ports}} {{json .Problems}}";
    shape.push(host.ok(&["status", "--format", status])?);
    let networks = host.ok(&["network", "ls", "--format", "{{.Name}}"])?;
    shape.extend(networks.lines().map(str::to_owned));
    for name in host.ok(&["ps", "-a", "--format", "{{.Names}}"])?.lines() {
        let addresses = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
        shape.push(host.ok(&["inspect", name, "--format", addresses])?);
        shape.push(host.ok(&["port", name])?);
    }
    let links = host.host.json("ip -j link")?;
    for link in links.as_array().context("no list of links")? {
        let name = link["ifname"].as_str().unwrap_or_default();
        let name = if name.starts_with("ndv") { "veth" } else { name };
        shape.push(format!("{name} in {}", link["master"]));
    }
    let routes = host.host.run("ip route")?;
    shape.extend(routes.lines().map(|route| route.replace(" linkdown", "").trim().to_owned()));
    shape.push(format!("{} qdiscs", host.host.run("tc qdisc")?.lines().count()));
    shape.extend(snapshot::tree(host.bpf())?);
    for map in snapshot::CONFIGURED {
        shape.push(format!("{} in {map}", snapshot::pinned(host, map)?.len()));
    }
    // Made with the first container that has one.
    let containers = fs::read_dir(host.path("state/containers")).map_or(0, Iterator::count);
    shape.push(format!("{containers} directories of containers"));
    shape.sort();
    Ok(shape)
}

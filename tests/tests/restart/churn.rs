//! Attaching and detaching for a long time leaves nothing behind.

use super::{SOON, setting, shape::Shape};
use anyhow::{Context, Result, ensure};
use netd::api::{
    client::Client,
    protocol::{NetworkConnect, NetworkDisconnect},
};
use netd_tests::{
    host::{TestHost, wait},
    ns::is_root,
};
use serde_json::Value;
use std::{collections::BTreeMap, fs, thread};

/// Four at a time connect a container of their own to a network and disconnect it.
#[test]
fn attaching_and_detaching_leaves_exactly_nothing() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "--ipv6", "web"])?;
    for number in 0..WORKERS {
        let name = format!("c{number}");
        let port = format!("{}:80", 8000 + number);
        host.run(&name, &["--network", "bridge", "-p", &port], &["sleep", "infinity"])?;
    }
    let rounds = setting("NETD_TEST_CHURN", 2_000) / WORKERS;
    // What is made with the first of its kind and kept is not counted.
    churn(&host, 2)?;
    let before = (Shape::of(&host)?, Used::of(&host)?);
    churn(&host, rounds)?;
    let same = || Used::of(&host).is_ok_and(|now| now == before.1);
    ensure!(wait(SOON, same), "was {:?}, is {:?}", before.1, Used::of(&host));
    before.0.is_back(&host)?;
    ensure!(host.ok(&["status", "--format", "{{json .Repairs}} {{json .Problems}}"])? == "{} []");
    Ok(())
}

/// The agent's own interface, without a process for each request.
fn churn(host: &TestHost, rounds: usize) -> Result<()> {
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|number| scope.spawn(move || work(host, &format!("c{number}"), rounds)))
            .collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => anyhow::bail!("a worker panicked"),
        })
    })
}

fn work(host: &TestHost, container: &str, rounds: usize) -> Result<()> {
    let client = Client::new(&host.path("netd.sock"));
    let connect = NetworkConnect { container: container.to_owned(), ..Default::default() };
    let disconnect = NetworkDisconnect { container: container.to_owned(), force: false };
    for _ in 0..rounds {
        let _: Value = client.post("/v1/networks/web/connect", &connect)?;
        let _: Value = client.post("/v1/networks/web/disconnect", &disconnect)?;
    }
    Ok(())
}

/// What a leak would show in beside a [`Shape`].
#[derive(Debug, PartialEq, Eq)]
struct Used {
    /// The agent's descriptors, by what they lead to.
    descriptors: BTreeMap<String, usize>,
    links: usize,
}

impl Used {
    fn of(host: &TestHost) -> Result<Self> {
        let pid = host.agent_pid().context("no agent")?;
        let mut descriptors = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{pid}/fd"))?.flatten() {
            let Ok(target) = fs::read_link(entry.path()) else { continue };
            let kind = target.to_string_lossy();
            let kind = kind.split([':', '[']).next().unwrap_or_default().to_owned();
            *descriptors.entry(kind).or_default() += 1;
        }
        let links = host.host.json("ip -j link")?;
        Ok(Self { descriptors, links: links.as_array().map_or(0, Vec::len) })
    }
}

const WORKERS: usize = 4;

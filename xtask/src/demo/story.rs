//! What the demo shows, in order. Each step checks what came back.

use super::{
    HOST, REMOTE, race,
    teller::{chapter, drops, fails, remark, shows, types, works},
};
use crate::world::{ADDRESS, World, until};
use anyhow::{Result, ensure};
use std::fs;

/// The whole demo.
pub(crate) fn tell(world: &World) -> Result<()> {
    chapter("A host, its LAN, and an agent");
    world.start_agent()?;
    types(world, "host", &["netctl", "status"])?;
    containers(world)?;
    let redis = world.inspect("redis", ADDRESS)?;
    let web = world.inspect("web", ADDRESS)?;
    database(world, &redis)?;
    published(world)?;
    outside(world)?;
    apart(world, &redis)?;
    uninvited(world, &web)?;
    race::run(world)?;
    end(world)
}

fn containers(world: &World) -> Result<()> {
    chapter("Two networks, a database, a web server, a client on both");
    fs::create_dir_all(world.path("site"))?;
    fs::write(world.path("site/index.html"), format!("{PAGE}\n"))?;
    let site = world.path("site");
    let site = site.to_string_lossy();
    let host = |words: &[&str]| types(world, "host", words);
    host(&["netctl", "network", "create", "frontend"])?;
    host(&["netctl", "network", "create", "backend"])?;
    host(&["netctl", "network", "ls"])?;
    let redis = ["redis-server", "--protected-mode", "no", "--save", ""];
    host(
        &[&["netctl", "run", "-d", "--name", "redis", "--network", "backend", "--"][..], &redis]
            .concat(),
    )?;
    let web = ["python3", "-m", "http.server", "80", "--bind", "0.0.0.0", "--directory", &site];
    let run = ["netctl", "run", "-d", "--name", "web", "--network", "frontend"];
    host(&[&run[..], &["-p", "8080:80", "--"], &web].concat())?;
    let run = ["netctl", "run", "-d", "--name", "client", "--network", "frontend"];
    host(&[&run[..], &["--network", "backend", "--", "sleep", "infinity"]].concat())?;
    host(&["netctl", "ps"])?;
    Ok(())
}

fn database(world: &World, redis: &str) -> Result<()> {
    chapter("The client talks to the database");
    let ask = ["netctl", "exec", "client", "--", "redis-cli", "-h", redis];
    until("redis answers", || works(world, "host", &[&ask[..], &["PING"]].concat()))?;
    shows(world, "host", &[&ask[..], &["PING"]].concat(), "PONG")?;
    shows(world, "host", &[&ask[..], &["SET", "greeting", "hello"]].concat(), "OK")?;
    shows(world, "host", &[&ask[..], &["GET", "greeting"]].concat(), "hello")?;
    Ok(())
}

fn published(world: &World) -> Result<()> {
    chapter("The published port, from a remote machine and from the host");
    let url = format!("http://{HOST}:8080/");
    let curl = ["curl", "--silent", "--show-error", "--max-time", "5"];
    until("the web server answers", || works(world, "remote", &[&curl[..], &[&url]].concat()))?;
    shows(world, "remote", &[&curl[..], &[&url]].concat(), PAGE)?;
    shows(world, "host", &["netctl", "logs", "web"], &format!("{REMOTE} - -"))?;
    remark("the server saw the client's own address");
    shows(world, "host", &[&curl[..], &["localhost:8080"]].concat(), PAGE)?;
    shows(world, "host", &["netctl", "port", "web"], "8080")?;
    Ok(())
}

fn outside(world: &World) -> Result<()> {
    chapter("A container reaches the outside behind the host's address");
    let site = world.path("site");
    let serve = ["python3", "-m", "http.server", "8000", "--directory", &site.to_string_lossy()];
    world.start("remote", &serve, "remote.log")?;
    let url = format!("http://{REMOTE}:8000/");
    let fetch = ["netctl", "exec", "client", "--", "curl", "--silent", "--max-time", "5", &url];
    until("the remote server answers", || works(world, "host", &fetch))?;
    shows(world, "host", &fetch, PAGE)?;
    let log = world.path("remote.log");
    shows(world, "remote", &["tail", "-n", "1", &log.to_string_lossy()], HOST)?;
    Ok(())
}

fn apart(world: &World, redis: &str) -> Result<()> {
    chapter("The web server is not on the database's network");
    let before = drops(world, "isolated")?;
    let knock = ["netctl", "exec", "web", "--", "nc", "-z", "-v", "-w", "2", redis, "6379"];
    fails(world, "host", &knock)?;
    shows(world, "host", &["netctl", "drops"], "isolated")?;
    let packets = drops(world, "isolated")? - before;
    ensure!(packets > 0, "the attempt across networks failed, but no drop was counted");
    remark(&format!("refused and counted: {packets} packets"));
    types(world, "host", &["netctl", "network", "connect", "backend", "web"])?;
    types(world, "host", &knock)?;
    remark("joined while it runs");
    types(world, "host", &["netctl", "network", "disconnect", "backend", "web"])?;
    Ok(())
}

fn uninvited(world: &World, web: &str) -> Result<()> {
    chapter("A neighbour routes to the container on purpose");
    let before = drops(world, "unsolicited")?;
    types(world, "neighbour", &["ip", "route", "add", web, "via", HOST])?;
    fails(world, "neighbour", &["curl", "--silent", "--max-time", "2", &format!("http://{web}/")])?;
    let packets = drops(world, "unsolicited")? - before;
    ensure!(packets > 0, "the neighbour's attempt failed, but no drop was counted");
    remark(&format!("refused and counted: {packets} packets; published ports are the only way in"));
    Ok(())
}

fn end(world: &World) -> Result<()> {
    chapter("Clearing up");
    types(world, "host", &["netctl", "rm", "-f", "web", "redis", "client", "iperf"])?;
    types(world, "host", &["netctl", "teardown", "--force"])?;
    let links = types(world, "host", &["ip", "-brief", "link"])?;
    ensure!(!links.contains("nd-"), "`netctl teardown` left a device behind");
    println!("\nThe demo is done: everything above was checked.");
    Ok(())
}

const PAGE: &str = "Hello from a container";

//! `cargo xtask demo`: netd at work on a host, with a neighbour on its LAN and a remote machine, all
//! of them network namespaces that exist for the demo only.

mod race;
mod story;
mod teller;

use crate::{build, stage, world::World};
use anyhow::Result;

/// Builds everything and runs the demo.
pub(crate) fn run() -> Result<()> {
    build::run()?;
    stage::run("demo", &[])
}

/// The demo itself, on the stage `name`.
pub(crate) fn play(name: &str) -> Result<()> {
    let world = World::new(name)?;
    wire_up(&world)?;
    story::tell(&world)
}

/// host and neighbour on a LAN, its router, and the remote machine behind the router.
fn wire_up(world: &World) -> Result<()> {
    for who in ["host", "neighbour", "router", "remote"] {
        world.namespace(who)?;
    }
    world.ip("router", "link add lan type bridge")?;
    world.ip("router", "link set lan up")?;
    world.wire(("eth0", "host"), ("port1", "router"))?;
    world.wire(("eth0", "neighbour"), ("port2", "router"))?;
    world.wire(("eth0", "remote"), ("wan", "router"))?;
    world.ip("router", "link set port1 master lan")?;
    world.ip("router", "link set port2 master lan")?;
    for (who, device, address) in ADDRESSES {
        world.ip(who, &format!("address add {address} dev {device} nodad"))?;
    }
    for (who, router) in ROUTES {
        world.ip(who, &format!("route add default via {router}"))?;
    }
    for key in ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"] {
        crate::run::read(world.inside("router", "sysctl").args(["-q", "-w", key]))?;
    }
    Ok(())
}

/// The host's address on its LAN.
const HOST: &str = "192.168.50.2";
/// The remote machine's address.
const REMOTE: &str = "203.0.113.9";

const ADDRESSES: [(&str, &str, &str); 10] = [
    ("host", "eth0", "192.168.50.2/24"),
    ("host", "eth0", "2001:db8:50::2/64"),
    ("neighbour", "eth0", "192.168.50.3/24"),
    ("neighbour", "eth0", "2001:db8:50::3/64"),
    ("router", "lan", "192.168.50.1/24"),
    ("router", "lan", "2001:db8:50::1/64"),
    ("router", "wan", "203.0.113.1/24"),
    ("router", "wan", "2001:db8:113::1/64"),
    ("remote", "eth0", "203.0.113.9/24"),
    ("remote", "eth0", "2001:db8:113::9/64"),
];

const ROUTES: [(&str, &str); 6] = [
    ("host", "192.168.50.1"),
    ("host", "2001:db8:50::1"),
    ("neighbour", "192.168.50.1"),
    ("neighbour", "2001:db8:50::1"),
    ("remote", "203.0.113.1"),
    ("remote", "2001:db8:113::1"),
];

//! Whether the kernel makes the devices that netd needs, tried in two namespaces that are gone
//! again.

use super::alone;
use crate::doctor::Feature;
use crate::error::{Error, Result};
use crate::kernel::netns::Namespace;
use crate::spec::name::{Id, InterfaceName, Mac};
use crate::state::{Bridge, Veth};
use nix::sched::{CloneFlags, unshare};
use std::thread;

/// Bridges, veth pairs and shared blocks.
pub(crate) fn devices() -> Vec<Feature> {
    let reached = thread::spawn(|| {
        let mut done = 0;
        let why = rehearse(&mut done).err();
        (done, why)
    });
    let (done, why) =
        reached.join().unwrap_or_else(|_| (0, Some(Error::internal("the rehearsal failed"))));
    let steps = ["bridge devices", "veth pairs", "shared tc blocks (clsact)"];
    let there = |step: usize| match (&why, step.cmp(&done)) {
        (_, std::cmp::Ordering::Less) | (None, _) => Ok(true),
        (Some(error), _) => Err(error.to_string()),
    };
    let feature = |(step, name): (usize, &&str)| Feature {
        name: (*name).to_owned(),
        since: "6.6",
        without: None,
        there: there(step),
    };
    steps.iter().enumerate().map(feature).collect()
}

/// Counts the steps that were taken.
fn rehearse(done: &mut usize) -> Result<()> {
    let inner = new_namespace()?;
    let _outer = new_namespace()?;
    alone(async |netlink| {
        let (bridge, veth): (InterfaceName, InterfaceName) =
            ("nd-doctor".parse()?, "ndv-doctor".parse()?);
        netlink.put_bridge(&bridge, &a_bridge()).await?;
        *done += 1;
        let index = netlink.put_veth(&veth, &a_veth(bridge, &inner)?, &inner).await?;
        *done += 1;
        netlink.bind_blocks(index).await?;
        *done += 1;
        Ok(())
    })
}

/// Moves the calling thread into a new namespace, and gives it.
fn new_namespace() -> Result<Namespace> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|e| match e {
        nix::errno::Errno::EPERM => Error::kernel("permission denied"),
        e => Error::kernel(format!("cannot make a network namespace: {}", e.desc())),
    })?;
    Namespace::current()
}

fn a_bridge() -> Bridge {
    Bridge {
        network: Id::random(),
        mac: Mac([2, 0, 0, 0, 0, 1]),
        mtu: 1500,
        addresses: ["192.0.2.1/24".parse()].into_iter().flatten().collect(),
        up: true,
    }
}

fn a_veth(bridge: InterfaceName, inner: &Namespace) -> Result<Veth> {
    Ok(Veth {
        endpoint: Id::random(),
        bridge,
        mtu: 1500,
        aggregate: 65_536,
        netns: inner.id(),
        peer: "eth0".parse()?,
        mac: Mac([2, 0, 0, 0, 0, 2]),
        addresses: ["192.0.2.2/24".parse()].into_iter().flatten().collect(),
        up: false,
    })
}

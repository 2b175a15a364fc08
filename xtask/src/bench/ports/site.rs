//! Where a rival lives: a client's network namespace, a host's and a server's, with a wire between
//! client and host; and the ways by which its server is reached.

use crate::{
    bench::{
        LOAD,
        tracks::{FIRST, pinned, second_processor, this_program},
        way::{Way, set, start, tune},
    },
    world::{World, until},
};
use anyhow::{Context, Result};

/// A client's and a host's namespace, and room for what the rival puts on the host.
pub(in crate::bench) struct Site {
    /// The site's namespaces and files.
    pub(in crate::bench) world: World,
    name: String,
}

/// A site with its server up.
pub(in crate::bench) struct Peer {
    /// What the tables call it.
    pub(in crate::bench) name: String,
    client: String,
    host: String,
    server: String,
    /// The container's own address.
    container: String,
}

impl Site {
    /// The site `word` (part of the namespaces' names) of the stage, called `name` in the tables.
    pub(in crate::bench) fn new(stage: &str, word: &str, name: &str) -> Result<Self> {
        let world = World::new(&format!("{stage}-{word}"))?;
        for who in ["client", "host"] {
            world.namespace(who)?;
            tune(&world.file(who))?;
        }
        world.wire(("eth0", "client"), ("eth0", "host"))?;
        world.ip("client", &format!("address add {CLIENT}/24 dev eth0"))?;
        world.ip("host", &format!("address add {HOST}/24 dev eth0"))?;
        Ok(Self { world, name: name.to_owned() })
    }

    /// A container as Docker makes one, for rivals that only bring rules or a proxy: a bridge on the
    /// host with the gateway's address, a veth pair, and a default route.
    pub(in crate::bench) fn container(&self) -> Result<()> {
        let world = &self.world;
        world.namespace("server")?;
        tune(&world.file("server"))?;
        world.ip("host", &format!("link add {BRIDGE} type bridge"))?;
        world.ip("host", &format!("link set {BRIDGE} up"))?;
        world.ip("host", &format!("address add {GATEWAY}/16 dev {BRIDGE}"))?;
        world.wire(("eth0", "server"), ("veth0", "host"))?;
        world.ip("host", &format!("link set veth0 master {BRIDGE}"))?;
        world.ip("server", &format!("address add {CONTAINER}/16 dev eth0"))?;
        world.ip("server", &format!("route add default via {GATEWAY}"))?;
        set(&world.file("host"), &["net/ipv4/ip_forward=1"])
    }

    /// Starts the server in the container of [`container`](Self::container).
    pub(in crate::bench) fn open(self) -> Result<Peer> {
        let server = self.world.file("server");
        self.open_at(server, CONTAINER)
    }

    /// Starts the server in the network namespace `server`, a file, whose address is `container`,
    /// and waits until a client outside is answered.
    pub(in crate::bench) fn open_at(self, server: String, container: &str) -> Result<Peer> {
        let listen = format!("0.0.0.0:{CONTAINER_PORT}");
        start(
            pinned(&server, second_processor(), &this_program()?).args([LOAD, "serve", &listen]),
        )?;
        let peer = Peer {
            client: self.world.file("client"),
            host: self.world.file("host"),
            server,
            container: container.to_owned(),
            name: self.name,
        };
        let way = peer.outside();
        until(&format!("{} answers", peer.name), || Ok(way.ask("requests", 0.01).is_ok()))
            .or_else(|e| way.ask("requests", 0.01).map(drop).context(e))?;
        Ok(peer)
    }
}

impl Peer {
    /// From the client's machine to the published port.
    pub(in crate::bench) fn outside(&self) -> Way {
        self.way(&self.name, &self.client, &format!("{HOST}:{HOST_PORT}"))
    }

    /// From a process of the host, by 127.0.0.1.
    pub(in crate::bench) fn loopback(&self) -> Way {
        self.way(&self.name, &self.host, &format!("127.0.0.1:{HOST_PORT}"))
    }

    /// From a process of the host, to the container's own address.
    pub(in crate::bench) fn direct(&self) -> Way {
        let address = format!("{}:{CONTAINER_PORT}", self.container);
        self.way("dialling the container", &self.host, &address)
    }

    fn way(&self, name: &str, client: &str, address: &str) -> Way {
        Way {
            name: name.to_owned(),
            client: client.to_owned(),
            server: self.server.clone(),
            address: address.to_owned(),
            processor: FIRST,
        }
    }
}

/// The client's address.
const CLIENT: &str = "198.51.100.1";
/// The host's address on the wire.
pub(in crate::bench) const HOST: &str = "198.51.100.2";
/// The published port.
pub(in crate::bench) const HOST_PORT: u16 = 8080;
/// Where it leads.
pub(in crate::bench) const CONTAINER_PORT: u16 = 80;
/// The bridge of rivals that bring none.
pub(in crate::bench) const BRIDGE: &str = "docker0";
/// The container of rivals that bring none.
pub(in crate::bench) const CONTAINER: &str = "172.17.0.2";
const GATEWAY: &str = "172.17.0.1";

//! Where a rival lives: a client's network namespace, a host's and a server's, with a wire between
//! client and host; and the ways by which its server is reached.

use crate::{
    bench::{
        peer::{HTTP_PORT, IPERF_PORT, Peer, Who, serve},
        way::{set, tune},
    },
    world::World,
};
use anyhow::Result;
use std::path::PathBuf;

/// A client's and a host's namespace, and room for what the rival puts on the host.
pub(in crate::bench) struct Site {
    /// The site's namespaces and files.
    pub(in crate::bench) world: World,
    who: Who,
    agent: Option<PathBuf>,
}

/// A site with its server up.
pub(in crate::bench) struct Served {
    who: Who,
    client: String,
    host: String,
    server: String,
    /// The container's own address.
    container: String,
    agent: Option<PathBuf>,
}

/// Protocol, the host's port, and the container's.
pub(in crate::bench) type Published = (&'static str, u16, u16);

impl Site {
    /// The site `word` (part of the namespaces' names) of the stage, for `who`.
    pub(in crate::bench) fn new(stage: &str, word: &str, who: Who) -> Result<Self> {
        let world = World::new(&format!("{stage}-{word}"))?;
        for who in ["client", "host"] {
            world.namespace(who)?;
            tune(&world.file(who))?;
        }
        world.wire(("eth0", "client"), ("eth0", "host"))?;
        world.ip("client", &format!("address add {CLIENT}/24 dev eth0"))?;
        world.ip("host", &format!("address add {HOST}/24 dev eth0"))?;
        Ok(Self { world, who, agent: None })
    }

    /// That of `who`, and of nobody else at published ports.
    pub(in crate::bench) fn of(stage: &str, who: Who) -> Result<Self> {
        Self::new(stage, &format!("at-{}", who.0), who)
    }

    /// Starts netd on the host.
    pub(in crate::bench) fn start_agent(&mut self) -> Result<()> {
        self.agent = Some(self.world.socket());
        self.world.start_agent()
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

    /// Starts the servers in the container of [`container`](Self::container).
    pub(in crate::bench) fn open(&self) -> Result<Served> {
        let server = self.world.file("server");
        self.open_at(server, CONTAINER)
    }

    /// Starts the servers in the network namespace `server`, a file, whose address is `container`,
    /// and waits until a client outside is answered.
    pub(in crate::bench) fn open_at(&self, server: String, container: &str) -> Result<Served> {
        let served = Served {
            client: self.world.file("client"),
            host: self.world.file("host"),
            server,
            container: container.to_owned(),
            who: self.who,
            agent: self.agent.clone(),
        };
        serve(&served.published().way, CONTAINER_PORT)?;
        Ok(served)
    }
}

impl Served {
    /// From the client's machine to the published port.
    pub(in crate::bench) fn published(&self) -> Peer {
        self.peer(self.who, &self.client, &format!("{HOST}:{HOST_PORT}"))
    }

    /// From a process of the host, by 127.0.0.1.
    pub(in crate::bench) fn loopback(&self) -> Peer {
        self.peer(self.who, &self.host, &format!("127.0.0.1:{HOST_PORT}"))
    }

    /// From a process of the host, to the container's own address.
    pub(in crate::bench) fn direct(&self) -> Peer {
        let address = format!("{}:{CONTAINER_PORT}", self.container);
        self.peer(("direct", "dialling the container"), &self.host, &address)
    }

    /// From the container to the client's machine, where the servers start.
    pub(in crate::bench) fn outside(&self) -> Result<Peer> {
        let (container, machine) = (self.server.clone(), self.client.clone());
        let peer = Peer::new(self.who, container, machine, format!("{CLIENT}:{CONTAINER_PORT}"));
        let peer = Peer { agent: self.agent.clone(), ..peer };
        serve(&peer.way, CONTAINER_PORT)?;
        Ok(peer)
    }

    fn peer(&self, who: Who, client: &str, address: &str) -> Peer {
        let peer = Peer::new(who, client.to_owned(), self.server.clone(), address.to_owned());
        Peer { agent: self.agent.clone(), ..peer }
    }
}

/// The client's address.
const CLIENT: &str = "198.51.100.1";
/// The host's address on the wire.
pub(in crate::bench) const HOST: &str = "198.51.100.2";
/// The published port of the load program.
pub(in crate::bench) const HOST_PORT: u16 = 8080;
/// Where it leads.
pub(in crate::bench) const CONTAINER_PORT: u16 = 80;
/// What a container publishes here. The load program's is the first: what comes behind it in a list
/// costs it nothing.
pub(in crate::bench) const PUBLISHED: [Published; 4] = [
    ("tcp", HOST_PORT, CONTAINER_PORT),
    ("udp", HOST_PORT, CONTAINER_PORT),
    ("tcp", IPERF_PORT, IPERF_PORT),
    ("tcp", HTTP_PORT, HTTP_PORT),
];
/// The bridge of rivals that bring none.
pub(in crate::bench) const BRIDGE: &str = "docker0";
/// The container of rivals that bring none.
pub(in crate::bench) const CONTAINER: &str = "172.17.0.2";
const GATEWAY: &str = "172.17.0.1";

//! What the agent tells netd-dns. Both speak first of the version, then the agent sends messages and
//! gets an [`Answer`] to each, in order.
//!
//! On the wire (a unix stream socket): 4 bytes with the length of what follows, big-endian, and a JSON
//! text of that length. File descriptors travel (`SCM_RIGHTS`) with the message that names them, in
//! the order in which it names them.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Raised whenever a message changes its meaning. An agent that finds another version has that
/// netd-dns end, and starts its own.
pub const VERSION: u32 = 1;

/// A longer message is refused, bytes.
pub const LONGEST: u32 = 64 << 20;

/// From the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// The first one. The answer is [`Answer::Welcome`].
    Hello {
        /// [`VERSION`].
        version: u32,
    },
    /// All names there are, in place of those before. In force when it is answered.
    Names(Names),
    /// A container's sockets; in place of those it had. Descriptors: its UDP socket, its TCP
    /// listener, `datagrams` UDP sockets and `streams` TCP sockets for questions to the resolvers of
    /// its own choice, neither bound nor connected, all of IPv6 and open to mapped IPv4; of IPv4 where
    /// the kernel has no IPv6.
    Serve {
        /// The client that asks by them.
        client: ClientId,
        /// How many UDP sockets there are to ask by.
        datagrams: u8,
        /// How many TCP sockets there are to ask by.
        streams: u8,
    },
    /// Nobody asks there any more.
    Release {
        /// The client.
        client: ClientId,
    },
    /// It is to end at once.
    Quit,
}

impl Message {
    /// How many file descriptors travel with it; 253 at most can.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        match self {
            Self::Serve { datagrams, streams, .. } => {
                2 + usize::from(*datagrams) + usize::from(*streams)
            }
            Self::Hello { .. } | Self::Names(_) | Self::Release { .. } | Self::Quit => 0,
        }
    }
}

/// From netd-dns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// To [`Message::Hello`].
    Welcome {
        /// [`VERSION`].
        version: u32,
        /// Its process id in its own pid namespace.
        pid: u32,
        /// Whose sockets it has.
        clients: Vec<ClientId>,
    },
    /// Done.
    Done,
    /// Not done, and why: one sentence.
    Refused(String),
}

/// Who asks: a container's network namespace by its inode number, or the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(pub u64);

impl ClientId {
    /// Processes of the host: they ask for `NAME.NETWORK.netd`, and nothing is forwarded for them.
    pub const HOST: Self = Self(0);
}

/// Everything that can be answered without asking anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Networks that have names, by their identity. The network `bridge` is not among them.
    pub networks: BTreeMap<String, Zone>,
    /// Who may ask, and what for. One that is not here gets REFUSED.
    pub clients: BTreeMap<ClientId, Client>,
}

/// A network's names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// The network's name, which qualifies the others.
    pub name: String,
    /// Its endpoints, of running containers only.
    pub endpoints: Vec<Endpoint>,
}

/// A container on a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The container's name first, which PTR answers give; then aliases, 12-character identity, and
    /// hostname. Compared without regard to ASCII case.
    pub names: Vec<String>,
    /// Its IPv4 address there.
    pub ipv4: Option<Ipv4Addr>,
    /// Its IPv6 address there.
    pub ipv6: Option<Ipv6Addr>,
}

/// What one container may ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The networks it is on, by identity, in the order in which they answer.
    pub networks: Vec<String>,
    /// Names of its own for others (links): alias to the name that it stands for, which is looked up
    /// on the client's networks. They come before all other names.
    pub links: BTreeMap<String, String>,
    /// Names of its own for addresses: `host.docker.internal`.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// Resolvers of its own choice, asked by its own sockets; none means the host's.
    pub resolvers: Vec<IpAddr>,
    /// Whether anything may be asked for it outside: not where all its networks are internal.
    pub outside: bool,
    /// Names without a dot that nobody has are not asked for outside: its resolv.conf says `ndots`
    /// greater than 0.
    pub dotted_only: bool,
}

//! A host's and a container's network, netd-dns in the one and its sockets in the other.

use hickory_proto::{
    op::{Message, Query},
    rr::{Name, RecordType},
};
use netd::dns::{
    channel::Channel,
    protocol::{Answer, Client, ClientId, Endpoint, Message as Order, Names, Zone},
};
use netd_tests::{
    host::{binary, wait},
    ns::TestNs,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use socket2::{Domain, Socket, Type};
use std::{
    fs::{self, Permissions},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{fs::PermissionsExt as _, net::UnixListener},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// The container that has sockets from the start.
pub(super) const WEB: ClientId = ClientId(1);
/// Where containers have netd-dns.
pub(super) const RESOLVER: &str = "127.0.0.11:53";

pub(super) struct Site {
    pub(super) host: TestNs,
    pub(super) container: TestNs,
    pub(super) names: Names,
    pub(super) channel: Channel,
    process: Child,
    folder: TempDir,
}

impl Site {
    /// netd-dns runs and serves WEB, which is on a network `front` with itself and `db`; these are the
    /// host's resolvers.
    pub(super) fn new(resolvers: &[&str]) -> Self {
        let (host, container) = (TestNs::new().unwrap(), TestNs::new().unwrap());
        for ns in [&host, &container] {
            ns.run("ip link set lo up").unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        // netd-dns is nobody: it must be able to read its resolv.conf.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        write_resolvers(folder.path(), resolvers);
        let (path, resolv) = (folder.path().join("dns.sock"), folder.path().join("resolv.conf"));
        let process = start(&host, &path, &resolv);
        let channel = Channel::connect(&path).unwrap();
        let mut site = Self { host, container, names: names(), channel, process, folder };
        site.know();
        let container = Handed::make(&site.container, RESOLVER, 0, 0);
        assert_eq!(site.serve(WEB, container), Answer::Done);
        site
    }

    /// A file of the test.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn resolvers(&self, resolvers: &[&str]) {
        write_resolvers(self.folder.path(), resolvers);
    }

    /// Tells netd-dns the names as they are now.
    pub(super) fn know(&mut self) {
        let told = self.channel.ask(&Order::Names(self.names.clone()), &[]).unwrap();
        assert_eq!(told, Answer::Done);
    }

    /// What WEB may do.
    pub(super) fn web(&mut self) -> &mut Client {
        self.names.clients.get_mut(&WEB).unwrap()
    }

    pub(super) fn serve(&mut self, client: ClientId, handed: Handed) -> Answer {
        let (datagrams, streams) = (handed.datagrams as u8, handed.streams as u8);
        let order = Order::Serve { client, datagrams, streams };
        let sockets: Vec<_> = handed.sockets.iter().map(AsFd::as_fd).collect();
        self.channel.ask(&order, &sockets).unwrap()
    }

    pub(super) fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id() as i32)
    }

    pub(super) fn ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// A client in the container.
    pub(super) fn client(&self) -> Asker {
        Asker::new(&self.container, RESOLVER)
    }

    /// dig's words, in the container.
    pub(super) fn dig(&self, words: &str) -> String {
        let command = format!("dig +timeout=8 +tries=1 @127.0.0.11 {words}");
        self.container.run(&command).unwrap_or_else(|e| e.to_string()).trim().to_owned()
    }

    /// A connection of the container to netd-dns.
    pub(super) fn connect(&self) -> TcpStream {
        let stream = self.container.namespace().run(|| TcpStream::connect(RESOLVER));
        let stream = stream.unwrap().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = kill(self.pid(), Signal::SIGKILL);
        let _ = self.process.wait();
    }
}

fn write_resolvers(folder: &Path, resolvers: &[&str]) {
    let lines: String = resolvers.iter().map(|address| format!("nameserver {address}\n")).collect();
    fs::write(folder.join("new"), lines).unwrap();
    fs::rename(folder.join("new"), folder.join("resolv.conf")).unwrap();
}

/// As systemd starts it: the socket is its descriptor 3.
pub(super) fn start(ns: &TestNs, socket: &Path, resolv_conf: &Path) -> Child {
    let listener = OwnedFd::from(UnixListener::bind(socket).unwrap());
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec "$0" "$@" 3<&0 0</dev/null"#]);
    command.arg(binary("netd-dns").unwrap());
    command.arg("--resolv-conf").arg(resolv_conf).args(["--user", "nobody"]);
    command.env("LISTEN_FDS", "1").stdin(Stdio::from(listener));
    ns.namespace().run(|| command.spawn()).unwrap().unwrap()
}

fn names() -> Names {
    let endpoint = |name: &str, host: u8, ipv6: Option<&str>| Endpoint {
        names: vec![name.into()],
        ipv4: Some(Ipv4Addr::new(172, 18, 0, host)),
        ipv6: ipv6.map(|ip| ip.parse().unwrap()),
    };
    let endpoints = vec![
        endpoint("Web", 2, Some("fd00::2")),
        endpoint("db", 3, None),
        Endpoint { names: vec!["one".into(), "both".into()], ..endpoint("", 4, None) },
        Endpoint { names: vec!["two".into(), "both".into()], ..endpoint("", 5, None) },
    ];
    let other = Zone { name: "back".into(), endpoints: vec![endpoint("secret", 9, None)] };
    let web = Client { networks: vec!["f".into()], outside: true, ..Client::default() };
    Names {
        networks: [("f".into(), Zone { name: "front".into(), endpoints }), ("b".into(), other)]
            .into(),
        clients: [(WEB, web)].into(),
    }
}

/// The sockets of a client.
pub(super) struct Handed {
    pub(super) sockets: Vec<OwnedFd>,
    pub(super) datagrams: usize,
    pub(super) streams: usize,
}

impl Handed {
    pub(super) fn make(ns: &TestNs, at: &str, datagrams: usize, streams: usize) -> Self {
        let own = |kind| {
            let socket = Socket::new(Domain::IPV6, kind, None).unwrap();
            socket.set_only_v6(false).unwrap();
            OwnedFd::from(socket)
        };
        let make = || {
            let udp = UdpSocket::bind(at).unwrap();
            let mut sockets = vec![udp.into(), TcpListener::bind(at).unwrap().into()];
            sockets.extend((0..datagrams).map(|_| own(Type::DGRAM)));
            sockets.extend((0..streams).map(|_| own(Type::STREAM)));
            sockets
        };
        Self { sockets: ns.namespace().run(make).unwrap(), datagrams, streams }
    }
}

/// One who asks over UDP.
pub(super) struct Asker(pub(super) UdpSocket);

impl Asker {
    pub(super) fn new(ns: &TestNs, resolver: &str) -> Self {
        let make = || -> std::io::Result<UdpSocket> {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.connect(resolver)?;
            Ok(socket)
        };
        let socket = ns.namespace().run(make).unwrap().unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self(socket)
    }

    /// The answer to a question for addresses of IPv4.
    pub(super) fn ask(&self, name: &str) -> Message {
        self.send(name, RecordType::A);
        self.hear()
    }

    pub(super) fn send(&self, name: &str, kind: RecordType) {
        self.0.send(&question(name, kind)).unwrap();
    }

    pub(super) fn hear(&self) -> Message {
        let mut room = [0; 4096];
        let length = self.0.recv(&mut room).unwrap();
        Message::from_vec(&room[..length]).unwrap()
    }

    /// Nothing comes, and the next question is answered: it was not only slow.
    pub(super) fn hears_nothing_but(&self, name: &str, address: &str) {
        assert_eq!(texts(&self.ask(name)), [address]);
    }
}

/// A question's bytes, with an id of its own.
pub(super) fn question(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.to_vec().unwrap()
}

/// The answers' data, as text.
pub(super) fn texts(message: &Message) -> Vec<String> {
    message.answers.iter().map(|record| record.data.to_string()).collect()
}

/// Waits for what comes about by itself.
pub(super) fn until(what: &str, done: impl FnMut() -> bool) {
    assert!(wait(LIMIT, done), "in vain until {what}");
}

pub(super) fn in_network(ns: &TestNs, address: &str) -> UdpSocket {
    ns.namespace().run(|| UdpSocket::bind(address.parse::<SocketAddr>().unwrap())).unwrap().unwrap()
}

const LIMIT: Duration = Duration::from_secs(9);

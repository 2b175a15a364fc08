//! The host's resolvers: resolv.conf, read again when it has changed.

use super::{cache::Set, limits::SERVERS, protocol::ClientId};
use std::{
    fs,
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The file, and what it said.
#[derive(Debug)]
pub(crate) struct HostResolvers {
    path: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    servers: Vec<SocketAddr>,
    /// What tells a changed file: device, inode, length, time of change.
    mark: Option<[i128; 4]>,
    looked: Option<Instant>,
    /// The servers that are asked, without those that would lead back here.
    set: Arc<Set>,
    avoided: Option<SocketAddr>,
}

impl HostResolvers {
    /// Reads the file when the first question comes.
    pub(crate) fn new(path: PathBuf) -> Self {
        let set = Arc::new(Set { place: ClientId::HOST, servers: Vec::new() });
        let known = Known { servers: Vec::new(), mark: None, looked: None, set, avoided: None };
        Self { path, known: Mutex::new(known) }
    }

    /// Whom to ask now; never `own`, where netd-dns itself listens. The file is looked at once a second
    /// at most; while it can't be read, what it said last holds.
    pub(crate) fn current(&self, own: Option<SocketAddr>) -> Arc<Set> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let due = known.looked.is_none_or(|looked| looked.elapsed() >= INTERVAL);
        let changed = due && self.read(&mut known);
        if changed || known.avoided != own {
            known.avoided = own;
            let servers = usable(&known.servers, own);
            known.set = Arc::new(Set { place: ClientId::HOST, servers });
        }
        Arc::clone(&known.set)
    }

    /// Reads the file if it is not the one that was read; whether it says something else now.
    fn read(&self, known: &mut Known) -> bool {
        known.looked = Some(Instant::now());
        let Ok(about) = fs::metadata(&self.path) else { return false };
        let time = i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec());
        let mark = [about.dev().into(), about.ino().into(), about.len().into(), time];
        if known.mark == Some(mark) {
            return false;
        }
        match fs::read(&self.path) {
            Ok(bytes) => {
                known.mark = Some(mark);
                let index = |name: &str| nix::net::if_::if_nametoindex(name).ok();
                let servers = parse(&String::from_utf8_lossy(&bytes), index);
                std::mem::replace(&mut known.servers, servers) != known.servers
            }
            Err(error) => {
                let path = self.path.display();
                tracing::warn!("cannot read {path}: {error}; the resolvers it named last are kept");
                false
            }
        }
    }
}

/// The servers that are asked: not the address that containers have netd-dns at, nor `own`.
pub(crate) fn usable(servers: &[SocketAddr], own: Option<SocketAddr>) -> Vec<SocketAddr> {
    let back = |server: &&SocketAddr| server.ip() == IN_CONTAINERS || Some(**server) == own;
    servers.iter().filter(|server| !back(server)).take(SERVERS).copied().collect()
}

/// The name servers of a resolv.conf (resolv.conf(5)), all of them. `index` gives a device's number, for an
/// address with a zone (RFC 4007 11).
fn parse(text: &str, index: impl Fn(&str) -> Option<u32>) -> Vec<SocketAddr> {
    let servers = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver")?;
        let address = words.next()?;
        match address.split_once('%') {
            None => Some(SocketAddr::new(address.parse().ok()?, PORT)),
            Some((address, device)) => {
                let address: Ipv6Addr = address.parse().ok()?;
                Some(SocketAddrV6::new(address, PORT, 0, index(device)?).into())
            }
        }
    });
    let mut all = Vec::new();
    for server in servers {
        if !all.contains(&server) {
            all.push(server);
        }
    }
    all
}

/// Where resolvers listen.
pub(crate) const PORT: u16 = 53;
/// Where containers have netd-dns.
const IN_CONTAINERS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 11));
/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(servers: &[SocketAddr]) -> Vec<String> {
        servers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn name_servers_are_read_and_all_else_is_passed_over() {
        let text = "# nameserver 1.1.1.1\nsearch a b\n nameserver\t9.9.9.9 \nnameserver x\nnameserver\n\
            nameserver fe80::1%eth7\nnameserver 9.9.9.9\nnameserver ::1\nnameserver fe80::1%gone\n\
            nameserver fe80::2%";
        let servers = parse(text, |name| (name == "eth7").then_some(7));
        assert_eq!(addresses(&servers), ["9.9.9.9:53", "[fe80::1%7]:53", "[::1]:53"]);
    }

    #[test]
    fn three_at_most_and_never_netd_dns_itself() {
        let text = "nameserver 127.0.0.11\nnameserver 127.0.0.54\nnameserver 1.0.0.1\n\
            nameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4";
        let servers = parse(text, |_| None);
        let own = Some("127.0.0.54:53".parse().unwrap());
        let used = addresses(&usable(&servers, own));
        assert_eq!(used, ["1.0.0.1:53", "1.0.0.2:53", "1.0.0.3:53"]);
        assert_eq!(addresses(&usable(&servers, None))[0], "127.0.0.54:53");
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_missing_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        let resolvers = HostResolvers::new(path.clone());
        let look = || {
            resolvers.known.lock().unwrap().looked = None;
            addresses(&resolvers.current(None).servers)
        };
        assert!(look().is_empty());
        for (text, servers) in
            [("nameserver 1.0.0.1", "1.0.0.1:53"), ("nameserver ::2", "[::2]:53")]
        {
            std::fs::write(&path, text).unwrap();
            assert_eq!(look(), [servers]);
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(look(), ["[::2]:53"]);
        std::fs::write(&path, "").unwrap();
        assert!(look().is_empty());
    }
}

//! Ports of the host's own processes: which are free, and the range that picked ports come from.
//!
//! The kernel is asked once which ports its sockets have; whether one of these stands in the way of
//! an address is found by trying to bind it. A port that is asked for by itself is always tried, which
//! also finds who bound it and does not listen yet; of a range only those in use cost a socket. Connections that host processes opened do not hinder: their packets are told from
//! those of clients.

use super::{netlink, sysctl};
use crate::error::{Error, Result};
use crate::state::{PortRange, Protocol};
use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, setsockopt, socket,
        sockopt,
    },
};
use std::{
    cell::OnceCell,
    collections::BTreeSet,
    fs, io,
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
};

/// The ports that sockets of the host's have, on whatever address, in the network namespace of the
/// thread that asks: TCP sockets that listen, all UDP sockets, SCTP sockets that are bound. Each protocol
/// is looked at once, when its ports are first asked for.
#[derive(Clone, Debug, Default)]
pub struct HostSockets {
    tcp: OnceCell<Result<BTreeSet<u16>>>,
    udp: OnceCell<Result<BTreeSet<u16>>>,
    sctp: OnceCell<Result<BTreeSet<u16>>>,
}

impl HostSockets {
    fn held(&self, protocol: Protocol) -> &Result<BTreeSet<u16>> {
        match protocol {
            Protocol::Tcp => self.tcp.get_or_init(|| set(tcp)),
            Protocol::Udp => self.udp.get_or_init(|| set(udp)),
            Protocol::Sctp => self.sctp.get_or_init(|| set(sctp)),
        }
    }

    /// The first of these ports that a host process has on the address or on one that covers it,
    /// with the reason in the kernel's words: `address already in use` and the like. Where the kernel
    /// does not tell which ports are held, all count as held.
    #[must_use]
    pub fn holder(
        &self,
        address: IpAddr,
        ports: PortRange,
        protocol: Protocol,
    ) -> Option<(u16, String)> {
        let refused =
            |port: u16| try_bind(address, port, protocol).err().map(|errno| (port, reason(errno)));
        if protocol == Protocol::Tcp && ports.first() == ports.last() {
            let port = ports.first();
            let errno = try_bind(address, port, protocol).err()?;
            let counts = errno == Errno::EADDRINUSE
                || self.held(protocol).as_ref().map_or(true, |held| held.contains(&port));
            return counts.then(|| (port, reason(errno)));
        }
        match self.held(protocol) {
            Ok(held) => held.range(ports.first()..=ports.last()).copied().find_map(refused),
            Err(error) => Some((ports.first(), error.to_string())),
        }
    }
}

fn set(read: fn() -> Result<Vec<u16>>) -> Result<BTreeSet<u16>> {
    Ok(read()?.into_iter().filter(|port| *port != 0).collect())
}

fn tcp() -> Result<Vec<u16>> {
    match netlink::listening_ports()? {
        Some(ports) => Ok(ports),
        None => Ok([read_table("tcp", true)?, read_table("tcp6", true)?].concat()),
    }
}

fn udp() -> Result<Vec<u16>> {
    Ok([read_table("udp", false)?, read_table("udp6", false)?].concat())
}

fn sctp() -> Result<Vec<u16>> {
    Ok(parse_endpoints(&read_text("sctp/eps")?))
}

fn reason(errno: Errno) -> String {
    match errno {
        Errno::EADDRINUSE => "address already in use".into(),
        Errno::EADDRNOTAVAIL => "cannot assign requested address".into(),
        other => other.desc().to_lowercase(),
    }
}

/// The ports that the host gives to those who ask for any.
///
/// # Errors
/// The kernel's settings can't be read.
pub fn ephemeral_range() -> Result<PortRange> {
    let text = sysctl::read("net/ipv4/ip_local_port_range")?;
    parse_range(&text).ok_or_else(|| {
        Error::kernel(format!("net.ipv4.ip_local_port_range makes no sense: {text:?}"))
    })
}

/// Ports that the host's owner keeps from being picked.
///
/// # Errors
/// The kernel's settings can't be read.
pub fn reserved() -> Result<Vec<PortRange>> {
    let text = sysctl::read("net/ipv4/ip_local_reserved_ports")?;
    parse_list(&text).ok_or_else(|| {
        Error::kernel(format!("net.ipv4.ip_local_reserved_ports makes no sense: {text:?}"))
    })
}

/// With SO_REUSEADDR a connection in TIME_WAIT does not hinder, while a listener still does. It
/// is left out for UDP, where two that set it would share the port.
fn try_bind(address: IpAddr, port: u16, protocol: Protocol) -> Result<(), Errno> {
    let family = match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    let (kind, transport) = match protocol {
        Protocol::Tcp => (SockType::Stream, SockProtocol::Tcp),
        Protocol::Udp => (SockType::Datagram, SockProtocol::Udp),
        Protocol::Sctp => (SockType::Stream, SockProtocol::Sctp),
    };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, transport)?;
    if protocol == Protocol::Tcp {
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    if address.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(address, port)))
}

fn parse_range(text: &str) -> Option<PortRange> {
    let mut words = text.split_whitespace().map(str::parse);
    PortRange::new(words.next()?.ok()?, words.next()?.ok()?)
}

/// `8080,9000-9010`; empty for none.
fn parse_list(text: &str) -> Option<Vec<PortRange>> {
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        PortRange::new(first.parse().ok()?, last.parse().ok()?)
    };
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(range).collect()
}

/// The local ports of a table below `/proc/net`; of `listening` sockets only, or of all.
fn read_table(name: &str, listening: bool) -> Result<Vec<u16>> {
    Ok(parse_table(&read_text(name)?, listening))
}

/// A file below `/proc/net`; empty where the kernel has no such protocol.
fn read_text(name: &str) -> Result<String> {
    let path = format!("/proc/thread-self/net/{name}");
    match fs::read_to_string(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(Error::kernel(format!("cannot read {path}: {e}")))
        }
        text => Ok(text.unwrap_or_default()),
    }
}

/// Lines of `sl: ADDRESS:PORT ADDRESS:PORT STATE ...`, in hexadecimal digits.
fn parse_table(text: &str, listening: bool) -> Vec<u16> {
    let port = |line: &str| {
        let mut words = line.split_whitespace();
        let (_, port) = words.nth(1)?.rsplit_once(':')?;
        let state = words.nth(1)?;
        let wanted = !listening || state == LISTEN;
        wanted.then(|| u16::from_str_radix(port, 16).ok())?
    };
    text.lines().skip(1).filter_map(port).collect()
}

/// Lines of `ENDPT SOCK STY SST HBKT LPORT ...`.
fn parse_endpoints(text: &str) -> Vec<u16> {
    let port = |line: &str| line.split_whitespace().nth(5)?.parse().ok();
    text.lines().skip(1).filter_map(port).collect()
}

/// TCP_LISTEN, as `/proc/net/tcp` has it.
const LISTEN: &str = "0A";

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};

    const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

    fn holder(address: IpAddr, port: u16, protocol: Protocol) -> Option<(u16, String)> {
        HostSockets::default().holder(address, PortRange::single(port), protocol)
    }

    #[test]
    fn a_listener_is_seen_by_its_address_and_by_the_wildcard() {
        let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        for address in [LOCALHOST, ANY] {
            let found = holder(address, port, Protocol::Tcp);
            assert_eq!(found, Some((port, "address already in use".into())));
        }
        let other = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        assert_eq!(holder(other, port, Protocol::Tcp), None);
        drop(listener);
        assert_eq!(holder(ANY, port, Protocol::Tcp), None);
    }

    #[test]
    fn a_port_that_is_bound_and_not_listened_on_is_seen() {
        let bound = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None).unwrap();
        let any_port = SockaddrStorage::from(SocketAddr::new(LOCALHOST, 0));
        bind(bound.as_raw_fd(), &any_port).unwrap();
        let address: SockaddrStorage = nix::sys::socket::getsockname(bound.as_raw_fd()).unwrap();
        let port = address.as_sockaddr_in().unwrap().port();
        assert!(holder(ANY, port, Protocol::Tcp).is_some());
    }

    #[test]
    fn a_range_names_the_first_port_in_use() {
        let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let all = PortRange::new(1, 65_535).unwrap();
        let sockets = HostSockets::default();
        let (first, _) = sockets.holder(ANY, all, Protocol::Tcp).unwrap();
        assert!(first <= port);
        let here = PortRange::new(port, u16::MAX).unwrap();
        let found = sockets.holder(ANY, here, Protocol::Tcp);
        assert_eq!(found.map(|(port, _)| port), Some(port));
    }

    #[test]
    fn a_connection_does_not_hinder() {
        let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect((LOCALHOST, port)).unwrap();
        let (server, _) = listener.accept().unwrap();
        drop(listener);
        assert_eq!(holder(LOCALHOST, port, Protocol::Tcp), None, "it is established");
        // The side that closes first is the one that waits.
        drop(server);
        drop(client);
        assert_eq!(holder(LOCALHOST, port, Protocol::Tcp), None, "it is in TIME_WAIT");
    }

    #[test]
    fn udp_sockets_are_seen_and_one_of_both_families_has_both() {
        let socket = UdpSocket::bind((ANY, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(holder(LOCALHOST, port, Protocol::Udp).is_some());
        assert_eq!(holder(LOCALHOST, port, Protocol::Tcp), None);
        if let Ok(both) = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)) {
            let port = both.local_addr().unwrap().port();
            assert!(holder(LOCALHOST, port, Protocol::Udp).is_some());
            assert!(holder(Ipv6Addr::LOCALHOST.into(), port, Protocol::Udp).is_some());
        }
    }

    #[test]
    fn the_kernels_tables_are_read_as_it_writes_them() {
        let tcp = "  sl  local_address rem_address   st tx_queue\n\
            \x20  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n\
            \x20  1: 0100007F:0016 0100007F:9C40 01 00000000:00000000\n\
            \x20  2: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0\n";
        assert_eq!(parse_table(tcp, true), [8080, 80]);
        assert_eq!(parse_table(tcp, false), [8080, 22, 80]);
        let sctp = " ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS\n\
            ffff880017e0 ffff8800 2 10 29 11165 200 297238 127.0.0.1 10.0.0.1\n";
        assert_eq!(parse_endpoints(sctp), [11165]);
        for nothing in ["", "\n", "one\ntwo three\n"] {
            assert_eq!(parse_table(nothing, false), [0; 0]);
            assert_eq!(parse_endpoints(nothing), [0; 0]);
        }
    }

    #[test]
    fn port_settings_are_read_as_the_kernel_writes_them() {
        assert_eq!(parse_range("32768\t60999\n"), PortRange::new(32768, 60999));
        for bad in ["", "1", "5 4", "a b", "1 70000"] {
            assert_eq!(parse_range(bad), None, "{bad}");
        }
        let list = [PortRange::single(8080), PortRange::new(9000, 9010).unwrap()];
        assert_eq!(parse_list("8080,9000-9010\n"), Some(list.to_vec()));
        assert_eq!(parse_list("\n"), Some(Vec::new()));
        assert_eq!(parse_list("x"), None);
        reserved().unwrap();
    }
}

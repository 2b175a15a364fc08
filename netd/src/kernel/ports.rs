//! Ports of the host's own processes: whether one is free, found by trying to bind it, and the
//! range that picked ports come from.

use super::sysctl;
use crate::error::{Error, Result};
use crate::state::Protocol;
use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, setsockopt, socket,
        sockopt,
    },
};
use std::{
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
};

/// Whether no process of the host's has the port; the error says why in the kernel's words.
///
/// # Errors
/// `address already in use` and the like.
pub fn probe(address: IpAddr, port: u16, protocol: Protocol) -> Result<(), String> {
    try_bind(address, port, protocol).map_err(|errno| match errno {
        Errno::EADDRINUSE => "address already in use".into(),
        Errno::EADDRNOTAVAIL => "cannot assign requested address".into(),
        other => other.desc().to_lowercase(),
    })
}

/// First and last port that the host gives to those who ask for any.
///
/// # Errors
/// The kernel's settings can't be read.
pub fn ephemeral_range() -> Result<(u16, u16)> {
    let text = sysctl::read("net/ipv4/ip_local_port_range")?;
    parse_range(&text).ok_or_else(|| {
        Error::kernel(format!("net.ipv4.ip_local_port_range makes no sense: {text:?}"))
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

fn parse_range(text: &str) -> Option<(u16, u16)> {
    let mut words = text.split_whitespace().map(str::parse);
    let (first, last) = (words.next()?.ok()?, words.next()?.ok()?);
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};

    const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

    #[test]
    fn a_listener_is_seen_by_its_address_and_by_the_wildcard() {
        let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        for address in [LOCALHOST, ANY] {
            let why = probe(address, port, Protocol::Tcp).unwrap_err();
            assert_eq!(why, "address already in use");
        }
        let other = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        probe(other, port, Protocol::Tcp).unwrap();
        probe(LOCALHOST, port, Protocol::Udp).unwrap();
        drop(listener);
        probe(ANY, port, Protocol::Tcp).unwrap();
    }

    #[test]
    fn a_connection_in_time_wait_does_not_hinder() {
        let listener = TcpListener::bind((LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect((LOCALHOST, port)).unwrap();
        let (server, _) = listener.accept().unwrap();
        // The side that closes first is the one that waits.
        drop(server);
        drop(client);
        drop(listener);
        probe(LOCALHOST, port, Protocol::Tcp).unwrap();
    }

    #[test]
    fn a_udp_socket_is_seen() {
        let socket = UdpSocket::bind((ANY, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(probe(LOCALHOST, port, Protocol::Udp).is_err());
    }

    #[test]
    fn the_ephemeral_range_is_read_as_the_kernel_writes_it() {
        assert_eq!(parse_range("32768\t60999\n"), Some((32768, 60999)));
        for bad in ["", "1", "5 4", "a b", "1 70000"] {
            assert_eq!(parse_range(bad), None, "{bad}");
        }
    }
}

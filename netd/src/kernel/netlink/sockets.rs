//! The host's listening sockets, by the kernel's socket diagnostics (sock_diag(7)).

use crate::error::{Error, Result};
use nix::libc;
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_SOCK_DIAG};
use std::io;

/// The local ports of TCP sockets that listen. None where the kernel has no socket diagnostics.
/// Sockets that are bound and as yet do nothing are left out: to find them the kernel walks every
/// connection in TIME_WAIT on the machine.
///
/// # Errors
/// The kernel can't be asked.
pub fn listening_ports() -> Result<Option<Vec<u16>>> {
    let failed = |e: io::Error| Error::kernel(format!("cannot list the host's TCP sockets: {e}"));
    let mut ports = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        match dump(family as u8, &mut ports) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(failed)?,
        }
    }
    Ok(Some(ports))
}

fn dump(family: u8, ports: &mut Vec<u16>) -> io::Result<()> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&request(family), 0)?;
    loop {
        let (answer, _) = socket.recv_from_full()?;
        if read(&answer, ports)? == Progress::Done {
            return Ok(());
        }
    }
}

/// Whether more is to come.
#[derive(Debug, PartialEq, Eq)]
enum Progress {
    More,
    Done,
}

/// A `nlmsghdr` with an `inet_diag_req_v2`.
fn request(family: u8) -> Vec<u8> {
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    let mut message = Vec::with_capacity(REQUEST);
    message.extend((REQUEST as u32).to_ne_bytes());
    message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    // Sequence number and sender.
    message.extend([0; 8]);
    message.extend([family, libc::IPPROTO_TCP as u8, 0, 0]);
    message.extend(STATES.to_ne_bytes());
    // Any socket's identity.
    message.resize(REQUEST, 0);
    message
}

/// Takes the ports out of an answer: several messages, each an `inet_diag_msg` with attributes.
fn read(mut answer: &[u8], ports: &mut Vec<u16>) -> io::Result<Progress> {
    while let Some((header, rest)) = answer.split_at_checked(HEADER) {
        let length = u32::from_ne_bytes(bytes(header, 0)?) as usize;
        let kind = u16::from_ne_bytes(bytes(header, 4)?);
        let body = length.checked_sub(HEADER).and_then(|n| rest.get(..n)).ok_or(MALFORMED)?;
        if i32::from(kind) == libc::NLMSG_DONE {
            return Ok(Progress::Done);
        }
        if i32::from(kind) == libc::NLMSG_ERROR {
            let number = i32::from_ne_bytes(bytes(body, 0)?);
            return Err(io::Error::from_raw_os_error(-number));
        }
        if kind == SOCK_DIAG_BY_FAMILY {
            ports.push(u16::from_be_bytes(bytes(body, SOURCE_PORT)?));
        }
        answer = rest.get(body.len().next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(Progress::More)
}

fn bytes<const N: usize>(from: &[u8], at: usize) -> io::Result<[u8; N]> {
    let found = from.get(at..).and_then(|rest| rest.first_chunk());
    found.copied().ok_or_else(|| MALFORMED.into())
}

const MALFORMED: io::ErrorKind = io::ErrorKind::InvalidData;
/// Bytes of a `nlmsghdr`.
const HEADER: usize = 16;
/// Bytes of a `nlmsghdr` and an `inet_diag_req_v2`.
const REQUEST: usize = 72;
/// Where an `inet_diag_msg` has its socket's own port.
const SOURCE_PORT: usize = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// TCP_LISTEN.
const STATES: u32 = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn listeners_of_both_families_are_listed_and_connections_are_not() {
        let v4 = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = v4.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let Some(ports) = listening_ports().unwrap() else { return };
        assert!(ports.contains(&port));
        assert!(!ports.contains(&client.local_addr().unwrap().port()));
        if let Ok(v6) = TcpListener::bind("[::1]:0") {
            let port = v6.local_addr().unwrap().port();
            assert!(listening_ports().unwrap().unwrap().contains(&port));
        }
    }

    #[test]
    fn answers_that_make_no_sense_are_errors() {
        let message = |length: u32, kind: u16, body: &[u8]| {
            let mut message = [length.to_ne_bytes().as_slice(), &kind.to_ne_bytes()].concat();
            message.resize(HEADER, 0);
            [message.as_slice(), body].concat()
        };
        let mut ports = Vec::new();
        let socket = message(24, SOCK_DIAG_BY_FAMILY, &[2, 10, 0, 0, 0x1f, 0x90, 0, 0]);
        let done = message(20, libc::NLMSG_DONE as u16, &[0; 4]);
        assert_eq!(read(&[socket.clone(), done].concat(), &mut ports).unwrap(), Progress::Done);
        assert_eq!(read(&socket, &mut ports).unwrap(), Progress::More);
        assert_eq!(ports, [8080, 8080]);
        let missing = message(20, libc::NLMSG_ERROR as u16, &(-libc::ENOENT).to_ne_bytes());
        let error = read(&missing, &mut ports).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        for length in [0, 15, 16, 21, 1000] {
            let short = message(length, SOCK_DIAG_BY_FAMILY, &[2, 10, 0, 0]);
            assert!(read(&short, &mut ports).is_err(), "{length}");
        }
    }
}

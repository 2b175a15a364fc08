//! The least of an agent: gives netd-dns the names of a hosts file and a container's sockets, made where
//! this process is.

use super::servers::RESOLVER;
use anyhow::{Context, Result, ensure};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use serde_json::{Value, json};
use std::{
    fs,
    io::{IoSlice, Read as _},
    net::{TcpListener, UdpSocket},
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::UnixStream,
    },
};

/// Says all that is to be said, then goes: a lost agent changes nothing.
pub(super) fn run(socket: &str, names: &str) -> Result<()> {
    let hosts = fs::read_to_string(names)?;
    let endpoints: Vec<_> = hosts
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(address, name)| json!({"names": [name], "ipv4": address, "ipv6": null}))
        .collect();
    let client = json!({"networks": ["n"], "links": {}, "hosts": {}, "resolvers": [],
        "outside": false, "dotted_only": false});
    let names = json!({"Names": {
        "networks": {"n": {"name": "bench", "endpoints": endpoints}},
        "clients": {"1": client},
    }});
    let mut agent =
        UnixStream::connect(socket).with_context(|| format!("no netd-dns at {socket}"))?;
    ask(&mut agent, &names, &[])?;
    let (udp, tcp) = (UdpSocket::bind(RESOLVER)?, TcpListener::bind(RESOLVER)?);
    let serve = json!({"Serve": {"client": 1, "datagrams": 0, "streams": 0}});
    ask(&mut agent, &serve, &[udp.as_raw_fd(), tcp.as_raw_fd()])
}

/// One message and its answer, each behind four bytes with its length.
fn ask(agent: &mut UnixStream, message: &Value, descriptors: &[RawFd]) -> Result<()> {
    let text = message.to_string();
    let frame = [&u32::try_from(text.len())?.to_be_bytes(), text.as_bytes()].concat();
    let beside = [ControlMessage::ScmRights(descriptors)];
    let beside = if descriptors.is_empty() { &[][..] } else { &beside };
    let parts = [IoSlice::new(&frame)];
    let sent = sendmsg::<()>(agent.as_raw_fd(), &parts, beside, MsgFlags::empty(), None)?;
    std::io::Write::write_all(agent, &frame[sent..])?;
    let mut length = [0; 4];
    agent.read_exact(&mut length)?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    agent.read_exact(&mut answer)?;
    ensure!(answer == b"\"Done\"", "netd-dns said {}", String::from_utf8_lossy(&answer));
    Ok(())
}

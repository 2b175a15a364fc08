//! TCP that is handed over in pieces of more than 64 KiB (BIG TCP).

use crate::{
    options::Network,
    oracle::with_netd,
    site::{Remote, V4},
};
use anyhow::{Result, anyhow, ensure};
use netd::kernel::netns::Namespace;
use nix::sys::{
    socket::{
        AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket,
        sockopt::ReceiveTimeout,
    },
    time::{TimeVal, TimeValLike},
};
use std::{
    io::{Read, Write},
    net::TcpListener,
    os::fd::AsRawFd,
    thread::{self, JoinHandle},
};

/// So much that TCP gets up to speed.
const BYTES: usize = 16 << 20;
/// More than an IPv4 packet and its Ethernet header have without BIG TCP.
const LARGE: usize = 65_550;
const PORT: u16 = 9804;

#[test]
fn what_is_handed_over_in_large_pieces_arrives_near_and_far() {
    with_netd(&[V4], |site, family| {
        let network = Network::new(site, &["netd.big_tcp=on"])?;
        let near = network.containers[1].run(|| TcpListener::bind((family.any(), PORT)))??;
        let far = site.listen(Remote, family, PORT)?;
        let largest = largest_packet(&network.containers[1])?;
        for (listener, to) in [(near, network.second()?), (far, family.at(Remote))] {
            let mut sender = network.connect((to, PORT))?;
            let (mut receiver, _) = listener.accept()?;
            let sending = thread::spawn(move || sender.write_all(&pattern()));
            let mut heard = Vec::with_capacity(BYTES);
            receiver.read_to_end(&mut heard)?;
            sending.join().map_err(|_| anyhow!("the sender failed"))??;
            ensure!(heard == pattern(), "{} bytes, or others, arrive at {to}", heard.len());
        }
        let largest = largest.join().map_err(|_| anyhow!("the listener failed"))??;
        ensure!(largest >= LARGE, "nothing larger than {largest} bytes came to the neighbour");
        Ok(())
    });
}

/// Bytes that show where one is missing or in the wrong place.
fn pattern() -> Vec<u8> {
    (0..BYTES).map(|at| (at % 251 + at / 65_521) as u8).collect()
}

/// Bytes of the first large packet in this namespace; where nothing comes for a while, of the largest one.
fn largest_packet(namespace: &Namespace) -> Result<JoinHandle<Result<usize>>> {
    let all = namespace.run(|| {
        let flags = SockFlag::SOCK_CLOEXEC;
        socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)
    })??;
    setsockopt(&all, ReceiveTimeout, &TimeVal::seconds(2))?;
    Ok(thread::spawn(move || {
        let mut largest = 0;
        // Truncated, it still says how long it was.
        while largest < LARGE
            && let Ok(length) = recv(all.as_raw_fd(), &mut [0; 1], MsgFlags::MSG_TRUNC)
        {
            largest = largest.max(length);
        }
        Ok(largest)
    }))
}

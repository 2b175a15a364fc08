//! A place on the network that sends and hears raw IP packets, past its kernel's own TCP and UDP.

use crate::wire::Packet;
use anyhow::{Context, Result, bail};
use netd::kernel::netns::Namespace;
use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    sys::socket::{
        AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvfrom, sendto,
        setsockopt, socket, sockopt::RcvBuf,
    },
};
use std::{
    net::SocketAddr,
    os::fd::{AsRawFd, OwnedFd},
    thread,
    time::{Duration, Instant},
};

/// Raw sockets in a namespace. The ports from [`RAW`] on are its own there: the kernel keeps silent
/// about them.
pub(crate) struct Station {
    tap: OwnedFd,
    v4: socket2::Socket,
    v6: socket2::Socket,
    ethernet: OwnedFd,
    devices: Vec<(String, LinkAddr)>,
}

/// The ports that only stations use: first and last.
pub(crate) const RAW: (u16, u16) = (20_000, 29_999);

impl Station {
    /// A station in a namespace; it hears what comes from now on.
    pub(crate) fn new(ns: &Namespace) -> Result<Self> {
        ns.run(Self::here)?
    }

    fn here() -> Result<Self> {
        let packet = |kind| {
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            socket(AddressFamily::Packet, kind, flags, SockProtocol::EthAll)
        };
        let raw = |domain| {
            socket2::Socket::new(domain, socket2::Type::RAW, Some(socket2::Protocol::from(255)))
        };
        let link = |interface: nix::ifaddrs::InterfaceAddress| {
            let address = *interface.address?.as_link_addr()?;
            Some((interface.interface_name, address))
        };
        let tap = packet(SockType::Datagram).context("cannot open a packet socket")?;
        setsockopt(&tap, RcvBuf, &(8 << 20))?;
        Ok(Self {
            tap,
            v4: raw(socket2::Domain::IPV4)?,
            v6: raw(socket2::Domain::IPV6)?,
            ethernet: packet(SockType::Raw)?,
            devices: getifaddrs()?.filter_map(link).collect(),
        })
    }

    /// Sends a packet the way that the namespace's routes say.
    pub(crate) fn send(&self, packet: &Packet) -> Result<()> {
        let (socket, bytes) =
            (if packet.to.is_ipv4() { &self.v4 } else { &self.v6 }, packet.bytes());
        let sent = socket.send_to(&bytes, &SocketAddr::new(packet.to, 0).into());
        sent.with_context(|| format!("cannot send {packet}"))?;
        Ok(())
    }

    /// Sends a whole Ethernet frame by a device.
    pub(crate) fn send_frame(&self, device: &str, frame: &[u8]) -> Result<()> {
        let named = self.devices.iter().find(|(name, _)| name == device);
        let (_, address) = named.with_context(|| format!("no device {device}"))?;
        sendto(self.ethernet.as_raw_fd(), frame, address, MsgFlags::empty())?;
        Ok(())
    }

    /// The Ethernet address of a device.
    pub(crate) fn mac(&self, device: &str) -> Result<[u8; 6]> {
        let named = self.devices.iter().find(|(name, _)| name == device);
        named.and_then(|(_, link)| link.addr()).with_context(|| format!("no device {device}"))
    }

    /// Waits for the next packet that arrives here and is wanted; what comes before it is lost.
    pub(crate) fn hear(&self, what: &str, wanted: impl Fn(&Packet) -> bool) -> Result<Packet> {
        let end = Instant::now() + PATIENCE;
        let mut others = Vec::new();
        while Instant::now() < end {
            match self.next()? {
                Some(packet) if wanted(&packet) => return Ok(packet),
                Some(packet) if packet.is_discovery() => {}
                Some(packet) => others.push(packet.to_string()),
                None => thread::park_timeout(Duration::from_millis(2)),
            }
        }
        others.truncate(8);
        bail!("{what} never came, but {others:?}")
    }

    /// What has arrived here and is wanted; everything that has arrived is lost.
    pub(crate) fn heard(&self, wanted: impl Fn(&Packet) -> bool) -> Result<Vec<Packet>> {
        let mut heard = Vec::new();
        while let Some(packet) = self.next()? {
            if wanted(&packet) {
                heard.push(packet);
            }
        }
        Ok(heard)
    }

    /// The next packet that came in, if there is one.
    fn next(&self) -> Result<Option<Packet>> {
        let mut buffer = [0; 65_536];
        loop {
            let (length, from) = match recvfrom::<LinkAddr>(self.tap.as_raw_fd(), &mut buffer) {
                Err(Errno::EAGAIN) => return Ok(None),
                // A device went away or down.
                Err(Errno::ENETDOWN | Errno::EINTR) => continue,
                received => received?,
            };
            if from.is_some_and(|from| from.pkttype() == OUTGOING) {
                continue;
            }
            if let Some(packet) = Packet::parse(&buffer[..length]) {
                return Ok(Some(packet));
            }
        }
    }
}

/// `PACKET_OUTGOING`: it is this place that sent it.
const OUTGOING: u8 = 4;
/// How long something that must come may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

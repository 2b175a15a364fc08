//! Generic netlink, for what rtnetlink has no words for: a device's offloads (ethtool) and what its
//! driver can do in XDP (netdev). Requests are answered at once, so they are made in place.

use crate::spec::name::InterfaceName;
use nix::errno::Errno;
use rtnetlink::{
    packet_core::{
        DecodeError, DefaultNla, Emitable, NLA_F_NESTED, NLM_F_ACK, NLM_F_REQUEST,
        NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
        NlaBuffer, NlasIterator,
    },
    sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC},
};
use std::io;

/// Features of a device by the kernel's own names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Feature {
    /// Received packets are put together before the stack sees them; a veth then polls.
    Aggregation,
    /// VLAN tags of received frames are taken out of their bytes.
    TagStripping,
}

impl Feature {
    const fn name(self) -> &'static str {
        match self {
            Self::Aggregation => "rx-gro",
            Self::TagStripping => "rx-vlan-hw-parse",
        }
    }
}

/// A generic netlink socket in the calling thread's network namespace.
pub(super) struct Generic {
    socket: Socket,
}

impl Generic {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_GENERIC)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket })
    }

    /// Whether a feature of a device is in effect.
    pub(super) fn has(&self, name: &InterfaceName, feature: Feature) -> io::Result<bool> {
        let family = self.family("ethtool")?;
        let request = Message::new(family, FEATURES_GET, vec![device(FEATURES_HEADER, name, 0)]);
        let answer = self.ask(request)?;
        let active = attribute(&answer, FEATURES_ACTIVE).unwrap_or_default();
        let bits = attribute(&active, BITSET_BITS).unwrap_or_default();
        let named = |bit: &Vec<u8>| {
            attribute(bit, BIT_NAME).is_some_and(|name| text(&name) == feature.name().as_bytes())
        };
        Ok(attributes(&bits, BITSET_BIT).iter().any(named))
    }

    /// Switches a feature of a device.
    pub(super) fn set(&self, name: &InterfaceName, feature: Feature, on: bool) -> io::Result<()> {
        let family = self.family("ethtool")?;
        let mut bit = vec![string(BIT_NAME, feature.name())];
        if on {
            bit.push(DefaultNla::new(BIT_VALUE, Vec::new()));
        }
        let bits = nested(BITSET_BITS, vec![nested(BITSET_BIT, bit)]);
        let attributes =
            vec![device(FEATURES_HEADER, name, OMIT_REPLY), nested(FEATURES_WANTED, vec![bits])];
        self.ask(Message::new(family, FEATURES_SET, attributes)).map(drop)
    }

    /// Whether XDP programs on the device with this index can pass, drop, and redirect to another
    /// device, as its driver says.
    pub(super) fn xdp_redirects(&self, index: u32) -> io::Result<bool> {
        let family = self.family("netdev")?;
        let number = DefaultNla::new(NETDEV_IFINDEX, index.to_ne_bytes().to_vec());
        let answer = self.ask(Message::new(family, NETDEV_GET, vec![number]))?;
        let bytes = attribute(&answer, NETDEV_XDP).and_then(|b| <[u8; 8]>::try_from(b).ok());
        let bits = bytes.map_or(0, u64::from_ne_bytes);
        Ok(bits & XDP_NEEDED == XDP_NEEDED)
    }

    /// The number of a family of messages.
    fn family(&self, name: &str) -> io::Result<u16> {
        let request = Message::new(CONTROL, GET_FAMILY, vec![string(FAMILY_NAME, name)]);
        let number = attribute(&self.ask(request)?, FAMILY_ID);
        let number = number.and_then(|bytes| <[u8; 2]>::try_from(bytes).ok());
        number.map(u16::from_ne_bytes).ok_or_else(|| io::Error::from(Errno::EPROTO))
    }

    /// The attributes of the answer; none where there is only the kernel's consent.
    fn ask(&self, message: Message) -> io::Result<Vec<u8>> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut answer = Vec::new();
        loop {
            let (received, _) = self.socket.recv_from_full()?;
            let mut rest = received.as_slice();
            while !rest.is_empty() {
                let message = NetlinkMessage::<Message>::deserialize(rest)
                    .map_err(|_| io::Error::from(Errno::EPROTO))?;
                let length = (message.header.length as usize).next_multiple_of(4).max(HEADER);
                rest = rest.get(length..).unwrap_or_default();
                match message.payload {
                    NetlinkPayload::InnerMessage(message) => answer = message.attributes,
                    NetlinkPayload::Error(e) if e.code.is_none() => return Ok(answer),
                    NetlinkPayload::Error(e) => return Err(e.to_io()),
                    _ => return Err(Errno::EPROTO.into()),
                }
            }
        }
    }
}

/// A generic netlink message: family, command, and attributes as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Message {
    family: u16,
    command: u8,
    attributes: Vec<u8>,
}

impl Message {
    fn new(family: u16, command: u8, attributes: Vec<DefaultNla>) -> Self {
        Self { family, command, attributes: emitted(&attributes) }
    }
}

impl From<Message> for NetlinkPayload<Message> {
    fn from(message: Message) -> Self {
        Self::InnerMessage(message)
    }
}

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        self.family
    }

    fn buffer_len(&self) -> usize {
        GENERIC_HEADER + self.attributes.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        let (header, rest) = buffer.split_at_mut(GENERIC_HEADER);
        header.copy_from_slice(&[self.command, VERSION, 0, 0]);
        rest.copy_from_slice(&self.attributes);
    }
}

impl NetlinkDeserializable for Message {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let command = payload.first().copied().ok_or("a message without a command")?;
        let attributes = payload.get(GENERIC_HEADER..).unwrap_or_default().to_vec();
        Ok(Self { family: header.message_type, command, attributes })
    }
}

fn string(kind: u16, text: &str) -> DefaultNla {
    DefaultNla::new(kind, [text.as_bytes(), &[0]].concat())
}

fn nested(kind: u16, attributes: Vec<DefaultNla>) -> DefaultNla {
    DefaultNla::new(kind | NLA_F_NESTED, emitted(&attributes))
}

/// The header of ethtool's requests: which device, and how to answer.
fn device(kind: u16, name: &InterfaceName, flags: u32) -> DefaultNla {
    let flags = DefaultNla::new(HEADER_FLAGS, flags.to_ne_bytes().to_vec());
    nested(kind, vec![string(HEADER_NAME, name.as_str()), flags])
}

fn emitted(attributes: &[DefaultNla]) -> Vec<u8> {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    bytes
}

/// The values of every attribute of a kind; what can't be read is left out.
fn attributes(bytes: &[u8], kind: u16) -> Vec<Vec<u8>> {
    let all = NlasIterator::new(bytes).map_while(Result::ok);
    all.filter(|nla: &NlaBuffer<&[u8]>| nla.kind() == kind)
        .map(|nla| nla.value().to_vec())
        .collect()
}

fn attribute(bytes: &[u8], kind: u16) -> Option<Vec<u8>> {
    attributes(bytes, kind).into_iter().next()
}

/// A string without its end.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(&[0]).unwrap_or(bytes)
}

/// Bytes of a netlink and of a generic netlink header.
const HEADER: usize = 16;
const GENERIC_HEADER: usize = 4;
const VERSION: u8 = 1;
// linux/genetlink.h
const CONTROL: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
// linux/ethtool_netlink.h
const FEATURES_GET: u8 = 11;
const FEATURES_SET: u8 = 12;
const FEATURES_HEADER: u16 = 1;
const FEATURES_WANTED: u16 = 3;
const FEATURES_ACTIVE: u16 = 4;
const HEADER_NAME: u16 = 2;
const HEADER_FLAGS: u16 = 3;
const OMIT_REPLY: u32 = 2;
const BITSET_BITS: u16 = 3;
const BITSET_BIT: u16 = 1;
const BIT_NAME: u16 = 2;
const BIT_VALUE: u16 = 3;
// linux/netdev.h
const NETDEV_GET: u8 = 1;
const NETDEV_IFINDEX: u16 = 1;
const NETDEV_XDP: u16 = 3;
/// Basic actions and redirects.
const XDP_NEEDED: u64 = 1 | 2;

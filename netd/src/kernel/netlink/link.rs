//! Devices: one as the kernel describes it, and the messages that make and change one.

use super::{
    Netlink, Reply, Request, flagged,
    ownership::{self, Owner},
    refused,
};
use crate::{
    error::{Error, Result},
    spec::name::{InterfaceName, Mac},
};
use nix::errno::Errno;
use rtnetlink::{
    packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL},
    packet_route::{
        RouteNetlinkMessage,
        link::{
            AfSpecInet, AfSpecInet6, AfSpecUnspec, InfoKind, LinkAttribute, LinkExtentMask,
            LinkFlags, LinkInfo, LinkLayerType, LinkMessage, LinkXdp,
        },
    },
};

/// A device.
#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    /// What netd made it for; none where netd did not.
    pub(super) owner: Option<Owner>,
    /// Administratively up.
    pub(super) up: bool,
    /// It has a carrier as well.
    pub(super) running: bool,
    pub(super) loopback: bool,
    /// Bytes before the network header; none where netd can't tell.
    pub(super) header: Option<u8>,
    pub(super) mac: Option<Mac>,
    /// Largest packet in bytes.
    pub(super) mtu: u32,
    /// Bytes of TCP over IPv4 that it takes at a time.
    pub(super) aggregate: u32,
    /// Index of the bridge or bond that it is a port of.
    pub(super) master: Option<u32>,
    /// Index of a veth's other side, in that side's namespace.
    pub(super) peer: Option<u32>,
    /// The other side's namespace, as this one numbers it; none where it is the same one.
    pub(super) peer_namespace: Option<i32>,
    /// On a bus of real devices.
    pub(super) hardware: bool,
    /// Its frames are those of the device `peer`, without their tags.
    pub(super) is_vlan: bool,
    /// Number of the XDP program that is on it.
    pub(super) program: Option<u32>,
    /// Forwards IPv4, and takes packets whatever way their answers would go.
    pub(super) forwards_ipv4: bool,
    /// Forwards IPv6 and ignores router advertisements; none where IPv6 is off.
    pub(super) forwards_ipv6: Option<bool>,
}

impl From<LinkMessage> for Link {
    fn from(message: LinkMessage) -> Self {
        let flags = message.header.flags;
        let mut link = Self {
            index: message.header.index,
            up: flags.contains(LinkFlags::Up),
            running: flags.contains(LinkFlags::Up | LinkFlags::Running),
            loopback: flags.contains(LinkFlags::Loopback),
            header: header(message.header.link_layer_type),
            ..Self::default()
        };
        message.attributes.into_iter().for_each(|attribute| link.take(attribute));
        link
    }
}

impl Link {
    fn take(&mut self, attribute: LinkAttribute) {
        match attribute {
            LinkAttribute::IfName(name) => self.name = name,
            LinkAttribute::IfAlias(alias) => self.owner = Owner::from_alias(&alias),
            LinkAttribute::Address(bytes) => self.mac = <[u8; 6]>::try_from(bytes).ok().map(Mac),
            LinkAttribute::Mtu(mtu) => self.mtu = mtu,
            LinkAttribute::GsoIpv4MaxSize(bytes) => self.aggregate = bytes,
            LinkAttribute::Controller(index) => self.master = Some(index),
            LinkAttribute::Link(index) => self.peer = Some(index),
            LinkAttribute::LinkNetNsId(id) => self.peer_namespace = Some(id),
            LinkAttribute::ParentDevBusName(bus) => {
                self.hardware = !VIRTUAL_BUSES.contains(&bus.as_str());
            }
            LinkAttribute::LinkInfo(infos) => {
                self.is_vlan = infos.contains(&LinkInfo::Kind(InfoKind::Vlan));
            }
            LinkAttribute::Xdp(items) => {
                self.program = items.into_iter().find_map(|item| match item {
                    LinkXdp::ProgId(number) => Some(number),
                    _ => None,
                });
            }
            LinkAttribute::AfSpecUnspec(families) => {
                families.into_iter().for_each(|family| self.take_family(family));
            }
            _ => {}
        }
    }

    fn take_family(&mut self, family: AfSpecUnspec) {
        match family {
            AfSpecUnspec::Inet(items) => {
                self.forwards_ipv4 = items
                    .iter()
                    .any(|i| matches!(i, AfSpecInet::DevConf(conf) if conf.forwarding != 0 && conf.rp_filter == 0));
            }
            AfSpecUnspec::Inet6(items) => {
                self.forwards_ipv6 = items.iter().find_map(|item| match item {
                    AfSpecInet6::DevConf(conf) if conf.disable_ipv6 == 0 => {
                        Some(conf.forwarding != 0 && conf.accept_ra == 0)
                    }
                    _ => None,
                });
            }
            _ => {}
        }
    }

    /// Its name, where netd has a use for it: lo has none.
    pub(super) fn interface_name(&self) -> Option<InterfaceName> {
        self.name.parse().ok()
    }
}

impl Netlink {
    /// The index of device `name`; none where there is none.
    ///
    /// # Errors
    /// `Kernel` where the kernel refuses to tell.
    pub async fn link_index(&self, name: &InterfaceName) -> Result<Option<u32>> {
        Ok(self.link(name).await?.map(|link| link.index))
    }

    /// Removes device `name`, which must be netd's; the other side of a veth goes with it.
    /// Nothing happens where there is none.
    ///
    /// # Errors
    /// `Conflict` where it is not netd's, `Kernel` where the kernel refuses.
    pub async fn delete_link(&self, name: &InterfaceName) -> Result<()> {
        match self.link(name).await? {
            None => Ok(()),
            Some(link) if link.owner.is_some() => {
                self.remove(link.index).await.map_err(refused(format!("delete device {name}")))
            }
            Some(link) => Err(ownership::taken(&link)),
        }
    }

    /// The device called `name`.
    pub(super) async fn link(&self, name: &InterfaceName) -> Result<Option<Link>> {
        let [link] = self.links_of([name]).await?;
        Ok(link)
    }

    /// The device called `name`, which must exist.
    pub(super) async fn existing(&self, name: &InterfaceName) -> Result<Link> {
        self.link(name).await?.ok_or_else(|| missing(name))
    }

    /// The devices of these names.
    pub(super) async fn links_of<const N: usize>(
        &self,
        names: [&InterfaceName; N],
    ) -> Result<[Option<Link>; N]> {
        let replies = self.ask(names.map(look_up).into()).await;
        let mut links = [const { None }; N];
        for ((name, reply), link) in names.iter().zip(replies).zip(&mut links) {
            *link = match described(reply) {
                Ok(link) => Some(link),
                Err(Errno::ENODEV) => None,
                Err(e) => return Err(refused(format!("look up device {name}"))(e)),
            };
        }
        Ok(links)
    }

    /// Every device of the namespace.
    pub(super) async fn links(&self) -> Reply<Vec<Link>> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
        let link = |answer| match answer {
            RouteNetlinkMessage::NewLink(message) => Some(Link::from(message)),
            _ => None,
        };
        self.dump(RouteNetlinkMessage::GetLink(message), link).await
    }

    /// Makes device `name` and gives it the attributes that the kernel takes for existing devices
    /// only, its alias among them. Both go in one call, so that no crash of netd's can leave a
    /// device that nobody owns. Gives the device as it is then.
    pub(super) async fn make(
        &self,
        name: &InterfaceName,
        attributes: Vec<LinkAttribute>,
        then: Vec<LinkAttribute>,
    ) -> Reply<Link> {
        let changes = [create(name, attributes), modify(named(name), then)];
        let changes = changes.into_iter().map(|r| flagged(r, NLM_F_ACK));
        let mut replies = self.ask(changes.chain([look_up(name)]).collect()).await.into_iter();
        let mut next = || replies.next().unwrap_or(Err(Errno::EPIPE));
        next()?;
        let made = next().and_then(|_| described(next()));
        if made.is_err() {
            let request = RouteNetlinkMessage::DelLink(named(name)).into();
            let _ = self.change(vec![request]).await;
        }
        made
    }

    /// Removes the device with this index; it may be gone already.
    pub(super) async fn remove(&self, index: u32) -> Reply<()> {
        let request = RouteNetlinkMessage::DelLink(numbered(index)).into();
        match self.change(vec![request]).await {
            Err(Errno::ENODEV) => Ok(()),
            result => result,
        }
    }
}

/// A device is not there that must be.
pub(super) fn missing(name: &InterfaceName) -> Error {
    Error::kernel(format!("device {name} does not exist; it was deleted"))
}

/// Bytes before the network header in a device's frames, as programs see them.
fn header(kind: LinkLayerType) -> Option<u8> {
    match kind {
        LinkLayerType::Ether => Some(14),
        // tun and WireGuard are of the kind `None`.
        LinkLayerType::None | LinkLayerType::Rawip | LinkLayerType::Ppp => Some(0),
        _ => None,
    }
}

fn look_up(name: &InterfaceName) -> Request {
    let mut message = named(name);
    message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    RouteNetlinkMessage::GetLink(message).into()
}

fn described(answer: Reply<Option<RouteNetlinkMessage>>) -> Reply<Link> {
    match answer? {
        Some(RouteNetlinkMessage::NewLink(message)) => Ok(message.into()),
        _ => Err(Errno::EPROTO),
    }
}

/// A message about the device called `name`.
fn named(name: &InterfaceName) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.to_string()));
    message
}

/// A message about the device with this index.
pub(super) fn numbered(index: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message
}

fn create(name: &InterfaceName, attributes: Vec<LinkAttribute>) -> Request {
    let mut request = modify(named(name), attributes);
    request.header.flags = NLM_F_CREATE | NLM_F_EXCL;
    request
}

/// A request to change an existing device.
pub(super) fn modify(mut message: LinkMessage, attributes: Vec<LinkAttribute>) -> Request {
    message.attributes.extend(attributes);
    RouteNetlinkMessage::NewLink(message).into()
}

/// A request to set a device up.
pub(super) fn raise(index: u32) -> Request {
    let mut message = numbered(index);
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    RouteNetlinkMessage::SetLink(message).into()
}

/// Buses of devices that other software plays, where XDP costs more offloads than it saves.
const VIRTUAL_BUSES: [&str; 3] = ["virtio", "vmbus", "xen"];

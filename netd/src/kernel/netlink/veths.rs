//! The veth pairs of endpoints: host side in a bridge, other side born in the container.

use super::{
    Netlink, addresses,
    link::{self, Link},
    ownership::{self, Owner},
    refused, routes,
    tc::{EGRESS_BLOCK, INGRESS_BLOCK, bind},
};
use crate::{
    error::{Error, Result},
    kernel::{
        netns::{Namespace, visit},
        sysctl,
    },
    spec::name::InterfaceName,
    state::Veth,
};
use ipnet::IpNet;
use nix::errno::Errno;
use rtnetlink::{
    packet_core::{NLM_F_CREATE, NLM_F_REPLACE},
    packet_route::{
        AddressFamily, RouteNetlinkMessage,
        link::{
            InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind, InfoVeth,
            LinkAttribute, LinkInfo, LinkMessage,
        },
        neighbour::{NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState},
    },
};
use std::{
    collections::BTreeMap,
    os::fd::{AsFd, AsRawFd},
};

impl Netlink {
    /// Makes the veth pair `name` with its other side in `namespace`, or brings it to the form
    /// that `veth` describes; gives the index of its host side.
    ///
    /// The host side of a new pair is down, bound to the shared blocks, and a port of the bridge
    /// that neither learns nor gets unknown unicast. A pair that can't be finished is removed.
    ///
    /// # Errors
    /// `Conflict` where a name is taken on the host or in the container, `Kernel` where the
    /// kernel refuses.
    pub async fn put_veth(
        &self,
        name: &InterfaceName,
        veth: &Veth,
        namespace: &Namespace,
    ) -> Result<u32> {
        self.put_veth_by(name, veth, namespace, &Self::open_in(namespace.as_fd())?).await
    }

    /// As [`Netlink::put_veth`], with a socket `inside` of the namespace.
    ///
    /// # Errors
    /// As [`Netlink::put_veth`].
    pub async fn put_veth_by(
        &self,
        name: &InterfaceName,
        veth: &Veth,
        namespace: &Namespace,
        inside: &Self,
    ) -> Result<u32> {
        let [bridge, known] = self.links_of([&veth.bridge, name]).await?;
        let bridge = bridge.ok_or_else(|| link::missing(&veth.bridge))?;
        if !matches!(bridge.owner, Some(Owner::Network(_))) {
            return Err(ownership::taken(&bridge));
        }
        let owner = Owner::Endpoint(veth.endpoint.clone());
        if let Some(link) = known {
            owner.require(&link)?;
            self.reshape(name, veth, &link, bridge.index).await?;
            let inside = Inside { namespace, socket: inside, is_new: false };
            inside.finish(name, veth, &link).await?;
            return Ok(link.index);
        }
        let link = self.create_veth(name, veth, namespace, bridge.index, &owner).await?;
        let inside = Inside { namespace, socket: inside, is_new: true };
        let result = self.finish_veth(name, veth, &link, &inside).await;
        if result.is_err() {
            // The first failure is the one to report.
            let _ = self.remove(link.index).await;
        }
        result.map(|()| link.index)
    }

    /// Sets the host side of a veth up. False, and it stays as it is, where its packets would not meet
    /// the programs whose identities `filters` has for the shared blocks.
    ///
    /// # Errors
    /// `Kernel` where there is no such device or the kernel refuses.
    pub async fn raise_veth(&self, index: u32, filters: &BTreeMap<u32, u32>) -> Result<bool> {
        let failed = || refused(format!("set device {index} up"));
        let wanted = [INGRESS_BLOCK, EGRESS_BLOCK].map(|block| filters.get(&block).copied());
        if wanted.contains(&None) || self.met(index).await.map_err(failed())? != wanted {
            return Ok(false);
        }
        self.change(vec![link::raise(index)]).await.map_err(failed())?;
        Ok(true)
    }

    async fn create_veth(
        &self,
        name: &InterfaceName,
        veth: &Veth,
        namespace: &Namespace,
        bridge: u32,
        owner: &Owner,
    ) -> Result<Link> {
        let mut peer = LinkMessage::default();
        peer.attributes = vec![
            LinkAttribute::IfName(veth.peer.to_string()),
            LinkAttribute::Address(veth.mac.0.to_vec()),
            LinkAttribute::Mtu(veth.mtu),
            LinkAttribute::NetNsFd(namespace.as_fd().as_raw_fd()),
        ];
        let attributes = vec![
            LinkAttribute::Mtu(veth.mtu),
            LinkAttribute::Controller(bridge),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Veth),
                LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
            ]),
        ];
        let then = vec![LinkAttribute::IfAlias(owner.to_string()), port_flags()];
        self.make(name, attributes, then).await.map_err(|e| match e {
            // The name on the host was free a moment ago.
            Errno::EEXIST => Error::conflict(format!(
                "interface name {} is taken in the container; choose another or remove that device",
                veth.peer
            )),
            e => refused(format!("make veth {name}"))(e),
        })
    }

    async fn finish_veth(
        &self,
        name: &InterfaceName,
        veth: &Veth,
        link: &Link,
        inside: &Inside<'_>,
    ) -> Result<()> {
        have_no_address(name)?;
        let requests = vec![deliver_to(link.index, veth), bind(link.index)];
        let mut replies = self.try_all(requests).await.into_iter();
        let mut next = || replies.next().unwrap_or(Err(Errno::EPIPE));
        next().map_err(refused(format!("lead {} to device {name}", veth.mac)))?;
        if next().is_err() {
            self.bind_blocks(link.index).await?;
        }
        inside.finish(name, veth, link).await
    }

    /// Brings the host side of an existing pair to its form.
    async fn reshape(
        &self,
        name: &InterfaceName,
        veth: &Veth,
        link: &Link,
        bridge: u32,
    ) -> Result<()> {
        // Nobody knows how far whoever made it came.
        have_no_address(name)?;
        let mut form = vec![LinkAttribute::Mtu(veth.mtu)];
        if link.master != Some(bridge) {
            form.push(LinkAttribute::Controller(bridge));
        }
        let requests = vec![
            link::modify(link::numbered(link.index), form),
            // A port gets its flags only once it is one.
            link::modify(link::numbered(link.index), vec![port_flags()]),
            deliver_to(link.index, veth),
        ];
        self.change(requests).await.map_err(refused(format!("change veth {name}")))?;
        self.bind_blocks(link.index).await
    }
}

/// Where the container's side is.
struct Inside<'a> {
    namespace: &'a Namespace,
    socket: &'a Netlink,
    /// The pair was made a moment ago.
    is_new: bool,
}

impl Inside<'_> {
    /// Brings the container's side to its form and sets it up.
    async fn finish(&self, name: &InterfaceName, veth: &Veth, link: &Link) -> Result<()> {
        let failed = || refused(format!("set up {} in the container behind {name}", veth.peer));
        let index = link.peer.ok_or_else(|| failed()(Errno::ENODEV))?;
        visit(self.namespace.as_fd(), || set_sysctls(veth))??;
        if !self.is_new {
            let pruned = self.socket.prune_addresses(index, &veth.addresses).await;
            pruned.map_err(failed())?;
        }
        let form =
            vec![LinkAttribute::Mtu(veth.mtu), LinkAttribute::GsoIpv4MaxSize(veth.aggregate)];
        let mut requests = vec![link::modify(link::numbered(index), form)];
        requests.extend(addresses::put(index, &veth.addresses));
        requests.push(link::raise(index));
        requests.push(link::raise(LOOPBACK));
        if !self.is_new {
            requests.extend(routes::connect(index, &veth.addresses));
        }
        self.socket.change(requests).await.map_err(failed())
    }
}

/// The kernel gives each device an IPv6 address of its own otherwise.
fn have_no_address(name: &InterfaceName) -> Result<()> {
    match sysctl::has_ipv6() {
        true => sysctl::write(&format!("net/ipv6/conf/{name}/disable_ipv6"), "1"),
        false => Ok(()),
    }
}

fn set_sysctls(veth: &Veth) -> Result<()> {
    let ipv6 = |key, value| sysctl::write(&format!("net/ipv6/conf/{}/{key}", veth.peer), value);
    if veth.addresses.iter().all(|net: &IpNet| net.addr().is_ipv4()) {
        return if sysctl::has_ipv6() { ipv6("disable_ipv6", "1") } else { Ok(()) };
    }
    ipv6("accept_ra", "0")?;
    ipv6("accept_dad", "0")?;
    ipv6("addr_gen_mode", "0")?;
    ipv6("disable_ipv6", "0")
}

/// Nothing is learned, and unknown unicast goes nowhere: what is behind a port is known.
fn port_flags() -> LinkAttribute {
    LinkAttribute::LinkInfo(vec![
        LinkInfo::PortKind(InfoPortKind::Bridge),
        LinkInfo::PortData(InfoPortData::BridgePort(vec![
            InfoBridgePort::Learning(false),
            InfoBridgePort::UnicastFlood(false),
            InfoBridgePort::MulticastFlood(true),
            InfoBridgePort::BroadcastFlood(true),
            InfoBridgePort::NeighSupress(false),
        ])),
    ])
}

/// The bridge's static entry for the container's Ethernet address.
fn deliver_to(index: u32, veth: &Veth) -> super::Request {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Bridge;
    message.header.ifindex = index;
    message.header.flags = NeighbourFlags::Controller;
    // Static to a bridge; `Permanent` would mean an address of its own.
    message.header.state = NeighbourState::Noarp;
    message.attributes.push(NeighbourAttribute::LinkLayerAddress(veth.mac.0.to_vec()));
    let mut request = super::Request::from(RouteNetlinkMessage::NewNeighbour(message));
    request.header.flags = NLM_F_CREATE | NLM_F_REPLACE;
    request
}

/// Index of lo in every namespace.
pub(super) const LOOPBACK: u32 = 1;

//! The picture of the kernel's devices, addresses and routes, in the words of `state`.

use super::{
    Card, Netlink, Reply,
    addresses::Address,
    bridges, cards,
    host::host,
    link::Link,
    ownership::Owner,
    refused,
    routes::{Connected, connected, gateways},
};
use crate::{
    error::Result,
    spec::name::{Id, InterfaceName, Mac},
    state::{Bridge, Gateways, Host, Netns, Veth},
};
use futures_util::future::try_join_all;
use ipnet::IpNet;
use rtnetlink::packet_route::{
    RouteNetlinkMessage,
    nsid::{NsidAttribute, NsidMessage},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::{AsRawFd, OwnedFd},
};

/// What netlink can tell of a [`State`](crate::state::State), and of the host around it.
#[derive(Clone, Debug, Default)]
pub struct LinkView {
    /// netd's bridges.
    pub bridges: BTreeMap<InterfaceName, Bridge>,
    /// netd's veths. One whose other side is in no known namespace shows `Netns(0)`; one that is
    /// not bound to the shared blocks shows as down.
    pub veths: BTreeMap<InterfaceName, Veth>,
    /// Default routes of the known namespaces.
    pub gateways: BTreeMap<Netns, Gateways>,
    /// Identities of the programs that netd has on lo in the known namespaces.
    pub lo_programs: BTreeMap<Netns, BTreeSet<u32>>,
    /// What is not netd's.
    pub host: Host,
    /// The host's devices as XDP sees them.
    pub cards: BTreeMap<InterfaceName, Card>,
    /// Veths whose other side polls, of those that were asked.
    pub polled: BTreeSet<InterfaceName>,
    /// Names of the host's devices by index, without lo.
    pub names: BTreeMap<u32, InterfaceName>,
}

/// A container's namespace, as seen from inside.
#[derive(Debug)]
pub struct Inside {
    netns: Netns,
    /// The number by which the host knows it, where they have met.
    number: Option<i32>,
    links: BTreeMap<u32, Link>,
    addresses: Vec<Address>,
    connected: Connected,
    gateways: Gateways,
    lo_programs: BTreeSet<u32>,
}

impl Netlink {
    /// Reads the host's namespace and the given namespaces of containers.
    ///
    /// # Errors
    /// `Kernel` where the kernel refuses to tell.
    pub async fn observe_links(&self, containers: &BTreeMap<Netns, Self>) -> Result<LinkView> {
        self.observe_with(self.look_inside(containers).await?).await
    }

    /// As [`Netlink::observe_links`], with what was seen in the containers.
    ///
    /// # Errors
    /// As [`Netlink::observe_links`].
    pub async fn observe_with(&self, insides: Vec<Inside>) -> Result<LinkView> {
        self.observe(insides).await.map_err(refused("read the state of the network"))
    }

    /// Reads namespaces of containers, by a socket in each.
    ///
    /// # Errors
    /// As [`Netlink::observe_links`].
    pub async fn look_inside(&self, containers: &BTreeMap<Netns, Self>) -> Result<Vec<Inside>> {
        let insides = containers.iter().map(|(netns, handle)| handle.inside(*netns));
        let insides = try_join_all(insides).await;
        let mut insides = insides.map_err(refused("read the state of a container's network"))?;
        let numbers = self.namespace_numbers(containers).await;
        for inside in &mut insides {
            inside.number = numbers.get(&inside.netns).copied();
        }
        Ok(insides)
    }

    async fn observe(&self, insides: Vec<Inside>) -> Reply<LinkView> {
        let links = self.links().await?;
        let addresses = self.addresses().await?;
        let bound = self.bound().await?;
        let gateways = insides.iter().map(|inside| (inside.netns, inside.gateways)).collect();
        let lo = insides.iter().map(|inside| (inside.netns, inside.lo_programs.clone())).collect();
        let insides: BTreeMap<i32, Inside> =
            insides.into_iter().filter_map(|inside| Some((inside.number?, inside))).collect();
        let names: BTreeMap<u32, InterfaceName> =
            links.iter().filter_map(|link| Some((link.index, link.interface_name()?))).collect();
        let routes = self.routes().await?;
        let host = host(&links, &addresses, &routes);
        let connected = connected(&routes);
        let cards = cards::cards(&links);
        let mut view =
            LinkView { gateways, lo_programs: lo, host, names, cards, ..LinkView::default() };
        for link in &links {
            let Some(name) = view.names.get(&link.index).cloned() else { continue };
            match &link.owner {
                Some(Owner::Network(id)) => {
                    view.bridges.insert(name, bridge(id, link, &addresses, &connected));
                }
                Some(Owner::Endpoint(id)) => {
                    let mut veth = veth(id, &name, link, &view.names, &insides);
                    veth.up = link.up && bound.contains(&link.index);
                    view.veths.insert(name, veth);
                }
                None => {}
            }
        }
        Ok(view)
    }

    async fn inside(&self, netns: Netns) -> Reply<Inside> {
        let links = self.links().await?;
        let routes = self.routes().await?;
        Ok(Inside {
            netns,
            number: None,
            links: links.into_iter().map(|link| (link.index, link)).collect(),
            addresses: self.addresses().await?,
            connected: connected(&routes),
            gateways: gateways(&routes),
            lo_programs: self.lo_programs().await?,
        })
    }

    /// The numbers by which this namespace knows the others, where it has met them.
    async fn namespace_numbers(&self, containers: &BTreeMap<Netns, Self>) -> BTreeMap<Netns, i32> {
        let known = containers.iter().filter_map(|(netns, handle)| {
            Some((*netns, number_request(handle.namespace.as_ref()?)?))
        });
        let (namespaces, requests): (Vec<_>, Vec<_>) = known.unzip();
        let replies = self.ask(requests).await;
        namespaces
            .into_iter()
            .zip(replies)
            .filter_map(|(netns, reply)| Some((netns, number(&reply.ok()??)?)))
            .collect()
    }
}

fn number_request(namespace: &OwnedFd) -> Option<super::Request> {
    let mut message = NsidMessage::default();
    let fd = u32::try_from(namespace.as_raw_fd()).ok()?;
    message.attributes.push(NsidAttribute::Fd(fd));
    Some(RouteNetlinkMessage::GetNsId(message).into())
}

fn number(answer: &RouteNetlinkMessage) -> Option<i32> {
    let RouteNetlinkMessage::NewNsId(message) = answer else { return None };
    message.attributes.iter().find_map(|attribute| match attribute {
        NsidAttribute::Id(number) if *number >= 0 => Some(*number),
        _ => None,
    })
}

fn bridge(id: &Id, link: &Link, addresses: &[Address], connected: &Connected) -> Bridge {
    let addresses = assigned(link, addresses, connected);
    let needs_ipv6 = addresses.iter().any(|net| net.addr().is_ipv6());
    // Without IPv6 addresses it has to be off; with some, on and routing.
    let ipv6_as_needed = match link.forwards_ipv6 {
        None => !needs_ipv6,
        Some(forwards) => needs_ipv6 && forwards,
    };
    let name = link.interface_name();
    let switched = name.is_none_or(|name| bridges::is_switched(&name, needs_ipv6));
    Bridge {
        network: id.clone(),
        mac: link.mac.unwrap_or(NO_MAC),
        mtu: link.mtu,
        up: link.up && link.forwards_ipv4 && ipv6_as_needed && switched,
        addresses,
    }
}

/// A veth, down; a field that can't be told has a value that no wanted veth has.
fn veth(
    id: &Id,
    name: &InterfaceName,
    link: &Link,
    names: &BTreeMap<u32, InterfaceName>,
    insides: &BTreeMap<i32, Inside>,
) -> Veth {
    let master = link.master.and_then(|index| names.get(&index));
    let mut veth = Veth {
        endpoint: id.clone(),
        bridge: master.unwrap_or(name).clone(),
        mtu: link.mtu,
        aggregate: 0,
        netns: Netns(0),
        peer: name.clone(),
        mac: NO_MAC,
        addresses: BTreeSet::new(),
        up: false,
    };
    let inside = link.peer_namespace.and_then(|number| insides.get(&number));
    let peer = inside.and_then(|inside| Some((inside, inside.links.get(&link.peer?)?)));
    if let Some((inside, peer)) = peer {
        veth.netns = inside.netns;
        veth.peer = peer.interface_name().unwrap_or_else(|| name.clone());
        veth.mac = peer.mac.unwrap_or(NO_MAC);
        veth.aggregate = peer.aggregate;
        veth.addresses = assigned(peer, &inside.addresses, &inside.connected);
        // Both sides should be equal; the one that differs from the wish is not known here.
        veth.mtu = if peer.mtu == link.mtu { link.mtu } else { 0 };
    }
    veth
}

/// The addresses of a device. One that leads nowhere, because its route was removed, does not count; IPv6
/// has no routes yet where there is no carrier (addrconf_notify, net/ipv6/addrconf.c).
fn assigned(link: &Link, addresses: &[Address], connected: &Connected) -> BTreeSet<IpNet> {
    let leads = |net: &IpNet| {
        let host = net.prefix_len() == net.max_prefix_len();
        host || !link.running || connected.contains(&(link.index, net.trunc()))
    };
    let own = addresses.iter().filter(|a| a.index == link.index && a.is_assigned());
    own.map(|a| a.net).filter(leads).collect()
}

const NO_MAC: Mac = Mac([0; 6]);

//! Routes: a container's default routes, and those of the host, which are only read.

use super::{Netlink, Reply, Request, ownership::ROUTE_PROTOCOL, refused};
use crate::{error::Result, state::Gateways};
use ipnet::IpNet;
use nix::errno::Errno;
use rtnetlink::{
    packet_core::{NLM_F_CREATE, NLM_F_REPLACE},
    packet_route::{
        AddressFamily, RouteNetlinkMessage,
        route::{
            RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
            RouteType,
        },
    },
};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Device indexes and the destinations that they lead to without a next hop.
pub(super) type Connected = BTreeSet<(u32, IpNet)>;

/// A unicast route of the main table, one per next hop.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) destination: IpNet,
    /// Index of the device it leaves by.
    pub(super) device: u32,
    pub(super) gateway: Option<IpAddr>,
    /// It has a next hop, be it one of the other family.
    pub(super) has_next_hop: bool,
    /// The source address it prefers.
    pub(super) source: Option<IpAddr>,
    /// Smaller wins.
    pub(super) metric: u32,
    /// Who set it.
    protocol: RouteProtocol,
}

impl Netlink {
    /// Sets this namespace's default routes to `gateways`; where there is none, the one that netd
    /// set is removed. Default routes that others added stay.
    ///
    /// # Errors
    /// `Kernel` where the kernel refuses: a gateway has to be on a connected subnet.
    pub async fn set_gateways(&self, gateways: &Gateways) -> Result<()> {
        let families = [
            (AddressFamily::Inet, gateways.ipv4.map(IpAddr::V4)),
            (AddressFamily::Inet6, gateways.ipv6.map(IpAddr::V6)),
        ];
        let requests = families.map(|(family, gateway)| set_gateway(family, gateway));
        let replies = self.try_all(requests.into()).await;
        families.into_iter().zip(replies).try_for_each(|((_, gateway), reply)| {
            match (gateway, reply) {
                // There is no such route, or no such family.
                (None, Err(Errno::ESRCH | Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT)) => Ok(()),
                (None, reply) => reply.map_err(refused("remove a container's default route")),
                (Some(address), reply) => {
                    reply.map_err(refused(format!("set a container's default route by {address}")))
                }
            }
        })
    }

    /// The unicast routes of the main table, of both families.
    pub(super) async fn routes(&self) -> Reply<Vec<Route>> {
        let mut routes = self.routes_of(AddressFamily::Inet).await?;
        routes.extend(self.routes_of(AddressFamily::Inet6).await?);
        Ok(routes)
    }

    async fn routes_of(&self, family: AddressFamily) -> Reply<Vec<Route>> {
        let message = main_table(family);
        match self.dump(RouteNetlinkMessage::GetRoute(message), |route| parse(&route)).await {
            // The kernel makes the table with the first route.
            Err(Errno::ENOENT | Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT) => Ok(Vec::new()),
            routes => routes,
        }
    }
}

/// The default routes that netd set, of these.
pub(super) fn gateways(routes: &[Route]) -> Gateways {
    let mut gateways = Gateways::default();
    for route in routes.iter().filter(|route| route.protocol == ROUTE_PROTOCOL) {
        match route.gateway {
            _ if route.destination.prefix_len() != 0 => {}
            Some(IpAddr::V4(address)) => gateways.ipv4 = Some(address),
            Some(IpAddr::V6(address)) => gateways.ipv6 = Some(address),
            None => {}
        }
    }
    gateways
}

/// Where each device leads without a next hop.
pub(super) fn connected(routes: &[Route]) -> Connected {
    let direct = routes.iter().filter(|route| !route.has_next_hop);
    direct.map(|route| (route.device, route.destination)).collect()
}

/// The routes that the kernel makes with these addresses of a device, should they have been removed.
pub(super) fn connect(index: u32, addresses: &BTreeSet<IpNet>) -> Vec<Request> {
    let leading = addresses.iter().filter(|net| net.prefix_len() < net.max_prefix_len());
    let request = |net: &IpNet| {
        let mut message = main_table(match net {
            IpNet::V4(_) => AddressFamily::Inet,
            IpNet::V6(_) => AddressFamily::Inet6,
        });
        message.header.protocol = RouteProtocol::Kernel;
        message.header.destination_prefix_length = net.prefix_len();
        let destination = RouteAttribute::Destination(net.network().into());
        message.attributes.extend([destination, RouteAttribute::Oif(index)]);
        match net.addr() {
            IpAddr::V4(address) => {
                message.header.scope = RouteScope::Link;
                message.attributes.push(RouteAttribute::PrefSource(IpAddr::V4(address).into()));
            }
            IpAddr::V6(_) => message.attributes.push(RouteAttribute::Priority(KERNEL_METRIC)),
        }
        let mut request = Request::from(RouteNetlinkMessage::NewRoute(message));
        request.header.flags = NLM_F_CREATE | NLM_F_REPLACE;
        request
    };
    leading.map(request).collect()
}

/// Sets a default route; without a gateway, removes the one that netd set.
fn set_gateway(family: AddressFamily, gateway: Option<IpAddr>) -> Request {
    let mut message = main_table(family);
    message.header.protocol = ROUTE_PROTOCOL;
    let Some(address) = gateway else {
        message.header.scope = RouteScope::NoWhere;
        return RouteNetlinkMessage::DelRoute(message).into();
    };
    message.attributes.push(RouteAttribute::Gateway(address.into()));
    let mut request = Request::from(RouteNetlinkMessage::NewRoute(message));
    request.header.flags = NLM_F_CREATE | NLM_F_REPLACE;
    request
}

fn main_table(family: AddressFamily) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.kind = RouteType::Unicast;
    message
}

fn parse(answer: &RouteNetlinkMessage) -> Vec<Route> {
    match answer {
        // A kernel that ignores the request's filter would send these too.
        RouteNetlinkMessage::NewRoute(m)
            if m.header.table == RouteHeader::RT_TABLE_MAIN
                && m.header.kind == RouteType::Unicast =>
        {
            hops(m)
        }
        _ => Vec::new(),
    }
}

fn hops(message: &RouteMessage) -> Vec<Route> {
    let any = match message.header.address_family {
        AddressFamily::Inet => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        AddressFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        _ => return Vec::new(),
    };
    let Ok(destination) = IpNet::new(any, message.header.destination_prefix_length) else {
        return Vec::new();
    };
    let mut route = Route {
        destination,
        device: 0,
        gateway: None,
        has_next_hop: false,
        source: None,
        metric: 0,
        protocol: message.header.protocol,
    };
    take(&mut route, &message.attributes);
    let multipath = message.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::MultiPath(hops) => Some(hops),
        _ => None,
    });
    let Some(hops) = multipath else { return vec![route] };
    hops.iter()
        .map(|hop| {
            let mut route = Route { device: hop.interface_index, ..route.clone() };
            take(&mut route, &hop.attributes);
            route
        })
        .collect()
}

fn take(route: &mut Route, attributes: &[RouteAttribute]) {
    for attribute in attributes {
        match attribute {
            RouteAttribute::Destination(address) => {
                let prefix = route.destination.prefix_len();
                let net = plain(address).and_then(|address| IpNet::new(address, prefix).ok());
                route.destination = net.unwrap_or(route.destination);
            }
            RouteAttribute::Oif(index) => route.device = *index,
            RouteAttribute::Gateway(address) => {
                route.gateway = plain(address);
                route.has_next_hop = true;
            }
            RouteAttribute::Via(_) => route.has_next_hop = true,
            RouteAttribute::PrefSource(address) => route.source = plain(address),
            RouteAttribute::Priority(metric) => route.metric = *metric,
            _ => {}
        }
    }
}

fn plain(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}

/// The metric that the kernel gives the IPv6 routes of addresses.
const KERNEL_METRIC: u32 = 256;

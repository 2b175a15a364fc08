//! Addresses of devices.

use super::{Netlink, Reply, Request, flagged};
use ipnet::IpNet;
use nix::errno::Errno;
use rtnetlink::{
    packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE},
    packet_route::{
        AddressFamily, RouteNetlinkMessage,
        address::{AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage},
    },
};
use std::{collections::BTreeSet, net::IpAddr};

/// An address on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The device's index.
    pub(super) index: u32,
    /// The address with its prefix length.
    pub(super) net: IpNet,
    /// Nobody else was found to have it, and nobody has to be asked any more.
    pub(super) usable: bool,
    /// New connections should use another one.
    pub(super) deprecated: bool,
}

impl Address {
    /// Set by someone, unlike the link-local address that the kernel makes up by itself.
    pub(super) fn is_assigned(&self) -> bool {
        match self.net.addr() {
            IpAddr::V4(_) => true,
            IpAddr::V6(address) => !address.is_unicast_link_local(),
        }
    }
}

impl Netlink {
    /// Every address in the namespace, in the kernel's order.
    pub(super) async fn addresses(&self) -> Reply<Vec<Address>> {
        let address = |answer| match answer {
            RouteNetlinkMessage::NewAddress(message) => parse(&message),
            _ => None,
        };
        self.dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()), address).await
    }

    /// The assigned addresses of one device.
    async fn assigned(&self, index: u32) -> Reply<BTreeSet<IpNet>> {
        let all = self.addresses().await?;
        Ok(all.into_iter().filter(|a| a.index == index && a.is_assigned()).map(|a| a.net).collect())
    }

    /// Removes the assigned addresses of one device that are not wanted. To be done before the
    /// wanted ones are put: when the first IPv4 address of a subnet goes, the kernel takes the
    /// others of that subnet with it.
    pub(super) async fn prune_addresses(&self, index: u32, wanted: &BTreeSet<IpNet>) -> Reply<()> {
        let now = self.assigned(index).await?;
        let requests = now.difference(wanted).map(|net| {
            let request = Request::from(RouteNetlinkMessage::DelAddress(message(index, *net)));
            flagged(request, NLM_F_ACK)
        });
        let replies = self.ask(requests.collect()).await;
        replies.into_iter().try_for_each(|reply| match reply {
            Ok(_) | Err(Errno::EADDRNOTAVAIL) => Ok(()),
            Err(e) => Err(e),
        })
    }
}

/// The requests that give a device these addresses, whether or not it has them.
pub(super) fn put(index: u32, wanted: &BTreeSet<IpNet>) -> Vec<Request> {
    let requests = wanted.iter().map(|net| {
        let mut request = Request::from(RouteNetlinkMessage::NewAddress(message(index, *net)));
        request.header.flags = NLM_F_CREATE | NLM_F_REPLACE;
        request
    });
    requests.collect()
}

fn message(index: u32, net: IpNet) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.prefix_len = net.prefix_len();
    message.attributes.push(AddressAttribute::Local(net.addr()));
    message.attributes.push(AddressAttribute::Address(net.addr()));
    match net {
        IpNet::V4(v4) => {
            message.header.family = AddressFamily::Inet;
            if v4.prefix_len() < 31 {
                message.attributes.push(AddressAttribute::Broadcast(v4.broadcast()));
            }
        }
        IpNet::V6(_) => {
            message.header.family = AddressFamily::Inet6;
            // netd gives an address out once; asking around would only delay the container.
            message.header.flags = AddressHeaderFlags::Nodad;
        }
    }
    message
}

fn parse(message: &AddressMessage) -> Option<Address> {
    let of = |local: bool| {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Local(address) if local => Some(*address),
            AddressAttribute::Address(address) if !local => Some(*address),
            _ => None,
        })
    };
    // On point-to-point devices `Address` is the other side's.
    let address = of(true).or_else(|| of(false))?;
    let net = IpNet::new(address, message.header.prefix_len).ok()?;
    let flags = message.header.flags;
    let optimistic = message
        .attributes
        .iter()
        .any(|a| matches!(a, AddressAttribute::Flags(f) if f.contains(AddressFlags::Optimistic)));
    let unusable = AddressHeaderFlags::Tentative | AddressHeaderFlags::Dadfailed;
    Some(Address {
        index: message.header.index,
        net,
        usable: optimistic || !flags.intersects(unusable),
        deprecated: flags.contains(AddressHeaderFlags::Deprecated),
    })
}

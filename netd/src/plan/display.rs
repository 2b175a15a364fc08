//! Steps in words, for `--dry-run`, for logs and for errors ("cannot <step>: ...").

use super::Step;
use crate::state::{
    Bridge, DeviceEntry, Gateways, Mss, Netns, NetworkEntry, NetworkNumber, PublishedEntry,
    PublishedKey, UplinkEntry, Veth,
};
use std::{
    fmt::{self, Display, Formatter},
    net::{IpAddr, SocketAddr},
};

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rename(from, to) => write!(f, "rename device {from} to {to}"),
            Self::DeletePublished(key) => write!(f, "unpublish {key}"),
            Self::DeleteDevice(name) => write!(f, "unregister device {name}"),
            Self::DeleteVeth(name) => write!(f, "remove veth {name}"),
            Self::DeleteNetwork(number) => write!(f, "unregister network {number}"),
            Self::DeleteBridge(name) => write!(f, "remove bridge {name}"),
            Self::DetachUplink(name) => write!(f, "detach from uplink {name}"),
            Self::DeleteLocal(address) => write!(f, "unregister host address {address}"),
            Self::PutBridge(name, bridge) => put_bridge(f, name, bridge),
            Self::PutNetwork(number, entry) => put_network(f, *number, entry),
            Self::PutVeth(name, veth) => put_veth(f, name, veth),
            Self::PutDevice(name, entry) => put_device(f, name, entry),
            Self::RaiseVeth(name) => write!(f, "raise veth {name}"),
            Self::SetGateways(netns, gateways) => set_gateways(f, *netns, *gateways),
            Self::PutResolver(netns) => {
                write!(f, "lead 127.0.0.11 of namespace {} to the resolver", netns.0)
            }
            Self::DeleteResolver(netns) => {
                write!(f, "leave 127.0.0.11 of namespace {} alone", netns.0)
            }
            Self::PutLocal(address) => write!(f, "register host address {address}"),
            Self::DeleteExpress(name) => write!(f, "take XDP off uplink {name}"),
            Self::PutExpress(name, _) => write!(f, "run XDP on uplink {name}"),
            Self::StopPolling(name, ..) => write!(f, "switch GRO off behind veth {name}"),
            Self::StartPolling(name, ..) => write!(f, "switch GRO on behind veth {name}"),
            Self::PutUplink(name, entry) => put_uplink(f, name, entry),
            Self::PutPublished(key, entry) => put_published(f, key, entry),
        }
    }
}

impl Display for PublishedKey {
    /// Address, ports and protocol: `0.0.0.0:8080/tcp`, `[::]:5000-5009/udp`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", SocketAddr::new(self.address, self.ports.first()))?;
        if !self.ports.is_single() {
            write!(f, "-{}", self.ports.last())?;
        }
        write!(f, "/{}", self.protocol)
    }
}

fn put_bridge(f: &mut Formatter<'_>, name: &impl Display, bridge: &Bridge) -> fmt::Result {
    write!(f, "create bridge {name} {}", list(&bridge.addresses))
}

fn put_network(f: &mut Formatter<'_>, number: NetworkNumber, entry: &NetworkEntry) -> fmt::Result {
    write!(f, "register network {number} on {}: {}", entry.bridge, list(&entry.subnets))?;
    let marks = [
        (entry.internal, ", internal"),
        (!entry.icc, ", no traffic between containers"),
        (!entry.masquerade, ", no masquerade"),
        (entry.endpoint_independent, ", endpoint-independent mapping"),
    ];
    marks.iter().filter(|(set, _)| *set).try_for_each(|(_, words)| f.write_str(words))?;
    for source in pair(entry.host_ipv4, entry.host_ipv6) {
        write!(f, ", masquerade behind {source}")?;
    }
    match entry.mss {
        Mss::Unchanged => Ok(()),
        Mss::Clamp => f.write_str(", segments as the route has them"),
        Mss::AtMost(bytes) => write!(f, ", segments of {bytes} bytes at most"),
    }
}

fn put_veth(f: &mut Formatter<'_>, name: &impl Display, veth: &Veth) -> fmt::Result {
    let addresses = list(&veth.addresses);
    write!(f, "create veth {name} in {}, in the container {} {addresses}", veth.bridge, veth.peer)
}

fn put_device(f: &mut Formatter<'_>, name: &impl Display, entry: &DeviceEntry) -> fmt::Result {
    let addresses = list(&entry.addresses);
    write!(f, "register device {name} in network {}: {} {addresses}", entry.network, entry.mac)
}

fn set_gateways(f: &mut Formatter<'_>, netns: Netns, gateways: Gateways) -> fmt::Result {
    let hops = pair(gateways.ipv4, gateways.ipv6);
    match hops.as_slice() {
        [] => write!(f, "remove the default routes of namespace {}", netns.0),
        _ => write!(f, "route namespace {} by way of {}", netns.0, list(&hops)),
    }
}

fn put_uplink(f: &mut Formatter<'_>, name: &impl Display, entry: &UplinkEntry) -> fmt::Result {
    let sources = pair(entry.ipv4, entry.ipv6);
    match sources.as_slice() {
        [] => write!(f, "attach to uplink {name} without masquerade: it has no address"),
        _ => write!(f, "attach to uplink {name}, masquerade behind {}", list(&sources)),
    }
}

fn put_published(f: &mut Formatter<'_>, key: &PublishedKey, entry: &PublishedEntry) -> fmt::Result {
    write!(f, "publish {key} to {}", SocketAddr::new(entry.address, entry.port))?;
    match &entry.from {
        Some(from) => write!(f, " for {}", list(from)),
        None => Ok(()),
    }
}

fn pair(ipv4: Option<impl Into<IpAddr>>, ipv6: Option<impl Into<IpAddr>>) -> Vec<IpAddr> {
    ipv4.map(Into::into).into_iter().chain(ipv6.map(Into::into)).collect()
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

//! The bridge devices of networks.

use super::{
    Netlink, addresses,
    link::{self, Link},
    ownership::Owner,
    refused, routes,
};
use crate::{error::Result, kernel::sysctl, spec::name::InterfaceName, state::Bridge};
use rtnetlink::packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoKind, LinkAttribute, LinkInfo,
};

impl Netlink {
    /// Makes bridge `name`, or brings it to the form that `bridge` describes; gives its index.
    ///
    /// It routes for its own ports only, ignores router advertisements, floods multicast, and
    /// runs no spanning tree. A bridge that can't be finished is removed again.
    ///
    /// # Errors
    /// `Conflict` where the name is taken by a device that is not this network's, `Kernel` where
    /// the kernel refuses.
    pub async fn put_bridge(&self, name: &InterfaceName, bridge: &Bridge) -> Result<u32> {
        let owner = Owner::Network(bridge.network.clone());
        if let Some(link) = self.link(name).await? {
            owner.require(&link)?;
            let pruned = self.prune_addresses(link.index, &bridge.addresses).await;
            pruned.map_err(failed(name))?;
            self.finish_bridge(name, bridge, &link).await?;
            return Ok(link.index);
        }
        let link = self.create_bridge(name, bridge, &owner).await?;
        let result = self.finish_bridge(name, bridge, &link).await;
        if result.is_err() {
            // The first failure is the one to report.
            let _ = self.remove(link.index).await;
        }
        result.map(|()| link.index)
    }

    async fn create_bridge(
        &self,
        name: &InterfaceName,
        bridge: &Bridge,
        owner: &Owner,
    ) -> Result<Link> {
        let attributes = vec![
            LinkAttribute::Address(bridge.mac.0.to_vec()),
            LinkAttribute::LinkInfo(vec![
                LinkInfo::Kind(InfoKind::Bridge),
                LinkInfo::Data(InfoData::Bridge(vec![
                    InfoBridge::StpState(BridgeStpState::Disabled),
                    InfoBridge::MulticastSnooping(false),
                ])),
            ]),
        ];
        let alias = vec![LinkAttribute::IfAlias(owner.to_string())];
        self.make(name, attributes, alias).await.map_err(failed(name))
    }

    async fn finish_bridge(
        &self,
        name: &InterfaceName,
        bridge: &Bridge,
        link: &Link,
    ) -> Result<()> {
        set_sysctls(name, bridge)?;
        // Setting the size on an existing bridge keeps it from following its ports' sizes.
        let form =
            vec![LinkAttribute::Address(bridge.mac.0.to_vec()), LinkAttribute::Mtu(bridge.mtu)];
        let mut requests = vec![link::modify(link::numbered(link.index), form)];
        requests.extend(addresses::put(link.index, &bridge.addresses));
        if bridge.up {
            requests.push(link::raise(link.index));
            requests.extend(routes::connect(link.index, &bridge.addresses));
        }
        self.change(requests).await.map_err(failed(name))
    }
}

/// Whether those switches of a bridge are as netd set them whose change nobody tells of.
#[must_use]
pub fn is_switched(name: &InterfaceName, ipv6: bool) -> bool {
    let of = |key| sysctl::read(&format!("net/ipv6/conf/{name}/{key}"));
    // What is gone altogether shows elsewhere.
    let off = |key| of(key).map_or(true, |value| value == "0");
    let on = |key| of(key).map_or(true, |value| value != "0");
    !ipv6 || off("accept_ra") && on("force_forwarding")
}

fn set_sysctls(name: &InterfaceName, bridge: &Bridge) -> Result<()> {
    let ipv4 = |key, value| sysctl::write(&format!("net/ipv4/conf/{name}/{key}"), value);
    let ipv6 = |key, value| sysctl::write(&format!("net/ipv6/conf/{name}/{key}"), value);
    ipv4("forwarding", "1")?;
    ipv4("rp_filter", "0")?;
    if bridge.addresses.iter().all(|net| net.addr().is_ipv4()) {
        return if sysctl::has_ipv6() { ipv6("disable_ipv6", "1") } else { Ok(()) };
    }
    ipv6("accept_ra", "0")?;
    ipv6("accept_dad", "0")?;
    ipv6("addr_gen_mode", "0")?;
    ipv6("disable_ipv6", "0")?;
    ipv6("forwarding", "1")?;
    // Linux 6.17 and newer: what the programs leave to the kernel (answers by ICMPv6) works without
    // forwarding on the whole host. Older ones drop it.
    let force = format!("net/ipv6/conf/{name}/force_forwarding");
    if sysctl::read(&force).is_ok() { sysctl::write(&force, "1") } else { Ok(()) }
}

fn failed(name: &InterfaceName) -> impl FnOnce(nix::errno::Errno) -> crate::error::Error {
    refused(format!("put bridge {name}"))
}

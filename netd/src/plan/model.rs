//! A model of the kernel that panics where a step's precondition doesn't hold.

use super::{Plan, Step};
use crate::spec::name::InterfaceName;
use crate::state::{
    Bridge, DeviceEntry, Gateways, Netns, NetworkEntry, NetworkNumber, PublishedEntry,
    PublishedKey, State, Veth,
};
use std::net::IpAddr;

/// What the modelled kernel holds.
#[derive(Clone, Debug)]
pub(crate) struct Model(pub(crate) State);

impl Model {
    /// Carries out a whole plan.
    pub(crate) fn run(mut self, plan: &Plan) -> Self {
        plan.0.iter().for_each(|step| self.apply(step));
        self
    }

    /// Carries out one step.
    pub(crate) fn apply(&mut self, step: &Step) {
        self.check(step);
        let before = self.0.clone();
        self.0.follow(step);
        assert!(before != self.0 || matches!(step, Step::SetGateways(..)), "no effect: {step}");
    }

    fn check(&self, step: &Step) {
        let kernel = &self.0;
        match step {
            Step::Rename(from, _) => {
                assert!(kernel.bridges.contains_key(from) || kernel.veths.contains_key(from));
            }
            Step::DeletePublished(key) => assert!(kernel.published.contains_key(key)),
            Step::DeleteDevice(name) => assert!(kernel.devices.contains_key(name)),
            Step::DeleteVeth(name) => {
                assert!(!kernel.devices.contains_key(name), "the programs still know {name}");
                assert!(kernel.veths.contains_key(name));
            }
            Step::DeleteNetwork(number) => self.check_no_network(*number),
            Step::DeleteBridge(name) => self.check_no_bridge(name),
            Step::DetachUplink(name) => {
                assert!(!kernel.express.contains_key(name), "{name} still runs XDP");
                assert!(kernel.uplinks.contains_key(name));
            }
            Step::DeleteLocal(address) => assert!(kernel.locals.contains(address)),
            Step::PutBridge(name, bridge) => self.check_bridge(name, bridge),
            Step::PutNetwork(_, entry) => self.check_network(entry),
            Step::PutVeth(name, veth) => self.check_veth(name, veth),
            Step::PutDevice(name, entry) => self.check_device(name, entry),
            Step::RaiseVeth(name) => {
                assert!(kernel.devices.contains_key(name), "{name} is up before it is known");
                assert!(!kernel.veths[name].up, "{name} was up");
            }
            Step::SetGateways(netns, gateways) => self.check_gateways(*netns, *gateways),
            Step::PutResolver(netns) => {
                let wanted = kernel.veths.values().any(|veth| veth.netns == *netns);
                assert!(wanted, "namespace {} has no network to be named on", netns.0);
            }
            Step::DeleteResolver(netns) => assert!(kernel.resolvers.contains(netns)),
            Step::PutLocal(address) => assert!(!kernel.locals.contains(address)),
            Step::PutUplink(..) => {}
            Step::DeleteExpress(..)
            | Step::PutExpress(..)
            | Step::StopPolling(..)
            | Step::StartPolling(..) => self.check_express(step),
            Step::PutPublished(key, entry) => self.check_published(*key, entry),
        }
    }

    fn check_express(&self, step: &Step) {
        let kernel = &self.0;
        match step {
            Step::DeleteExpress(name) => assert!(kernel.express.contains_key(name)),
            Step::PutExpress(name, _) => {
                assert!(kernel.uplinks.contains_key(name), "{name} has only XDP");
                let deaf = kernel.veths.keys().find(|veth| !kernel.polled.contains(*veth));
                assert_eq!(deaf, None, "frames from XDP would be lost there");
            }
            Step::StopPolling(name, ..) => assert!(kernel.polled.contains(name)),
            Step::StartPolling(name, netns, peer) => {
                let veth = &kernel.veths[name];
                assert_eq!((veth.netns, &veth.peer), (*netns, peer));
            }
            other => unreachable!("not about XDP: {other}"),
        }
    }

    fn check_no_network(&self, number: NetworkNumber) {
        let used = self.0.devices.values().any(|d| d.network == number)
            || self.0.published.values().any(|p| p.network == number);
        assert!(!used, "network {number} is still in use");
        assert!(self.0.networks.contains_key(&number));
    }

    fn check_no_bridge(&self, name: &InterfaceName) {
        assert!(self.0.veths.values().all(|v| v.bridge != *name), "{name} has ports");
        assert!(self.0.networks.values().all(|n| n.bridge != *name), "{name} is known");
        assert!(self.0.bridges.contains_key(name));
    }

    fn check_bridge(&self, name: &InterfaceName, new: &Bridge) {
        let owner = self.0.bridges.get(name).map_or(&new.network, |old| &old.network);
        assert_eq!(*owner, new.network, "{name} belongs to another network");
    }

    fn check_network(&self, entry: &NetworkEntry) {
        assert!(self.0.bridges.contains_key(&entry.bridge), "no {}", entry.bridge);
    }

    fn check_veth(&self, name: &InterfaceName, new: &Veth) {
        assert!(self.0.bridges.contains_key(&new.bridge), "no bridge {}", new.bridge);
        let taken = |(other, v): (&InterfaceName, &Veth)| {
            other != name && (v.netns, &v.peer) == (new.netns, &new.peer)
        };
        assert!(!self.0.veths.iter().any(taken), "{} is taken in its namespace", new.peer);
        if let Some(old) = self.0.veths.get(name) {
            let kept =
                |veth: &Veth| (veth.endpoint.clone(), veth.netns, veth.peer.clone(), veth.mac);
            assert_eq!(kept(old), kept(new), "it can only be made anew");
        }
    }

    fn check_device(&self, name: &InterfaceName, entry: &DeviceEntry) {
        let veth = self.0.veths.get(name).expect("a device needs its veth");
        let network = self.0.networks.get(&entry.network).expect("a device needs its network");
        assert_eq!(network.bridge, veth.bridge);
        assert_eq!(entry.mac, veth.mac);
        assert!(veth.addresses.iter().all(|a| entry.addresses.contains(&a.addr())));
    }

    fn check_gateways(&self, netns: Netns, new: Gateways) {
        let on_link = |hop: IpAddr| {
            let mut veths = self.0.veths.values().filter(|v| v.netns == netns);
            veths.any(|v| v.addresses.iter().any(|n| n.contains(&hop)))
        };
        assert!(new.ipv4.is_none_or(|hop| on_link(hop.into())), "next hop is unreachable");
        assert!(new.ipv6.is_none_or(|hop| on_link(hop.into())), "next hop is unreachable");
        let old = self.0.gateways.get(&netns).copied().unwrap_or_default();
        assert_ne!(old, new, "nothing to do");
    }

    fn check_published(&self, key: PublishedKey, new: &PublishedEntry) {
        let behind = |d: &DeviceEntry| {
            (d.network, d.container) == (new.network, new.container)
                && d.addresses.contains(&new.address)
        };
        assert!(self.0.networks.contains_key(&new.network), "leads to an unknown network");
        assert!(self.0.devices.values().any(behind), "leads to an unknown endpoint");
        let excludes = |other: &&PublishedKey| {
            **other != key
                && (other.address, other.protocol) == (key.address, key.protocol)
                && other.ports.common(key.ports).is_some()
        };
        assert_eq!(self.0.published.keys().find(excludes), None, "{key} is published in part");
    }
}

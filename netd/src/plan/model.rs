//! A model of the kernel that panics where a step's precondition doesn't hold.

use super::{Plan, Step};
use crate::spec::name::InterfaceName;
use crate::state::{DeviceEntry, Gateways, Netns, PublishedEntry, PublishedKey, State, Veth};
use std::{collections::BTreeSet, net::IpAddr};

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
        let kernel = &mut self.0;
        match step {
            Step::Rename(from, to) => super::renames::rename(kernel, from, to),
            Step::DeletePublished(key) => {
                kernel.published.remove(key).expect("deletes a port that is published");
            }
            Step::DeleteDevice(name) => {
                kernel.devices.remove(name).expect("deletes a device that is known");
            }
            Step::DeleteVeth(name) => self.delete_veth(name),
            Step::DeleteNetwork(number) => {
                let used = kernel.devices.values().any(|d| d.network == *number)
                    || kernel.published.values().any(|p| p.network == *number);
                assert!(!used, "network {number} is still in use");
                kernel.networks.remove(number).expect("deletes a network that is known");
            }
            Step::DeleteBridge(name) => {
                assert!(kernel.veths.values().all(|v| v.bridge != *name), "{name} has ports");
                assert!(kernel.networks.values().all(|n| n.bridge != *name), "{name} is known");
                kernel.bridges.remove(name).expect("deletes a bridge that exists");
            }
            Step::DetachUplink(name) => {
                assert!(!kernel.express.contains_key(name), "{name} still runs XDP");
                kernel.uplinks.remove(name).expect("detaches from an uplink with programs");
            }
            Step::DeleteLocal(address) => assert!(kernel.locals.remove(address)),
            Step::PutBridge(name, bridge) => {
                let old = kernel.bridges.insert(name.clone(), bridge.clone());
                assert_ne!(old.as_ref(), Some(bridge), "nothing to do");
                let owner = old.map_or(bridge.network.clone(), |old| old.network);
                assert_eq!(owner, bridge.network, "{name} belongs to another network");
            }
            Step::PutNetwork(number, entry) => {
                assert!(kernel.bridges.contains_key(&entry.bridge), "no {}", entry.bridge);
                let old = kernel.networks.insert(*number, entry.clone());
                assert_ne!(old.as_ref(), Some(entry), "nothing to do");
            }
            Step::PutVeth(name, veth) => self.put_veth(name, veth),
            Step::PutDevice(name, entry) => self.put_device(name, entry),
            Step::RaiseVeth(name) => {
                assert!(kernel.devices.contains_key(name), "{name} is up before it is known");
                let veth = kernel.veths.get_mut(name).expect("raises a veth that exists");
                assert!(!std::mem::replace(&mut veth.up, true), "{name} was up");
            }
            Step::SetGateways(netns, gateways) => self.set_gateways(*netns, *gateways),
            Step::PutResolver(netns) => self.put_resolver(*netns),
            Step::DeleteResolver(netns) => assert!(kernel.resolvers.remove(netns)),
            Step::PutLocal(address) => assert!(kernel.locals.insert(*address)),
            Step::PutUplink(name, entry) => {
                let old = kernel.uplinks.insert(name.clone(), entry.clone());
                assert_ne!(old.as_ref(), Some(entry), "nothing to do");
            }
            Step::DeleteExpress(..)
            | Step::PutExpress(..)
            | Step::StopPolling(..)
            | Step::StartPolling(..) => self.apply_express(step),
            Step::PutPublished(key, entry) => self.put_published(*key, entry.clone()),
        }
    }

    fn put_resolver(&mut self, netns: Netns) {
        let wanted = self.0.veths.values().any(|veth| veth.netns == netns);
        assert!(wanted, "namespace {} has no network to be named on", netns.0);
        assert!(self.0.resolvers.insert(netns), "nothing to do");
    }

    fn apply_express(&mut self, step: &Step) {
        let kernel = &mut self.0;
        match step {
            Step::DeleteExpress(name) => {
                kernel.express.remove(name).expect("takes XDP off where it runs");
            }
            Step::PutExpress(name, mac) => {
                assert!(kernel.uplinks.contains_key(name), "{name} has only XDP");
                let deaf = kernel.veths.keys().find(|veth| !kernel.polled.contains(*veth));
                assert_eq!(deaf, None, "frames from XDP would be lost there");
                assert_ne!(kernel.express.insert(name.clone(), *mac), Some(*mac), "nothing to do");
            }
            Step::StopPolling(name, ..) => assert!(kernel.polled.remove(name)),
            Step::StartPolling(name, netns, peer) => {
                let veth = kernel.veths.get(name).expect("a veth that exists");
                assert_eq!((veth.netns, &veth.peer), (*netns, peer));
                assert!(kernel.polled.insert(name.clone()), "nothing to do");
            }
            other => unreachable!("not about XDP: {other}"),
        }
    }

    fn delete_veth(&mut self, name: &InterfaceName) {
        assert!(!self.0.devices.contains_key(name), "the programs still know {name}");
        let veth = self.0.veths.remove(name).expect("deletes a veth that exists");
        self.0.polled.remove(name);
        self.drop_routes(&veth, &BTreeSet::new());
    }

    fn put_veth(&mut self, name: &InterfaceName, new: &Veth) {
        assert!(self.0.bridges.contains_key(&new.bridge), "no bridge {}", new.bridge);
        let taken = |(other, v): (&InterfaceName, &Veth)| {
            other != name && (v.netns, &v.peer) == (new.netns, &new.peer)
        };
        assert!(!self.0.veths.iter().any(taken), "{} is taken in its namespace", new.peer);
        let Some(old) = self.0.veths.remove(name) else {
            self.0.veths.insert(name.clone(), Veth { up: false, ..new.clone() });
            return;
        };
        let changed = Veth {
            bridge: new.bridge.clone(),
            mtu: new.mtu,
            aggregate: new.aggregate,
            addresses: new.addresses.clone(),
            ..old.clone()
        };
        assert_ne!(changed, old, "nothing to do");
        assert_eq!(Veth { up: new.up, ..changed.clone() }, *new, "it can only be made anew");
        self.drop_routes(&old, &new.addresses);
        self.0.veths.insert(name.clone(), changed);
    }

    /// What becomes of a namespace's default routes when a veth's addresses go.
    fn drop_routes(&mut self, veth: &Veth, remaining: &BTreeSet<ipnet::IpNet>) {
        let lost = |hop: IpAddr| veth.addresses.difference(remaining).any(|n| n.contains(&hop));
        if let Some(gateways) = self.0.gateways.get_mut(&veth.netns) {
            gateways.ipv4.take_if(|hop| lost((*hop).into()));
            gateways.ipv6.take_if(|hop| lost((*hop).into()));
        }
    }

    fn put_device(&mut self, name: &InterfaceName, entry: &DeviceEntry) {
        let veth = self.0.veths.get(name).expect("a device needs its veth");
        let network = self.0.networks.get(&entry.network).expect("a device needs its network");
        assert_eq!(network.bridge, veth.bridge);
        assert_eq!(entry.mac, veth.mac);
        assert!(veth.addresses.iter().all(|a| entry.addresses.contains(&a.addr())));
        let old = self.0.devices.insert(name.clone(), entry.clone());
        assert_ne!(old.as_ref(), Some(entry), "nothing to do");
    }

    fn set_gateways(&mut self, netns: Netns, new: Gateways) {
        let on_link = |hop: IpAddr| {
            let mut veths = self.0.veths.values().filter(|v| v.netns == netns);
            veths.any(|v| v.addresses.iter().any(|n| n.contains(&hop)))
        };
        assert!(new.ipv4.is_none_or(|hop| on_link(hop.into())), "next hop is unreachable");
        assert!(new.ipv6.is_none_or(|hop| on_link(hop.into())), "next hop is unreachable");
        let old = self.0.gateways.insert(netns, new).unwrap_or_default();
        assert_ne!(old, new, "nothing to do");
    }

    fn put_published(&mut self, key: PublishedKey, new: PublishedEntry) {
        let behind = |d: &DeviceEntry| {
            (d.network, d.container) == (new.network, new.container)
                && d.addresses.contains(&new.address)
        };
        assert!(self.0.networks.contains_key(&new.network), "leads to an unknown network");
        assert!(self.0.devices.values().any(behind), "leads to an unknown endpoint");
        let old = self.0.published.insert(key, new.clone());
        assert_ne!(old, Some(new), "nothing to do");
        let excludes = |other: &&PublishedKey| {
            **other != key
                && (other.address, other.protocol) == (key.address, key.protocol)
                && other.ports.common(key.ports).is_some()
        };
        assert_eq!(self.0.published.keys().find(excludes), None, "{key} is published in part");
    }
}

//! What a step makes of the kernel, where the kernel takes it.

use super::{Step, renames};
use crate::spec::name::InterfaceName;
use crate::state::{State, Veth};
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr};

impl State {
    /// Becomes what the kernel holds after a step that it has taken.
    pub fn follow(&mut self, step: &Step) {
        match step {
            Step::Rename(from, to) => renames::rename(self, from, to),
            Step::PutBridge(name, bridge) => put(&mut self.bridges, name, bridge),
            Step::DeleteBridge(name) => forget(&mut self.bridges, name),
            Step::PutVeth(name, veth) => self.follow_veth(name, veth),
            Step::DeleteVeth(name) => self.follow_no_veth(name),
            Step::RaiseVeth(name) => {
                self.veths.entry(name.clone()).and_modify(|veth| veth.up = true);
            }
            Step::SetGateways(netns, gateways) => put(&mut self.gateways, netns, gateways),
            Step::PutResolver(netns) => drop(self.resolvers.insert(*netns)),
            Step::DeleteResolver(netns) => drop(self.resolvers.remove(netns)),
            other => self.follow_entry(other),
        }
    }

    fn follow_entry(&mut self, step: &Step) {
        match step {
            Step::PutNetwork(number, entry) => put(&mut self.networks, number, entry),
            Step::DeleteNetwork(number) => forget(&mut self.networks, number),
            Step::PutDevice(name, entry) => put(&mut self.devices, name, entry),
            Step::DeleteDevice(name) => forget(&mut self.devices, name),
            Step::PutPublished(key, entry) => put(&mut self.published, key, entry),
            Step::DeletePublished(key) => forget(&mut self.published, key),
            Step::PutLocal(address) => drop(self.locals.insert(*address)),
            Step::DeleteLocal(address) => drop(self.locals.remove(address)),
            Step::PutUplink(name, entry) => put(&mut self.uplinks, name, entry),
            Step::DetachUplink(name) => forget(&mut self.uplinks, name),
            Step::PutExpress(name, mac) => put(&mut self.express, name, mac),
            Step::DeleteExpress(name) => forget(&mut self.express, name),
            Step::StartPolling(name, ..) => drop(self.polled.insert(name.clone())),
            Step::StopPolling(name, ..) => drop(self.polled.remove(name)),
            Step::Rename(..)
            | Step::PutBridge(..)
            | Step::DeleteBridge(..)
            | Step::PutVeth(..)
            | Step::DeleteVeth(..)
            | Step::RaiseVeth(..)
            | Step::SetGateways(..)
            | Step::PutResolver(..)
            | Step::DeleteResolver(..) => {}
        }
    }

    /// A new veth is down; one that is there keeps what only a new one could have otherwise.
    fn follow_veth(&mut self, name: &InterfaceName, new: &Veth) {
        let Some(old) = self.veths.remove(name) else {
            self.veths.insert(name.clone(), Veth { up: false, ..new.clone() });
            return;
        };
        self.drop_routes(&old, &new.addresses);
        let changed = Veth {
            bridge: new.bridge.clone(),
            mtu: new.mtu,
            aggregate: new.aggregate,
            addresses: new.addresses.clone(),
            ..old
        };
        self.veths.insert(name.clone(), changed);
    }

    fn follow_no_veth(&mut self, name: &InterfaceName) {
        self.polled.remove(name);
        if let Some(veth) = self.veths.remove(name) {
            self.drop_routes(&veth, &BTreeSet::new());
        }
    }

    /// What becomes of a namespace's default routes when a veth's addresses go.
    fn drop_routes(&mut self, veth: &Veth, remaining: &BTreeSet<IpNet>) {
        let lost = |hop: IpAddr| veth.addresses.difference(remaining).any(|n| n.contains(&hop));
        if let Some(gateways) = self.gateways.get_mut(&veth.netns) {
            gateways.ipv4.take_if(|hop| lost((*hop).into()));
            gateways.ipv6.take_if(|hop| lost((*hop).into()));
        }
    }
}

fn put<K: Ord + Clone, V: Clone>(map: &mut std::collections::BTreeMap<K, V>, key: &K, value: &V) {
    map.insert(key.clone(), value.clone());
}

fn forget<K: Ord, V>(map: &mut std::collections::BTreeMap<K, V>, key: &K) {
    map.remove(key);
}

//! The kernel as it is: netlink and the dataplane joined behind observe and apply.

use super::{
    Kernel, Repair,
    dataplane::{Counters, Dataplane, FlowTables, Settings},
    insides::Insides,
    netlink::{Card, Departures, Netlink},
    netns::Namespace,
};
use crate::desired::XdpChoice;
use crate::error::{Error, Result};
use crate::plan::Step;
use crate::spec::name::InterfaceName;
use crate::state::{Host, Netns, State};
use nix::net::if_::if_nametoindex;
use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::sync::mpsc;

mod crossing;
mod entries;
mod express;
mod filters;
mod mend;
mod seen;

pub use seen::Seen;

/// The kernel. It acts in the namespace that it was opened in.
pub struct Live {
    host: Netlink,
    /// None after the teardown.
    dataplane: Option<Dataplane>,
    insides: Insides,
    /// Names of the host's devices by index, as last observed.
    names: Arc<BTreeMap<u32, InterfaceName>>,
    seen: Arc<Seen>,
    /// The host's devices as XDP sees them, as last observed.
    cards: BTreeMap<InterfaceName, Card>,
    xdp: XdpChoice,
    /// The program that netd put into each shared block.
    filters: BTreeMap<u32, u32>,
    /// Addresses that the host lost and whose flows are to be voided.
    vanished: BTreeSet<IpAddr>,
    /// Whether the maps that are otherwise remembered are to be read again.
    reread: bool,
    /// What was memorized.
    picture: Option<(State, Host)>,
    departures: Departures,
    /// The bridges, as last observed, and whether each routes IPv6.
    bridges: Vec<(InterfaceName, bool)>,
    repairs: Vec<Repair>,
}

impl Live {
    /// Opens netlink here and the dataplane pinned in `bpf_dir`; `cgroup` is the root of the
    /// cgroup v2 hierarchy.
    ///
    /// # Errors
    /// A refusal of the kernel's, or a feature that it lacks.
    pub fn open(bpf_dir: &Path, cgroup: &Path, settings: &Settings) -> Result<Self> {
        let mut dataplane = Dataplane::open(bpf_dir, cgroup, settings)?;
        // The agent before may have been cut off in the middle of a change.
        dataplane.drop_strays()?;
        Ok(Self {
            host: Netlink::open()?,
            dataplane: Some(dataplane),
            insides: Insides::default(),
            names: Arc::default(),
            seen: Arc::default(),
            cards: BTreeMap::new(),
            xdp: XdpChoice::default(),
            filters: BTreeMap::new(),
            vanished: BTreeSet::new(),
            reread: false,
            picture: None,
            departures: Departures::default(),
            bridges: Vec::new(),
            repairs: Vec::new(),
        })
    }

    /// A unit whenever devices, addresses or routes of the host change.
    ///
    /// # Errors
    /// The kernel refuses the subscription.
    pub fn events() -> Result<mpsc::Receiver<()>> {
        Netlink::events()
    }

    /// A unit whenever something changes in a container that is known; none the second time.
    pub fn inside_events(&mut self) -> Option<mpsc::Receiver<()>> {
        self.insides.events()
    }

    /// Makes a container's namespace known, keeps it open, and sets its lo up.
    ///
    /// # Errors
    /// The namespace can't be entered.
    pub fn join(&mut self, namespace: impl Into<Arc<Namespace>>) -> Result<()> {
        self.insides.join(namespace)
    }

    /// Lets go of every namespace but these.
    pub fn keep(&mut self, wanted: &BTreeSet<Netns>) {
        self.insides.keep(wanted);
    }

    /// Looks into every container and map when observing next time, not only into those where netd
    /// changed something.
    pub fn look_everywhere(&mut self) {
        self.insides.touch_all();
        self.reread = true;
    }

    /// The packet counters, which can be read while everything else goes on.
    ///
    /// # Errors
    /// After the teardown.
    pub fn counters(&self) -> Result<Arc<Counters>> {
        Ok(self.dataplane()?.counters())
    }

    /// The flow tables, which can be looked at while everything else goes on.
    ///
    /// # Errors
    /// After the teardown.
    pub fn flows(&self) -> Result<Arc<Mutex<FlowTables>>> {
        Ok(self.dataplane()?.flows())
    }

    /// The addresses that the host has lost since this was last asked: their flows are void.
    #[must_use]
    pub fn take_vanished(&mut self) -> BTreeSet<IpAddr> {
        mem::take(&mut self.vanished)
    }

    /// What of the settings could not be had, one sentence each.
    ///
    /// # Errors
    /// After the teardown.
    pub fn notes(&self) -> Result<&[String]> {
        Ok(self.dataplane()?.notes())
    }

    /// Takes every program off, and removes every pin. Only what [`Live::observe`] shows should
    /// be gone before.
    ///
    /// # Errors
    /// What could not be removed.
    pub fn remove(&mut self) -> Result<()> {
        self.dataplane.take().ok_or_else(torn_down)?.remove()
    }

    /// The veths that are on their way out.
    #[must_use]
    pub fn departures(&self) -> Departures {
        self.departures.clone()
    }

    fn dataplane(&self) -> Result<&Dataplane> {
        self.dataplane.as_ref().ok_or_else(torn_down)
    }

    fn dataplane_mut(&mut self) -> Result<&mut Dataplane> {
        self.dataplane.as_mut().ok_or_else(torn_down)
    }

    async fn apply_link(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::PutBridge(name, bridge) => self.host.put_bridge(name, bridge).await.map(drop),
            Step::DeleteBridge(name) => self.host.delete_link(name).await,
            Step::Rename(from, to) => self.host.rename_link(from, to).await,
            Step::DeleteVeth(name) => {
                self.insides.touch_behind(name);
                let seen = self.insides.veth(name);
                self.host.dismiss_veth(name, seen, &self.departures).await
            }
            Step::PutVeth(name, veth) => {
                self.insides.touch(veth.netns);
                self.departures.clear(name, veth.netns).await?;
                let namespace = self.insides.namespace(veth.netns)?.clone();
                let inside = self.insides.socket(veth.netns)?;
                let index = self.host.put_veth_by(name, veth, &namespace, inside).await?;
                self.meet(index, name);
                self.insides.meet(name, veth);
                Ok(())
            }
            Step::RaiseVeth(name) => {
                let index = self.index(name)?;
                self.raise_veth(index, name).await
            }
            Step::SetGateways(netns, gateways) => {
                self.insides.touch(*netns);
                self.insides.socket(*netns)?.set_gateways(gateways).await
            }
            Step::PutResolver(netns) => self.put_resolver(*netns).await,
            Step::DeleteResolver(netns) => self.delete_resolver(*netns).await,
            other => self.apply_entry(other),
        }
    }

    /// A device's index: now, or when it was last seen, for those that have just gone; `#17`
    /// stands for a device whose name nobody knows any more.
    fn index(&self, name: &InterfaceName) -> Result<u32> {
        if let Some(index) = name.as_str().strip_prefix('#').and_then(|n| n.parse().ok()) {
            return Ok(index);
        }
        let seen = || self.names.iter().find_map(|(index, n)| (n == name).then_some(*index));
        if_nametoindex(name.as_str())
            .ok()
            .or_else(seen)
            .ok_or_else(|| Error::not_found(format!("network device {name} is gone")))
    }
}

impl Kernel for Live {
    async fn observe(&mut self) -> Result<(State, Host)> {
        self.picture = None;
        let leaving = self.departures.names();
        self.cross().await?;
        let express = self.dataplane()?.express()?;
        let mut view = self.insides.observe(&self.host, self.asks_polling(&express)).await?;
        self.names = Arc::new(view.names);
        let still = self.departures.names();
        view.veths.retain(|name, _| !leaving.contains(name) && !still.contains(name));
        self.cards = view.cards;
        view.host.express = self.express_wanted();
        // No word for these in a State: they belong to no device.
        if view.veths.values().any(|veth| veth.up) && !self.waits()? {
            self.mend_filters().await?;
        }
        self.bridges = mend::bridges(&view.bridges);
        if self.reread {
            self.dataplane_mut()?.reread()?;
            self.reread = false;
        }
        let programs = self.dataplane()?.observe(&self.names)?;
        let state = State {
            bridges: view.bridges,
            veths: view.veths,
            gateways: view.gateways,
            express: self.express_running(&express)?,
            polled: view.polled,
            resolvers: self.resolvers(&view.lo_programs)?,
            ..programs
        };
        self.remember(&state);
        Ok((state, view.host))
    }

    fn memorize(&mut self, picture: (State, Host)) {
        self.picture = Some(picture);
    }

    fn recall(&self) -> Option<&(State, Host)> {
        self.picture.as_ref()
    }

    async fn apply(&mut self, step: &Step) -> Result<()> {
        // Nobody knows how far it came that is refused or cut off.
        let reread = mem::replace(&mut self.reread, true);
        let picture = self.picture.take();
        self.apply_link(step).await?;
        self.reread = reread;
        self.picture = picture.map(|(mut state, host)| {
            state.follow(step);
            (state, host)
        });
        Ok(())
    }
}

fn torn_down() -> Error {
    Error::conflict("netd has been torn down; start it again")
}

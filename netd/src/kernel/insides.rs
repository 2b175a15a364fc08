//! The containers' namespaces from the inside: kept open, each with a socket in it and one that
//! tells of changes, and read again only when something changed there or all are looked at anew.

use super::{
    netlink::{Inside, LinkView, Listener, Netlink},
    netns::Namespace,
};
use crate::error::{Error, Result};
use crate::spec::name::InterfaceName;
use crate::state::{Gateways, Netns, State, Veth};
use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    os::fd::AsFd,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};

/// The known namespaces of containers.
#[derive(Debug, Default)]
pub(super) struct Insides {
    namespaces: BTreeMap<Netns, Arc<Namespace>>,
    /// In some of them, for as long as a look or a change takes: each takes as much memory as everything
    /// else about a container.
    sockets: BTreeMap<Netns, Netlink>,
    /// Those to be read again.
    stale: BTreeSet<Netns>,
    /// What was last seen of the veths, routes and programs in them.
    veths: BTreeMap<InterfaceName, Veth>,
    gateways: BTreeMap<Netns, Gateways>,
    lo_programs: BTreeMap<Netns, BTreeSet<u32>>,
    polled: BTreeSet<InterfaceName>,
    listeners: BTreeMap<Netns, Listener>,
    /// Those that can't be entered.
    closed: BTreeSet<Netns>,
    heard: Heard,
}

/// Where something has changed since the last look, and how to wake who looks.
#[derive(Clone, Debug, Default)]
struct Heard {
    namespaces: Arc<Mutex<BTreeSet<Netns>>>,
    wake: Option<Sender<()>>,
}

impl Heard {
    fn take(&self) -> BTreeSet<Netns> {
        mem::take(&mut *self.namespaces.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// False once nobody listens.
    fn note(&self, id: Netns) -> bool {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        let Some(wake) = &self.wake else { return false };
        !matches!(wake.try_send(()), Err(TrySendError::Closed(())))
    }
}

impl Insides {
    /// A unit whenever something changes in a namespace that is joined later; none the second time.
    pub(super) fn events(&mut self) -> Option<Receiver<()>> {
        if self.heard.wake.is_some() {
            return None;
        }
        let (sender, receiver) = mpsc::channel(1);
        self.heard.wake = Some(sender);
        Some(receiver)
    }

    /// Opens a namespace and sets its lo up.
    pub(super) fn join(&mut self, namespace: impl Into<Arc<Namespace>>) -> Result<()> {
        let namespace = namespace.into();
        let id = namespace.id();
        if !self.namespaces.contains_key(&id) {
            let heard = self.heard.clone();
            let listener = Netlink::listen_in(namespace.as_fd(), move || heard.note(id))?;
            self.listeners.insert(id, listener);
            self.namespaces.insert(id, namespace);
            self.closed.remove(&id);
            self.stale.insert(id);
        }
        Ok(())
    }

    /// Lets go of every namespace but these.
    pub(super) fn keep(&mut self, wanted: &BTreeSet<Netns>) {
        self.namespaces.retain(|id, _| wanted.contains(id));
        self.sockets.clear();
        self.listeners.retain(|id, _| wanted.contains(id));
        self.closed.retain(|id| wanted.contains(id));
    }

    /// Takes namespaces that can't be entered to hold what is `wanted` of them, and `resolver` on
    /// their lo: what nobody can see there is left alone.
    pub(super) fn trust(&mut self, closed: BTreeSet<Netns>, wanted: &State, resolver: u32) {
        let veths = wanted.veths.iter().filter(|(_, veth)| closed.contains(&veth.netns));
        self.veths.extend(veths.map(|(name, veth)| (name.clone(), veth.clone())));
        for id in &closed {
            self.gateways.extend(wanted.gateways.get(id).map(|gateways| (*id, *gateways)));
            if wanted.resolvers.contains(id) {
                self.lo_programs.insert(*id, BTreeSet::from([resolver]));
            }
        }
        self.closed.extend(closed);
    }

    /// Reads a namespace again next time: something in it is about to change.
    pub(super) fn touch(&mut self, id: Netns) {
        self.stale.insert(id);
    }

    /// As [`Insides::touch`], for the namespace that a veth leads to.
    pub(super) fn touch_behind(&mut self, veth: &InterfaceName) {
        self.stale.extend(self.veths.get(veth).map(|veth| veth.netns));
    }

    /// Reads every namespace again next time.
    pub(super) fn touch_all(&mut self) {
        self.stale.extend(self.namespaces.keys().copied());
    }

    /// Knows a veth that was put since the last look.
    pub(super) fn meet(&mut self, name: &InterfaceName, veth: &Veth) {
        self.veths.insert(name.clone(), veth.clone());
    }

    /// A veth as it was last seen.
    pub(super) fn veth(&self, name: &InterfaceName) -> Option<&Veth> {
        self.veths.get(name)
    }

    pub(super) fn namespace(&self, id: Netns) -> Result<&Arc<Namespace>> {
        self.namespaces.get(&id).ok_or_else(|| gone(id))
    }

    pub(super) fn socket(&mut self, id: Netns) -> Result<&Netlink> {
        if !self.sockets.contains_key(&id) {
            while self.sockets.len() >= MOST_SOCKETS {
                self.sockets.pop_first();
            }
            let socket = Netlink::open_in(self.namespace(id)?.as_fd())?;
            self.sockets.insert(id, socket);
        }
        self.sockets.get(&id).ok_or_else(|| gone(id))
    }

    /// What `host` sees, completed by what is seen, or was last seen, from the inside.
    pub(super) async fn observe(&mut self, host: &Netlink, polling: bool) -> Result<LinkView> {
        let mut stale = mem::take(&mut self.stale);
        stale.append(&mut self.heard.take());
        stale.retain(|id| self.namespaces.contains_key(id));
        let ids: Vec<Netns> = stale.into_iter().collect();
        let view = match self.read(host, &ids).await {
            Ok(read) => host.observe_with(read).await,
            Err(error) => Err(error),
        };
        let ids: BTreeSet<Netns> = ids.into_iter().collect();
        if view.is_err() {
            self.stale = ids;
            return view;
        }
        view.map(|mut view| {
            self.complete(&mut view, &self.unread(&ids));
            if polling {
                view.polled = self.polled_now(&view, &ids);
            }
            self.polled.clone_from(&view.polled);
            self.veths.clone_from(&view.veths);
            self.gateways.clone_from(&view.gateways);
            self.lo_programs.clone_from(&view.lo_programs);
            view
        })
    }

    /// Some namespaces from the inside, a few at a time.
    async fn read(&mut self, host: &Netlink, ids: &[Netns]) -> Result<Vec<Inside>> {
        let mut all = Vec::with_capacity(ids.len());
        for some in ids.chunks(MOST_SOCKETS) {
            self.sockets.retain(|id, _| some.contains(id));
            for id in some {
                self.socket(*id)?;
            }
            all.extend(host.look_inside(&self.sockets).await?);
        }
        self.sockets.clear();
        Ok(all)
    }

    /// The veths whose other side polls: as it is in the namespaces `read`, as last seen in others.
    fn polled_now(&self, view: &LinkView, read: &BTreeSet<Netns>) -> BTreeSet<InterfaceName> {
        let mut polled = BTreeSet::new();
        for (name, veth) in &view.veths {
            if !read.contains(&veth.netns) {
                polled.extend(self.polled.get(name).cloned());
                continue;
            }
            let Some(namespace) = self.namespaces.get(&veth.netns) else { continue };
            match Netlink::polls(namespace.as_fd(), &veth.peer) {
                Ok(true) => drop(polled.insert(name.clone())),
                Ok(false) => {}
                Err(error) => tracing::warn!("{error}"),
            }
        }
        polled
    }

    /// Lets a device in a container poll, or not any more.
    pub(super) fn set_polling(&mut self, id: Netns, name: &InterfaceName, on: bool) -> Result<()> {
        self.touch(id);
        Netlink::set_polling(self.namespace(id)?.as_fd(), name, on)
    }

    fn unread(&self, read: &BTreeSet<Netns>) -> BTreeSet<Netns> {
        let open = self.namespaces.keys().filter(|id| !read.contains(id));
        open.chain(&self.closed).copied().collect()
    }

    /// Fills in what was last seen in namespaces that were not read now.
    fn complete(&self, view: &mut LinkView, unread: &BTreeSet<Netns>) {
        for (name, veth) in &mut view.veths {
            // Somebody may have renamed it.
            let renamed = || self.veths.values().find(|last| last.endpoint == veth.endpoint);
            let Some(last) = self.veths.get(name).or_else(renamed) else { continue };
            if last.endpoint == veth.endpoint && unread.contains(&last.netns) {
                veth.netns = last.netns;
                veth.peer = last.peer.clone();
                veth.mac = last.mac;
                veth.addresses = last.addresses.clone();
                veth.aggregate = last.aggregate;
            }
        }
        let routes = self.gateways.iter().filter(|(id, _)| unread.contains(id));
        view.gateways.extend(routes.map(|(id, gateways)| (*id, *gateways)));
        let programs = self.lo_programs.iter().filter(|(id, _)| unread.contains(id));
        view.lo_programs.extend(programs.map(|(id, programs)| (*id, programs.clone())));
    }
}

/// How many namespaces keep a socket for requests while nothing is asked there.
const MOST_SOCKETS: usize = 8;

fn gone(id: Netns) -> Error {
    Error::not_found(format!("network namespace {} is gone", id.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::{
        UplinkChoice, desired,
        samples::{attach, container, host, network, spec},
    };
    use crate::state::State;

    /// Two containers on a network.
    fn wanted() -> State {
        let network = network("web", 1, true);
        let containers = [1, 2].map(|number| {
            let mut container = container(number);
            attach(&mut container, &network);
            container
        });
        desired(&spec([network], containers), &host(), &UplinkChoice::Auto)
    }

    #[test]
    fn what_was_not_read_shows_as_last_seen_and_nothing_else_does() {
        let state = wanted();
        let insides = Insides {
            veths: state.veths.clone(),
            gateways: state.gateways.clone(),
            lo_programs: [1001, 1002].map(|id| (Netns(id), BTreeSet::from([7]))).into(),
            ..Insides::default()
        };
        // As netlink shows them from the host, with no namespace read.
        let outside =
            |veth: &Veth| Veth { netns: Netns(0), aggregate: 0, up: false, ..veth.clone() };
        let veths = state.veths.iter().map(|(name, veth)| (name.clone(), outside(veth)));
        let mut view = LinkView { veths: veths.collect(), ..LinkView::default() };
        let unread = Netns(1001);
        insides.complete(&mut view, &BTreeSet::from([unread]));
        let seen: Vec<_> =
            view.veths.values().map(|veth| (veth.netns, veth.aggregate, veth.up)).collect();
        assert_eq!(seen, [(unread, 65_536, false), (Netns(0), 0, false)]);
        assert_eq!(view.gateways.keys().collect::<Vec<_>>(), [&unread]);
        assert_eq!(view.lo_programs, BTreeMap::from([(unread, BTreeSet::from([7]))]));
    }

    #[test]
    fn a_namespace_that_cannot_be_entered_is_left_alone() {
        let state = wanted();
        let (closed, other) = (Netns(1001), Netns(1002));
        let mut insides = Insides::default();
        insides.trust(BTreeSet::from([closed]), &state, 7);
        let outside = |veth: &Veth| Veth { netns: Netns(0), aggregate: 0, ..veth.clone() };
        let veths = state.veths.iter().map(|(name, veth)| (name.clone(), outside(veth)));
        let mut view = LinkView { veths: veths.collect(), ..LinkView::default() };
        insides.complete(&mut view, &insides.unread(&BTreeSet::from([other])));
        for (name, veth) in state.veths.iter().filter(|(_, veth)| veth.netns == closed) {
            assert_eq!(&view.veths[name], veth);
        }
        assert_eq!(view.gateways.get(&closed), state.gateways.get(&closed));
        assert!(!view.gateways.contains_key(&other));
        insides.keep(&BTreeSet::new());
        assert!(insides.unread(&BTreeSet::new()).is_empty());
    }

    #[test]
    fn a_veth_of_another_endpoint_is_not_taken_for_the_last_one() {
        let state = wanted();
        let insides = Insides { veths: state.veths.clone(), ..Insides::default() };
        let mut view = LinkView { veths: state.veths, ..LinkView::default() };
        for veth in view.veths.values_mut() {
            veth.netns = Netns(0);
            veth.endpoint = crate::spec::name::Id::random();
        }
        insides.complete(&mut view, &BTreeSet::from([Netns(1001), Netns(1002)]));
        assert!(view.veths.values().all(|veth| veth.netns == Netns(0)));
    }
}

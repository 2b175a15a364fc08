//! Veths on their way out. The kernel takes some ten milliseconds to be rid of one, and no longer for
//! several at once (rcu_barrier in netdev_run_todo, net/core/dev.c); whoever has nothing to do with
//! them does not wait.

use super::{Netlink, Owner, ownership, refused};
use crate::{
    error::{Error, Result},
    spec::name::InterfaceName,
    state::{Netns, Veth},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};
use tokio::{
    runtime,
    sync::{Semaphore, oneshot, watch},
    time::timeout,
};

/// The veths that are being removed.
#[derive(Clone, Debug)]
pub struct Departures {
    /// By a number that is used once.
    leaving: watch::Sender<BTreeMap<u64, Leaving>>,
    next: Arc<AtomicU64>,
    places: Arc<Semaphore>,
    failed: Arc<AtomicBool>,
}

#[derive(Clone, Debug)]
struct Leaving {
    name: InterfaceName,
    /// Of its other side.
    netns: Option<Netns>,
}

impl Default for Departures {
    fn default() -> Self {
        Self {
            leaving: watch::Sender::new(BTreeMap::new()),
            next: Arc::default(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
            failed: Arc::default(),
        }
    }
}

impl Departures {
    /// The veths that are on their way out.
    #[must_use]
    pub fn names(&self) -> BTreeSet<InterfaceName> {
        self.leaving.borrow().values().map(|leaving| leaving.name.clone()).collect()
    }

    /// Waits until those are gone that are on their way out now, or something is wrong with them.
    pub async fn now(&self) {
        let now: Vec<u64> = self.leaving.borrow().keys().copied().collect();
        self.until(|leaving| now.iter().all(|number| !leaving.contains_key(number))).await;
    }

    /// Waits until nothing is in the way of a veth of this name that leads to this namespace.
    ///
    /// # Errors
    /// `Kernel` where the kernel does not let go of what is there.
    pub async fn clear(&self, name: &InterfaceName, netns: Netns) -> Result<()> {
        let in_the_way =
            |other: &Leaving| other.name == *name || other.netns.is_none_or(|n| n == netns);
        match self.until(|leaving| !leaving.values().any(in_the_way)).await {
            true => Ok(()),
            false => Err(Error::kernel(format!(
                "cannot make veth {name}: the kernel is still busy with removing one that is in its way"
            ))),
        }
    }

    /// Whether one could not be removed since this was last asked.
    #[must_use]
    pub fn take_failed(&self) -> bool {
        self.failed.swap(false, Ordering::Relaxed)
    }

    async fn until(&self, over: impl Fn(&BTreeMap<u64, Leaving>) -> bool) -> bool {
        let mut changes = self.leaving.subscribe();
        let over = changes.wait_for(|leaving| over(leaving));
        // The sender is in `self`.
        timeout(PATIENCE, over).await.is_ok()
    }

    fn note(&self, name: &InterfaceName, netns: Option<Netns>) -> Departure {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.leaving.send_modify(|leaving| {
            leaving.insert(number, Leaving { name: name.clone(), netns });
        });
        Departure { number, all: self.clone() }
    }
}

/// One that leaves, until this is dropped.
struct Departure {
    number: u64,
    all: Departures,
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.all.leaving.send_modify(|leaving| {
            leaving.remove(&self.number);
        });
    }
}

impl Netlink {
    /// Begins to remove veth `name`, which must be netd's and, where it was `seen`, that endpoint's;
    /// `departures` tells when it is gone. Nothing happens where there is none. What the kernel refuses
    /// is logged, and the veth is there again. Must be called in the namespace of the calling process.
    ///
    /// # Errors
    /// `Conflict` where it is another device, `Kernel` where the kernel refuses to tell.
    pub async fn dismiss_veth(
        &self,
        name: &InterfaceName,
        seen: Option<&Veth>,
        departures: &Departures,
    ) -> Result<()> {
        let Some(link) = self.link(name).await? else { return Ok(()) };
        let ours = match (&link.owner, seen) {
            (Some(Owner::Endpoint(id)), Some(veth)) => *id == veth.endpoint,
            (owner, None) => owner.is_some(),
            _ => false,
        };
        if !ours {
            return Err(ownership::taken(&link));
        }
        let departure = departures.note(name, seen.map(|veth| veth.netns));
        let name = name.clone();
        tokio::spawn(async move {
            // Never closed; without a place it would only be one more at once.
            let _place = departure.all.places.acquire().await;
            if let Err(error) = removed(link.index).await {
                tracing::warn!("cannot delete device {name}: {error}");
                departure.all.failed.store(true, Ordering::Relaxed);
            }
        });
        Ok(())
    }
}

/// Removes a device on a thread of its own: the kernel keeps whoever asks until all is done.
async fn removed(index: u32) -> Result<()> {
    let (sender, done) = oneshot::channel();
    thread::Builder::new()
        .name("departure".to_owned())
        // Nobody waits any more where sending fails.
        .spawn(move || drop(sender.send(remove(index))))
        .map_err(|e| Error::refused(e.raw_os_error(), format!("cannot start a thread: {e}")))?;
    done.await.unwrap_or_else(|_| Err(Error::internal("the thread that removes it panicked")))
}

fn remove(index: u32) -> Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::refused(e.raw_os_error(), format!("cannot start a runtime: {e}")))?;
    runtime.block_on(async {
        let socket = Netlink::open()?;
        socket.remove(index).await.map_err(refused("be rid of it"))
    })
}

/// How many go at once: they share what the kernel waits for, and not its lock.
const AT_ONCE: usize = 16;
/// How long anybody waits for them.
const PATIENCE: Duration = Duration::from_secs(10);

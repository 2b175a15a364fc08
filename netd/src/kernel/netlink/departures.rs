//! Veths on their way out. The kernel takes some ten milliseconds to be rid of one, and no longer for
//! several at once (rcu_barrier in netdev_run_todo, net/core/dev.c); whoever has nothing to do with
//! them does not wait.

use super::{Netlink, ownership, refused};
use crate::{
    error::{Error, Result},
    spec::name::InterfaceName,
    state::Netns,
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::{
    runtime,
    sync::{Semaphore, watch},
    task,
};

/// The veths that are being removed.
#[derive(Clone, Debug)]
pub struct Departures {
    /// Each with the namespace of its other side.
    leaving: watch::Sender<BTreeMap<InterfaceName, Netns>>,
    places: Arc<Semaphore>,
}

impl Default for Departures {
    fn default() -> Self {
        Self {
            leaving: watch::Sender::new(BTreeMap::new()),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Departures {
    /// Whether this one is on its way out.
    #[must_use]
    pub fn has(&self, name: &InterfaceName) -> bool {
        self.leaving.borrow().contains_key(name)
    }

    /// Waits until those are gone that are on their way out now.
    pub async fn now(&self) {
        let now = self.leaving.borrow().clone();
        self.until(|leaving| now.keys().all(|name| !leaving.contains_key(name))).await;
    }

    /// Waits until nothing is in the way of a veth of this name that leads to this namespace.
    pub async fn clear(&self, name: &InterfaceName, netns: Netns) {
        self.until(|leaving| {
            leaving.iter().all(|(other, behind)| other != name && *behind != netns)
        })
        .await;
    }

    async fn until(&self, over: impl Fn(&BTreeMap<InterfaceName, Netns>) -> bool) {
        // The sender is in `self`.
        let _ = self.leaving.subscribe().wait_for(|leaving| over(leaving)).await;
    }

    fn note(&self, name: &InterfaceName, netns: Netns) {
        self.leaving.send_modify(|leaving| {
            leaving.insert(name.clone(), netns);
        });
    }

    fn forget(&self, name: &InterfaceName) {
        self.leaving.send_modify(|leaving| {
            leaving.remove(name);
        });
    }
}

impl Netlink {
    /// Begins to remove veth `name`, which must be netd's, with its other side in `netns`; `departures`
    /// tells when it is gone. Nothing happens where there is none. What the kernel refuses is logged,
    /// and the veth is there again. Must be called in the namespace of the calling process.
    ///
    /// # Errors
    /// `Conflict` where it is not netd's, `Kernel` where the kernel refuses to tell.
    pub async fn dismiss_veth(
        &self,
        name: &InterfaceName,
        netns: Netns,
        departures: &Departures,
    ) -> Result<()> {
        let Some(link) = self.link(name).await? else { return Ok(()) };
        if link.owner.is_none() {
            return Err(ownership::taken(&link));
        }
        departures.note(name, netns);
        let (departures, name) = (departures.clone(), name.clone());
        tokio::spawn(async move {
            // Never closed; without a place it would only be one more at once.
            let _place = departures.places.acquire().await;
            let removed = task::spawn_blocking(move || remove(link.index)).await;
            if let Err(error) = removed.unwrap_or_else(|e| Err(Error::internal(e.to_string()))) {
                tracing::warn!("cannot delete device {name}: {error}");
            }
            departures.forget(&name);
        });
        Ok(())
    }
}

/// On a socket and a runtime of its own: the kernel keeps the thread that asks until all is done.
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

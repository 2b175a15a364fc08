//! The flow tables, looked at beside everything else: however many flows there are, no request
//! waits for that.

use super::Inner;
use crate::error::{Error, Result};
use crate::kernel::dataplane::FlowTables;
use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// A handle on the flow tables.
#[derive(Clone)]
pub(super) struct Flows(Arc<Mutex<FlowTables>>);

impl Flows {
    pub(super) fn new(tables: Arc<Mutex<FlowTables>>) -> Self {
        Self(tables)
    }

    /// Does `work` on the tables, on a thread where that may take its time; one at a time.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut FlowTables) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let tables = self.0.clone();
        // Nothing in there is half done after a panic: every write is a single map operation.
        let work = move || work(&mut tables.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|e| Err(Error::internal(format!("the flow tables: {e}"))))
    }
}

impl Inner {
    /// Begins to void the flows of addresses that the host lost.
    pub(super) fn void_vanished(&mut self) {
        let vanished = self.live.take_vanished();
        if vanished.is_empty() {
            return;
        }
        let flows = self.flows.clone();
        tokio::spawn(async move { void(&flows, vanished).await });
    }
}

async fn void(flows: &Flows, vanished: BTreeSet<IpAddr>) {
    let list: Vec<String> = vanished.iter().map(ToString::to_string).collect();
    match flows.ask(move |tables| tables.void(&vanished)).await {
        Ok(0) => {}
        Ok(count) => {
            tracing::info!("the host no longer has {}: {count} flows are void", list.join(", "));
        }
        Err(error) => tracing::error!("{error}"),
    }
}

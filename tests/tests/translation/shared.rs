//! Both worlds, shared by the tests.

use crate::site::Site;
use anyhow::{Context, Result};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// Both worlds.
pub(crate) struct Pair {
    pub(crate) netd: Site,
    pub(crate) kernel: Site,
}

/// Both worlds, made by the first test that asks, used by one after the other, and gone with the
/// last: a test that waits for its turn keeps them.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Pair>>);

impl Shared {
    pub(crate) fn get() -> Self {
        static WORLDS: Mutex<Weak<Mutex<Pair>>> = Mutex::new(Weak::new());
        let mut worlds = WORLDS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pair) = worlds.upgrade() {
            return Self(pair);
        }
        let new = || -> Result<Pair> {
            let netd = Site::netd().context("the world with netd")?;
            Ok(Pair { netd, kernel: Site::kernel().context("the world with the kernel's NAT")? })
        };
        // What failed once fails again: the tests that follow need not try.
        static FAILED: OnceLock<String> = OnceLock::new();
        let failed = FAILED.get().map(|error| Err(anyhow::anyhow!("{error}")));
        let pair = failed.unwrap_or_else(new);
        let pair = pair.map_err(|error| FAILED.get_or_init(|| format!("{error:#}")).clone());
        let pair = Arc::new(Mutex::new(pair.unwrap_or_else(|error| panic!("{error}"))));
        *worlds = Arc::downgrade(&pair);
        Self(pair)
    }

    pub(crate) fn turn(&self) -> MutexGuard<'_, Pair> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What was last observed, for those who only look.

use super::Live;
use crate::spec::name::InterfaceName;
use crate::state::{State, UplinkEntry};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What the kernel held when it was last observed.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Names of the host's devices by index.
    pub names: Arc<BTreeMap<u32, InterfaceName>>,
    /// Devices to the outside that the programs are on.
    pub uplinks: BTreeMap<InterfaceName, UplinkEntry>,
    /// Those of them that run XDP.
    pub express: BTreeSet<InterfaceName>,
}

impl Live {
    /// What was last observed.
    #[must_use]
    pub fn seen(&self) -> Arc<Seen> {
        self.seen.clone()
    }

    /// Knows a device from now on, which was not there when the host was observed.
    pub(super) fn meet(&mut self, index: u32, name: &InterfaceName) {
        if self.names.get(&index) != Some(name) {
            let names = Arc::make_mut(&mut self.names);
            names.retain(|_, known| known != name);
            names.insert(index, name.clone());
            let names = self.names.clone();
            self.seen = Arc::new(Seen { names, ..Seen::clone(&self.seen) });
        }
    }

    pub(super) fn remember(&mut self, state: &State) {
        self.seen = Arc::new(Seen {
            names: self.names.clone(),
            uplinks: state.uplinks.clone(),
            express: state.express.keys().cloned().collect(),
        });
    }
}

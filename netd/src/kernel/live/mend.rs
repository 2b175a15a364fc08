//! What can be taken away without a word to anybody: pins, hooks, some switches. It takes a look.

use super::Live;
use crate::error::Result;
use crate::kernel::{Repair, dataplane::Mended, netlink};
use crate::spec::name::InterfaceName;
use crate::state::Bridge;
use std::{collections::BTreeMap, mem};

impl Live {
    /// Puts back pins and the programs for the host's own processes; says whether anything else is
    /// amiss, which is found and put right by a look at everything.
    ///
    /// # Errors
    /// What can't be put back.
    pub fn glance(&mut self) -> Result<bool> {
        let dataplane = self.dataplane_mut()?;
        if dataplane.has_left() {
            dataplane.clear()?;
        }
        let Mended { pins, host_programs } = dataplane.mend()?;
        let hooked = dataplane.is_hooked();
        for (kind, count, what) in [
            ("pin", pins, "pins were gone; pinned again"),
            ("host-program", host_programs, "programs of host processes were off; attached again"),
        ] {
            let repair = Repair { kind, count, what: format!("{count} {what}") };
            self.repairs.extend((count > 0).then_some(repair));
        }
        let switched = |(name, ipv6): &(_, _)| netlink::is_switched(name, *ipv6);
        let stayed = self.departures.take_failed();
        Ok(stayed || !hooked || !self.bridges.iter().all(switched))
    }

    /// What was put back since this was last asked, apart from the steps of plans.
    pub fn take_repairs(&mut self) -> Vec<Repair> {
        mem::take(&mut self.repairs)
    }
}

/// The bridges whose switches are to be looked at, and whether each routes IPv6.
pub(super) fn bridges(bridges: &BTreeMap<InterfaceName, Bridge>) -> Vec<(InterfaceName, bool)> {
    let routes_ipv6 = |bridge: &Bridge| bridge.addresses.iter().any(|net| net.addr().is_ipv6());
    bridges.iter().map(|(name, bridge)| (name.clone(), routes_ipv6(bridge))).collect()
}

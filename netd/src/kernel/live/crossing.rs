//! A change of the map layout, as far as it concerns filters.

use super::Live;
use crate::error::Result;
use crate::kernel::netlink::{EGRESS_BLOCK, INGRESS_BLOCK};
use netd_common::abi::programs;

impl Live {
    /// Goes on with a change of the map layout, where one is under way, until it is done.
    /// `kernel/dataplane/crossing.rs` says how it goes.
    pub(super) async fn cross(&mut self) -> Result<()> {
        if !self.dataplane()?.is_crossing() {
            return Ok(());
        }
        let [out, into] = [
            self.host.block_filter(INGRESS_BLOCK).await?,
            self.host.block_filter(EGRESS_BLOCK).await?,
        ];
        let dataplane = self.dataplane.as_mut().ok_or_else(super::torn_down)?;
        if let (Some(_), Some(program)) = (out, dataplane.crossing_program()?) {
            self.host.put_block_filter(INGRESS_BLOCK, program, programs::CONTAINER_OUT).await?;
        }
        dataplane.carry_over()?;
        // Without a veth there are no blocks.
        if out.is_some() || into.is_some() {
            self.put_filters().await?;
        }
        self.dataplane_mut()?.arrive()
    }

    /// The maps are still to be filled, while others' programs do the work: their hooks stay theirs
    /// until then.
    pub(super) fn waits(&self) -> Result<bool> {
        let dataplane = self.dataplane()?;
        Ok(dataplane.has_left() && dataplane.is_empty())
    }
}

//! The programs of classic filters: those in the blocks that all veths share, and the one on lo in
//! containers that have names.

use super::Live;
use crate::error::{Error, Result};
use crate::kernel::netlink::{EGRESS_BLOCK, INGRESS_BLOCK};
use crate::kernel::{Repair, netns::Namespace};
use crate::spec::name::InterfaceName;
use crate::state::{Netns, State};
use netd_common::abi::programs;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

impl Live {
    /// As [`Live::put_filters`], while a veth is up: what this agent had put there and is gone was
    /// taken away.
    pub(super) async fn mend_filters(&mut self) -> Result<()> {
        let known = self.filters.clone();
        for (block, name) in self.put_filters().await? {
            if known.contains_key(&block) {
                let what = format!("program {name} was gone from block {block:#x}; put back");
                self.repairs.push(Repair { kind: "program", count: 1, what });
            }
        }
        Ok(())
    }

    /// Sees to it that the shared blocks hold netd's programs: they go with the last veth, and
    /// anybody may take them away. Gives those that it put there.
    pub(super) async fn put_filters(&mut self) -> Result<Vec<(u32, &'static str)>> {
        let mut put = Vec::new();
        for block in [INGRESS_BLOCK, EGRESS_BLOCK] {
            let there = self.host.block_filter(block).await?;
            if there.is_some() && there == self.filters.get(&block).copied() {
                continue;
            }
            let dataplane = self.dataplane()?;
            let (program, name) = match block {
                INGRESS_BLOCK => (dataplane.ingress_program()?, "container_out"),
                _ => (dataplane.egress_program()?, "container_in"),
            };
            self.host.put_block_filter(block, program, name).await?;
            if let Some(id) = self.host.block_filter(block).await? {
                self.filters.insert(block, id);
            }
            put.push((block, name));
        }
        Ok(put)
    }

    /// Sets a veth up, whose packets meet this agent's programs from the first one on.
    pub(super) async fn raise_veth(&mut self, index: u32, name: &InterfaceName) -> Result<()> {
        if self.host.raise_veth(index, &self.filters).await? {
            return Ok(());
        }
        // It may have lost its blocks; and the first veth makes them.
        self.host.bind_blocks(index).await?;
        self.put_filters().await?;
        if self.host.raise_veth(index, &self.filters).await? {
            return Ok(());
        }
        Err(Error::kernel(format!(
            "device {name} stays down: its packets would not meet netd's programs; does another \
             program change filters of blocks?"
        )))
    }

    /// The namespace of a container, if it is a known one.
    pub fn namespace(&self, id: Netns) -> Option<Arc<Namespace>> {
        self.insides.namespace(id).ok().cloned()
    }

    /// Takes namespaces that can't be entered to hold what is `wanted` of them.
    ///
    /// # Errors
    /// The resolver's program can't be asked for its identity.
    pub fn trust(&mut self, closed: BTreeSet<Netns>, wanted: &State) -> Result<()> {
        let resolver = self.dataplane()?.resolver_identity()?;
        self.insides.trust(closed, wanted, resolver);
        Ok(())
    }

    /// Where this agent's program leads to the resolver, of the programs that are on lo.
    pub(super) fn resolvers(
        &self,
        there: &BTreeMap<Netns, BTreeSet<u32>>,
    ) -> Result<BTreeSet<Netns>> {
        let own = self.dataplane()?.resolver_identity()?;
        let ours = there.iter().filter(|(_, programs)| programs.contains(&own));
        Ok(ours.map(|(netns, _)| *netns).collect())
    }

    pub(super) async fn put_resolver(&mut self, netns: Netns) -> Result<()> {
        self.insides.touch(netns);
        let dataplane = self.dataplane.as_ref().ok_or_else(super::torn_down)?;
        let program = dataplane.resolver_program()?;
        self.insides.socket(netns)?.put_lo_program(program, programs::RESOLVER_LO).await
    }

    pub(super) async fn delete_resolver(&mut self, netns: Netns) -> Result<()> {
        self.insides.touch(netns);
        self.insides.socket(netns)?.delete_lo_program().await
    }
}

//! XDP on uplinks: where it is wanted, where it runs, and the steps between the two.

use super::Live;
use crate::desired::XdpChoice;
use crate::error::{Error, Result};
use crate::plan::Step;
use crate::spec::name::{InterfaceName, Mac};
use std::collections::BTreeMap;

impl Live {
    /// Says which uplinks are to run XDP.
    pub fn choose_xdp(&mut self, choice: XdpChoice) {
        self.xdp = choice;
    }

    /// Where XDP is wanted.
    pub(super) fn express_wanted(&self) -> BTreeMap<InterfaceName, Mac> {
        let chosen = self.cards.iter().filter(|(name, card)| self.xdp.runs(name, card.wins));
        chosen.map(|(name, card)| (name.clone(), card.mac)).collect()
    }

    /// Whether it matters which containers poll.
    pub(super) fn asks_polling(&self, known: &BTreeMap<u32, Mac>) -> bool {
        !known.is_empty() || !self.express_wanted().is_empty()
    }

    /// Where this agent's XDP program runs, by what the maps know; an uplink that lost it has an
    /// address that no device has.
    pub(super) fn express_running(
        &self,
        known: &BTreeMap<u32, Mac>,
    ) -> Result<BTreeMap<InterfaceName, Mac>> {
        let own = self.dataplane()?.express_program();
        let running = known.iter().filter_map(|(index, mac)| {
            let name = self.names.get(index).cloned();
            let name = name.or_else(|| format!("#{index}").parse().ok())?;
            let there = self.cards.get(&name).and_then(|card| card.program);
            Some((name, if own.is_some() && there == own { *mac } else { Mac([0; 6]) }))
        });
        Ok(running.collect())
    }

    pub(super) fn apply_express(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::PutExpress(name, mac) => {
                let there = self.cards.get(name).and_then(|card| card.program);
                let index = self.index(name)?;
                self.dataplane_mut()?.put_express(index, name, *mac, there)
            }
            Step::DeleteExpress(name) => {
                let index = self.index(name)?;
                self.dataplane_mut()?.delete_express(index)
            }
            Step::StartPolling(_, netns, peer) => self.insides.set_polling(*netns, peer, true),
            Step::StopPolling(_, netns, peer) => self.insides.set_polling(*netns, peer, false),
            other => Err(Error::internal(format!("step is not about XDP: {other}"))),
        }
    }
}

//! From the map layout before this one to this one, under traffic.
//!
//! **What has to hold.** Flows that are open live on, those that open or close meanwhile as well, and
//! isolation is what it was, at every moment and wherever the agent may be killed.
//!
//! **Why not hook by hook.** A flow is opened by one program and answered through another: the new
//! `uplink_in` would enter a flow in the new tables, and the old `uplink_out` would not find it when
//! the answer comes, some microseconds later. Whichever goes first, one of the two ways is cut; and
//! a flow that both follow, each in its own record, has two states. So there is one instant before
//! which every hook has the old programs and after which every hook has the new ones. Copying
//! everything before that instant is not enough either: what packets wrote between copy and instant
//! would be missing after it.
//!
//! **How.** 1. Maps whose layout did not change are pinned in the new directory too: both versions
//! share them, so that addresses, publications, generations and counts are the same for both.
//! 2. New programs that *read through* are loaded: what they don't find among their flows they look
//! for in the old tables, and enter it in theirs (`netd-ebpf/src/maps/previous.rs`). 3. Every hook
//! that meets flows gets, in place, a program that goes on to the old one as long as
//! [`maps::CROSSED`] is 0, and to the new one when it is 1 (`netd-ebpf/src/crossing.rs`). 4. The
//! instant: it is set to 1. 5. Once no processor runs an old program any more, nobody writes the
//! old tables; the agent enters all that is left in them, as it has become. 6. Programs without any of
//! this go onto the hooks, in place, and the old layout's directory goes. The ordinary programs have
//! no instruction for it, and a packet costs a few nanoseconds more for some hundred milliseconds.
//!
//! **Killed on the way.** The new directory is made whole, with a mark that it is not yet gone on
//! with (`crossing/`), in which the switch of step 3 is pinned. The next start of this layout's agent
//! finds the mark and does all of it again up to the instant, or all of it after. An agent of the old
//! layout finds its own directory as it was and takes the hooks back, in place as well; flows that
//! opened since the instant are cut then.
//!
//! **Back to an older layout.** An older agent can't read what a newer one wrote. It begins with empty
//! maps, fills them, and only then takes the hooks, by the links that are there: open flows are cut,
//! and nothing else.

mod carry;
mod hooks;

use super::{
    Capacity, Dataplane, directories::Directories, hooks::remove_pin, programs, refused, table,
};
use crate::error::Result;
use aya::{
    Ebpf,
    maps::{Array, MapData},
    programs::{SchedClassifier, Xdp},
};
use netd_common::abi::{maps, previous, programs as names};
use rustix::thread::{MembarrierCommand, membarrier};
use std::{
    os::fd::{AsFd, BorrowedFd},
    sync::PoisonError,
    thread,
    time::Duration,
};

/// A change of layout under way.
pub(super) struct Crossing {
    /// The programs on the hooks and those that they go on to; none once they have crossed.
    ebpf: Option<Ebpf>,
    crossed: Array<MapData, u32>,
}

impl Crossing {
    /// What is under way, or to be begun; `express` says that some uplink runs XDP. None where the
    /// layout stays, or nothing is left of the one before.
    pub(super) fn open(
        directories: &Directories,
        capacity: &Capacity,
        express: bool,
    ) -> Result<Option<Self>> {
        let (Some(home), Some(former)) = (directories.crossing(), &directories.former) else {
            return Ok(None);
        };
        if let Ok(crossed) = table::<Array<MapData, u32>>(&home, maps::CROSSED)
            && crossed.get(&0, 0).is_ok_and(|crossed| crossed != 0)
        {
            return Ok(Some(Self { ebpf: None, crossed }));
        }
        let ebpf = hooks::load(directories, &home, former, capacity, express)?;
        let crossed = table(&home, maps::CROSSED)?;
        Ok(Some(Self { ebpf: Some(ebpf), crossed }))
    }

    /// What is on `name`'s hook until all have crossed.
    pub(super) fn classifier(&mut self, name: &str) -> Option<&mut SchedClassifier> {
        let (_, cross) = hooks::CROSSED_OVER.iter().find(|(known, _)| *known == name)?;
        self.ebpf.as_mut()?.program_mut(cross)?.try_into().ok()
    }

    /// What is on the XDP hooks until all have crossed.
    pub(super) fn express(&mut self) -> Option<&mut Xdp> {
        let [.., cross] = names::CROSS;
        self.ebpf.as_mut()?.program_mut(cross)?.try_into().ok()
    }

    pub(super) fn has_crossed(&self) -> bool {
        self.ebpf.is_none()
    }
}

impl Dataplane {
    /// Hooks are between two layouts: [`Dataplane::carry_over`] and [`Dataplane::arrive`] are due.
    #[must_use]
    pub fn is_crossing(&self) -> bool {
        self.crossing.is_some()
    }

    /// The program that is to be in the shared ingress block before [`Dataplane::carry_over`]; none
    /// where that has begun.
    ///
    /// # Errors
    /// The program is not loaded.
    pub fn crossing_program(&mut self) -> Result<Option<BorrowedFd<'_>>> {
        let Some(crossing) = self.crossing.as_mut().filter(|c| !c.has_crossed()) else {
            return Ok(None);
        };
        let program = crossing.classifier(names::CONTAINER_OUT);
        let program = program.ok_or_else(|| programs::missing(names::CONTAINER_OUT))?;
        let fd = program.fd().map_err(|_| programs::missing(names::CONTAINER_OUT))?;
        Ok(Some(fd.as_fd()))
    }

    /// Has every hook cross to the new programs, and then carries over what these have not.
    ///
    /// # Errors
    /// A map that can't be read or written.
    pub fn carry_over(&mut self) -> Result<()> {
        let Some(crossing) = &mut self.crossing else { return Ok(()) };
        let failed = |e| refused("cannot switch to the programs of the new map layout", &e);
        crossing.crossed.set(0, 1, 0).map_err(failed)?;
        await_programs();
        let Some(former) = &self.directories.former else { return Ok(()) };
        let carried = {
            let mut flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
            carry::carry(former, &mut flows)?
        };
        tracing::info!("carried {carried} flows over from {}", former.display());
        Ok(())
    }

    /// Puts the ordinary programs onto the uplinks, and removes what was there for the change.
    ///
    /// # Errors
    /// A map or pin that can't be read or removed.
    pub fn arrive(&mut self) -> Result<()> {
        let Some(crossing) = self.crossing.take() else { return Ok(()) };
        self.adopt_uplinks()?;
        self.adopt_express()?;
        // The switch goes with its last descriptor: nobody may be on his way through it.
        await_programs();
        self.directories.arrive()?;
        drop(crossing);
        self.clear()
    }

    /// Layouts that gave way still have a directory.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.directories.has_left()
    }

    /// No container is known to the maps.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.devices.keys().next().is_none()
    }

    /// Removes the layouts that gave way, and the links of theirs that this agent did not take.
    ///
    /// # Errors
    /// A pin that can't be removed.
    pub fn clear(&mut self) -> Result<()> {
        for name in self.directories.links()?.iter().filter(|name| !self.links.has(name)) {
            remove_pin(&self.directory.join(name))?;
        }
        self.directories.clear()
    }
}

/// Pins the maps whose layout stayed in the new directory as well, and says how many flows fit in
/// those of the old layout: as many are to fit in the new ones.
pub(super) fn share(directories: &Directories, wanted: &Capacity) -> Result<Capacity> {
    let Some(former) = &directories.former else { return Ok(*wanted) };
    for name in maps::ALL.iter().filter(|name| !previous::CHANGED.contains(name)) {
        let shared = directories.own.join(name);
        if shared.exists() {
            continue;
        }
        // What is not there is made anew.
        if let Ok(map) = MapData::from_pin(former.join(name)) {
            map.pin(&shared).map_err(|e| refused(&format!("cannot pin the map {name}"), &e))?;
        }
    }
    Ok(Capacity::pinned(former).map_or(*wanted, |former| wanted.at_least(&former)))
}

/// Waits until every program that runs at this moment has ended.
fn await_programs() {
    // The kernel waits for all that its processors are doing (RCU), which programs are part of.
    if let Err(error) = membarrier(MembarrierCommand::Global) {
        tracing::debug!("no membarrier ({error}): waiting instead");
        thread::sleep(LONGER_THAN_ANY_PROGRAM);
    }
}

const LONGER_THAN_ANY_PROGRAM: Duration = Duration::from_millis(500);

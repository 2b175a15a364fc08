//! The same packets through netd-common on bytes and through the loaded programs, step by step.

use super::{intact, packets::Step};
use crate::{
    bytes,
    kernel::{Kernel, Written, clock},
    world::World,
};
use anyhow::Result;
use netd_common::verdict::{DropReason, Path, Verdict};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Both sides.
pub struct Pair {
    /// The programs and their maps; none where only the bytes are asked.
    kernel: Option<Kernel>,
    /// The tables in memory.
    pub(super) world: World,
    pub(super) drops: BTreeMap<(DropReason, u32), u64>,
    /// The packet as each side left it.
    pub(super) out: Vec<u8>,
    kernel_out: Vec<u8>,
}

impl Pair {
    /// Loads the programs; this thread stays in their namespace from now on.
    ///
    /// # Errors
    /// Without root, or where the kernel refuses a program.
    pub fn new() -> Result<Self> {
        let kernel = Kernel::new()?;
        kernel.enter()?;
        Ok(Self { kernel: Some(kernel), ..Self::of_bytes() })
    }

    /// Only netd-common: what it does is held to have right checksums and not to panic.
    #[must_use]
    pub fn of_bytes() -> Self {
        Self {
            kernel: None,
            world: World::default(),
            drops: BTreeMap::new(),
            out: Vec::new(),
            kernel_out: vec![0; 8_192],
        }
    }

    /// Both sides begin with these tables, at the present time.
    ///
    /// # Errors
    /// Where the kernel refuses an entry.
    pub fn begin(&mut self, world: &World) -> Result<()> {
        self.world = world.clone();
        self.world.move_to(clock()?);
        self.drops.clear();
        match &mut self.kernel {
            Some(kernel) => kernel.fill_as_is(&self.world),
            None => Ok(()),
        }
    }

    /// Both sides take a packet; a text says where they differ. The packet as it is now stays in
    /// `out`.
    ///
    /// # Errors
    /// Where the kernel can't run it.
    pub fn step(&mut self, step: &Step) -> Result<std::result::Result<Verdict, String>> {
        self.out.clear();
        self.out.extend(&step.packet);
        self.world.now = clock()?;
        let (world, out) = (&mut self.world, &mut self.out);
        let taken = catch_unwind(AssertUnwindSafe(|| bytes::step(step.hook, out, world)));
        let Ok(verdict) = taken else {
            return Ok(Err("netd-common panics".into()));
        };
        if let (_, Some(reason)) = bytes::action(verdict) {
            *self.drops.entry((reason, step.hook.ifindex())).or_insert(0) += 1;
        }
        if let Some(difference) = self.step_in_kernel(step, verdict)? {
            return Ok(Err(difference));
        }
        Ok(intact::judge(verdict, &step.packet, &self.out).map(|()| verdict))
    }

    /// The kernel's half of [`Pair::step`]: where it differs from the bytes'.
    fn step_in_kernel(&mut self, step: &Step, verdict: Verdict) -> Result<Option<String>> {
        let Some(kernel) = &self.kernel else { return Ok(None) };
        let (ran, length) = kernel.step(step.hook, &step.packet, &mut self.kernel_out)?;
        let theirs = &self.kernel_out[..length];
        if ran != bytes::action(verdict).0 {
            return Ok(Some(format!("the kernel's action is {ran}, on bytes it is {verdict:?}")));
        }
        if theirs == self.out {
            return Ok(None);
        }
        let (ours, theirs) = (hex(&self.out), hex(theirs));
        Ok(Some(format!("bytes, after {verdict:?}:\n  kernel {theirs}\n  bytes  {ours}")))
    }

    /// Whether both sides have the same tables and counted the same drops; a text says where not.
    ///
    /// # Errors
    /// Where the maps can't be read.
    pub fn compare(&mut self) -> Result<std::result::Result<(), String>> {
        let Some(kernel) = &mut self.kernel else { return Ok(Ok(())) };
        let (ours, theirs) = (Written::of(&self.world), kernel.written()?);
        if ours != theirs {
            let difference = theirs.difference(&ours);
            return Ok(Err(format!("the kernel's tables differ:\n  {difference}")));
        }
        let drops = kernel.drops()?;
        if drops != self.drops {
            let wanted = &self.drops;
            return Ok(Err(format!("the kernel counts {drops:?}, on bytes it is {wanted:?}")));
        }
        Ok(Ok(()))
    }

    /// Packets by the way that they took, since the beginning; nothing where only bytes are asked.
    ///
    /// # Errors
    /// Where the map can't be read.
    pub(super) fn paths(&mut self) -> Result<BTreeMap<Path, u64>> {
        self.kernel.as_mut().map_or_else(|| Ok(BTreeMap::new()), Kernel::paths)
    }

    /// Runs a whole sequence from these tables; a text says where the sides differ, and the number
    /// how many packets it took.
    ///
    /// # Errors
    /// As [`Pair::step`].
    pub fn replay(&mut self, world: &World, steps: &[Step]) -> Result<Option<(usize, String)>> {
        self.begin(world)?;
        for (place, step) in steps.iter().enumerate() {
            if let Err(difference) = self.step(step)? {
                return Ok(Some((place + 1, difference)));
            }
        }
        Ok(self.compare()?.err().map(|difference| (steps.len(), difference)))
    }

    /// As [`Pair::replay`], comparing the tables after every packet.
    ///
    /// # Errors
    /// As [`Pair::step`].
    pub fn replay_slowly(
        &mut self,
        world: &World,
        steps: &[Step],
    ) -> Result<Option<(usize, String)>> {
        self.begin(world)?;
        for (place, step) in steps.iter().enumerate() {
            if let Err(difference) = self.step(step)? {
                return Ok(Some((place + 1, difference)));
            }
            if let Err(difference) = self.compare()? {
                return Ok(Some((place + 1, difference)));
            }
        }
        Ok(None)
    }
}

/// Bytes for people and files.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

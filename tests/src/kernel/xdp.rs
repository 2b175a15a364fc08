//! The same world for the uplink's XDP program.

use super::{Kernel, Outcome, fill::map};
use crate::{
    cases::Case,
    world::{UPLINK, UPLINK_MAC},
};
use anyhow::{Context, Result};
use aya::{
    TestRunOptions,
    maps::HashMap,
    programs::{TestRun, Xdp},
};
use netd_common::abi::{maps, programs};
use std::time::Duration;

impl Kernel {
    /// As [`Kernel::run`], through uplink_xdp; the action is an `XDP_*`.
    ///
    /// # Errors
    /// Where the kernel refuses the program, or can't run it.
    pub fn run_xdp(&mut self, case: &Case) -> Result<Outcome> {
        self.prepare_xdp(case)?;
        let mut out = vec![0; case.packet.len() + 64];
        let context = context(case);
        let run = TestRunOptions {
            data_in: Some(&case.packet),
            data_out: Some(&mut out),
            ctx_in: Some(&context),
            ..TestRunOptions::new()
        };
        let program = self.xdp()?;
        let result = self.ns.namespace().run(|| program.test_run(run))??;
        out.truncate(result.data_size_out as usize);
        Ok(Outcome {
            action: result.return_value,
            out,
            reason: self.reason(UPLINK)?,
            written: self.written()?,
        })
    }

    /// Nanoseconds of one run of the case's packet through uplink_xdp, the mean of `repeat`.
    ///
    /// # Errors
    /// As [`Kernel::run_xdp`].
    pub fn time_xdp(&mut self, case: &Case, repeat: u32) -> Result<Duration> {
        self.prepare_xdp(case)?;
        let context = context(case);
        let run = TestRunOptions {
            data_in: Some(&case.packet),
            ctx_in: Some(&context),
            repeat,
            ..TestRunOptions::new()
        };
        let program = self.xdp()?;
        Ok(self.ns.namespace().run(|| program.test_run(run))??.duration)
    }

    /// The program is loaded once, and acts on the world's uplink.
    fn prepare_xdp(&mut self, case: &Case) -> Result<()> {
        self.fill(&case.world)?;
        let mut express: HashMap<_, u32, [u8; 6]> =
            map(&mut self.ebpf, maps::EXPRESS)?.try_into()?;
        express.insert(UPLINK, UPLINK_MAC, 0)?;
        let program = self.ebpf.program_mut(programs::UPLINK_XDP);
        let program: &mut Xdp = program.context("the object lacks uplink_xdp")?.try_into()?;
        if program.fd().is_err() {
            program.load().context("uplink_xdp is refused")?;
        }
        Ok(())
    }

    fn xdp(&self) -> Result<&Xdp> {
        let program = self.ebpf.program(programs::UPLINK_XDP);
        Ok(program.context("the object lacks uplink_xdp")?.try_into()?)
    }
}

/// A `struct xdp_md` (linux/bpf.h): the packet's bounds, no metadata, the uplink's first queue.
fn context(case: &Case) -> Vec<u8> {
    let length = u32::try_from(case.packet.len()).expect("a packet is not that long");
    [0, length, 0, case.hook.ifindex(), 0, 0].iter().flat_map(|n: &u32| n.to_ne_bytes()).collect()
}

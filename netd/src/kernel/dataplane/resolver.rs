//! The program for lo in containers that have names.

use super::Dataplane;
use crate::error::{Error, Result};
use aya::programs::SchedClassifier;
use netd_common::abi::programs;
use std::os::fd::BorrowedFd;

impl Dataplane {
    /// The program for lo in containers that have names: `resolver_lo`.
    ///
    /// # Errors
    /// The program is not loaded.
    pub fn resolver_program(&self) -> Result<BorrowedFd<'_>> {
        self.program(programs::RESOLVER_LO)
    }

    /// Its number in the kernel.
    ///
    /// # Errors
    /// The program is not loaded.
    pub fn resolver_identity(&self) -> Result<u32> {
        let program = self.ebpf.program(programs::RESOLVER_LO);
        let program = program.and_then(|p| <&SchedClassifier>::try_from(p).ok());
        let identity = program.and_then(|p| p.info().ok()).map(|info| info.id());
        identity.ok_or_else(|| Error::internal("the eBPF program resolver_lo is not loaded"))
    }
}

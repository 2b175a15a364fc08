//! The program for lo in containers that have names.

use super::Dataplane;
use crate::error::{Error, Result};
use netd_common::abi::programs;
use std::os::fd::BorrowedFd;

impl Dataplane {
    /// The program for lo in containers that have names: `resolver_lo`.
    ///
    /// # Errors
    /// The program is not loaded.
    pub fn resolver_program(&self) -> Result<BorrowedFd<'_>> {
        self.programs.fd(programs::RESOLVER_LO)
    }

    /// Its number in the kernel.
    ///
    /// # Errors
    /// The program is not loaded.
    pub fn resolver_identity(&self) -> Result<u32> {
        let identity = self.programs.number(programs::RESOLVER_LO);
        identity.ok_or_else(|| Error::internal("the eBPF program resolver_lo is not loaded"))
    }
}

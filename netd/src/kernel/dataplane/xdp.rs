//! XDP on uplinks: native only, by a pinned link. The program is loaded with the first uplink that
//! runs it.

use super::{Dataplane, hooks::remove_pin, refused, write::found};
use crate::error::{Error, Result};
use crate::spec::name::{InterfaceName, Mac};
use aya::programs::{
    ProgramError, XdpMode,
    links::{FdLink, PinnedLink},
    xdp::XdpLink,
};
use netd_common::abi::programs;
use nix::errno::Errno;
use std::collections::BTreeMap;

impl Dataplane {
    /// Runs XDP on an uplink whose Ethernet address is `mac`. `there` is the XDP program that is on
    /// it now: another's stays.
    ///
    /// # Errors
    /// Another's program is there, the driver has no native XDP, or the kernel refuses.
    pub fn put_express(
        &mut self,
        index: u32,
        name: &InterfaceName,
        mac: Mac,
        there: Option<u32>,
    ) -> Result<()> {
        let what = format!("cannot run XDP on uplink {name}, which goes on without");
        match there {
            Some(_) if there == self.express_program() => {}
            Some(other) if there != self.pinned_express(index) => {
                return Err(Error::conflict(format!(
                    "{what}: XDP program {other} is on it; remove that one, or set uplink-xdp to off"
                )));
            }
            Some(_) if self.replace_express(index).is_some() => {}
            _ => self.attach_express(index).map_err(|e| e.context(&what))?,
        }
        // Only now: until then the program passes everything.
        self.tables.express.insert(index, mac.0, 0).map_err(|e| refused(&what, &e))
    }

    /// Takes XDP off an uplink; one that is gone has none.
    ///
    /// # Errors
    /// A pin that can't be removed.
    pub fn delete_express(&mut self, index: u32) -> Result<()> {
        let name = express_name(index);
        self.links.release(&name);
        remove_pin(&self.directory.join(name))?;
        let failed = |e| refused(&format!("cannot forget XDP on uplink {index}"), &e);
        if found(self.tables.express.get(&index, 0)).map_err(failed)?.is_some() {
            self.tables.express.remove(&index).map_err(failed)?;
        }
        Ok(())
    }

    /// The uplinks that run XDP as far as the maps know, by index.
    ///
    /// # Errors
    /// A map that can't be read.
    pub fn express(&self) -> Result<BTreeMap<u32, Mac>> {
        let entries = self.tables.express.iter();
        let entries = entries.map(|entry| entry.map(|(index, mac)| (index, Mac(mac))));
        entries.collect::<Result<_, _>>().map_err(|e| refused("cannot read where XDP runs", &e))
    }

    /// The number of this agent's XDP program, once it is loaded.
    #[must_use]
    pub fn express_program(&self) -> Option<u32> {
        self.programs.number(programs::UPLINK_XDP)
    }

    /// Puts this agent's program in place of the last one's wherever that runs. A link whose device
    /// is gone is let go.
    pub(super) fn adopt_express(&mut self) -> Result<()> {
        for index in self.express()?.into_keys() {
            if self.replace_express(index).is_none() {
                self.delete_express(index)?;
            }
        }
        Ok(())
    }

    fn replace_express(&mut self, index: u32) -> Option<()> {
        let name = express_name(index);
        let link = self.links.open(&self.directory, &name)?;
        let program = match &mut self.crossing {
            Some(crossing) => crossing.express()?,
            None => self.programs.express().ok()?,
        };
        let own = program.info().ok().map(|info| info.id());
        if own.is_some() && link.info().ok().map(|info| info.program_id()) == own {
            self.links.hold(name.clone(), link);
            return self.links.holds(&name, own).then_some(());
        }
        let link = XdpLink::try_from(link).ok()?;
        let id = program.attach_to_link(link).ok()?;
        let link = program.take_link(id).ok()?;
        self.links.hold(name, link.try_into().ok()?);
        Some(())
    }

    fn attach_express(&mut self, index: u32) -> Result<()> {
        let name = express_name(index);
        let pin = self.directory.join(&name);
        // A pin whose link lost its device, or was taken off, holds nothing.
        self.links.release(&name);
        remove_pin(&pin)?;
        let program = self.programs.express()?;
        let id = program.attach_to_if_index(index, XdpMode::Driver).map_err(|e| unattached(&e))?;
        let lost = |e: &(dyn std::error::Error + 'static)| refused("the link can't be pinned", e);
        let link = program.take_link(id).map_err(|e| lost(&e))?;
        let link = FdLink::try_from(link).map_err(|e| lost(&e))?;
        let link = link.pin(&pin).map_err(|e| lost(&e))?;
        self.links.hold(name, link.into());
        Ok(())
    }

    /// The program of the link that is pinned for an uplink.
    fn pinned_express(&self, index: u32) -> Option<u32> {
        let link =
            FdLink::from(PinnedLink::from_pin(self.directory.join(express_name(index))).ok()?);
        link.info().ok().map(|info| info.program_id())
    }
}

fn express_name(index: u32) -> String {
    format!("{}-{index}", programs::UPLINK_XDP)
}

/// The kernel's refusal of a link, in words.
fn unattached(error: &ProgramError) -> Error {
    let number = match error {
        ProgramError::SyscallError(e) => e.io_error.raw_os_error().map(Errno::from_raw),
        _ => None,
    };
    match number {
        Some(Errno::EOPNOTSUPP) => {
            Error::kernel("its driver has no native XDP; set uplink-xdp to auto or off")
        }
        Some(Errno::EBUSY) => Error::conflict(
            "another XDP program is on it; remove that one, or set uplink-xdp to off",
        ),
        _ => refused("the kernel refuses the link", error),
    }
}

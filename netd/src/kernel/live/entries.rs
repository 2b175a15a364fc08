//! Steps that change what the programs know.

use super::Live;
use crate::error::{Error, Result};
use crate::plan::Step;
use crate::spec::name::InterfaceName;

impl Live {
    pub(super) fn apply_entry(&mut self, step: &Step) -> Result<()> {
        let index = |name: &InterfaceName| self.index(name);
        match step {
            Step::PutNetwork(number, entry) => {
                let bridge = index(&entry.bridge)?;
                self.dataplane_mut()?.put_network(*number, entry, bridge)
            }
            Step::PutDevice(name, entry) => {
                let index = index(name)?;
                self.dataplane_mut()?.put_device(index, entry)
            }
            Step::PutUplink(name, entry) => {
                let index = index(name)?;
                self.dataplane_mut()?.put_uplink(index, name, entry)
            }
            Step::DeleteDevice(name) => {
                let index = index(name)?;
                self.dataplane_mut()?.delete_device(index)
            }
            Step::DetachUplink(name) => {
                let index = index(name)?;
                self.dataplane_mut()?.detach_uplink(index)
            }
            Step::DeleteNetwork(number) => self.dataplane_mut()?.delete_network(*number),
            Step::DeletePublished(key) => self.dataplane_mut()?.delete_published(key),
            Step::PutPublished(key, entry) => self.dataplane_mut()?.put_published(key, entry),
            Step::DeleteLocal(address) => {
                self.dataplane_mut()?.delete_local(*address)?;
                self.vanished.insert(*address);
                Ok(())
            }
            Step::PutLocal(address) => {
                self.vanished.remove(address);
                self.dataplane_mut()?.put_local(*address)
            }
            Step::PutExpress(..)
            | Step::DeleteExpress(..)
            | Step::StartPolling(..)
            | Step::StopPolling(..) => self.apply_express(step),
            Step::Rename(..)
            | Step::PutBridge(..)
            | Step::DeleteBridge(..)
            | Step::PutVeth(..)
            | Step::DeleteVeth(..)
            | Step::RaiseVeth(..)
            | Step::PutResolver(..)
            | Step::DeleteResolver(..)
            | Step::SetGateways(..) => {
                Err(Error::internal(format!("step reached the wrong half of the kernel: {step}")))
            }
        }
    }
}

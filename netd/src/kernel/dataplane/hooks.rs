//! The hooks: uplinks by pinned TCX links, the host's own processes by pinned cgroup links.

use super::{Dataplane, refused};
use crate::error::{Error, Result};
use crate::spec::name::InterfaceName;
use crate::state::UplinkEntry;
use aya::programs::{
    CgroupAttachMode, LinkOrder, SchedClassifier, TcAttachType,
    links::FdLink,
    tc::{SchedClassifierLink, TcAttachOptions},
};
use netd_common::abi::programs;
use nix::{getsockopt_impl, libc, sockopt_impl};
use std::{
    fs::{self, File},
    path::Path,
};

/// The two programs of an uplink and the sides they are on.
const UPLINK_HOOKS: [(&str, TcAttachType); 2] =
    [(programs::UPLINK_IN, TcAttachType::Ingress), (programs::UPLINK_OUT, TcAttachType::Egress)];

impl Dataplane {
    /// Puts the programs on a device to the outside, or changes the addresses they use there.
    ///
    /// # Errors
    /// The kernel refuses the hook, or has no TCX (before Linux 6.6).
    pub fn put_uplink(
        &mut self,
        index: u32,
        name: &InterfaceName,
        entry: &UplinkEntry,
    ) -> Result<()> {
        for (program, side) in UPLINK_HOOKS {
            // By the link of another layout's agent, where there is one.
            if self.is_attached(program, name, side)
                || (self.replace_uplink(program, index).is_some()
                    && self.is_attached(program, name, side))
            {
                continue;
            }
            // A pin whose link lost its device, or was taken off, holds nothing.
            let pin = uplink_name(program, index);
            self.links.release(&pin);
            remove_pin(&self.directory.join(&pin))?;
            let program = self.programs.classifier(program)?;
            let link = attach_uplink(program, name, side, &self.directory.join(&pin))
                .map_err(|e| e.context(format!("cannot attach to uplink {name}")))?;
            self.links.hold(pin, link);
        }
        self.enter_uplink(index, entry)
    }

    /// Both programs of this agent's are on the device: the hooks themselves are asked, not the
    /// pins.
    pub(super) fn is_uplink(&self, name: &InterfaceName) -> bool {
        UPLINK_HOOKS.iter().all(|(program, side)| self.is_attached(program, name, *side))
    }

    fn is_attached(&self, program: &str, name: &InterfaceName, side: TcAttachType) -> bool {
        let Some(own) = self.programs.number(program) else { return false };
        let Ok((_, there)) = SchedClassifier::query_tcx(name.as_str(), side) else {
            return false;
        };
        there.iter().any(|info| info.id() == own)
    }

    /// Takes the programs off a device to the outside; one that is gone has none.
    ///
    /// # Errors
    /// A pin that can't be removed.
    pub fn detach_uplink(&mut self, index: u32) -> Result<()> {
        self.forget_uplink(index)?;
        for (program, _) in UPLINK_HOOKS {
            let name = uplink_name(program, index);
            self.links.release(&name);
            remove_pin(&self.directory.join(name))?;
        }
        Ok(())
    }

    /// Puts this agent's programs, or those that go on to them, in place of the last one's on every
    /// uplink that is pinned. A link whose device is gone is let go.
    pub(super) fn adopt_uplinks(&mut self) -> Result<()> {
        for index in self.uplink_entries()?.into_keys() {
            for (program, _) in UPLINK_HOOKS {
                if self.replace_uplink(program, index).is_none() {
                    self.detach_uplink(index)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// None where there is no such link any more.
    fn replace_uplink(&mut self, program: &str, index: u32) -> Option<()> {
        let name = uplink_name(program, index);
        let link = self.links.open(&self.directory, &name)?;
        let program = match &mut self.crossing {
            Some(crossing) => crossing.classifier(program)?,
            None => self.programs.classifier(program).ok()?,
        };
        let number = program.info().ok().map(|info| info.id());
        if link.info().ok().map(|info| info.program_id()) == number {
            self.links.hold(name, link);
            return Some(());
        }
        let id = program.attach_to_link(SchedClassifierLink::try_from(link).ok()?).ok()?;
        let link = program.take_link(id).ok()?;
        self.links.hold(name, link.try_into().ok()?);
        Some(())
    }

    /// Attaches the host programs that are not. An older agent's stay until the new ones are there:
    /// both lead a call to the same place, so running both for a moment changes nothing. Gives how
    /// many were attached.
    ///
    /// # Errors
    /// The kernel refuses one.
    pub(super) fn attach_host_programs(&mut self) -> Result<usize> {
        let root = File::open(&self.cgroup).map_err(|e| {
            Error::kernel(format!("cannot open cgroup {}: {e}", self.cgroup.display()))
        })?;
        let mut attached = 0;
        for name in programs::HOST {
            if !self.links.has(name)
                && let Some(link) = self.links.open(&self.directory, name)
            {
                self.links.hold(name.to_owned(), link);
            }
            if !self.links.holds(name, self.programs.number(name)) {
                self.attach_host_program(name, &root)?;
                attached += 1;
            }
        }
        Ok(attached)
    }

    fn attach_host_program(&mut self, name: &'static str, root: &File) -> Result<()> {
        let what = format!("cannot attach the eBPF program {name} to {}", self.cgroup.display());
        let draft = self.directory.join(format!("{name}-new"));
        remove_pin(&draft)?;
        let program = self.programs.host(name)?;
        // A link always leaves others' programs alone, and takes no flag that says so.
        let id = program.attach(root, CgroupAttachMode::Single).map_err(|e| refused(&what, &e))?;
        let link = program.take_link(id).map_err(|e| refused(&what, &e))?;
        let link = FdLink::try_from(link).map_err(|e| refused(&what, &e))?;
        let link = link.pin(&draft).map_err(|e| refused(&what, &e))?;
        fs::rename(&draft, self.directory.join(name))
            .map_err(|e| Error::kernel(format!("{what}: {e}")))?;
        self.links.hold(name.to_owned(), link.into());
        Ok(())
    }
}

fn uplink_name(program: &str, index: u32) -> String {
    format!("{program}-{index}")
}

/// Attaches by a link and pins it, so that it outlives the agent.
fn attach_uplink(
    program: &mut SchedClassifier,
    name: &InterfaceName,
    side: TcAttachType,
    pin: &Path,
) -> Result<FdLink> {
    let options = TcAttachOptions::TcxOrder(LinkOrder::first());
    let id = program
        .attach_with_options(name.as_str(), side, options)
        .map_err(|e| refused("the kernel refuses a TCX link (Linux 6.6 or newer has them)", &e))?;
    let link = program.take_link(id).map_err(|e| refused("the link is lost", &e))?;
    let link = FdLink::try_from(link).map_err(|e| refused("the link can't be pinned", &e))?;
    let link = link.pin(pin).map_err(|e| refused("the link can't be pinned", &e))?;
    Ok(link.into())
}

pub(super) fn remove_pin(pin: &Path) -> Result<()> {
    match fs::remove_file(pin) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::kernel(format!("cannot remove {}: {e}", pin.display())))
        }
        _ => Ok(()),
    }
}

sockopt_impl!(
    /// The cookie of the network namespace that a socket is in.
    NetnsCookie,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_NETNS_COOKIE,
    u64
);

/// The cookie of this process's network namespace, as the programs see it.
///
/// # Errors
/// A kernel before 5.14.
pub fn netns_cookie() -> Result<u64> {
    let failed =
        |e: std::io::Error| Error::kernel(format!("cannot tell the namespace cookie: {e}"));
    let socket = std::net::UdpSocket::bind(("0.0.0.0", 0)).map_err(failed)?;
    nix::sys::socket::getsockopt(&socket, NetnsCookie).map_err(|e| failed(e.into()))
}

//! The programs, pinned in a directory that is named after the object file they come from: an agent
//! of the same build finds them there and need not have them verified again.

mod load;

use super::{Capacity, refused};
use crate::error::{Error, Result};
use aya::programs::{CgroupSockAddr, CgroupSockAddrAttachType, ProgramError, SchedClassifier, Xdp};
use load::{load_maps, load_one};
use netd_common::abi::{maps, programs};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    hash::{DefaultHasher, Hasher},
    io::ErrorKind,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
};

pub(super) use load::{load, loader, open_express, pinned_maps, uses};

/// The object file, as the build made it.
pub static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("NETD_BPF_OBJECT"));

/// Every program that the kernel has taken.
pub(super) struct Programs {
    /// Where the maps are pinned.
    directory: PathBuf,
    /// The directory in there for the programs of this build.
    home: String,
    capacity: Capacity,
    classifiers: BTreeMap<&'static str, SchedClassifier>,
    host: BTreeMap<&'static str, CgroupSockAddr>,
    /// Loaded with the first uplink that runs it.
    express: Option<Xdp>,
}

impl Programs {
    /// Takes over the programs of this build where they are pinned and use the maps that are
    /// pinned in `directory`; else has the kernel verify them, and makes the maps that are missing.
    pub(super) fn open(directory: &Path, capacity: &Capacity) -> Result<Self> {
        let mut new = Self {
            directory: directory.into(),
            home: format!("{PREFIX}{:016x}", identity()),
            capacity: *capacity,
            classifiers: BTreeMap::new(),
            host: BTreeMap::new(),
            express: None,
        };
        if new.intact() && new.open_pins().is_ok() {
            tracing::debug!("the programs of this build are loaded already");
            return Ok(new);
        }
        new.load()?;
        new.open_pins()?;
        Ok(new)
    }

    pub(super) fn classifier(&mut self, name: &str) -> Result<&mut SchedClassifier> {
        self.classifiers.get_mut(name).ok_or_else(|| missing(name))
    }

    pub(super) fn host(&mut self, name: &str) -> Result<&mut CgroupSockAddr> {
        self.host.get_mut(name).ok_or_else(|| missing(name))
    }

    /// The program for XDP, which is loaded now if it was not.
    pub(super) fn express(&mut self) -> Result<&mut Xdp> {
        let name = programs::UPLINK_XDP;
        let pin = self.directory.join(&self.home).join(name);
        if self.express.is_none() {
            self.express = Some(match open_express(&pin) {
                Ok(program) => program,
                Err(_) => {
                    let mut ebpf = load_maps(&self.directory, &self.capacity)?;
                    load_one(&mut ebpf, name, &pin)?;
                    open_express(&pin).map_err(|e| unopened(name, &e))?
                }
            });
        }
        self.express.as_mut().ok_or_else(|| missing(name))
    }

    /// The descriptor of a classifier.
    pub(super) fn fd(&self, name: &str) -> Result<BorrowedFd<'_>> {
        let program = self.classifiers.get(name).ok_or_else(|| missing(name))?;
        Ok(program.fd().map_err(|_| missing(name))?.as_fd())
    }

    /// A program's number in the kernel; none where it is not loaded.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        let info = match (self.classifiers.get(name), self.host.get(name)) {
            (Some(program), _) => program.info(),
            (None, Some(program)) => program.info(),
            (None, None) if name == programs::UPLINK_XDP => self.express.as_ref()?.info(),
            (None, None) => return None,
        };
        info.ok().map(|info| info.id())
    }

    /// The numbers in the kernel of all that are loaded.
    pub(super) fn numbers(&self) -> BTreeSet<u32> {
        names().chain([programs::UPLINK_XDP]).filter_map(|name| self.number(name)).collect()
    }

    /// Lets go of the programs of other builds: hooks keep those that are still on them.
    pub(super) fn remove_others(&self) -> Result<()> {
        let failed = |e| unremoved(&self.directory, &e);
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with(PREFIX)
                && name.to_string_lossy() != self.home.as_str()
            {
                remove_directory(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Pins again what is pinned no more; gives how many.
    pub(super) fn repin(&mut self) -> Result<usize> {
        let home = self.directory.join(&self.home);
        fs::create_dir_all(&home)
            .map_err(|e| Error::kernel(format!("cannot make {}: {e}", home.display())))?;
        let mut pinned = 0;
        let mut pin = |name: &str, pin: &mut dyn FnMut(&Path) -> Result<(), aya::pin::PinError>| {
            let path = home.join(name);
            if !path.exists() {
                pin(&path).map_err(|e| refused(&format!("cannot pin the program {name}"), &e))?;
                pinned += 1;
            }
            Ok::<_, Error>(())
        };
        for (name, program) in &mut self.classifiers {
            pin(name, &mut |path| program.pin(path))?;
        }
        for (name, program) in &mut self.host {
            pin(name, &mut |path| program.pin(path))?;
        }
        if let Some(program) = &mut self.express {
            pin(programs::UPLINK_XDP, &mut |path| program.pin(path))?;
        }
        Ok(pinned)
    }

    /// The names under which programs should be pinned, from the directory of the maps.
    pub(super) fn pins(&self) -> impl Iterator<Item = String> {
        let names = self.classifiers.keys().chain(self.host.keys()).copied();
        let express = self.express.is_some().then_some(programs::UPLINK_XDP);
        names.chain(express).map(|name| format!("{}/{name}", self.home))
    }

    /// Every program of this build is pinned, and uses the maps that are.
    fn intact(&self) -> bool {
        let pinned = pinned_maps(&self.directory);
        let home = self.directory.join(&self.home);
        let express = home.join(programs::UPLINK_XDP);
        pinned.len() == maps::ALL.len()
            && names().all(|name| uses(&home.join(name), &pinned) == Some(true))
            && (!express.exists() || uses(&express, &pinned) == Some(true))
    }

    fn open_pins(&mut self) -> Result<()> {
        let home = self.directory.join(&self.home);
        for name in CLASSIFIERS {
            let program = SchedClassifier::from_pin(home.join(name));
            self.classifiers.insert(name, program.map_err(|e| unopened(name, &e))?);
        }
        for (name, kind) in programs::HOST.into_iter().zip(HOST_KINDS) {
            let program = CgroupSockAddr::from_pin(home.join(name), kind);
            self.host.insert(name, program.map_err(|e| unopened(name, &e))?);
        }
        self.express = open_express(&home.join(programs::UPLINK_XDP)).ok();
        Ok(())
    }

    /// Has the kernel verify the programs. Their directory appears once all are in it.
    fn load(&self) -> Result<()> {
        let home = self.directory.join(&self.home);
        let draft = self.directory.join(format!("{}-new", self.home));
        remove_directory(&draft)?;
        let mut ebpf = load_maps(&self.directory, &self.capacity)?;
        fs::create_dir(&draft)
            .map_err(|e| Error::kernel(format!("cannot make {}: {e}", draft.display())))?;
        for name in names() {
            load_one(&mut ebpf, name, &draft.join(name))?;
        }
        remove_directory(&home)?;
        fs::rename(&draft, &home)
            .map_err(|e| Error::kernel(format!("cannot rename {}: {e}", draft.display())))
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    CLASSIFIERS.into_iter().chain(programs::HOST)
}

/// What tells the programs of this build from others'.
fn identity() -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(OBJECT);
    hasher.finish()
}

pub(super) fn remove_directory(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(unremoved(path, &e)),
        _ => Ok(()),
    }
}

fn unremoved(path: &Path, error: &std::io::Error) -> Error {
    Error::kernel(format!("cannot remove {}: {error}", path.display()))
}

fn unopened(name: &str, error: &ProgramError) -> Error {
    refused(&format!("cannot open the pinned program {name}"), error)
}

pub(super) fn missing(name: &str) -> Error {
    Error::internal(format!("the eBPF program {name} is not loaded"))
}

/// What the names of directories of programs begin with.
pub(super) const PREFIX: &str = "programs-";
/// Those that are loaded at the start.
const CLASSIFIERS: [&str; 5] = [
    programs::CONTAINER_OUT,
    programs::CONTAINER_IN,
    programs::UPLINK_IN,
    programs::UPLINK_OUT,
    programs::RESOLVER_LO,
];
/// Where [`programs::HOST`] go, one by one.
const HOST_KINDS: [CgroupSockAddrAttachType; 10] = [
    CgroupSockAddrAttachType::Connect4,
    CgroupSockAddrAttachType::Connect6,
    CgroupSockAddrAttachType::UDPSendMsg4,
    CgroupSockAddrAttachType::UDPSendMsg6,
    CgroupSockAddrAttachType::UDPRecvMsg4,
    CgroupSockAddrAttachType::UDPRecvMsg6,
    CgroupSockAddrAttachType::GetPeerName4,
    CgroupSockAddrAttachType::GetPeerName6,
    CgroupSockAddrAttachType::Bind4,
    CgroupSockAddrAttachType::Bind6,
];

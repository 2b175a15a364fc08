//! The directories of map layouts: `v<ABI>` is that of the agent that ran last, or of the one that is
//! taking over from it. One that gave way is called `left-v<ABI>-<number>` from that moment on: it
//! still has programs on hooks, but no agent goes on with its maps, which are getting old. It goes
//! once others hold every hook.

use super::programs::remove_directory;
use crate::error::{Error, Result};
use netd_common::abi::{ABI_VERSION, previous, programs};
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Where this agent's pins are, and those of others.
#[derive(Debug)]
pub(super) struct Directories {
    root: PathBuf,
    /// This layout's.
    pub(super) own: PathBuf,
    /// That of the layout before, as long as flows are to be carried over from there.
    pub(super) former: Option<PathBuf>,
    /// Those that gave way.
    left: Vec<PathBuf>,
}

impl Directories {
    /// Makes this layout's directory where there is none. One that is there is gone on with, and all
    /// others have given way, unless it was made to carry over what the one before holds.
    pub(super) fn open(root: &Path) -> Result<Self> {
        Self::open_as(root, ABI_VERSION, previous::VERSION)
    }

    fn open_as(root: &Path, version: u32, before: Option<u32>) -> Result<Self> {
        let own = root.join(format!("v{version}"));
        let former = before.map(|before| root.join(format!("v{before}")));
        let former = former.filter(|former| former.is_dir());
        if !own.is_dir() {
            make(root, &own, former.is_some())?;
        }
        let former = former.filter(|_| own.join(CROSSING).is_dir());
        let mut new = Self { root: root.into(), own, former, left: Vec::new() };
        new.leave_others()?;
        Ok(new)
    }

    /// Where to pin what is needed only while flows are carried over; none where none are.
    pub(super) fn crossing(&self) -> Option<PathBuf> {
        self.former.as_ref().map(|_| self.own.join(CROSSING))
    }

    /// Some directory gave way and is still there.
    pub(super) fn has_left(&self) -> bool {
        !self.left.is_empty()
    }

    /// Takes the pins of the links that hold others' programs on the hooks: a link can have its
    /// program replaced without a gap, and a hook that has one needs no second.
    pub(super) fn claim_links(&self) -> Result<()> {
        for directory in self.former.iter().chain(&self.left) {
            for name in names(directory)?.iter().filter(|name| is_link(name)) {
                let claimed = self.own.join(name);
                if !claimed.exists() {
                    let pin = directory.join(name);
                    fs::rename(&pin, claimed).map_err(|e| unmoved(&pin, &e))?;
                }
            }
        }
        Ok(())
    }

    /// The pins of links that are here.
    pub(super) fn links(&self) -> Result<Vec<String>> {
        Ok(names(&self.own)?.into_iter().filter(|name| is_link(name)).collect())
    }

    /// Ends the carrying over: the layout before gives way.
    pub(super) fn arrive(&mut self) -> Result<()> {
        self.former = None;
        self.leave_others()
    }

    /// Removes what gave way: nobody needs its pins any more.
    pub(super) fn clear(&mut self) -> Result<()> {
        for directory in self.left.drain(..) {
            remove_directory(&directory)?;
        }
        Ok(())
    }

    /// Removes every directory of every layout, and the one above where nothing else is in it.
    pub(super) fn remove(mut self) -> Result<()> {
        self.former = None;
        self.leave_others()?;
        self.clear()?;
        remove_directory(&self.own)?;
        let _ = fs::remove_dir(&self.root);
        Ok(())
    }

    /// Has every directory but this layout's, and that from which flows are carried over, give way.
    fn leave_others(&mut self) -> Result<()> {
        for name in names(&self.root)? {
            let path = self.root.join(&name);
            if is_draft(&name) {
                remove_directory(&path)?;
            } else if is_layout(&name) && path != self.own && Some(&path) != self.former.as_ref() {
                let free =
                    |number: &u32| !self.root.join(format!("{LEFT}{name}-{number}")).exists();
                let number = (0..).find(free).unwrap_or_default();
                let left = self.root.join(format!("{LEFT}{name}-{number}"));
                fs::rename(&path, left).map_err(|e| unmoved(&path, &e))?;
            }
        }
        let left = names(&self.root)?.into_iter().filter(|name| name.starts_with(LEFT));
        self.left = left.map(|name| self.root.join(name)).collect();
        // Last: as long as the one before is there, it is to be gone on with.
        let mark = self.own.join(CROSSING);
        self.left.extend((self.former.is_none() && mark.is_dir()).then_some(mark));
        Ok(())
    }
}

/// Makes this layout's directory, whole: with the mark of what it is made for.
fn make(root: &Path, own: &Path, crosses: bool) -> Result<()> {
    let mut draft = own.as_os_str().to_owned();
    // A bpffs takes no dots.
    draft.push(DRAFT);
    let draft = PathBuf::from(draft);
    remove_directory(&draft)?;
    let mark = if crosses { draft.join(CROSSING) } else { draft.clone() };
    fs::create_dir_all(&mark).map_err(|e| {
        Error::kernel(format!("cannot make {} in {}: {e}", mark.display(), root.display()))
    })?;
    fs::rename(&draft, own).map_err(|e| unmoved(&draft, &e))
}

fn names(directory: &Path) -> Result<Vec<String>> {
    let failed = |e| Error::kernel(format!("cannot read {}: {e}", directory.display()));
    let entries = match fs::read_dir(directory) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let name = |entry: std::io::Result<fs::DirEntry>| {
        Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned())
    };
    entries.map(name).collect()
}

fn is_layout(name: &str) -> bool {
    name.strip_prefix('v').is_some_and(|number| number.parse::<u32>().is_ok())
}

fn is_draft(name: &str) -> bool {
    name.strip_suffix(DRAFT).is_some_and(is_layout)
}

fn is_link(name: &str) -> bool {
    let on_uplinks = [programs::UPLINK_IN, programs::UPLINK_OUT, programs::UPLINK_XDP];
    on_uplinks.iter().any(|program| name.starts_with(&format!("{program}-")))
        || programs::HOST.contains(&name)
}

fn unmoved(path: &Path, error: &std::io::Error) -> Error {
    Error::kernel(format!("cannot rename {}: {error}", path.display()))
}

/// In a layout's directory: what is there only while flows are carried over into it.
const CROSSING: &str = "crossing";
const LEFT: &str = "left-";
const DRAFT: &str = "-new";

#[cfg(test)]
mod tests {
    use super::*;

    fn root(directories: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for name in directories {
            fs::create_dir_all(root.path().join(name)).unwrap();
        }
        root
    }

    fn found(root: &tempfile::TempDir) -> Vec<String> {
        let mut names = names(root.path()).unwrap();
        names.sort();
        names
    }

    #[test]
    fn an_upgrade_begins_beside_what_is_there_and_ends_without_it() {
        let root = root(&["v2", "v3-new", "lost+found"]);
        let mut there = Directories::open_as(root.path(), 3, Some(2)).unwrap();
        assert_eq!(there.former, Some(root.path().join("v2")));
        assert!(there.crossing().is_some() && !there.has_left());
        // Killed at any time, it goes on.
        let again = Directories::open_as(root.path(), 3, Some(2)).unwrap();
        assert_eq!(again.former, there.former);
        there.arrive().unwrap();
        assert_eq!(found(&root), ["left-v2-0", "lost+found", "v3"]);
        let mut next = Directories::open_as(root.path(), 3, Some(2)).unwrap();
        assert!(next.crossing().is_none() && next.former.is_none() && next.has_left());
        next.clear().unwrap();
        assert_eq!(found(&root), ["lost+found", "v3"]);
        assert!(names(&root.path().join("v3")).unwrap().is_empty());
    }

    #[test]
    fn what_nobody_reads_gives_way_at_once() {
        let root = root(&["v3/crossing", "v4", "left-v4-0"]);
        let old = Directories::open_as(root.path(), 2, None).unwrap();
        assert!(old.former.is_none() && old.crossing().is_none() && old.has_left());
        assert_eq!(found(&root), ["left-v3-0", "left-v4-0", "left-v4-1", "v2"]);
        // And back up: what was left is not gone on with.
        let new = Directories::open_as(root.path(), 3, Some(2)).unwrap();
        assert_eq!(new.former, Some(root.path().join("v2")));
        assert!(new.crossing().is_some());
        new.remove().unwrap();
        assert!(!root.path().exists());
    }

    #[test]
    fn a_layout_that_is_gone_on_with_reads_no_other() {
        let root = root(&["v2", "v3"]);
        let there = Directories::open_as(root.path(), 3, Some(2)).unwrap();
        assert!(there.former.is_none() && there.has_left());
        assert_eq!(found(&root), ["left-v2-0", "v3"]);
    }

    #[test]
    fn links_are_taken_along_and_nothing_else() {
        let root = root(&["v2/programs-1", "v2/uplink_in-7", "v2/host_bind6", "v2/FLOWS"]);
        let there = Directories::open_as(root.path(), 3, Some(2)).unwrap();
        there.claim_links().unwrap();
        let mut links = there.links().unwrap();
        links.sort();
        assert_eq!(links, ["host_bind6", "uplink_in-7"]);
        assert!(root.path().join("v2/programs-1").exists());
    }
}

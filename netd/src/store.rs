//! What must survive the agent and a reboot: networks, containers and what was made up for this
//! host, in one transactional file; and the directories that belong to containers.

mod fault;
mod tables;

use crate::error::{Error, Result};
use crate::spec::{Spec, name::Id};
use fault::{Fault, Unreadable, is_refusal};
use redb::{Database, WriteTransaction};
use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::SystemTime,
};
use tables::{CONTAINERS, DECLARED, META, NETWORKS, newer_form, read, replace};

/// The file that remembers.
pub struct Store {
    directory: PathBuf,
    /// None once a write has failed: redb takes no more until the file is opened anew.
    database: Option<Database>,
}

/// What was remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// Networks and containers; empty at the first start.
    pub spec: Spec,
    /// Forty random bits for this host's own IPv6 subnets; none at the first start.
    pub seed: Option<[u8; 5]>,
    /// The boot that containers ran in; none at the first start.
    pub boot: Option<String>,
}

impl Store {
    /// Opens the store in `directory`, which is made where it is missing. A file that makes no
    /// sense is set aside and a new one begun: the start goes on, with nothing open. Where only what
    /// files declared makes no sense, the rest is kept. The third value is the sentence that says so.
    ///
    /// # Errors
    /// The directory or the file can't be opened, read or written: what is in it stays then.
    pub fn open(directory: &Path) -> Result<(Self, Remembered, Option<String>)> {
        make_directory(directory)?;
        let path = directory.join(FILE);
        let Unreadable { first, kind } = match open_and_read(&path) {
            Ok((database, (remembered, problem))) => {
                return Ok((Self::of(directory, database), remembered, problem));
            }
            Err(Fault::Refused(error)) => return Err(error),
            Err(Fault::Senseless(error)) => error,
        };
        let aside = set_aside(&path, kind)?;
        let (database, (remembered, _)) = open_and_read(&path).map_err(Fault::refused)?;
        let problem = format!("{first}; moved to {} and started anew", aside.display());
        Ok((Self::of(directory, database), remembered, Some(problem)))
    }

    fn of(directory: &Path, database: Database) -> Self {
        Self { directory: directory.into(), database: Some(database) }
    }

    /// Remembers what `after` says in place of `before`, in one transaction that is on disk when
    /// this returns. After a failure the file is opened anew, and what it holds counts as `before`.
    ///
    /// # Errors
    /// The file can't be opened anew or written; nothing is changed then.
    pub fn save(&mut self, before: &Spec, after: &Spec) -> Result<()> {
        let found = self.reopen()?;
        let before = found.as_ref().unwrap_or(before);
        self.write(|transaction| {
            replace(transaction, NETWORKS, &before.networks, &after.networks)?;
            replace(transaction, CONTAINERS, &before.containers, &after.containers)?;
            if before.declared != after.declared {
                let declared = serde_json::to_vec(&after.declared)?;
                transaction.open_table(META)?.insert(DECLARED, declared.as_slice())?;
            }
            Ok(())
        })
    }

    /// Remembers what was made up for this host, and the boot that containers run in; without one,
    /// that of before stays.
    ///
    /// # Errors
    /// The file can't be written, or could not be when the spec was saved last.
    pub fn save_host(&mut self, seed: [u8; 5], boot: Option<&str>) -> Result<()> {
        self.write(|transaction| {
            let mut meta = transaction.open_table(META)?;
            meta.insert("seed", seed.as_slice())?;
            if let Some(boot) = boot {
                meta.insert("boot", boot.as_bytes())?;
            }
            Ok(())
        })
    }

    /// Where a container's log and the files that it sees are.
    #[must_use]
    pub fn container_directory(&self, id: &Id) -> PathBuf {
        container_directory(&self.directory, id)
    }

    /// Makes a container's directory, for root only.
    ///
    /// # Errors
    /// The directory can't be made.
    pub fn make_container_directory(&self, id: &Id) -> Result<()> {
        make_directory(&self.container_directory(id))
    }

    /// Removes a container's directory and what is in it.
    ///
    /// # Errors
    /// Something in it can't be removed.
    pub fn remove_container_directory(&self, id: &Id) -> Result<()> {
        let path = self.container_directory(id);
        match fs::remove_dir_all(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(Error::internal(format!("cannot remove {}: {e}", path.display())))
            }
            _ => Ok(()),
        }
    }

    /// The exit code that a container's own supervisor left, if it did.
    #[must_use]
    pub fn exit_code(&self, id: &Id) -> Option<i32> {
        let text = fs::read_to_string(self.container_directory(id).join("exit")).ok()?;
        text.trim().parse().ok()
    }

    /// Forgets everything, and removes the directory unless others left something in it.
    ///
    /// # Errors
    /// Something can't be removed; the rest is removed all the same.
    pub fn remove(&self) -> Result<()> {
        let gone = |result: io::Result<()>| match result {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::internal(format!(
                "cannot empty state directory {}: {e}",
                self.directory.display()
            ))),
            _ => Ok(()),
        };
        let containers = gone(fs::remove_dir_all(self.directory.join("containers")));
        let files = [FILE, LOCK].map(|file| gone(fs::remove_file(self.directory.join(file))));
        // Not empty where a damaged file was set aside.
        let _ = fs::remove_dir(&self.directory);
        files.into_iter().chain([containers]).collect()
    }

    /// Opens the file anew where a write has failed; gives what is in it then.
    fn reopen(&mut self) -> Result<Option<Spec>> {
        if self.database.is_some() {
            return Ok(None);
        }
        let path = self.directory.join(FILE);
        let failed = |e: Error| e.context("cannot open the state again after a failed write");
        // A new file would lack what was made up for this host.
        fs::metadata(&path)
            .map_err(|e| failed(Error::internal(format!("{}: {e}", path.display()))))?;
        let (database, (remembered, _)) =
            open_and_read(&path).map_err(|fault| failed(fault.refused()))?;
        self.database = Some(database);
        Ok(Some(remembered.spec))
    }

    fn write(&mut self, edit: impl FnOnce(&WriteTransaction) -> Outcome<()>) -> Result<()> {
        let written = match &self.database {
            Some(database) => commit(database, edit),
            None => Err("the write before failed".into()),
        };
        written.map_err(|e| {
            self.database = None;
            Error::internal(format!("cannot write {}: {e}", self.directory.join(FILE).display()))
        })
    }
}

fn commit(database: &Database, edit: impl FnOnce(&WriteTransaction) -> Outcome<()>) -> Outcome<()> {
    let transaction = database.begin_write()?;
    edit(&transaction)?;
    Ok(transaction.commit()?)
}

/// redb has an error type per verb; only their words matter here.
type Outcome<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What was remembered, and what of it can't be read.
type Found = (Remembered, Option<String>);

/// A damaged file may also make the database panic, which counts as an error here.
fn open_and_read(path: &Path) -> std::result::Result<(Database, Found), Fault> {
    let mut kind = "damaged";
    let attempt = || -> Outcome<(Database, Found)> {
        let database = Database::builder().set_cache_size(CACHE).create(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        if let Some(newer) = newer_form(&database)? {
            kind = "newer";
            return Err(newer.into());
        }
        let found = read(&database)?;
        Ok((database, found))
    };
    let why = match catch_unwind(AssertUnwindSafe(attempt)) {
        Ok(Ok(opened)) => return Ok(opened),
        Ok(Err(e)) if is_refusal(e.as_ref()) => {
            return Err(Fault::Refused(Error::kernel(format!(
                "cannot use {}: {e}",
                path.display()
            ))));
        }
        Ok(Err(e)) => e.to_string(),
        Err(_) => "its structure is damaged".into(),
    };
    let why = why.replace('\n', ", ");
    let first = Error::internal(format!("cannot read {}: {why}", path.display()));
    Err(Fault::Senseless(Unreadable { first, kind }))
}

fn set_aside(path: &Path, kind: &str) -> Result<PathBuf> {
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_nanos());
    let aside = path.with_extension(format!("redb.{kind}-{now}"));
    fs::rename(path, &aside).map_err(|e| {
        Error::internal(format!("cannot set {} aside: {e}; move it away by hand", path.display()))
    })?;
    Ok(aside)
}

/// As [`Store::container_directory`], below the directory of a store.
#[must_use]
pub fn container_directory(store: &Path, id: &Id) -> PathBuf {
    store.join("containers").join(id.as_str())
}

/// Makes a directory for root only, and those above it, where they are missing.
///
/// # Errors
/// The kernel refuses.
pub fn make_directory(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| Error::kernel(format!("cannot make directory {}: {e}", path.display())))
}

/// The file in a state directory that keeps a second agent out.
pub const LOCK: &str = "lock";
const FILE: &str = "state.redb";
/// Bytes of the file that are kept in memory; little is ever read twice.
const CACHE: usize = 1 << 20;

#[cfg(test)]
mod tests;

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
        let database = Database::create(path)?;
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

#[cfg(test)]
mod tests {
    use super::tables::{FORM, Table};
    use super::*;
    use crate::desired::samples::{container, network, spec};
    use nix::mount::{MsFlags, mount, umount};

    #[test]
    fn what_was_saved_is_read_back_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let (web, db) = (network("web", 1, true), network("db", 2, false));
        let (mut store, remembered, problem) = Store::open(directory.path()).unwrap();
        assert_eq!((remembered, problem), (Remembered::default(), None));
        let both = spec([web, db.clone()], [container(1)]);
        let one = spec([db], [container(1), container(2)]);
        store.save(&Spec::default(), &both).unwrap();
        store.save(&both, &one).unwrap();
        store.save_host([1, 2, 3, 4, 5], Some("boot")).unwrap();
        store.save_host([1, 2, 3, 4, 5], None).unwrap();
        drop(store);
        let (_store, remembered, problem) = Store::open(directory.path()).unwrap();
        assert_eq!(problem, None);
        assert_eq!(remembered.spec, one);
        assert_eq!(remembered.seed, Some([1, 2, 3, 4, 5]));
        assert_eq!(remembered.boot.as_deref(), Some("boot"));
    }

    #[test]
    fn a_disk_that_was_full_takes_changes_again() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let small = Some("size=4m");
        mount(Some("tmpfs"), directory.path(), Some("tmpfs"), MsFlags::empty(), small).unwrap();
        let tried = catch_unwind(|| fill_and_free(directory.path()));
        umount(directory.path()).unwrap();
        tried.unwrap();
    }

    /// Saves before, while and after the disk is full, and starts anew.
    fn fill_and_free(directory: &Path) {
        let specs: Vec<Spec> = (0..4).map(|n| spec([], (1..=n * 40).map(container))).collect();
        let (mut store, ..) = Store::open(directory).unwrap();
        store.save_host([1, 2, 3, 4, 5], Some("boot")).unwrap();
        store.save(&specs[0], &specs[1]).unwrap();
        let filler = directory.join("filler");
        let full = io::copy(&mut io::repeat(1), &mut fs::File::create(&filler).unwrap());
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
        for _ in 0..3 {
            let error = store.save(&specs[1], &specs[2]).unwrap_err().message;
            assert!(error.contains("state.redb: ") && !error.contains('\n'), "{error}");
        }
        assert!(store.save_host([0; 5], Some("other")).is_err());
        fs::remove_file(&filler).unwrap();
        // As after a change that was noted but could not be stored.
        store.save(&specs[2], &specs[3]).unwrap();
        store.save_host([1, 2, 3, 4, 5], None).unwrap();
        drop(store);
        let (_store, remembered, problem) = Store::open(directory).unwrap();
        assert_eq!(problem, None);
        assert_eq!((remembered.spec, remembered.boot), (specs[3].clone(), Some("boot".into())));
    }

    /// Damages the file of a store that holds a network, and opens it again.
    fn damaged(damage: impl FnOnce(&Path)) -> (tempfile::TempDir, Remembered, Option<String>) {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, ..) = Store::open(directory.path()).unwrap();
        store.save(&Spec::default(), &spec([network("web", 1, false)], [])).unwrap();
        drop(store);
        damage(&directory.path().join(FILE));
        let (_store, remembered, problem) = Store::open(directory.path()).unwrap();
        (directory, remembered, problem)
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_nothing_is_open() {
        let garbage = |path: &Path| fs::write(path, b"no database").unwrap();
        let truncated = |path: &Path| {
            fs::File::options().write(true).open(path).unwrap().set_len(5000).unwrap();
        };
        let overwritten = |path: &Path| {
            let length = fs::metadata(path).unwrap().len();
            fs::write(path, vec![0xa5; usize::try_from(length).unwrap()]).unwrap();
        };
        for damage in [&garbage as &dyn Fn(&Path), &truncated, &overwritten] {
            let (directory, remembered, problem) = damaged(damage);
            assert_eq!(remembered, Remembered::default());
            assert!(problem.unwrap().contains("damaged-"));
            let aside = fs::read_dir(directory.path()).unwrap().filter(|entry| {
                entry.as_ref().unwrap().file_name().to_string_lossy().contains("damaged-")
            });
            assert_eq!(aside.count(), 1);
        }
    }

    #[test]
    fn a_file_that_the_kernel_refuses_stays_where_it_is() {
        let directory = tempfile::tempdir().unwrap();
        // What nobody can open for writing, root included.
        fs::create_dir(directory.path().join(FILE)).unwrap();
        let error = Store::open(directory.path()).err().unwrap();
        assert!(error.message.contains("cannot use"), "{error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_of_a_newer_netd_is_kept_aside_whole() {
        let (directory, remembered, problem) =
            damaged(|path| put_row(path, META, "form", &(FORM + 1).to_le_bytes()));
        assert_eq!(remembered, Remembered::default());
        assert!(problem.unwrap().contains("a newer netd wrote it (form 2, this one knows 1)"));
        let names: Vec<_> = fs::read_dir(directory.path()).unwrap().flatten().collect();
        let aside = names.iter().find(|e| e.file_name().to_string_lossy().contains("newer-"));
        let database = Database::create(aside.unwrap().path()).unwrap();
        assert_eq!(read(&database).unwrap().0.spec.networks.len(), 1);
    }

    #[test]
    fn a_row_that_makes_no_sense_is_damage() {
        let (_directory, remembered, problem) = damaged(|path| {
            put_row(path, NETWORKS, "x", b"{");
        });
        assert_eq!(remembered, Remembered::default());
        assert!(problem.unwrap().contains("invalid id"));
    }

    /// Writes a row behind the store's back.
    fn put_row(path: &Path, table: Table, key: &str, value: &[u8]) {
        let database = Database::create(path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(table).unwrap().insert(key, value).unwrap();
        transaction.commit().unwrap();
    }

    #[test]
    fn names_that_would_be_refused_today_are_kept() {
        let mut old = network("web", 1, false);
        old.id = Id::random();
        let row = serde_json::to_string(&old).unwrap();
        let row = row.replace(r#""name":"web""#, r#""name":"localhost""#);
        let (_directory, remembered, problem) =
            damaged(|path| put_row(path, NETWORKS, old.id.as_str(), row.as_bytes()));
        assert_eq!((remembered.spec.networks.len(), problem), (2, None));
        assert_eq!(remembered.spec.networks[&old.id].name.as_str(), "localhost");
    }

    #[test]
    fn declarations_that_make_no_sense_take_nothing_else_along() {
        let (directory, remembered, problem) =
            damaged(|path| put_row(path, META, DECLARED, b"{\"services\": 1}"));
        assert_eq!((remembered.spec.networks.len(), remembered.spec.declared), (1, <_>::default()));
        assert!(problem.unwrap().contains("cannot read what files declared"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn container_directories_are_private_and_go_away() {
        let directory = tempfile::tempdir().unwrap();
        let (store, ..) = Store::open(&directory.path().join("state")).unwrap();
        let id = Id::random();
        store.make_container_directory(&id).unwrap();
        let path = store.container_directory(&id);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(store.exit_code(&id), None);
        fs::write(path.join("exit"), "137\n").unwrap();
        assert_eq!(store.exit_code(&id), Some(137));
        store.remove_container_directory(&id).unwrap();
        store.remove_container_directory(&id).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn removing_the_store_leaves_nothing_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        for others in [false, true] {
            let path = directory.path().join("state");
            let (store, ..) = Store::open(&path).unwrap();
            store.make_container_directory(&Id::random()).unwrap();
            if others {
                fs::write(path.join("notes"), "").unwrap();
            }
            store.remove().unwrap();
            let left: Vec<_> = fs::read_dir(&path).map(Iterator::collect).unwrap_or_default();
            assert_eq!(left.len(), usize::from(others));
            assert_eq!(path.exists(), others);
        }
    }
}

//! The store: what was saved comes back, and what happens to a file that makes no sense.

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

//! Why the file that remembers can't be used: by the kernel's word, or by what is in it.

use crate::error::Error;
use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};
use std::io;

/// Why a file can't be used.
pub(super) enum Fault {
    /// The kernel refuses to open, read or write it; it may be fine.
    Refused(Error),
    Senseless(Unreadable),
}

impl Fault {
    pub(super) fn refused(self) -> Error {
        match self {
            Self::Refused(error) | Self::Senseless(Unreadable { first: error, .. }) => error,
        }
    }
}

/// A file that is set aside.
pub(super) struct Unreadable {
    pub(super) first: Error,
    /// Why, in a word.
    pub(super) kind: &'static str,
}

/// The kernel's word, and not what the file holds.
pub(super) fn is_refusal(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = |e: &io::Error| e.raw_os_error().is_some();
    let storage = |e: &StorageError| match e {
        StorageError::Io(e) => io(e),
        StorageError::PreviousIo => true,
        _ => false,
    };
    error.downcast_ref::<io::Error>().is_some_and(io)
        || error.downcast_ref::<StorageError>().is_some_and(storage)
        || matches!(error.downcast_ref(), Some(DatabaseError::Storage(e)) if storage(e))
        || matches!(error.downcast_ref(), Some(TransactionError::Storage(e)) if storage(e))
        || matches!(error.downcast_ref(), Some(TableError::Storage(e)) if storage(e))
        || matches!(error.downcast_ref(), Some(CommitError::Storage(e)) if storage(e))
}

//! What a file declares, valid in itself: every name, address and port of it makes sense. What it
//! means beside everything else is found out when it is applied.

use super::declared::Wanted;
use super::name::Name;
use crate::api::protocol::NetworkCreate;
use std::fmt;

/// Where something is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which of the files.
    pub file: u16,
    /// From 1 up.
    pub line: u32,
    /// In characters, from 1 up.
    pub column: u32,
}

/// What is wrong at a place: the value, why, and what to write in its stead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// One line without the place.
    pub message: String,
}

impl Fault {
    /// A fault.
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into() }
    }

    /// `FILE:LINE:COLUMN: what is wrong`.
    #[must_use]
    pub fn line(&self, files: &[String]) -> String {
        let file = files.get(usize::from(self.place.file)).map_or("?", String::as_str);
        format!("{file}:{}: {}", self.place, self.message)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What some files declare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declaration {
    /// Networks, no two of one name.
    pub networks: Vec<NetworkDeclaration>,
    /// Containers, no two of one name.
    pub services: Vec<ServiceDeclaration>,
}

/// A network that is to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkDeclaration {
    /// Where its key is.
    pub place: Place,
    /// Its name.
    pub name: Name,
    /// Somebody else makes it.
    pub external: bool,
    /// No file writes it down: it is the `default` network of services that name none.
    pub implicit: bool,
    /// What it is like.
    pub request: NetworkCreate,
}

/// A container that is to be connected as soon as it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceDeclaration {
    /// Where its key is.
    pub place: Place,
    /// Its name.
    pub name: Name,
    /// What it is to have.
    pub wanted: Wanted,
    /// Where its namespace is named.
    pub namespace: Place,
    /// Where each of its networks is named, in the order of `wanted`.
    pub networks: Vec<Place>,
    /// Where each of its ports is named, in the order of `wanted`.
    pub ports: Vec<Place>,
}

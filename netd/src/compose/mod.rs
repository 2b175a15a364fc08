//! The spec: YAML in the words of the Compose Specification, to what is to exist. Pure: text and
//! variables in, a [`Declaration`] or every fault of the text out.

mod export;
mod interpolate;
mod networks;
mod ports;
mod reader;
mod services;
mod tree;
mod words;
mod yaml;

pub use export::export;
pub use yaml::to_yaml;

use crate::spec::declaration::{Declaration, Fault, Place};
use crate::spec::name::Name;
use interpolate::Variables;
use reader::{At, Read, Reader};
use std::collections::{BTreeMap, BTreeSet};
use words::File;

/// What came of some files.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What they declare; of use only where there are no faults.
    pub declaration: Declaration,
    /// What is wrong with them, in the order of the text.
    pub faults: Vec<Fault>,
    /// Variables that they use.
    pub used: BTreeSet<String>,
    /// Those of them that are not set and have no default; they count as empty.
    pub unset: BTreeSet<String>,
}

/// Reads files. `variable` gives the value of a variable that is set.
#[must_use]
pub fn read(texts: &[&str], variable: &dyn Fn(&str) -> Option<String>) -> Reading {
    let mut reader = Reader { variables: Variables::new(variable), faults: Vec::new() };
    let mut declaration = Declaration::default();
    for (file, text) in (0..=u16::MAX).zip(texts) {
        match tree::parse(text, file) {
            Err(fault) => reader.faults.push(fault),
            Ok(root) => {
                if let Some(words) = File::read(&root, "the file", &mut reader) {
                    declare(&words, root.place, &mut declaration, &mut reader);
                }
            }
        }
    }
    unique(&mut declaration, &mut reader);
    let Reader { variables, mut faults } = reader;
    faults.sort();
    faults.dedup();
    Reading { declaration, faults, used: variables.used, unset: variables.unset }
}

/// The JSON Schema of a file, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(File).to_value()
}

/// What the keys of one file mean by now: names.
struct Scope {
    project: Option<Name>,
    /// The network's name by its key.
    networks: BTreeMap<String, Name>,
    /// The container's name by the service's key.
    services: BTreeMap<String, Name>,
}

fn declare(file: &File, start: Place, into: &mut Declaration, reader: &mut Reader<'_>) {
    if let Some(include) = &file.include {
        reader.fault(include.place, "include is not supported; give every file with -f");
    }
    let parse = |name: &At<String>| reader.parse("name", name, project);
    let mut scope = Scope {
        project: file.name.as_ref().and_then(parse),
        networks: BTreeMap::new(),
        services: BTreeMap::new(),
    };
    networks::declare(file, start, &mut scope, into, reader);
    services::declare(file, &mut scope, into, reader);
}

/// A project's name, by Compose's rule.
fn project(text: &str) -> Result<Name, String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    match text.parse() {
        Ok(name) if starts_well && text.chars().all(inner) => Ok(name),
        _ => Err("write a project's name in lower-case letters, digits, '-' and '_', beginning with a letter or digit".into()),
    }
}

/// A name, with the rule where it is none.
fn name(text: &str) -> Result<Name, String> {
    text.parse().map_err(|_| NAME.to_owned())
}

/// No two networks and no two containers have one name, in one file or in several; `external` ones
/// and the `default` network that nobody wrote down may be in as many files as need them.
fn unique(declaration: &mut Declaration, reader: &mut Reader<'_>) {
    let Declaration { networks, services } = declaration;
    let mut known: BTreeMap<Name, (Place, bool)> = BTreeMap::new();
    networks.retain(|network| {
        let free = network.external || network.implicit;
        match known.get(&network.name) {
            Some((first, first_free)) if !(free || *first_free) => {
                twice(reader, "network", &network.name, network.place, *first);
                false
            }
            Some((_, _)) if free => false,
            _ => {
                known.insert(network.name.clone(), (network.place, free));
                true
            }
        }
    });
    let mut known: BTreeMap<Name, Place> = BTreeMap::new();
    for service in services {
        if let Some(first) = known.insert(service.name.clone(), service.place) {
            twice(reader, "container", &service.name, service.place, first);
        }
    }
}

fn twice(reader: &mut Reader<'_>, kind: &str, name: &Name, place: Place, first: Place) {
    let other = if first.file == place.file { "" } else { " of another file" };
    let why = format!(
        "{kind} {name} is declared already, in line {}{other}; give one of them another name",
        first.line
    );
    reader.fault(place, why);
}

const NAME: &str = "use 1 to 63 letters, digits, '_', '.' or '-', beginning with a letter or digit";

#[cfg(test)]
mod tests;

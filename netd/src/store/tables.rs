//! The tables of the file that remembers: JSON by identity, and a few words about the file itself.

use super::{Found, Outcome, Remembered};
use crate::spec::{Spec, name::Id};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// The sentence that says so where a newer netd wrote the file; else the file is marked as one of
/// this netd's.
pub(super) fn newer_form(database: &Database) -> Outcome<Option<String>> {
    let transaction = database.begin_write()?;
    let mut meta = transaction.open_table(META)?;
    let form = meta.get("form")?.map(|value| <[u8; 4]>::try_from(value.value())).transpose()?;
    match form.map(u32::from_le_bytes) {
        Some(form) if form > FORM => {
            return Ok(Some(format!(
                "a newer netd wrote it (form {form}, this one knows {FORM}); to go on with it, \
                 install that netd and move it back"
            )));
        }
        Some(FORM) => return Ok(None),
        _ => drop(meta.insert("form", FORM.to_le_bytes().as_slice())?),
    }
    drop(meta);
    transaction.commit()?;
    Ok(None)
}

pub(super) fn read(database: &Database) -> Outcome<Found> {
    let transaction = database.begin_write()?;
    // Opening a table for writing makes it; reading one that was never made is an error.
    let networks = read_table(&transaction, NETWORKS)?;
    let containers = read_table(&transaction, CONTAINERS)?;
    transaction.open_table(META)?;
    transaction.commit()?;
    let meta = database.begin_read()?.open_table(META)?;
    let seed = meta.get("seed")?.map(|v| <[u8; 5]>::try_from(v.value())).transpose()?;
    let boot = meta.get("boot")?.map(|v| String::from_utf8(v.value().into())).transpose()?;
    let declared = meta.get(DECLARED)?.map(|v| serde_json::from_slice(v.value())).transpose();
    let problem = declared.as_ref().err().map(|why| {
        format!(
            "cannot read what files declared before, which is forgotten: {why}; apply them again"
        )
    });
    let declared = declared.ok().flatten().unwrap_or_default();
    Ok((Remembered { spec: Spec { networks, containers, declared }, seed, boot }, problem))
}

fn read_table<T: DeserializeOwned>(
    transaction: &WriteTransaction,
    definition: Table,
) -> Outcome<BTreeMap<Id, T>> {
    let table = transaction.open_table(definition)?;
    let mut found = BTreeMap::new();
    for row in table.iter()? {
        let (key, value) = row?;
        found.insert(key.value().parse()?, serde_json::from_slice(value.value())?);
    }
    Ok(found)
}

/// Writes only the rows that differ.
pub(super) fn replace<T: Serialize + PartialEq>(
    transaction: &WriteTransaction,
    definition: Table,
    before: &BTreeMap<Id, T>,
    after: &BTreeMap<Id, T>,
) -> Outcome<()> {
    let mut table = transaction.open_table(definition)?;
    for id in before.keys().filter(|id| !after.contains_key(id)) {
        table.remove(id.as_str())?;
    }
    for (id, value) in after.iter().filter(|(id, value)| before.get(id) != Some(value)) {
        table.insert(id.as_str(), serde_json::to_vec(value)?.as_slice())?;
    }
    Ok(())
}

/// JSON by identity.
pub(super) type Table = TableDefinition<'static, &'static str, &'static [u8]>;

pub(super) const NETWORKS: Table = TableDefinition::new("networks");
pub(super) const CONTAINERS: Table = TableDefinition::new("containers");
pub(super) const META: Table = TableDefinition::new("meta");
pub(super) const DECLARED: &str = "declared";
/// The form of what the tables hold; a form that older netds would misread is a higher one.
pub(super) const FORM: u32 = 1;

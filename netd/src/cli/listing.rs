//! Lists: as a table, as IDs, as JSON lines or through a template.

use super::{output, template::Template};
use crate::error::Result;
use clap::Args;
use serde_json::Value;

/// How to print a list.
#[derive(Debug, Default, Args)]
pub struct ListArgs {
    /// Only IDs
    #[arg(short, long)]
    pub quiet: bool,
    /// Do not shorten
    #[arg(long)]
    pub no_trunc: bool,
    /// `table`, `json`, or a template such as '{{.ID}}'
    #[arg(long)]
    pub format: Option<String>,
}

impl ListArgs {
    /// A table with a header line is what was asked for.
    #[must_use]
    pub(super) fn is_table(&self) -> bool {
        !self.quiet && matches!(self.format.as_deref(), None | Some("" | "table"))
    }
}

/// Prints `rows`, objects with at least an `ID` where `quiet` is asked for. `columns` are the
/// table's headers and the fields below them.
///
/// # Errors
/// A template that does not fit.
pub(super) fn print(columns: &[(&str, &str)], rows: &[Value], args: &ListArgs) -> Result<()> {
    output::print(&text(columns, rows, args)?)
}

/// What [`print`] prints.
///
/// # Errors
/// As [`print`].
pub(super) fn text(columns: &[(&str, &str)], rows: &[Value], args: &ListArgs) -> Result<String> {
    match args.format.as_deref() {
        _ if args.quiet => Ok(rows.iter().map(|row| cell(row, "ID") + "\n").collect()),
        _ if args.is_table() => Ok(table(columns, rows)),
        Some("json") => Ok(rows.iter().map(|row| format!("{row}\n")).collect()),
        template => {
            let template = Template::parse(template.unwrap_or_default())?;
            rows.iter().map(|row| Ok(template.render(row)? + "\n")).collect()
        }
    }
}

/// The first 12 digits of an identity, or all of them.
#[must_use]
pub(super) fn short(id: &str, no_trunc: bool) -> &str {
    if no_trunc { id } else { id.get(..12).unwrap_or(id) }
}

fn table(columns: &[(&str, &str)], rows: &[Value]) -> String {
    let header: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
    let cells = |row: &Value| columns.iter().map(|(_, key)| cell(row, key)).collect();
    output::table(&header, &rows.iter().map(cells).collect::<Vec<_>>())
}

fn cell(row: &Value, key: &str) -> String {
    match &row[key] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

//! `netctl apply`, `diff`, `export` and `schema`.

use super::{
    args::apply::{ApplyArgs, DiffArgs},
    output,
};
use crate::api::client::Client;
use crate::api::protocol::{Applied, Apply, SpecText};
use crate::compose::{self, Reading};
use crate::config::files;
use crate::error::{Error, Result};
use std::{collections::BTreeMap, env, path::PathBuf};

/// Makes everything as the files say.
///
/// # Errors
/// A file that can't be read; the agent can't be reached.
pub(super) fn apply(client: &Client, args: &ApplyArgs) -> Result<u8> {
    send(client, &args.files, args.prune, args.dry_run)
}

/// Says what `apply` would do.
///
/// # Errors
/// As those of [`apply`].
pub(super) fn diff(client: &Client, args: &DiffArgs) -> Result<u8> {
    send(client, &args.files, args.prune, true)
}

/// Prints what exists as a file.
///
/// # Errors
/// The agent can't be reached.
pub(super) fn export(client: &Client) -> Result<u8> {
    let spec: serde_json::Value = client.get("/v1/export")?;
    output::print(compose::to_yaml(&spec))?;
    Ok(0)
}

/// Prints the JSON Schema of files.
///
/// # Errors
/// Standard output can't be written.
pub(super) fn schema() -> Result<u8> {
    output::print(output::pretty(&compose::schema())?)?;
    Ok(0)
}

fn send(client: &Client, paths: &[PathBuf], prune: bool, dry_run: bool) -> Result<u8> {
    let mut texts = Vec::new();
    for path in paths {
        let name =
            if path.as_os_str() == "-" { "<stdin>".into() } else { path.display().to_string() };
        texts.push(SpecText { name, text: files::read(path)? });
    }
    // Read here as well: faults show without an agent, and it learns of no more variables than it
    // needs.
    let reading = read(&texts);
    if !reading.faults.is_empty() {
        let names: Vec<String> = texts.into_iter().map(|file| file.name).collect();
        let lines = reading.faults.iter().map(|fault| fault.line(&names));
        lines.for_each(|line| output::complain(&Error::invalid(line)));
        return Ok(2);
    }
    for name in &reading.unset {
        output::warn(&format!("variable {name} is not set and counts as empty"));
    }
    let variables: BTreeMap<String, String> = reading
        .used
        .into_iter()
        .filter_map(|name| Some((name.clone(), env::var(name).ok()?)))
        .collect();
    let request = Apply { files: texts, variables, dry_run, prune };
    match client.post::<Applied>("/v1/apply", &request) {
        Ok(applied) => output::print(told(&applied, dry_run)).map(|()| 0),
        Err(error) => {
            let line = |line: &str| Error::new(error.code, line);
            error.message.lines().for_each(|text| output::complain(&line(text)));
            Ok(error.code.exit_code())
        }
    }
}

fn read(texts: &[SpecText]) -> Reading {
    let texts: Vec<&str> = texts.iter().map(|file| file.text.as_str()).collect();
    compose::read(&texts, &|name| env::var(name).ok())
}

fn told(applied: &Applied, dry_run: bool) -> String {
    let Applied { changes, steps } = applied;
    if changes.is_empty() && steps.is_empty() {
        return "nothing to do\n".into();
    }
    let mut text: String = changes.iter().map(|change| format!("{change}\n")).collect();
    if dry_run {
        text.extend(steps.iter().map(|step| format!("  {step}\n")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_beforehand_only() {
        let applied = Applied {
            changes: vec!["create network a: 10.0.0.0/24".into()],
            steps: vec!["create bridge nd-a 10.0.0.1/24".into()],
        };
        assert_eq!(told(&applied, false), "create network a: 10.0.0.0/24\n");
        let both = "create network a: 10.0.0.0/24\n  create bridge nd-a 10.0.0.1/24\n";
        assert_eq!(told(&applied, true), both);
        assert_eq!(told(&Applied::default(), true), "nothing to do\n");
    }
}

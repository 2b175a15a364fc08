//! The project's sources, as the rules read them: without comments and without what strings hold.

use anyhow::{Context, Result};
use std::{fs, path::Path};

/// A Rust file.
pub(crate) struct Source {
    /// Path from the workspace's folder.
    pub(crate) path: String,
    /// The code before its tests, comments removed and strings empty, line by line.
    pub(crate) code: Vec<String>,
}

/// Every Rust file of the project.
pub(crate) fn all(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in files(root)?.into_iter().filter(|path| path.ends_with(".rs")) {
        let text =
            fs::read_to_string(root.join(&path)).with_context(|| format!("reading {path}"))?;
        let bare = bare(&text);
        let code = bare.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        let code = code.map(str::to_owned).collect();
        sources.push(Source { path, code });
    }
    Ok(sources)
}

/// Files that name the folder this checkout lies in: they would work on one machine only.
pub(crate) fn names_this_folder(root: &Path) -> Result<Vec<String>> {
    let folder = root.to_string_lossy();
    let mut faults = Vec::new();
    for path in files(root)? {
        let text = fs::read(root.join(&path)).with_context(|| format!("reading {path}"))?;
        if String::from_utf8_lossy(&text).contains(folder.as_ref()) {
            faults.push(format!("{path}: names {folder}, a folder of this machine"));
        }
    }
    Ok(faults)
}

/// Paths of all files but git's own and what was built.
fn files(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("in {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                let skipped = [".git", "target"].iter().any(|name| path.ends_with(name));
                folders.extend((!skipped).then_some(path));
            } else if let Ok(name) = path.strip_prefix(root) {
                found.push(name.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The code without comments, and with nothing between the quotes of its strings.
fn bare(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let skipped = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => 1 + string_length(&rest[1..]),
            'r' if !word && raw_string(rest).is_some() => raw_string(rest).unwrap_or(1),
            '\'' => character(rest),
            _ => 0,
        };
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            // Lines keep their numbers.
            code.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
            rest = &rest[skipped..];
        }
    }
    code
}

/// Bytes up to and with the closing quote.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw string that starts here.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text[1..].bytes().take_while(|b| *b == b'#').count();
    let body = 1 + hashes + 1;
    if text.as_bytes().get(body - 1) != Some(&b'"') {
        return None;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    text[body..].find(&end).map(|at| body + at + end.len())
}

/// The length of a character literal that starts here; 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut inner = text[1..].char_indices();
    match inner.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(0, |at| 3 + at + 1),
        Some(_) => match inner.next() {
            Some((at, '\'')) => 1 + at + 1,
            _ => 0,
        },
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn comments_and_the_insides_of_strings_are_gone() {
        let code = bare(
            "a(); // unsafe\nb(\"unsafe { \\\" \"); c('{', '\\'', r#\"\"unsafe\"#); /* x\n */ d",
        );
        assert_eq!(code, "a(); \nb(); c(, , ); \n d");
    }

    #[test]
    fn lifetimes_stay() {
        assert_eq!(bare("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
    }
}

//! What docs/compliance.md and docs/nat.md name as tests are tests.

use std::{fs, path::Path};

const SHEETS: [&str; 2] =
    [include_str!("../../../docs/compliance.md"), include_str!("../../../docs/nat.md")];

#[test]
fn every_test_that_the_sheets_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let tests = sources(&root.join("tests/tests"));
    let cases = sources(&root.join("tests/src/cases"));
    let units = sources(&root.join("netd-common/src"));
    let mut missing = Vec::new();
    for line in SHEETS.iter().flat_map(|sheet| sheet.lines()).filter(|line| line.starts_with('|')) {
        for name in between(line, "`").filter(|name| is_name(name)) {
            let function = format!("fn {}(", name.rsplit("::").next().unwrap_or_default());
            let module = format!("mod {};", name.split("::").next().unwrap_or_default());
            let whole = name.contains("::") && !name.ends_with("::*");
            let known = if name.ends_with("::*") { &module } else { &function };
            if !tests.contains(known.as_str()) && (whole || !units.contains(known.as_str())) {
                missing.push(name.to_owned());
            }
        }
        let rows = line.split("case \"").skip(1).filter_map(|rest| rest.split('"').next());
        missing.extend(rows.filter(|row| !cases.contains(row)).map(str::to_owned));
    }
    assert!(missing.is_empty(), "not found: {missing:#?}");
}

/// Every second part of what the mark divides: what stands between two of them.
fn between<'a>(line: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    line.split(mark).skip(1).step_by(2)
}

/// A test's name, not a file's or a setting's.
fn is_name(text: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || "_:*".contains(c);
    text.chars().all(letters) && text.matches(['_', ':']).count() >= 2
}

fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(&path).unwrap();
        }
    }
    text
}

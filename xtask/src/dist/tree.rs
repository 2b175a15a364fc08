//! A clean Debian in a folder, made by debootstrap once and never written to after that.

use super::folder;
use crate::run;
use anyhow::{Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where it is; it is made where it is missing. It comes from where this machine's own packages come
/// from.
pub(super) fn provide() -> Result<PathBuf> {
    let tree = folder().join("tree");
    let made = folder().join("tree.made");
    if made.exists() && fs::read_to_string(&made)? == PACKAGES {
        return Ok(tree);
    }
    let (mirror, suite) = source(Path::new("/etc/apt"))?;
    run::read(run::as_root("rm")?.args(["-r", "-f"]).arg(&tree))?;
    run::stage(&format!("debootstrap of {suite} (once)"), || {
        let include = format!("--include={PACKAGES}");
        let mut command = run::as_root("debootstrap")?;
        command.args(["--variant=minbase", &include, &suite]).arg(&tree).arg(&mirror);
        run::read(&mut command)
    })?;
    fs::write(made, PACKAGES)?;
    Ok(tree)
}

/// The first mirror and suite that apt is told of below `etc`: lines of sources.list, or the stanzas of
/// sources.list.d/*.sources (sources.list(5)).
fn source(etc: &Path) -> Result<(String, String)> {
    let mut files: Vec<PathBuf> = vec![etc.join("sources.list")];
    if let Ok(entries) = fs::read_dir(etc.join("sources.list.d")) {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    // Others than the distribution may have a suite of the same name.
    files.sort_by_key(|file| (!is_the_distribution_s(file), file.clone()));
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let found = match file.extension().is_some_and(|ending| ending == "sources") {
            true => text.split("\n\n").filter_map(fields).find(is_plain),
            false => text.lines().filter_map(split).find(is_plain),
        };
        if let Some(found) = found {
            return Ok(found);
        }
    }
    bail!("apt on this machine has no Debian mirror in /etc/apt: debootstrap needs one")
}

fn fields(text: &str) -> Option<(String, String)> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next().map(str::to_owned)
    };
    (field("Types")? == "deb").then_some(())?;
    Some((field("URIs")?, field("Suites")?))
}

fn split(text: &str) -> Option<(String, String)> {
    let rest = text.trim().strip_prefix("deb ")?.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some((words.next()?, words.next()?))
}

fn is_the_distribution_s(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    ["sources.list", "debian", "ubuntu"].iter().any(|start| name.starts_with(start))
}

/// A release that debootstrap can make, and no addition to one.
fn is_plain((_, suite): &(String, String)) -> bool {
    Path::new("/usr/share/debootstrap/scripts").join(suite).exists()
}

/// What makes it a machine that boots and can be looked at.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,iproute2,curl,busybox";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_comes_first() {
        for (file, own) in [
            ("/etc/apt/sources.list", true),
            ("/etc/apt/sources.list.d/debian.sources", true),
            ("/etc/apt/sources.list.d/a-vendor.list", false),
        ] {
            assert_eq!(is_the_distribution_s(Path::new(file)), own, "{file}");
        }
    }

    #[test]
    fn a_mirror_is_found_in_both_forms_of_apt_s_files() {
        let found = Some(("http://mirror.example/debian".to_owned(), "bookworm".to_owned()));
        let options = "deb [signed-by=/a b=c] http://mirror.example/debian bookworm main";
        assert_eq!(split(options), found);
        assert_eq!(split("deb http://mirror.example/debian bookworm main contrib"), found);
        assert_eq!(split("# deb http://mirror.example/debian bookworm main"), None);
        assert_eq!(split("deb-src http://mirror.example/debian bookworm main"), None);
        let text = "Types: deb\n# a word\nURIs: http://mirror.example/debian\n\
                    Suites: bookworm bookworm-updates\nComponents: main\n";
        assert_eq!(fields(text), found);
        assert_eq!(fields(&text.replace("Types: deb", "Types: deb-src")), None);
    }
}

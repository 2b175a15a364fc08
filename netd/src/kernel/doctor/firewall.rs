//! Other firewalls' rules, by their own tools.

use crate::doctor::{Firewall, nft};
use std::{collections::BTreeSet, fs, io, process::Command};

pub(super) fn look() -> Firewall {
    Firewall {
        chains: output(&NFT, &["-j", "list", "ruleset"])
            .and_then(|text| nft::parse(&text).map_err(|error| error.to_string())),
        legacy: legacy(),
    }
}

/// What the first of these programs that is installed prints.
fn output(programs: &[&str], args: &[&str]) -> Result<String, String> {
    for program in programs {
        match Command::new(program).args(args).output() {
            Ok(output) if output.status.success() => {
                return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
            }
            Ok(output) => {
                let errors = String::from_utf8_lossy(&output.stderr);
                let first = errors.lines().next().unwrap_or("no output");
                return Err(format!("{} fails: {first}", programs[0]));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(format!("cannot start {}: {e}", programs[0])),
        }
    }
    Err(format!("{} is not installed", programs[0]))
}

/// Tables that drop something or that nobody can look into.
fn legacy() -> Vec<String> {
    let mut tables = BTreeSet::new();
    for (names, programs) in LEGACY {
        let names =
            fs::read_to_string(format!("/proc/thread-self/net/{names}")).unwrap_or_default();
        if names.trim().is_empty() {
            continue;
        }
        match output(&programs, &[]) {
            Ok(rules) if !drops(&rules) => {}
            _ => tables.extend(names.lines().map(str::to_owned)),
        }
    }
    tables.into_iter().collect()
}

/// By the form of iptables-save: `:INPUT DROP [0:0]`, `-A INPUT -j REJECT`.
fn drops(rules: &str) -> bool {
    rules.lines().any(|line| {
        let policy = line.starts_with(':') && line.contains(" DROP ");
        let rule = line.starts_with("-A") && [" DROP", " REJECT"].iter().any(|t| line.contains(t));
        policy || rule
    })
}

/// The shell of a user who is not root may not look where these are.
const NFT: [&str; 2] = ["nft", "/usr/sbin/nft"];
const LEGACY: [(&str, [&str; 2]); 2] = [
    ("ip_tables_names", ["iptables-legacy-save", "/usr/sbin/iptables-legacy-save"]),
    ("ip6_tables_names", ["ip6tables-legacy-save", "/usr/sbin/ip6tables-legacy-save"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_that_drop_are_told_from_those_that_only_exist() {
        assert!(!drops("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n"));
        assert!(drops("*filter\n:INPUT DROP [0:0]\nCOMMIT\n"));
        assert!(drops("*filter\n-A INPUT -p tcp -j REJECT --reject-with tcp-reset\n"));
    }

    #[test]
    fn a_program_that_is_missing_or_fails_is_said() {
        let missing = output(&["netd-no-such-program"], &[]).unwrap_err();
        assert_eq!(missing, "netd-no-such-program is not installed");
        assert!(output(&["false"], &[]).unwrap_err().starts_with("false fails"));
        assert_eq!(output(&["netd-no-such-program", "true"], &[]), Ok(String::new()));
    }
}

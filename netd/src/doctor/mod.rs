//! `netctl doctor`: what may stand in netd's way, judged from [`Facts`] that somebody else gathered.
//! Nothing in here has effects.

mod facts;
mod firewall;
mod machine;
mod networks;
pub mod nft;
mod own;
mod settings;

pub use facts::*;

use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It may cost speed or reach, or could not be looked at.
    Warn,
    /// Something does not work.
    Fail,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// The check, in a word; never renamed.
    pub check: String,
    /// What was found.
    pub what: String,
    /// What to do; nothing where all is well.
    pub remedy: Option<String>,
}

impl Finding {
    fn ok(check: &str, what: impl Into<String>) -> Self {
        Self { level: Level::Ok, check: check.to_owned(), what: what.into(), remedy: None }
    }

    fn warn(check: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into());
        Self { level: Level::Warn, check: check.to_owned(), what: what.into(), remedy }
    }

    fn fail(check: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into());
        Self { level: Level::Fail, check: check.to_owned(), what: what.into(), remedy }
    }
}

/// Everything that there is to say, check by check.
#[must_use]
pub fn examine(facts: &Facts) -> Vec<Finding> {
    let checks = [own::check, machine::check, settings::check, firewall::check, networks::check];
    checks.iter().flat_map(|check| check(facts)).collect()
}

/// A few words of a list that may be long.
fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match all.len().checked_sub(LISTED) {
        Some(more) if more > 0 => format!("{} and {more} more", all[..LISTED].join(", ")),
        _ => all.join(", "),
    }
}

/// How many items a line names.
const LISTED: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use facts::healthy;

    #[test]
    fn a_long_list_is_cut() {
        assert_eq!(list([1, 2, 3, 4, 5]), "1, 2, 3, 4, 5");
        assert_eq!(list(1..=8), "1, 2, 3, 4, 5 and 3 more");
    }

    #[test]
    fn a_host_where_all_is_well_has_nothing_to_complain_about() {
        let findings = examine(&healthy());
        let bad: Vec<_> = findings.iter().filter(|f| f.level != Level::Ok).collect();
        assert!(bad.is_empty(), "{bad:?}");
        assert!(findings.iter().all(|f| f.remedy.is_none()));
    }

    /// The findings of `check` that are not good, of the healthy host after `change`.
    pub(super) fn bad(check: &str, change: impl FnOnce(&mut Facts)) -> Vec<Finding> {
        let mut facts = healthy();
        change(&mut facts);
        let all = examine(&facts).into_iter();
        all.filter(|f| f.check == check && f.level != Level::Ok).collect()
    }

    /// The one finding of `check` that is not good.
    pub(super) fn only(check: &str, change: impl FnOnce(&mut Facts)) -> (Level, String) {
        let mut found = bad(check, change);
        assert_eq!(found.len(), 1, "{found:?}");
        let finding = found.remove(0);
        assert!(finding.remedy.is_some_and(|remedy| !remedy.is_empty()));
        (finding.level, finding.what)
    }
}

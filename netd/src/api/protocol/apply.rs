//! Files that declare what should exist, on the socket.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `netctl apply` and `netctl diff`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Apply {
    /// The files, of 1 MiB together at most.
    pub files: Vec<SpecText>,
    /// Variables that they may use.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Only say what would happen.
    #[serde(default)]
    pub dry_run: bool,
    /// What was applied before and is not in these files has to go.
    #[serde(default)]
    pub prune: bool,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SpecText {
    /// What errors call it.
    pub name: String,
    /// YAML.
    pub text: String,
}

/// What was done, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Applied {
    /// What changes, in words of the files; empty where there is nothing to do.
    pub changes: Vec<String>,
    /// What that means to the kernel, in the order in which it is done.
    pub steps: Vec<String>,
}

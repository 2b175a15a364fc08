//! The grammar of `apply` and `diff`.

use clap::Args;
use std::path::PathBuf;

/// `apply`
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// File in the words of Compose; repeatable; `-` is standard input
    #[arg(short, long = "file", required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Only print what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Remove what was applied before and is not in the files
    #[arg(long)]
    pub prune: bool,
}

/// `diff`
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// File in the words of Compose; repeatable; `-` is standard input
    #[arg(short, long = "file", required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Also show what `apply --prune` would remove
    #[arg(long)]
    pub prune: bool,
}

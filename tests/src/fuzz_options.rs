//! How long a fuzz goes on, and with which numbers.

use anyhow::Result;
use clap::Args;
use std::time::{Duration, SystemTime};

/// The options of a fuzz, all of them optional.
#[derive(Args, Debug)]
pub struct Options {
    /// How long, at most.
    #[arg(long)]
    seconds: Option<u64>,
    /// How many packets or messages, at most (5,000,000 where neither is given).
    #[arg(long)]
    count: Option<u64>,
    /// Gives the same packets or messages again.
    #[arg(long)]
    seed: Option<u64>,
}

impl Options {
    /// The seed: the one that was asked for, or another one each second.
    ///
    /// # Errors
    /// A clock before 1970.
    pub fn seed(&self) -> Result<u64> {
        match self.seed {
            Some(seed) => Ok(seed),
            None => Ok(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs()),
        }
    }

    /// How many packets or messages, at most.
    #[must_use]
    pub fn count(&self) -> u64 {
        match (self.count, self.seconds) {
            (Some(count), _) => count,
            (None, Some(_)) => u64::MAX,
            (None, None) => 5_000_000,
        }
    }

    /// How long, at most.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_secs(self.seconds.unwrap_or(365 * 86_400))
    }
}

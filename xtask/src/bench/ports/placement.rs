//! Which processor does what. Where a processor sleeps as soon as it is idle, and to wake it costs more
//! than all that is compared, the ratios say little; two of the three placements avoid that.

use super::{contest::Workload, rivals::Rival};
use crate::{
    bench::{
        tracks::{FIRST, second_processor},
        way::start,
    },
    run,
};
use anyhow::{Result, bail};
use std::{process::Command, thread};

/// See [`Placement::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// Clients on the first processor, servers on the second.
    Two,
    /// The same, and what is idle spins: neither processor sleeps.
    Awake,
    /// As two; but where one end waits for the other, everybody is on the second processor.
    One,
}

impl Placement {
    /// By its word.
    pub(super) fn parse(word: &str) -> Result<Self> {
        let all = [Self::Two, Self::Awake, Self::One];
        match all.into_iter().find(|placement| placement.word() == word) {
            Some(placement) => Ok(placement),
            None => bail!("--processors takes two, awake or one, not {word:?}"),
        }
    }

    /// Its word on the command line and in the report.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Two => "two",
            Self::Awake => "awake",
            Self::One => "one",
        }
    }

    /// Where clients run that do `workload`.
    pub(super) fn client(self, workload: Workload) -> &'static str {
        if self.together(workload) { second_processor() } else { FIRST }
    }

    /// Keeps the processors awake from here on, where it says so.
    pub(super) fn begin(self) -> Result<()> {
        if self == Self::Awake {
            let words = ["--idle", "0", "taskset", "--cpu-list"];
            for processor in [FIRST, second_processor()] {
                let spin = [processor, "sh", "-c", "while :; do :; done"];
                start(Command::new("chrt").args(words).args(spin))?;
            }
        }
        Ok(())
    }

    /// Lets the proxies run where both ends do, and anywhere where the ends have a processor each.
    pub(super) fn place(self, workload: Workload, rivals: &[Rival]) -> Result<()> {
        let count = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let anywhere = format!("0-{}", count - 1);
        let list = if self.together(workload) { second_processor() } else { &anywhere };
        for process in rivals.iter().filter_map(|rival| rival.process) {
            let words = ["--all-tasks", "--cpu-list", "--pid", list, &process.to_string()];
            run::read(Command::new("taskset").args(words))?;
        }
        Ok(())
    }

    fn together(self, workload: Workload) -> bool {
        self == Self::One && matches!(workload, Workload::Requests | Workload::Connections)
    }
}

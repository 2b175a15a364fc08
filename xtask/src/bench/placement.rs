//! Which processor does what. Where a processor sleeps as soon as it is idle, and to wake it costs more
//! than all that is compared, the ratios say little; two of the three placements avoid that.

use super::{
    machine,
    tracks::{FIRST, second_processor},
    way::start,
};
use crate::run;
use anyhow::{Result, bail};
use std::process::Command;

/// See [`Placement::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Clients on the first processor, servers on the second.
    Two,
    /// The same, and what is idle spins: neither processor sleeps.
    Awake,
    /// As two; but where one end waits for the other, everybody is on the second processor.
    One,
}

impl Placement {
    /// By its word.
    pub(crate) fn parse(word: &str) -> Result<Self> {
        let all = [Self::Two, Self::Awake, Self::One];
        match all.into_iter().find(|placement| placement.word() == word) {
            Some(placement) => Ok(placement),
            None => bail!("--processors takes two, awake or one, not {word:?}"),
        }
    }

    /// Its word on the command line and in the report.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Two => "two",
            Self::Awake => "awake",
            Self::One => "one",
        }
    }

    /// Where clients run; `waiting`: one end waits for the other anyway.
    pub(crate) fn client(self, waiting: bool) -> &'static str {
        if self.together(waiting) { second_processor() } else { FIRST }
    }

    /// Keeps the processors awake from here on, where it says so.
    pub(crate) fn begin(self) -> Result<()> {
        if self == Self::Awake {
            // Nice, too, so that its time is told apart from the time of those who work.
            let words = ["--idle", "0", "nice", "-n", "19", "taskset", "--cpu-list"];
            for processor in [FIRST, second_processor()] {
                let spin = [processor, "sh", "-c", "while :; do :; done"];
                start(Command::new("chrt").args(words).args(spin))?;
            }
        }
        Ok(())
    }

    /// Lets processes between the ends run where both ends do, and anywhere where the ends have a
    /// processor each.
    pub(crate) fn place(self, waiting: bool, between: &[u32]) -> Result<()> {
        let anywhere = format!("0-{}", machine::processors() - 1);
        let list = if self.together(waiting) { second_processor() } else { &anywhere };
        for process in between {
            let words = ["--all-tasks", "--cpu-list", "--pid", list, &process.to_string()];
            run::read(Command::new("taskset").args(words))?;
        }
        Ok(())
    }

    fn together(self, waiting: bool) -> bool {
        self == Self::One && waiting
    }
}

#[cfg(test)]
mod tests {
    use super::Placement;

    #[test]
    fn only_ends_that_wait_share_a_processor() {
        let one = Placement::parse("one").unwrap();
        assert_eq!(one.client(true), super::second_processor());
        assert_eq!(one.client(false), super::FIRST);
        assert_eq!(Placement::Awake.client(true), super::FIRST);
        assert!(Placement::parse("three").is_err());
    }
}

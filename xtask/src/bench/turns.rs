//! In turns: the first, each other, the first, each other, ..., the first. What another did in a round is
//! held against the mean of what the first did before and after it; how these two differ says how much
//! of a difference is the machine's.

use anyhow::Result;
use std::io::{IsTerminal, Write};

/// What was measured in turns.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    /// Of the first: before, between and after the rounds.
    pub(crate) first: Vec<T>,
    /// Of each other one, one a round.
    pub(crate) others: Vec<Vec<T>>,
}

impl<T> Turns<T> {
    /// Goes the rounds: `sample(0)` is the first's, `sample(n)` that of the nth of so many others.
    ///
    /// # Errors
    /// The first that `sample` returns.
    pub(crate) fn go(
        others: usize,
        rounds: usize,
        mut sample: impl FnMut(usize) -> Result<T>,
    ) -> Result<Self> {
        let mut first = vec![sample(0)?];
        let mut all: Vec<Vec<T>> = (0..others).map(|_| Vec::new()).collect();
        for round in 1..=rounds {
            progress("round", round, rounds);
            for (number, samples) in all.iter_mut().enumerate() {
                samples.push(sample(number + 1)?);
            }
            first.push(sample(0)?);
        }
        Ok(Self { first, others: all })
    }
}

/// The mean of the first's before and after each round.
pub(crate) fn around(first: &[f64]) -> Vec<f64> {
    first.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])).collect()
}

/// The first's after each round, over the one before it.
pub(crate) fn again(first: &[f64]) -> Vec<f64> {
    first.windows(2).map(|pair| pair[1] / pair[0]).collect()
}

/// Says how far it is, where somebody looks on.
pub(crate) fn progress(what: &str, number: usize, of: usize) {
    let mut out = std::io::stdout();
    if out.is_terminal() {
        let end = if number == of { "\r" } else { "" };
        let _ = write!(out, "\r    {what} {number} of {of}{end}").and_then(|()| out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn the_first_comes_before_and_after_each_round() {
        let mut order = Vec::new();
        let turns = Turns::go(2, 2, |who| {
            order.push(who);
            Ok(order.len())
        });
        let turns = turns.unwrap();
        assert_eq!(order, [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(turns.first, [1, 4, 7]);
        assert_eq!(turns.others, [vec![2, 5], vec![3, 6]]);
    }

    #[test]
    fn a_sample_that_fails_ends_the_rounds() {
        assert!(Turns::go(1, 1, |who| if who == 1 { bail!("no") } else { Ok(()) }).is_err());
    }

    #[test]
    fn a_drift_of_the_machine_falls_on_all() {
        assert_eq!(around(&[200.0, 100.0, 50.0]), [150.0, 75.0]);
        assert_eq!(again(&[200.0, 100.0]), [0.5]);
    }
}

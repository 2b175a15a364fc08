//! netd against its rivals at one workload, in turns.

use crate::bench::{
    noise::{Meter, Noise},
    stats::Spread,
    turns::{Turns, again, around},
    way::Way,
};
use anyhow::{Context, Result};

/// What is done over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    /// One byte there and one back on an open connection.
    Requests,
    /// A connection for one byte there and one back.
    Connections,
    /// One connection, as many bytes as it takes.
    Stream,
    /// Datagrams in frames of 64 bytes.
    Datagrams,
}

impl Workload {
    /// What the tables call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Connections => "connections",
            Self::Stream => "TCP stream",
            Self::Datagrams => "UDP packets of 64 bytes",
        }
    }

    /// What one sample counts, in the unit of the tables, per unit of [`scale`](Self::scale).
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Requests => "k requests/s",
            Self::Connections => "k connections/s",
            Self::Stream => "Gb/s",
            Self::Datagrams => "k packets/s",
        }
    }

    /// How many per second are one of the unit.
    pub(super) fn scale(self) -> f64 {
        if self == Self::Stream { 1e9 } else { 1e3 }
    }

    /// One end waits for the other.
    pub(super) fn waiting(self) -> bool {
        matches!(self, Self::Requests | Self::Connections)
    }

    /// One sample on `way`, per second.
    fn sample(self, way: &Way, seconds: f64) -> Result<f64> {
        let rate = match self {
            Self::Requests => way.ask("requests", seconds),
            Self::Connections => way.ask("connections", seconds),
            Self::Stream => way.ask("stream", seconds),
            Self::Datagrams => way.arriving(seconds),
        };
        Ok(rate?.0)
    }
}

/// What is to be compared.
pub(super) struct Contest {
    pub(super) title: String,
    pub(super) workload: Workload,
    pub(super) netd: Way,
    /// Each with the ratio that netd must reach against it, where one is asked for.
    pub(super) rivals: Vec<(Way, Option<f64>)>,
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) title: String,
    pub(super) workload: Workload,
    /// netd's samples per second: before, between and after the rounds.
    pub(super) netd: Vec<f64>,
    /// netd's sample after a round over the one before it.
    pub(super) again: Spread,
    pub(super) rows: Vec<Row>,
    pub(super) noise: Noise,
}

/// netd and one rival.
pub(super) struct Row {
    pub(super) rival: String,
    /// Its samples per second, one a round.
    pub(super) samples: Vec<f64>,
    /// netd over the rival.
    pub(super) ratio: Spread,
    pub(super) target: Option<f64>,
}

impl Contest {
    /// Lets every way's clients run there.
    pub(super) fn clients_on(&mut self, processor: &'static str) {
        let rivals = self.rivals.iter_mut().map(|(way, _)| way);
        for way in rivals.chain([&mut self.netd]) {
            way.processor = processor;
        }
    }

    /// Warms every way up, then goes the rounds.
    pub(super) fn run(&self, rounds: usize, seconds: f64) -> Result<Outcome> {
        let sample = |way: &Way, seconds: f64| {
            let rate = self.workload.sample(way, seconds);
            rate.with_context(|| format!("{}: {} at {}", self.title, way.name, way.address))
        };
        sample(&self.netd, seconds / 4.0)?;
        for (way, _) in &self.rivals {
            sample(way, seconds / 4.0)?;
        }
        let meter = Meter::start()?;
        let ways = [vec![&self.netd], self.rivals.iter().map(|(way, _)| way).collect()].concat();
        let turns = Turns::go(self.rivals.len(), rounds, |who| sample(ways[who], seconds))?;
        Ok(self.outcome(turns, meter.stop()?))
    }

    fn outcome(&self, turns: Turns<f64>, noise: Noise) -> Outcome {
        let means = around(&turns.first);
        let rows = self.rivals.iter().zip(turns.others).map(|((way, target), samples)| {
            let ratios: Vec<f64> =
                means.iter().zip(&samples).map(|(ours, its)| ours / its).collect();
            let ratio = Spread::of(&ratios);
            Row { rival: way.name.clone(), samples, ratio, target: *target }
        });
        Outcome {
            rows: rows.collect(),
            title: self.title.clone(),
            workload: self.workload,
            again: Spread::of(&again(&turns.first)),
            netd: turns.first,
            noise,
        }
    }
}

impl Row {
    /// The target is reached, where there is one.
    pub(super) fn met(&self) -> Option<bool> {
        self.target.map(|target| self.ratio.median >= target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(name: &str) -> Way {
        let empty = String::new();
        Way {
            name: name.into(),
            client: empty.clone(),
            server: empty.clone(),
            address: empty,
            processor: "0",
        }
    }

    fn outcome(netd: &[f64], rival: &[f64], target: f64) -> Outcome {
        let contest = Contest {
            title: "t".into(),
            workload: Workload::Requests,
            netd: way("netd"),
            rivals: vec![(way("rival"), Some(target))],
        };
        let turns = Turns { first: netd.to_vec(), others: vec![rival.to_vec()] };
        contest.outcome(turns, Noise::default())
    }

    #[test]
    fn a_ratio_is_to_netd_just_before_and_after() {
        // The machine becomes slower and slower, for both.
        let outcome = outcome(&[220.0, 200.0, 100.0], &[100.0, 75.0], 2.0);
        let row = &outcome.rows[0];
        assert!((row.ratio.median - 2.05).abs() < 1e-9);
        assert!((outcome.again.low - (0.5 + 0.1 * (200.0 / 220.0 - 0.5))).abs() < 1e-9);
        assert_eq!(row.met(), Some(true));
    }

    #[test]
    fn a_target_is_held_against_the_median() {
        assert_eq!(outcome(&[100.0, 100.0], &[100.0], 1.01).rows[0].met(), Some(false));
    }
}

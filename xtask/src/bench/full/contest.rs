//! All peers at one workload, in turns, and what netd is of each of them.

use super::{
    NETD, Peer,
    goals::goal,
    peers::INTERNAL,
    workload::{Sample, Workload},
};
use crate::bench::{
    latency::Histogram,
    noise::{Meter, Noise},
    stats::Spread,
    turns::{Turns, again, around},
};
use anyhow::{Context, Result};

/// What is to be compared.
pub(super) struct Contest<'a> {
    pub(super) workload: Workload,
    /// netd is the first.
    pub(super) peers: &'a [Peer],
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) workload: Workload,
    pub(super) noise: Noise,
    /// netd's sample after a round over the one before it.
    pub(super) again: Spread,
    /// In the order of the peers.
    pub(super) sides: Vec<Side>,
    pub(super) ratios: Vec<Ratio>,
}

/// One peer's samples.
pub(super) struct Side {
    pub(super) word: &'static str,
    pub(super) name: String,
    /// One a round; netd has one more.
    pub(super) samples: Vec<Sample>,
}

/// One of netd's networks over a peer.
pub(super) struct Ratio {
    /// Places in [`Outcome::sides`].
    pub(super) subject: usize,
    pub(super) rival: usize,
    /// One a round.
    pub(super) rounds: Vec<f64>,
    pub(super) spread: Spread,
    pub(super) goal: Option<f64>,
}

impl Contest<'_> {
    /// Warms every way up, then goes the rounds.
    pub(super) fn run(&self, rounds: usize, seconds: f64) -> Result<Outcome> {
        let sample = |who: usize, seconds: f64| {
            let peer = &self.peers[who];
            let sample = self.workload.sample(peer, seconds);
            sample.with_context(|| format!("{}, {}", self.workload.title(), peer.way.name))
        };
        for who in 0..self.peers.len() {
            sample(who, seconds.min(0.2))?;
        }
        let meter = Meter::start()?;
        let turns = Turns::go(self.peers.len() - 1, rounds, |who| sample(who, seconds))?;
        Ok(self.outcome(turns, meter.stop()?))
    }

    fn outcome(&self, turns: Turns<Sample>, noise: Noise) -> Outcome {
        let rates: Vec<f64> = turns.first.iter().map(|sample| sample.rate).collect();
        let samples = [vec![turns.first], turns.others].concat();
        let sides = self.peers.iter().zip(samples).map(|(peer, samples)| Side {
            word: peer.word,
            name: peer.way.name.clone(),
            samples,
        });
        let sides: Vec<Side> = sides.collect();
        let ratios = ratios(self.workload, &sides);
        Outcome { workload: self.workload, noise, again: Spread::of(&again(&rates)), sides, ratios }
    }
}

/// netd over everybody else; and the internal network over everybody else, for streams.
fn ratios(workload: Workload, sides: &[Side]) -> Vec<Ratio> {
    let stream = matches!(workload, Workload::Stream(_));
    let internal = sides.iter().position(|side| side.word == INTERNAL.0).filter(|_| stream);
    let mut ratios = Vec::new();
    for subject in [Some(NETD), internal].into_iter().flatten() {
        for rival in (0..sides.len()).filter(|rival| *rival != NETD && *rival != subject) {
            let (ours, its) = (sides[subject].rounds(), sides[rival].rounds());
            let rounds: Vec<f64> = ours.iter().zip(&its).map(|(ours, its)| ours / its).collect();
            ratios.push(Ratio {
                subject,
                rival,
                spread: Spread::of(&rounds),
                rounds,
                goal: goal(workload, sides[subject].word, sides[rival].word),
            });
        }
    }
    ratios
}

impl Side {
    /// One rate a round; netd's is the mean of those around it.
    fn rounds(&self) -> Vec<f64> {
        let rates: Vec<f64> = self.samples.iter().map(|sample| sample.rate).collect();
        if self.word == super::peers::NETD.0 { around(&rates) } else { rates }
    }

    /// Of the samples.
    pub(super) fn spread(&self, of: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(&self.samples.iter().map(of).collect::<Vec<f64>>())
    }

    /// Of the datagrams that did not arrive, 0 to 1; none where nothing can be lost.
    pub(super) fn loss(&self) -> Option<Spread> {
        let all: Vec<f64> = self.samples.iter().filter_map(|sample| sample.loss).collect();
        Some(Spread::of(&all)).filter(|_| !all.is_empty())
    }

    /// Of all requests together; none where there were no requests.
    pub(super) fn latency(&self) -> Option<Histogram> {
        let mut all = self.samples.iter().filter_map(|sample| sample.latency.as_ref());
        let mut sum = all.next()?.clone();
        all.for_each(|histogram| sum.add(histogram));
        Some(sum)
    }
}

impl Ratio {
    /// The goal is reached, where there is one.
    pub(super) fn met(&self) -> Option<bool> {
        self.goal.map(|goal| self.spread.median >= goal)
    }
}

/// Three rounds of three peers, for tests.
#[cfg(test)]
pub(super) fn played(workload: Workload) -> Outcome {
    let peers = super::some(&["netd", "veth", "netd-internal"]);
    let sample = |rate: f64| Sample {
        rate,
        cpu: 0.5,
        loss: matches!(workload, Workload::Datagrams(_)).then_some(0.25),
        latency: (workload == Workload::Requests).then(Histogram::default),
    };
    let all = |rates: &[f64]| rates.iter().map(|rate| sample(*rate)).collect::<Vec<_>>();
    let turns = Turns {
        // The machine becomes slower and slower, for all.
        first: all(&[9e9, 7e9, 5e9, 3e9]),
        others: vec![all(&[8e9, 6e9, 4e9]), all(&[8.8e9, 6.6e9, 4.4e9])],
    };
    Contest { workload, peers: &peers }.outcome(turns, Noise::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netd_is_held_against_each_peer_round_by_round() {
        let outcome = played(Workload::Requests);
        assert_eq!(outcome.ratios.len(), 2, "the internal network is a peer here");
        let veth = &outcome.ratios[0];
        assert_eq!(veth.rounds, [1.0, 1.0, 1.0]);
        assert_eq!((veth.goal, veth.met()), (Some(0.98), Some(true)));
        assert!(veth.spread.no_difference());
    }

    #[test]
    fn a_stream_s_goals_are_the_internal_network_s() {
        let outcome = played(Workload::Stream(1));
        let held: Vec<_> =
            outcome.ratios.iter().map(|ratio| (ratio.subject, ratio.rival, ratio.met())).collect();
        assert_eq!(held, [(0, 1, None), (0, 2, None), (2, 1, Some(true))]);
        assert!((outcome.ratios[2].spread.median - 1.1).abs() < 1e-9);
    }
}

//! All who take part at one workload, in turns, and what netd is of each of them.

use super::{
    goals::goal,
    latency::Histogram,
    noise::{Meter, Noise},
    peer::Peer,
    programs::{self, Program},
    stats::Spread,
    turns::{Turns, again, around},
    workload::{Sample, Workload},
};
use anyhow::{Context, Result};

/// From where to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// From one container to another on the same host.
    Containers,
    /// From another machine to a published port.
    Published,
    /// From a process of the host, by 127.0.0.1, to a published port.
    Host,
    /// From a container to another machine.
    Outside,
    /// The same, with more and more ports published.
    Ports,
    /// From another machine to a port among 60,000 of the same agent.
    Crowded,
}

/// What is to be compared.
pub(crate) struct Contest {
    pub(crate) course: Course,
    pub(crate) workload: Workload,
    /// netd is the first.
    pub(crate) peers: Vec<Peer>,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) course: Course,
    pub(crate) workload: Workload,
    pub(crate) title: String,
    pub(crate) noise: Noise,
    /// netd's sample after a round over the one before it.
    pub(crate) again: Spread,
    /// In the order of the peers.
    pub(crate) sides: Vec<Side>,
    pub(crate) ratios: Vec<Ratio>,
    /// netd's, in a sample of their own.
    pub(crate) programs: Vec<Program>,
}

/// One peer's samples.
pub(crate) struct Side {
    pub(crate) word: &'static str,
    pub(crate) name: String,
    /// One a round; netd has one more.
    pub(crate) samples: Vec<Sample>,
}

/// One of netd's networks over a peer.
pub(crate) struct Ratio {
    /// Places in [`Outcome::sides`].
    pub(crate) subject: usize,
    pub(crate) rival: usize,
    /// One a round.
    pub(crate) rounds: Vec<f64>,
    pub(crate) spread: Spread,
    pub(crate) goal: Option<f64>,
}

impl Course {
    /// What `--courses` and the JSON call it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Containers => "containers",
            Self::Published => "published",
            Self::Host => "host",
            Self::Outside => "outside",
            Self::Ports => "ports",
            Self::Crowded => "crowded",
        }
    }

    /// What the tables call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Containers => "from container to container",
            Self::Published => "from outside to a published port",
            Self::Host => "from the host by 127.0.0.1",
            Self::Outside => "from a container to the outside",
            Self::Ports => "with 1 to 10,000 published ports",
            Self::Crowded => "among 60,000 published ports",
        }
    }
}

impl Contest {
    /// What the progress and the tables call it.
    pub(crate) fn title(&self) -> String {
        let course = match (self.course, self.peers.first()) {
            (Course::Crowded, Some(crowded)) => &crowded.way.name,
            _ => self.course.title(),
        };
        format!("{course}: {}", self.workload.title())
    }

    /// Lets everybody's clients run there.
    pub(crate) fn clients_on(&mut self, processor: &'static str) {
        self.peers.iter_mut().for_each(|peer| peer.way.processor = processor);
    }

    /// Warms every way up, and goes the rounds.
    pub(crate) fn run(&self, rounds: usize, seconds: f64) -> Result<Outcome> {
        for who in 0..self.peers.len() {
            self.sample(who, seconds.min(0.2))?;
        }
        let meter = Meter::start()?;
        let others = self.peers.len() - 1;
        let turns = Turns::go(others, rounds, |who| self.sample(who, seconds))?;
        Ok(self.outcome(turns, meter.stop()?))
    }

    /// What netd's programs take in a sample of their own, on the stage `stage`; nothing where none are on
    /// the way.
    pub(crate) fn programs(&self, stage: &str, seconds: f64) -> Result<Vec<Program>> {
        let Some(agent) = &self.peers[NETD].agent else { return Ok(Vec::new()) };
        programs::during(stage, agent, self.workload, || self.sample(NETD, seconds))
    }

    fn sample(&self, who: usize, seconds: f64) -> Result<Sample> {
        let way = &self.peers[who].way;
        let sample = self.workload.sample(way, seconds);
        sample.with_context(|| format!("{}, {} at {}", self.title(), way.name, way.address))
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
        Outcome {
            course: self.course,
            workload: self.workload,
            title: self.title(),
            noise,
            again: Spread::of(&again(&rates)),
            ratios: self.ratios(&sides),
            sides,
            programs: Vec::new(),
        }
    }

    /// netd over everybody else; and the internal network over everybody else, for streams.
    fn ratios(&self, sides: &[Side]) -> Vec<Ratio> {
        let stream = matches!(self.workload, Workload::Stream(_));
        let internal = sides.iter().position(|side| side.word == INTERNAL.0).filter(|_| stream);
        let mut ratios = Vec::new();
        for subject in [Some(NETD), internal].into_iter().flatten() {
            for rival in (0..sides.len()).filter(|rival| *rival != NETD && *rival != subject) {
                let (ours, its) = (rates(sides, subject), rates(sides, rival));
                let rounds: Vec<f64> =
                    ours.iter().zip(&its).map(|(ours, its)| ours / its).collect();
                ratios.push(Ratio {
                    subject,
                    rival,
                    spread: Spread::of(&rounds),
                    rounds,
                    goal: goal(self.course, self.workload, sides[subject].word, sides[rival].word),
                });
            }
        }
        ratios
    }
}

/// One rate a round; netd's is the mean of those around it.
fn rates(sides: &[Side], who: usize) -> Vec<f64> {
    let rates: Vec<f64> = sides[who].samples.iter().map(|sample| sample.rate).collect();
    if who == NETD { around(&rates) } else { rates }
}

impl Side {
    /// Of the samples.
    pub(crate) fn spread(&self, of: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(&self.samples.iter().map(of).collect::<Vec<f64>>())
    }

    /// Of the datagrams that did not arrive, 0 to 1; none where nothing can be lost.
    pub(crate) fn loss(&self) -> Option<Spread> {
        let all: Vec<f64> = self.samples.iter().filter_map(|sample| sample.loss).collect();
        Some(Spread::of(&all)).filter(|_| !all.is_empty())
    }

    /// Of all requests together; none where there were no requests.
    pub(crate) fn latency(&self) -> Option<Histogram> {
        let mut all = self.samples.iter().filter_map(|sample| sample.latency.as_ref());
        let mut sum = all.next()?.clone();
        all.for_each(|histogram| sum.add(histogram));
        Some(sum)
    }
}

impl Ratio {
    /// The goal is reached, where there is one.
    pub(crate) fn met(&self) -> Option<bool> {
        self.goal.map(|goal| self.spread.median >= goal)
    }
}

/// netd's place among the peers.
pub(crate) const NETD: usize = 0;
/// The network of netd's that uses BIG TCP of itself.
pub(crate) const INTERNAL: super::peer::Who = ("netd-internal", "netd, --internal (BIG TCP)");

/// Three rounds of three peers, for tests.
#[cfg(test)]
pub(crate) fn played(course: Course, workload: Workload) -> Outcome {
    let peers = super::peer::some(&["netd", "veth", "netd-internal"]);
    let sample = |rate: f64| Sample {
        rate,
        amount: 1.0,
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
    Contest { course, workload, peers }.outcome(turns, Noise::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netd_is_held_against_each_peer_round_by_round() {
        let outcome = played(Course::Containers, Workload::Requests);
        assert_eq!(outcome.ratios.len(), 2, "the internal network is a peer here");
        let veth = &outcome.ratios[0];
        assert_eq!(veth.rounds, [1.0, 1.0, 1.0]);
        assert_eq!((veth.goal, veth.met()), (Some(0.98), Some(true)));
        assert!(veth.spread.no_difference());
    }

    #[test]
    fn a_stream_s_goals_are_the_internal_network_s() {
        let outcome = played(Course::Containers, Workload::Stream(1));
        let held: Vec<_> =
            outcome.ratios.iter().map(|ratio| (ratio.subject, ratio.rival, ratio.met())).collect();
        assert_eq!(held, [(0, 1, None), (0, 2, None), (2, 1, Some(true))]);
        assert!((outcome.ratios[2].spread.median - 1.1).abs() < 1e-9);
    }

    #[test]
    fn a_crowd_is_called_by_its_name() {
        let outcome = played(Course::Crowded, Workload::Requests);
        assert_eq!(outcome.title, "netd: requests");
        assert_eq!(outcome.ratios[0].goal, Some(0.95));
    }
}

//! New connections over the number of published ports, as a curve for each who has them.

use crate::bench::{
    contest::{Course, Outcome, Side},
    plot,
};
use anyhow::Result;
use std::path::Path;

/// Draws it where it was measured; returns the files' names.
pub(super) fn over_ports(folder: &Path, outcomes: &[Outcome]) -> Result<Vec<String>> {
    let mut drawn = Vec::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.course == Course::Ports) {
        let title = "New connections (k/s) over the number of published ports";
        plot::over(&folder.join(FILE), title, &curves(&outcome.sides))?;
        drawn.push(FILE.into());
    }
    Ok(drawn)
}

fn curves(sides: &[Side]) -> Vec<plot::Curve> {
    let mut curves = Vec::<plot::Curve>::new();
    for side in sides {
        let (family, count) = family(side.word);
        let rate = side.spread(|sample| sample.rate / 1e3).median;
        match curves.iter_mut().find(|(name, _)| name == family) {
            Some((_, points)) => points.push((count, rate)),
            None => curves.push((family.to_owned(), vec![(count, rate)])),
        }
    }
    curves
}

/// Whose, and how many ports: `netd-100` is netd with 100, and `netd` has one.
fn family(word: &str) -> (&str, f64) {
    let split = word.rsplit_once('-').and_then(|(name, count)| Some((name, count.parse().ok()?)));
    split.unwrap_or((word, 1.0))
}

const FILE: &str = "connections-over-ports.svg";

#[cfg(test)]
mod tests {
    use super::family;

    #[test]
    fn a_word_says_how_many_ports_there_are() {
        assert_eq!(family("docker-rules-10000"), ("docker-rules", 10_000.0));
        assert_eq!(family("docker-rules"), ("docker-rules", 1.0));
        assert_eq!(family("netd"), ("netd", 1.0));
    }
}

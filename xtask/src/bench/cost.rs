//! What something costs that is done a few times: milliseconds, bytes, processes.

use super::{
    stats::Spread,
    table::{Table, met},
};
use serde_json::{Value, json};

/// A line of a table.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    pub(crate) what: String,
    /// In the unit.
    pub(crate) spread: Spread,
    unit: &'static str,
    target: Option<Target>,
}

/// What is asked for of the median.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Below(f64),
    AtLeast(f64),
}

impl Cost {
    /// Figures in `unit`.
    pub(crate) fn of(
        what: &str,
        figures: &[f64],
        unit: &'static str,
        target: Option<Target>,
    ) -> Self {
        Self { what: what.into(), spread: Spread::of(figures), unit, target }
    }

    /// Milliseconds, which must stay below `limit` where there is one.
    pub(crate) fn time(what: &str, times: &[f64], limit: Option<f64>) -> Self {
        Self::of(what, times, "ms", limit.map(Target::Below))
    }

    /// The target is reached, where there is one.
    fn met(&self) -> Option<bool> {
        let median = self.spread.median;
        self.target.map(|target| match target {
            Target::Below(limit) => median < limit,
            Target::AtLeast(least) => median >= least,
        })
    }
}

impl Target {
    fn told(self, unit: &str) -> String {
        let text = match self {
            Self::Below(limit) => format!("below {limit} {unit}"),
            Self::AtLeast(least) => format!("{least} {unit}"),
        };
        text.trim().to_owned()
    }

    fn figure(self) -> f64 {
        match self {
            Self::Below(figure) | Self::AtLeast(figure) => figure,
        }
    }
}

/// All under each other, with a line below.
pub(crate) fn table(title: &str, note: &str, costs: &[Cost], quick: bool) -> Table {
    let rows = costs.iter().map(|cost| {
        vec![
            cost.what.clone(),
            format!("{:.2} {}", cost.spread.median, cost.unit).trim().to_owned(),
            cost.spread.range(),
            cost.target.map_or_else(|| "-".into(), |target| target.told(cost.unit)),
            if quick { String::new() } else { met(cost.met()).to_owned() },
        ]
    });
    let open = costs.iter().filter(|cost| cost.met() == Some(false));
    Table {
        title: title.into(),
        head: vec!["", "median", "10-90 %", "target", ""],
        rows: rows.collect(),
        note: note.into(),
        open: open
            .map(|cost| format!("{}: {:.2} {}", cost.what, cost.spread.median, cost.unit))
            .collect(),
    }
}

/// For machines.
pub(crate) fn json(costs: &[Cost]) -> Value {
    let cost = |cost: &Cost| {
        json!({
            "what": cost.what, "unit": cost.unit, "cost": cost.spread.json(),
            "target": cost.target.map(Target::figure), "met": cost.met(),
        })
    };
    costs.iter().map(cost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_misses_its_target_stays_open() {
        let slow = Cost::time("publish", &[30.0], Some(20.0));
        let fast = Cost::of("ratio", &[3000.0], "", Some(Target::AtLeast(1000.0)));
        let table = table("t", "", &[slow.clone(), fast], false);
        assert_eq!(table.open, ["publish: 30.00 ms"]);
        assert!(table.markdown().contains("| ratio | 3000.00 | 3000.00-3000.00 | 1000 | met |"));
        let json = json(&[slow]);
        assert_eq!((&json[0]["met"], &json[0]["target"]), (&json!(false), &json!(20.0)));
    }
}

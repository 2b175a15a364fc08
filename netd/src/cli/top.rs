//! `netctl top`: the status and what grows, again and again.

use super::{args::TopArgs, output, status};
use crate::api::client::Client;
use crate::api::protocol::{Drop, Status};
use crate::error::Result;
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    thread,
    time::{Duration, Instant},
};

/// `netctl top`. Returns the exit code.
///
/// # Errors
/// What failed, in one line.
pub(super) fn top(client: &Client, args: TopArgs) -> Result<u8> {
    let mut before = Look::take(client)?;
    for number in 1u64.. {
        thread::sleep(Duration::from_secs(args.delay));
        let now = Look::take(client)?;
        let clear = if io::stdout().is_terminal() { CLEAR } else { "" };
        output::print(format!("{clear}{}", now.screen(&before)))?;
        if number == args.count {
            break;
        }
        before = now;
    }
    Ok(0)
}

struct Look {
    at: Instant,
    status: Status,
    drops: Vec<Drop>,
}

impl Look {
    fn take(client: &Client) -> Result<Self> {
        let (status, drops) = (client.get("/v1/status")?, client.get("/v1/drops")?);
        Ok(Self { at: Instant::now(), status, drops })
    }

    /// The status, and per second what grew since `before`, the most first.
    fn screen(&self, before: &Self) -> String {
        let millis =
            u64::try_from(self.at.duration_since(before.at).as_millis()).unwrap_or(u64::MAX);
        let rate = |more: u64| more.saturating_mul(1_000) / millis.max(1);
        let mut text = status::screen(&self.status) + "\n";
        let paths = self.status.paths.iter().map(|(name, now)| {
            let more = now.saturating_sub(before.status.paths.get(name).copied().unwrap_or(0));
            (format!("packets {name}"), rate(more))
        });
        let key = |drop: &Drop| (drop.reason, drop.source.clone());
        let known: BTreeMap<_, u64> =
            before.drops.iter().map(|drop| (key(drop), drop.packets)).collect();
        let drops = self.drops.iter().map(|drop| {
            let more = drop.packets.saturating_sub(known.get(&key(drop)).copied().unwrap_or(0));
            (format!("drops {} ({})", drop.name, drop.source), rate(more))
        });
        let mut rows: Vec<(String, u64)> = paths.chain(drops).filter(|(_, r)| *r > 0).collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let rows: Vec<Vec<String>> =
            rows.into_iter().take(ROWS).map(|(name, rate)| vec![rate.to_string(), name]).collect();
        text += &output::table(&["PER SECOND", "WHAT"], &rows);
        text
    }
}

/// Home, and clear what is below.
const CLEAR: &str = "\u{1b}[H\u{1b}[J";
/// How many fit below the status on a small screen.
const ROWS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: Instant, outside: u64, packets: u64) -> Look {
        let paths = [("outside".to_owned(), outside)].into();
        let drop = Drop { reason: 1, name: "isolation".into(), source: "web".into(), packets };
        Look { at, status: Status { paths, ..Status::default() }, drops: vec![drop] }
    }

    #[test]
    fn what_grows_is_shown_by_the_second_the_most_first() {
        let start = Instant::now();
        let (before, after) = (look(start, 10, 5), look(start + Duration::from_secs(2), 30, 105));
        let text = after.screen(&before);
        let rows: Vec<&str> = text.lines().rev().take(2).collect();
        assert_eq!(rows, ["10           packets outside", "50           drops isolation (web)"]);
        assert!(!before.screen(&look(start, 10, 5)).contains("packets outside"));
    }
}

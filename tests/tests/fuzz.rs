//! Random packets on random tables: netd-common on bytes and the loaded programs agree.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it can't go on")]

use netd_common::verdict::{DropReason, Path};
use netd_tests::{
    fuzz::{self, Limit, Report, Sides},
    ns::is_root,
};
use std::{
    env,
    io::{Write as _, stderr},
    time::{Duration, Instant, SystemTime},
};

#[test]
fn five_million_random_packets_end_alike_on_bytes_and_in_the_kernel() {
    if !is_root() {
        return;
    }
    let start = Instant::now();
    let report = run(Sides::Both, Limit { packets: 5_000_000, time: Duration::from_secs(150) });
    let (packets, seconds) = (report.packets, start.elapsed().as_secs_f64());
    // Not by a macro: the rate is for whoever reads, also where the test succeeds.
    let _ = writeln!(stderr(), "{packets} random packets through both sides in {seconds:.1} s");
    assert!(packets >= 1_000_000, "{packets} packets in {seconds:.1} s");
    // A tick of the clock may come between the two sides, if rarely.
    let passing = &report.passing;
    assert!(passing.len() <= 3, "differences that did not come again: {passing:#?}");
    let missing: Vec<_> = DropReason::ALL
        .iter()
        .filter(|reason| !OUTSIDE.contains(reason) && !report.reached.contains_key(&Some(**reason)))
        .collect();
    assert!(missing.is_empty(), "no random packet was dropped for {missing:?}");
    let unused: Vec<_> =
        report.paths.iter().filter(|(path, count)| **path != Path::Xdp && **count == 0).collect();
    assert!(unused.is_empty(), "no random packet went by {unused:?}");
}

/// What random packets hardly ever bring about: a full table, every port of a search taken, an edit
/// that fails.
const OUTSIDE: [DropReason; 3] =
    [DropReason::TableFull, DropReason::PortsExhausted, DropReason::EditFailed];

#[test]
fn what_goes_on_has_right_checksums() {
    run(Sides::Bytes, Limit { packets: 500_000, time: Duration::from_secs(60) });
}

#[test]
fn what_was_found_once_stays_mended() {
    let sides = if is_root() { Sides::Both } else { Sides::Bytes };
    let wrong = fuzz::replay(sides).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs with a seed of its own, or with NETD_FUZZ_SEED; nothing may be found.
fn run(sides: Sides, limit: Limit) -> Report {
    let seed = match env::var("NETD_FUZZ_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => {
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64
        }
    };
    let report = fuzz::run(sides, seed, limit).unwrap();
    if let Some((crash, path)) = &report.found {
        panic!("seed {seed}: {}\nkept as {}", crash.note.trim_end(), path.display());
    }
    assert!(report.packets > 0);
    report
}
